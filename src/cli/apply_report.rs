//! What `apply` says at its end.

use std::{io::Write as _, sync::Arc};

use super::{
    applied::{Applied, Nothing},
    args::{Amount, ApplyArgs, DataFormat, SelectionArgs},
    context::Context,
    early_end::EarlyEnd,
    failure::status,
    rewritten,
    shell_command::ShellCommand,
};
use crate::{
    apply::{Outcome, Problem, Stop},
    model::Address,
    render::humanize,
};

/// Says how it ended.
pub(super) fn print(context: &Context, args: &ApplyArgs, applied: &Applied) {
    let Applied { outcome, nothing, .. } = applied;
    if *nothing == Some(Nothing::Agreed) {
        return;
    }
    if args.format == DataFormat::Json {
        context.output.warn_if_lost(context.output.json(outcome));
    } else if nothing.is_none() {
        let written = writeln!(context.output.out(), "\n{}", in_words(outcome));
        context.output.warn_if_lost(written);
    }
    tell(context, args, applied);
}

/// The same on stderr alone: what is not in the document.
pub(super) fn tell(context: &Context, args: &ApplyArgs, applied: &Applied) {
    let Applied { outcome, api, nothing, first } = applied;
    if nothing.is_some() {
        warn_of_unknown(context, &outcome.unknown);
        return;
    }
    let reported = |fatal: &Problem| outcome.failed.iter().any(|failed| failed.problem == *fatal);
    if let Some(fatal) = outcome.fatal.as_ref().filter(|fatal| !reported(fatal)) {
        context.output.failure(&fatal.into());
    }
    rewritten::note(context, &outcome.rewritten);
    warn_of_unknown(context, &outcome.unknown);
    if let Some(stop) = outcome.stopped {
        let again = again(context, args);
        let Outcome { requests, resets_at, .. } = *outcome;
        EarlyEnd { api, requests, resets_at, again }.report(context, stop);
    }
    if *first && outcome.exit_status() == status::DONE {
        suggest_next_steps(context);
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

/// Names the deliveries that need a decision, the first of them if there are many.
fn warn_of_unknown(context: &Context, unknown: &[Address]) {
    const MOST: usize = 10;
    if unknown.is_empty() {
        return;
    }
    context.output.masking().known().add(Arc::new(unknown.to_vec()));
    for address in unknown.iter().take(MOST) {
        context.output.warning(&format!(
            "{} is unknown: it may or may not have been sent, and is not sent again",
            humanize::address(address, context.masks())
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

/// The command that goes on with this apply: what somebody has agreed to is noted in the state.
fn again(context: &Context, args: &ApplyArgs) -> ShellCommand {
    let SelectionArgs { target: _, destroy, at, refresh: _ } = &args.selection;
    // The manifest of a resumed run says nothing of these two.
    match *destroy || at.is_some() {
        true => same(context, args),
        false => bounded(context, context.command("apply").flag("--resume"), args),
    }
}

/// The same command once more: it has ended before anybody agreed to anything.
pub(super) fn same(context: &Context, args: &ApplyArgs) -> ShellCommand {
    let mut apply = context.command("apply");
    if args.resume {
        apply = apply.flag("--resume");
    }
    if let Some(reviewed) = &args.reviewed {
        apply = apply.option("--reviewed", reviewed.to_string());
    }
    let apply = bounded(context, apply, args);
    if args.yes { apply.flag("--yes") } else { apply }
}

/// With the selection and the thresholds.
fn bounded(context: &Context, apply: ShellCommand, args: &ApplyArgs) -> ShellCommand {
    let apply = apply.selecting(&args.selection, context.output.masks_err());
    let allowed = [
        ("--allow-creates", args.allow_creates),
        ("--allow-deletes", args.allow_deletes),
        ("--allow-resends", args.allow_resends),
    ];
    allowed.into_iter().fold(apply, |apply, (name, amount)| match amount {
        Some(Amount::Count(most)) => apply.option(name, most.to_string()),
        Some(Amount::All) => apply.option(name, "all"),
        None => apply,
    })
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
