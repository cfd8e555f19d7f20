use std::{
    io::{self, Write},
    sync::Arc,
};

use serde_json::json;
use tokio::runtime::Runtime;

use super::{
    args::{Bounds, DataFormat, RefreshArgs, Target},
    context::Context,
    early_end::EarlyEnd,
    failure::{Failure, status},
    questions::{self, Questions},
    rewritten,
    selected_state::SelectedState,
    shell_command::ShellCommand,
    targets,
};
use crate::{
    apply::{self, Oldest, Refreshed, Stop},
    manifest::Project,
    model::Endpoint,
    render::humanize,
    state::{Mode, Store},
};

pub(super) fn run(context: &Context, args: &RefreshArgs) -> Result<u8, Failure> {
    let (project, report) = context.project()?;
    context.output.report(&report);
    let state = context.selected_state(&project)?;
    let runtime = context.runtime()?;
    let Some(store) = context.open(&state, Mode::MustExist, "refresh")? else {
        context.output.note("there is no state yet: nothing was sent");
        return Ok(status::DONE);
    };
    let api = context.endpoint(&project.settings)?;
    context.check_state(&project, &state, &api, &runtime, Some(&store), false)?;
    let targets = targets::whole(&args.target, Some(&project), Some(&*store), runtime.handle())?;
    let request = RefreshRequest {
        project: &project,
        state: &state,
        store: &store,
        targets: &targets,
        which: Oldest { most: args.bounds.max_requests, before: None },
        bounds: &args.bounds,
        command: "refresh",
    };
    let found = refresh(context, &runtime, &request)?;
    drop(store);
    if args.format == DataFormat::Json {
        let written = context.output.json(&json!({
            "format": "pushsync/refresh/1",
            "verified": found.verified,
            "gone": found.gone,
            "changed": found.changed,
            "rewritten": found.rewritten.messages,
            "failed": found.failed,
            "remaining": found.remaining,
            "requests": found.requests,
            "stopped": found.stopped,
        }));
        tell(context, &found, &api, &args.target);
        return Ok(context.output.exit_status(written, found.exit_status()));
    }
    let written = list(&found, context.masks(), &mut context.output.out());
    tell(context, &found, &api, &args.target);
    Ok(context.output.exit_status(written, found.exit_status()))
}

/// For `--refresh` of `plan` and `apply`. A delivery that could not be asked for is planned as the state knows it.
/// `again` is the command that goes on if the refresh ended early: nothing can be planned then.
pub(super) fn before_plan(
    context: &Context,
    runtime: &Runtime,
    request: &RefreshRequest<'_>,
    again: ShellCommand,
) -> Result<Refreshed, Failure> {
    let found = refresh(context, runtime, request)?;
    match found.stopped {
        None => {
            let failed = found.failed.len() as u64;
            if failed > 0 {
                let deliveries = humanize::count(failed, "delivery", "deliveries");
                context.output.warning(&format!(
                    "{deliveries} could not be verified: the plan takes the state's word for them"
                ));
            }
        }
        Some(stop) => {
            let mut words = Vec::new();
            list(&found, context.output.masks_err(), &mut words)?;
            let words = String::from_utf8_lossy(&words);
            context
                .output
                .note(&format!("{}; nothing was planned", words.trim_end().trim_end_matches('.')));
            let api = context.endpoint(&request.project.settings)?;
            tell_end(context, &found, &api, stop, again);
        }
    }
    Ok(found)
}

/// The deliveries to refresh, and the bounds of the run.
pub(super) struct RefreshRequest<'a> {
    pub(super) project: &'a Project,
    pub(super) state: &'a SelectedState,
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) targets: &'a [Target],
    pub(super) which: Oldest,
    pub(super) bounds: &'a Bounds,
    /// For the history.
    pub(super) command: &'static str,
}

/// Asks the API, and records the differences.
pub(super) fn refresh(
    context: &Context,
    runtime: &Runtime,
    request: &RefreshRequest<'_>,
) -> Result<Refreshed, Failure> {
    let RefreshRequest { project, state, store, targets, which, bounds, command } = *request;
    let settings = &project.settings;
    let questions = Questions { settings, state, store, bounds, command };
    let selection = Target::selection(targets);
    let work = |session| apply::refresh(&selection, which, session);
    let found = questions::ask(context, runtime, &questions, work)?;
    rewritten::note(context, &found.rewritten);
    Ok(found)
}

/// Says what ended the run, and what to do now.
fn tell(context: &Context, found: &Refreshed, api: &Endpoint, targets: &[Target]) {
    let mask = context.output.masks_err();
    if let Some(stop) = found.stopped {
        let again = context.command("refresh").targets(targets, mask);
        tell_end(context, found, api, stop, again);
    } else if !found.gone.is_empty() || !found.changed.is_empty() {
        context.output.hint(&context.command("plan").targets(targets, mask).to_string());
    }
}

/// Says why it ended early, and what to do now.
fn tell_end(context: &Context, found: &Refreshed, api: &Endpoint, stop: Stop, again: ShellCommand) {
    if let Some(fatal) = &found.fatal {
        context.output.failure(&fatal.into());
    }
    let Refreshed { requests, resets_at, .. } = *found;
    EarlyEnd { api, requests, resets_at, again }.report(context, stop);
}

fn list(found: &Refreshed, mask: bool, out: &mut impl Write) -> io::Result<()> {
    for (addresses, what) in [(&found.gone, "gone"), (&found.changed, "changed")] {
        for address in addresses {
            writeln!(out, "  {what}: {}", humanize::address(address, mask))?;
        }
    }
    if found.verified == 0 && found.exit_status() != status::DONE {
        return writeln!(
            out,
            "Nothing was verified: {} failed, {} not asked for.",
            humanize::number(found.failed.len() as u64),
            humanize::number(found.remaining),
        );
    }
    writeln!(
        out,
        "{} verified: {} gone, {} changed; {} not asked for.",
        humanize::count(found.verified, "delivery", "deliveries"),
        humanize::number(found.gone.len() as u64),
        humanize::number(found.changed.len() as u64),
        humanize::number(found.remaining),
    )
}
