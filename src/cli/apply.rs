use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use tokio::runtime::Runtime;

use super::{
    args::{Amount, Apply as Args, Bounds, DataFormat},
    consent,
    context::Context,
    failure::{Failure, status},
    faults,
    place::Place,
    planning::{self, Wanted},
    progress::Progress,
    refresh, signals, surroundings,
    unrecorded::Recorder,
};
use crate::{
    apply::{self, Outcome, Problem, Session, Stop, Stopper},
    manifest::Project,
    plan::{Plan, safety},
    render::{self, Format, View, words},
    state::{Mode, Store, backup},
};

pub(super) fn run(context: &Context, args: Args) -> Result<u8, Failure> {
    let asks = !args.yes && args.planfile.is_none() && args.reviewed.is_none();
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::new("there is no terminal to ask at").help(
            "add --yes, or review a plan first: pushsync plan --out FILE, then pushsync apply FILE",
        ));
    }
    attempt(context, &args, asks)
}

fn attempt(context: &Context, args: &Args, asks: bool) -> Result<u8, Failure> {
    let commit = context.commit_ahead();
    let (project, report) = context.project()?;
    let place = context.place(&project.settings)?;
    let runtime = context.runtime()?;
    let mut store = context.open(&place, Mode::MustExist, "apply")?;
    let limits = planning::limits(&project, args.allow_deletes, args.allow_resends);
    let mask = context.masks();
    if args.resume && !consent::resumes(context, &runtime, store.as_ref())? {
        if args.format == DataFormat::Json {
            context.output.go_on_without(context.output.json(&Outcome::default()));
        }
        return Ok(status::DONE);
    }

    let plan = match &args.planfile {
        Some(path) => {
            let plan = consent::saved(path)?;
            consent::for_here(&plan, &context.endpoint(&project.settings)?, &place)?;
            consent::fresh(&plan, &runtime, store.as_ref())?;
            plan
        }
        None => {
            if let (Some(store), Some(amount)) = (&store, args.selection.refresh) {
                let refreshing = refresh::Refreshing {
                    project: &project,
                    place: &place,
                    store,
                    targets: &args.selection.target,
                    most: match amount {
                        Amount::Count(most) => Some(most),
                        Amount::All => None,
                    },
                    bounds: &args.bounds,
                };
                let found = refresh::refresh(context, &runtime, &refreshing)?;
                if found.exit_status() != status::DONE {
                    return Ok(refresh::told(context, &found, mask));
                }
            }
            let now = surroundings::now();
            let wanted = Wanted {
                selected: &args.selection,
                now,
                as_of: args.selection.at.unwrap_or(now),
                keep_unchanged: false,
                commit,
            };
            let handle = runtime.handle();
            let (plan, report) =
                planning::make(context, &project, report, &place, store.as_ref(), handle, wanted)?;
            context.report(&report)?;
            plan
        }
    };
    let view = View::new(mask, context.output.width());
    if args.format == DataFormat::Text {
        let mut out = context.output.out();
        let shown = render::plan(&plan, Format::Text, view, &mut out);
        if asks && (shown.is_err() || out.is_closed()) {
            shown?;
            return Err(Failure::new(
                "the plan could not be shown: its reader has closed the pipe",
            )
            .help("nothing was done; nobody can agree to a plan that they have not seen"));
        }
        drop(out);
        context.output.go_on_without(shown);
    }
    if let Some(reviewed) = &args.reviewed {
        consent::reviewed(context, &plan, reviewed)?;
    }
    let refusals = safety::check(&plan, limits);
    if !refusals.is_empty() {
        return Err(refusals.into());
    }
    if plan.is_empty() {
        if args.format == DataFormat::Json {
            context.output.go_on_without(context.output.json(&Outcome::default()));
        }
        return Ok(status::DONE);
    }
    if let Some(store) = &store {
        context.same_api(&plan.api, &runtime.block_on(store.meta())?)?;
    }
    if asks && !consent::agreed(context)? {
        context.output.note("nothing was done");
        return Ok(status::FAILED);
    }
    if store.is_none() {
        store = context.open(&place, Mode::CreateIfAbsent, "apply")?;
        if let Err(stale) = consent::fresh(&plan, &runtime, store.as_ref()) {
            // Nobody has looked at this plan: another one will do, now that there is a state.
            if asks || args.planfile.is_some() {
                return Err(stale);
            }
            drop(store);
            context.output.note("another run has made the state meanwhile: planning again");
            return attempt(context, args, asks);
        }
    }
    let Some(store) = store else {
        return Err(Failure::new("the state could not be made"));
    };
    let first = plan.state.lineage.is_none();
    let run =
        Run { project: &project, place: &place, store, bounds: &args.bounds, command: "apply" };
    let outcome = carry_out(context, &runtime, run, plan)?;
    tell(context, &outcome, args.format, mask);
    if first && outcome.exit_status() == status::DONE {
        next_steps(context);
    }
    Ok(outcome.exit_status())
}

/// What a plan is carried out with.
pub(super) struct Run<'a> {
    pub(super) project: &'a Project,
    pub(super) place: &'a Place,
    pub(super) store: Arc<dyn Store>,
    pub(super) bounds: &'a Bounds,
    pub(super) command: &'a str,
}

/// Carries a plan out.
pub(super) fn carry_out(
    context: &Context,
    runtime: &Runtime,
    run: Run<'_>,
    plan: Plan,
) -> Result<Outcome, Failure> {
    let known = context.output.masking().known();
    known.add(Arc::new(
        plan.changes.iter().map(|change| change.address.clone()).collect::<Vec<_>>(),
    ));
    let api_url = context.same_api(&plan.api, &runtime.block_on(run.store.meta())?)?;
    let link = context.link(runtime, run.project, run.place)?;
    // There is nothing to lose in a state that holds nothing.
    if let Some(folder) = run.place.backups()
        && runtime.block_on(run.store.meta())?.serial > 0
    {
        let environment = run.place.namespace();
        let now = surroundings::now();
        let key = context.state_key(run.place)?;
        runtime.block_on(backup::backup(&*run.store, &folder, environment, now, key.as_ref()))?;
    }
    let progress = Arc::new(Progress::new(&context.global, context.output.clone()));
    let key = context.state_key(run.place)?;
    let recorder = Recorder::new(
        progress.clone(),
        context.output.clone(),
        context.unrecorded_folder(run.place),
        key,
        context.command("state resolve"),
    );
    let stopper = Stopper::default();
    let (store, api) = faults::on_request(Arc::clone(&run.store), Arc::new(link.client.clone()));
    let session = Session {
        store,
        api,
        api_url,
        options: context.options(run.project, run.bounds),
        info: context.run_info(run.command, plan.commit.clone()),
        reporter: Arc::new(recorder),
        stopper: stopper.clone(),
    };
    let outcome = runtime.block_on(async {
        let outcome = match signals::heed(stopper, apply::apply(plan, session)).await {
            Err(failure) => Err(cut_short(failure, &*run.store).await),
            Ok(outcome) => outcome.map_err(Failure::from),
        };
        link.close().await;
        outcome
    });
    progress.finish();
    outcome
}

/// What a second signal leaves behind: intents of the requests that were under way.
async fn cut_short(failure: Failure, store: &dyn Store) -> Failure {
    match store.intents().await {
        Ok(intents) if intents.is_empty() => failure,
        _ => failure.status(status::UNKNOWN).help(
            "what was under way is noted as unknown; pushsync plan shows it, pushsync state resolve settles it",
        ),
    }
}

fn tell(context: &Context, outcome: &Outcome, format: DataFormat, mask: bool) {
    if format == DataFormat::Json {
        context.output.go_on_without(context.output.json(outcome));
    } else {
        let mut parts = vec![format!(
            "{} in {}",
            words::count(outcome.applied, "change", "changes"),
            words::count(outcome.requests, "request", "requests")
        )];
        let counts = [
            (outcome.failed.len() as u64, "failed"),
            (outcome.unknown.len() as u64, "unknown"),
            (outcome.remaining, "not tried"),
        ];
        parts.extend(
            counts
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| format!("{} {what}", words::number(*n))),
        );
        let written = writeln!(context.output.out(), "\nApplied: {}.", parts.join(", "));
        context.output.go_on_without(written);
    }
    let told = |fatal: &Problem| outcome.failed.iter().any(|failed| failed.problem == *fatal);
    if let Some(fatal) = outcome.fatal.as_ref().filter(|fatal| !told(fatal)) {
        context.output.failure(&fatal.into());
    }
    for address in &outcome.unknown {
        context.output.warning(&format!(
            "{} is unknown: it may or may not have been sent, and is not sent again",
            words::address(address, mask)
        ));
    }
    if !outcome.unknown.is_empty() {
        context.output.hint(
            "look into the visitor's chat in Brevo, then: pushsync state resolve ADDRESS --sent ID, or --not-sent",
        );
    } else if matches!(outcome.stopped, Some(Stop::Budget | Stop::Duration | Stop::Signal)) {
        context.output.hint("the state is right; run apply again to go on");
    }
}

/// After the very first apply.
fn next_steps(context: &Context) {
    let folder = context.global.directory.display().to_string();
    let within = if folder == "." { String::new() } else { format!(" in {folder}") };
    context.output.hint(&format!(
        "change a text{within}, see the difference with `{}`, and apply again",
        context.command("plan")
    ));
}
