use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use super::{
    approval,
    args::{Amount, ApplyArgs, DataFormat, SelectionArgs},
    context::Context,
    early_end::EarlyEnd,
    execution::{Execution, execute},
    failure::{Failure, status},
    planning::{self, Allowed, PlanRequest},
    rewritten,
    shell_command::ShellCommand,
};
use crate::{
    apply::{Outcome, Problem, Stop},
    model::{Address, Endpoint, Intent},
    plan::safety,
    render::{self, Format, View, humanize},
    state::Mode,
};

pub(super) fn run(context: &Context, args: &ApplyArgs) -> Result<u8, Failure> {
    let asks = !args.yes && args.planfile.is_none() && args.reviewed.is_none();
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let selection = |command| {
            context.command(command).selecting(&args.selection, context.output.masks_err())
        };
        return Err(Failure::new("there is no terminal to ask at").help(format!(
            "add --yes, or review a plan first: {}, then {}",
            selection("plan").option("--out", "FILE"),
            context.command("apply").arg("FILE"),
        )));
    }
    attempt(context, args, asks)
}

fn attempt(context: &Context, args: &ApplyArgs, asks: bool) -> Result<u8, Failure> {
    let commit = context.start_commit_lookup();
    let (project, report) = context.project()?;
    let state = context.selected_state(&project)?;
    let runtime = context.runtime()?;
    let mut store = context.open(&state, Mode::MustExist, "apply")?;
    let intents = match &store {
        Some(store) => runtime.block_on(store.intents())?,
        None => Vec::new(),
    };
    let api = context.endpoint(&project.settings)?;
    context.check_state(&project, &state, &api, &runtime, store.as_ref(), args.new_state)?;
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
        let outcome = Outcome { unknown: addresses_of(&intents), ..Outcome::default() };
        return Ok(nothing_done(context, args, &outcome, mask));
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
                again: again(context, args).refreshing(args.selection.refresh),
                refreshed: &mut refreshed,
            };
            let store = store.as_ref();
            let made = planning::make(context, &project, report, &state, store, &runtime, request);
            if let (Err(_), Some(found)) =
                (&made, refreshed.take_if(|found| found.stopped.is_some()))
            {
                let outcome = Outcome { unknown: addresses_of(&intents), ..found.into() };
                return Ok(nothing_done(context, args, &outcome, mask));
            }
            let (plan, report) = made?;
            context.output.report(&report);
            plan
        }
    };
    if args.format == DataFormat::Text {
        let commands = context.copied_commands(&args.selection, &intents, None);
        let view = View { commands: &commands, ..View::new(mask, context.output.width()) };
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
        approval::check_reviewed(context, &plan, reviewed, &args.selection)?;
    }
    let refusals = safety::check(&plan, limits, safety::Agreed::Unreviewed);
    if !refusals.is_empty() {
        return Err(refusals.into());
    }
    if plan.is_empty() {
        let so_far = refreshed.map_or_else(Outcome::default, Outcome::from);
        let outcome = Outcome { unknown: addresses_of(&intents), remaining: 0, ..so_far };
        return Ok(nothing_done(context, args, &outcome, mask));
    }
    if let Some(store) = &store {
        context.check_same_api(&plan.api, &runtime.block_on(store.meta())?)?;
    }
    if asks && !approval::ask(context, &runtime, &plan)? {
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
        store: Arc::clone(&store),
        bounds: &args.bounds,
        command: "apply",
    };
    let mut outcome = execute(context, &runtime, execution, plan)?;
    outcome.unknown = addresses_of(&runtime.block_on(store.intents())?);
    if let Some(found) = refreshed {
        found.add_to(&mut outcome);
    }
    drop(store);
    print_outcome(context, &outcome, args, &api, mask);
    if first && outcome.exit_status() == status::DONE {
        suggest_next_steps(context);
    }
    Ok(outcome.exit_status())
}

/// All deliveries that are unknown, also those of earlier runs and of other targets.
fn addresses_of(intents: &[Intent]) -> Vec<Address> {
    let mut addresses: Vec<_> = intents.iter().map(|intent| intent.address.clone()).collect();
    addresses.sort();
    addresses
}

/// The end of an apply that carried out nothing. Deliveries of earlier runs may still be unknown.
fn nothing_done(context: &Context, args: &ApplyArgs, outcome: &Outcome, mask: bool) -> u8 {
    if args.format == DataFormat::Json {
        context.output.warn_if_lost(context.output.json(outcome));
    }
    warn_of_unknown(context, &outcome.unknown, mask);
    outcome.exit_status()
}

/// Names the deliveries that need a decision, the first of them if there are many.
fn warn_of_unknown(context: &Context, unknown: &[Address], mask: bool) {
    const MOST: usize = 10;
    if unknown.is_empty() {
        return;
    }
    context.output.masking().known().add(Arc::new(unknown.to_vec()));
    for address in unknown.iter().take(MOST) {
        context.output.warning(&format!(
            "{} is unknown: it may or may not have been sent, and is not sent again",
            humanize::address(address, mask)
        ));
    }
    if unknown.len() > MOST {
        let more = humanize::number((unknown.len() - MOST) as u64);
        context.output.warning(&format!("{more} more are unknown"));
    }
    context
        .output
        .hint(&format!("see what needs a decision: {}", context.command("state resolve")));
}

/// The command that goes on with this apply.
fn again(context: &Context, args: &ApplyArgs) -> ShellCommand {
    let SelectionArgs { target, destroy, at, refresh: _ } = &args.selection;
    let all = target.is_empty() && !destroy && at.is_none();
    if args.resume || (args.reviewed.is_some() && all) {
        return context.command("apply").flag("--resume").flag("--yes");
    }
    let mask = context.output.masks_err();
    // The plan that was saved or reviewed is carried out in part: what is left is another one.
    if args.planfile.is_some() || args.reviewed.is_some() {
        return context.command("plan").selecting(&args.selection, mask);
    }
    let mut apply = context.command("apply").selecting(&args.selection, mask);
    for (name, amount) in [
        ("--allow-creates", args.allow_creates),
        ("--allow-deletes", args.allow_deletes),
        ("--allow-resends", args.allow_resends),
    ] {
        apply = match amount {
            Some(Amount::Count(most)) => apply.option(name, most.to_string()),
            Some(Amount::All) => apply.option(name, "all"),
            None => apply,
        };
    }
    if args.yes { apply.flag("--yes") } else { apply }
}

fn print_outcome(
    context: &Context,
    outcome: &Outcome,
    args: &ApplyArgs,
    api: &Endpoint,
    mask: bool,
) {
    if args.format == DataFormat::Json {
        context.output.warn_if_lost(context.output.json(outcome));
    } else {
        let written = writeln!(context.output.out(), "\n{}", in_words(outcome));
        context.output.warn_if_lost(written);
    }
    let reported = |fatal: &Problem| outcome.failed.iter().any(|failed| failed.problem == *fatal);
    if let Some(fatal) = outcome.fatal.as_ref().filter(|fatal| !reported(fatal)) {
        context.output.failure(&fatal.into());
    }
    rewritten::note(context, &outcome.rewritten);
    warn_of_unknown(context, &outcome.unknown, mask);
    if let Some(stop) = outcome.stopped {
        let again = again(context, args);
        let Outcome { requests, resets_at, .. } = *outcome;
        EarlyEnd { api, requests, resets_at, again }.report(context, stop);
    }
}

/// What became of the changes, in one sentence. It reads like a success only if it was one.
fn in_words(outcome: &Outcome) -> String {
    let Outcome { applied, failed, unknown, remaining, requests, stopped, .. } = outcome;
    let counts = [
        (failed.len() as u64, "failed"),
        (unknown.len() as u64, "unknown"),
        (*remaining, "not tried"),
    ];
    let counts = counts.into_iter().filter(|(n, _)| *n > 0);
    let mut parts: Vec<_> =
        counts.map(|(n, what)| format!("{} {what}", humanize::number(n))).collect();
    let requests = humanize::count(*requests, "request", "requests");
    let why = match stopped {
        Some(Stop::Fatal) => "Stopped by an error",
        Some(Stop::Outage) => "Stopped by an outage",
        Some(Stop::Budget) => "Stopped at the budget",
        Some(Stop::Duration) => "Stopped at the end of the time",
        Some(Stop::Signal) => "Stopped by a signal",
        None if *applied == 0 && !parts.is_empty() => {
            return format!("Nothing was applied: {}; {requests}.", parts.join(", "));
        }
        None => "Applied",
    };
    if *applied == 0 && stopped.is_some() {
        return format!("{why}, nothing was applied: {}; {requests}.", parts.join(", "));
    }
    let applied = humanize::count(*applied, "change", "changes");
    parts.insert(0, format!("{applied} in {requests}"));
    format!("{why}: {}.", parts.join(", "))
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
