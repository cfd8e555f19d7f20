//! What `apply` says at its end.

use std::{io::Write as _, sync::Arc};

use super::{
    applied::{Applied, Nothing},
    args::{Amount, ApplyArgs, DataFormat, SelectionArgs, Target},
    context::{Context, Needs},
    early_end::EarlyEnd,
    environment,
    failure::status,
    rewritten,
    sent_again::SentAgain,
    shell_command::ShellCommand,
};
use crate::{
    apply::{Outcome, Problem, Stop},
    model::Address,
    render::humanize,
};

/// Says how it ended.
pub(super) fn print(context: &Context, args: &ApplyArgs, applied: &Applied) {
    let Applied { outcome, nothing, waiting, .. } = applied;
    if *nothing == Some(Nothing::Agreed) {
        return;
    }
    if args.format == DataFormat::Json {
        context.output.warn_if_lost(context.output.json(outcome));
    } else if nothing.is_none() {
        let waiting = waiting.filter(|_| begins_nothing(outcome));
        let words = waiting.map_or_else(|| in_words(outcome), |waiting| waiting.in_words());
        let written = writeln!(context.output.out(), "\n{words}");
        context.output.warn_if_lost(written);
    }
    tell(context, args, applied);
}

/// Whether a run had nothing to do but to note what was agreed to.
fn begins_nothing(outcome: &Outcome) -> bool {
    let Outcome { applied, failed, unknown, remaining, requests, stopped, .. } = outcome;
    let none = *applied == 0 && *remaining == 0 && *requests == 0;
    none && failed.is_empty() && unknown.is_empty() && stopped.is_none()
}

/// The same on stderr alone: what is not in the document.
pub(super) fn tell(context: &Context, args: &ApplyArgs, applied: &Applied) {
    let Applied { outcome, api, nothing, first, waiting } = applied;
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
        let resumes = !args.selection.destroy && args.selection.at.is_none();
        if stop != Stop::Fatal && resumes && is_target_masked(context, args) {
            context.output.note(
                "  it has no --target, because ids are masked here: it carries out all that is approved and due",
            );
        }
    }
    if outcome.exit_status() == status::DONE && (*first || begins_nothing(outcome)) {
        match waiting {
            Some(_) => context.output.hint(&format!(
                "run this by a schedule, and it opens the windows: {}",
                context.command("apply").flag("--resume")
            )),
            None if *first => suggest_next_steps(context),
            None => {}
        }
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
        Some(Stop::Changed) => "Stopped because the files have changed",
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

/// Names the deliveries that are unknown, the first of them if there are many, and says what becomes of them.
fn warn_of_unknown(context: &Context, unknown: &[Address]) {
    const MOST: usize = 10;
    if unknown.is_empty() {
        return;
    }
    context.output.masking().known().add(Arc::new(unknown.to_vec()));
    let sent_again = SentAgain::of(&context.load_for(Needs::Files), environment::now());
    for address in unknown.iter().take(MOST) {
        let next = match sent_again.has(address) {
            true => "; the next apply sends it again (on_unknown: resend)",
            false => ", and is not sent again",
        };
        context.output.warning(&format!(
            "{} is unknown: it may or may not have been sent{next}",
            humanize::address(address, context.masks())
        ));
    }
    if unknown.len() > MOST {
        let more = humanize::number((unknown.len() - MOST) as u64);
        context.output.warning(&format!("{more} more are unknown"));
    }
    let resolve = context.command("state resolve");
    context.output.hint(&match unknown.iter().all(|address| sent_again.has(address)) {
        true => format!("to decide otherwise before that: {resolve}"),
        false => format!("see what needs a decision: {resolve}"),
    });
}

/// The command that goes on with this apply: what somebody has agreed to is noted in the state.
fn again(context: &Context, args: &ApplyArgs) -> ShellCommand {
    let SelectionArgs { target: _, destroy, at, refresh: _ } = &args.selection;
    // The manifest of a resumed run says nothing of these two.
    match *destroy || at.is_some() {
        true => same(context, args),
        false => {
            let resume = context.command("apply").flag("--resume");
            match is_target_masked(context, args) {
                true => allowing(resume, args),
                false => bounded(context, resume, args),
            }
        }
    }
}

/// Whether a target would be masked: several deliveries may look like that.
fn is_target_masked(context: &Context, args: &ApplyArgs) -> bool {
    let is_address = |target: &Target| matches!(target, Target::Address(_));
    context.output.masks_err() && args.selection.target.iter().any(is_address)
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
    allowing(apply.selecting(&args.selection, context.output.masks_err()), args)
}

/// With the thresholds.
fn allowing(apply: ShellCommand, args: &ApplyArgs) -> ShellCommand {
    let allowed = [
        ("--allow-creates", args.allow_creates),
        ("--allow-deletes", args.allow_deletes),
        ("--allow-resends", args.allow_resends),
    ];
    let apply = allowed.into_iter().fold(apply, |apply, (name, amount)| match amount {
        Some(Amount::Count(most)) => apply.option(name, most.to_string()),
        Some(Amount::All) => apply.option(name, "all"),
        None => apply,
    });
    apply.allowing(&args.audiences)
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
