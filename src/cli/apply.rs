use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    sync::Arc,
};

use tokio::runtime::Runtime;

use super::{
    applied::{Applied, Nothing},
    apply_report, approval,
    args::{ApplyArgs, DataFormat},
    comparison::Comparison,
    context::{Context, Needs},
    environment,
    execution::{Execution, execute},
    failure::Failure,
    planning::{self, Allowed, PlanRequest},
    targets,
    waiting::Waiting,
};
use crate::{
    apply::{Outcome, SourceFiles},
    model::{Address, Intent},
    plan::{Plan, safety},
    render::{self, Format, View},
    state::{Mode, Store, Write},
};

pub(super) fn run(context: &Context, args: &ApplyArgs) -> Result<u8, Failure> {
    if asks(args) && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let selection = |command| {
            context.command(command).selecting(&args.selection, context.output.masks_err())
        };
        return Err(Failure::new("there is no terminal to ask at").help(format!(
            "add --yes, or review a plan first: {}, then {}",
            selection("plan").option("--out", "FILE"),
            context.command("apply").arg("FILE"),
        )));
    }
    let applied = carry_out(context, args)?;
    apply_report::print(context, args, &applied);
    Ok(applied.status())
}

/// Whether somebody has to agree at the terminal. A resumed run does what somebody has agreed to.
fn asks(args: &ApplyArgs) -> bool {
    !args.yes && args.planfile.is_none() && args.reviewed.is_none() && !args.resume
}

/// Plans, shows the plan, asks, and carries it out.
pub(super) fn carry_out(context: &Context, args: &ApplyArgs) -> Result<Applied, Failure> {
    let asks = asks(args);
    let commit = context.start_commit_lookup();
    // A saved plan holds who gets what.
    let needs = match args.planfile {
        Some(_) => Needs::Files,
        None => Needs::Audiences,
    };
    let (project, report) = context.project_allowing(needs, &args.audiences.allow_change)?;
    let state = context.selected_state(&project)?;
    let runtime = context.runtime()?;
    let mut store = context.open(&state, Mode::MustExist, "apply")?;
    let intents = match &store {
        Some(store) => runtime.block_on(store.intents())?,
        None => Vec::new(),
    };
    let api = context.endpoint(&project.settings)?;
    context.check_state(&project, &state, &api, &runtime, store.as_ref(), args.new_state)?;
    let allowed = Allowed {
        creates: args.allow_creates,
        deletes: args.allow_deletes,
        resends: args.allow_resends,
        audiences: &args.audiences,
    };
    let limits = planning::limits(&project, allowed);
    let ended = |outcome: Outcome, nothing| {
        let outcome = Outcome { unknown: addresses_of(&intents), ..outcome };
        Applied { outcome, api: api.clone(), nothing: Some(nothing), first: false, waiting: None }
    };
    if args.resume && store.is_none() {
        context.output.note("nothing is approved: there is no state yet");
        return Ok(ended(Outcome::default(), Nothing::ToDo));
    }

    let mut refreshed = None;
    let plan = match &args.planfile {
        Some(path) => {
            let plan = approval::saved_plan(context, path)?;
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
                again: apply_report::same(context, args).refreshing(args.selection.refresh),
                refreshed: &mut refreshed,
            };
            let store = store.as_ref();
            let made = planning::make(context, &project, report, &state, store, &runtime, request);
            if let (Err(_), Some(found)) =
                (&made, refreshed.take_if(|found| found.stopped.is_some()))
            {
                return Ok(ended(found.into(), Nothing::ToDo));
            }
            let (plan, report) = made?;
            context.output.report(&report);
            plan
        }
    };
    planning::check_allowed(&project, &plan, &args.audiences)?;
    let plan = match args.audiences.new_visitor_secret {
        true => Plan { remember: plan.secrets_to_remember(true), ..plan },
        false => plan,
    };
    let (plan, unapproved) = match args.resume {
        true => approval::resumed(context, plan),
        false => (plan, 0),
    };
    // A resumed plan without changes would say that all is as it should be, and notes have said what is not.
    let shows = !(args.resume && plan.changes.is_empty());
    if args.format == DataFormat::Text && shows {
        let commands = context.copied_commands(&args.selection, &intents, None);
        let view =
            View { commands: &commands, ..View::new(context.masks(), context.output.width()) };
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
    let agreed = match &args.reviewed {
        Some(reviewed) => {
            let known = store.as_deref();
            let handle = runtime.handle();
            let targets = targets::whole(&args.selection.target, Some(&project), known, handle)?;
            let comparison = Comparison {
                context,
                project: &project,
                state: &state,
                store: store.as_ref(),
                handle,
                targets: &targets,
                selection: &args.selection,
                keep_unchanged: false,
            };
            approval::check_reviewed(context, comparison, &plan, reviewed)?;
            safety::Agreed::Reviewed
        }
        None => safety::Agreed::Unreviewed,
    };
    let refusals = safety::check(&plan, &limits, agreed);
    if !refusals.is_empty() {
        return Err(refusals.into());
    }
    if let Some(store) = &store {
        context.check_same_api(&plan.api, &runtime.block_on(store.meta())?)?;
    }
    let mut plan = plan;
    // What ends takes nobody's agreement, and no run of its own.
    if let Some(store) = store.as_ref().filter(|_| args.resume || plan.is_empty()) {
        end_approvals(&runtime, &**store, &mut plan)?;
        // What is there already was sent with the present secret: another one is noticed from now on.
        let secrets = plan.remember.take().filter(|_| plan.is_empty()).map(Write::Secrets);
        if let Some(secrets) = secrets {
            runtime.block_on(store.commit(vec![secrets]))?;
        }
    }
    if plan.is_empty() {
        let so_far = refreshed.map_or_else(Outcome::default, Outcome::from);
        return Ok(ended(Outcome { remaining: 0, unapproved, ..so_far }, Nothing::ToDo));
    }
    if asks && !approval::ask(context, &runtime, &plan)? {
        context.output.note("nothing was done");
        return Ok(ended(Outcome::default(), Nothing::Agreed));
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
                return carry_out(context, args);
            }
            store
        }
    };
    context.note_lineage(&state, &api, runtime.block_on(store.meta())?.lineage)?;
    let first = plan.state.lineage.is_none();
    let execution = Execution {
        project: &project,
        state: &state,
        store: Arc::clone(&store),
        bounds: &args.bounds,
        command: "apply",
        files: SourceFiles::meant(project.files_digest()),
    };
    let mut outcome = execute(context, &runtime, execution, plan)?;
    outcome.unknown = addresses_of(&runtime.block_on(store.intents())?);
    outcome.unapproved = unapproved;
    if let Some(found) = refreshed {
        found.add_to(&mut outcome);
    }
    let approvals = runtime.block_on(store.approvals())?;
    let waiting = Waiting::among(&approvals, environment::now());
    drop(store);
    Ok(Applied { outcome, api, nothing: None, first, waiting })
}

/// Drops the approvals that have nothing left to do, and lets those lapse that the manifest does not say any more.
pub(super) fn end_approvals(
    runtime: &Runtime,
    store: &dyn Store,
    plan: &mut Plan,
) -> Result<(), Failure> {
    let lapsed: HashSet<&Address> = plan.lapsed_approvals().collect();
    let mut writes = Vec::new();
    if !lapsed.is_empty() {
        let approvals = runtime.block_on(store.approvals())?.into_iter();
        let approvals = approvals.filter(|approval| lapsed.contains(&approval.address));
        writes.extend(approvals.map(|one| Write::Approve(Box::new(one.once_lapsed()))));
    }
    plan.withdrawn.clear();
    writes.extend(std::mem::take(&mut plan.finished).into_iter().map(Write::Withdraw));
    if !writes.is_empty() {
        runtime.block_on(store.commit(writes))?;
    }
    Ok(())
}

/// All deliveries that are unknown, also those of earlier runs and of other targets.
fn addresses_of(intents: &[Intent]) -> Vec<Address> {
    let mut addresses: Vec<_> = intents.iter().map(|intent| intent.address.clone()).collect();
    addresses.sort();
    addresses
}
