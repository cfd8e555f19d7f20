use std::io::{self, IsTerminal, Write};

use super::{
    approval,
    args::{ApplyArgs, DataFormat},
    context::Context,
    execution::{Execution, execute},
    failure::{Failure, status},
    planning::{self, Allowed, PlanRequest},
};
use crate::{
    apply::{Outcome, Problem, Stop},
    plan::safety,
    render::{self, Format, View, humanize},
    state::Mode,
};

pub(super) fn run(context: &Context, args: &ApplyArgs) -> Result<u8, Failure> {
    let asks = !args.yes && args.planfile.is_none() && args.reviewed.is_none();
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::new("there is no terminal to ask at").help(
            "add --yes, or review a plan first: pushsync plan --out FILE, then pushsync apply FILE",
        ));
    }
    attempt(context, args, asks)
}

fn attempt(context: &Context, args: &ApplyArgs, asks: bool) -> Result<u8, Failure> {
    let commit = context.start_commit_lookup();
    let (project, report) = context.project()?;
    let state = context.selected_state(&project)?;
    let runtime = context.runtime()?;
    let mut store = context.open(&state, Mode::MustExist, "apply")?;
    let api = context.endpoint(&project.settings)?;
    if args.new_state {
        context.check_new_state(&project, &state, &api, &runtime, store.as_ref())?;
    } else {
        context.check_state(&project, &state, &api, &runtime, store.as_ref())?;
    }
    let limits = planning::limits(
        &project,
        Allowed {
            creates: args.allow_creates,
            deletes: args.allow_deletes,
            resends: args.allow_resends,
        },
    );
    let mask = context.masks();
    if args.resume && !approval::resumes(context, &runtime, store.as_ref())? {
        return Ok(nothing_to_do(context, args.format));
    }

    let plan = match &args.planfile {
        Some(path) => {
            let plan = approval::saved_plan(path)?;
            approval::check_target(&plan, &api, &state)?;
            approval::check_fresh(&plan, &runtime, store.as_ref())?;
            plan
        }
        None => {
            let request = PlanRequest {
                selection: &args.selection,
                bounds: &args.bounds,
                keep_unchanged: false,
                commit,
            };
            let store = store.as_ref();
            let (plan, report) =
                planning::make(context, &project, report, &state, store, &runtime, request)?;
            context.output.report(&report);
            plan
        }
    };
    if args.format == DataFormat::Text {
        let view = View::new(mask, context.output.width());
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
        context.output.warn_if_lost(shown);
    }
    if let Some(reviewed) = &args.reviewed {
        approval::check_reviewed(context, &plan, reviewed)?;
    }
    let refusals = safety::check(&plan, limits);
    if !refusals.is_empty() {
        return Err(refusals.into());
    }
    if plan.is_empty() {
        return Ok(nothing_to_do(context, args.format));
    }
    if let Some(store) = &store {
        context.check_same_api(&plan.api, &runtime.block_on(store.meta())?)?;
    }
    if asks && !approval::ask(context, &plan)? {
        context.output.note("nothing was done");
        return Ok(status::FAILED);
    }
    let store = match store.take() {
        Some(store) => store,
        None => {
            let store = context.open_or_create(&state, "apply")?;
            if let Err(stale) = approval::check_fresh(&plan, &runtime, Some(&store)) {
                // Nobody has looked at this plan, so another one will do now that there is a state.
                if asks || args.planfile.is_some() {
                    return Err(stale);
                }
                drop(store);
                context.output.note("another run has created the state meanwhile: planning again");
                return attempt(context, args, asks);
            }
            store
        }
    };
    context.note_lineage(&state, &api, runtime.block_on(store.meta())?.lineage)?;
    let first = plan.state.lineage.is_none();
    let execution = Execution {
        project: &project,
        state: &state,
        store,
        bounds: &args.bounds,
        command: "apply",
    };
    let outcome = execute(context, &runtime, execution, plan)?;
    print_outcome(context, &outcome, args.format, mask);
    if first && outcome.exit_status() == status::DONE {
        suggest_next_steps(context);
    }
    Ok(outcome.exit_status())
}

fn nothing_to_do(context: &Context, format: DataFormat) -> u8 {
    if format == DataFormat::Json {
        context.output.warn_if_lost(context.output.json(&Outcome::default()));
    }
    status::DONE
}

fn print_outcome(context: &Context, outcome: &Outcome, format: DataFormat, mask: bool) {
    if format == DataFormat::Json {
        context.output.warn_if_lost(context.output.json(outcome));
    } else {
        let mut parts = vec![format!(
            "{} in {}",
            humanize::count(outcome.applied, "change", "changes"),
            humanize::count(outcome.requests, "request", "requests")
        )];
        let counts = [
            (outcome.failed.len() as u64, "failed"),
            (outcome.unknown.len() as u64, "unknown"),
            (outcome.remaining, "not tried"),
        ];
        let counts = counts.iter().filter(|(n, _)| *n > 0);
        parts.extend(counts.map(|(n, what)| format!("{} {what}", humanize::number(*n))));
        let written = writeln!(context.output.out(), "\nApplied: {}.", parts.join(", "));
        context.output.warn_if_lost(written);
    }
    let reported = |fatal: &Problem| outcome.failed.iter().any(|failed| failed.problem == *fatal);
    if let Some(fatal) = outcome.fatal.as_ref().filter(|fatal| !reported(fatal)) {
        context.output.failure(&fatal.into());
    }
    for address in &outcome.unknown {
        context.output.warning(&format!(
            "{} is unknown: it may or may not have been sent, and is not sent again",
            humanize::address(address, mask)
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
fn suggest_next_steps(context: &Context) {
    let folder = context.global.directory.display().to_string();
    let within = if folder == "." { String::new() } else { format!(" in {folder}") };
    context.output.hint(&format!(
        "change a text{within}, see the difference with `{}`, and apply again",
        context.command("plan")
    ));
}
