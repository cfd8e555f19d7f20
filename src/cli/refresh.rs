use std::{
    io::{self, Write},
    sync::Arc,
};

use serde_json::json;
use tokio::runtime::Runtime;

use super::{
    args::{Bounds, DataFormat, Refresh as Args, Target},
    context::{Context, selection},
    failure::{Failure, status},
    place::Place,
    progress::Progress,
    signals,
};
use crate::{
    apply::{self, Refreshed, Session, Stopper},
    manifest::Project,
    render::words,
    state::{Mode, Store},
};

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let (project, report) = context.project()?;
    context.report(&report)?;
    let place = context.place(&project.settings)?;
    let runtime = context.runtime()?;
    let Some(store) = context.open(&place, Mode::MustExist, "refresh")? else {
        // Nothing was sent, so there is nothing to ask about.
        context.output.note("there is no state yet: nothing was sent");
        return Ok(status::DONE);
    };
    let refreshing = Refreshing {
        project: &project,
        place: &place,
        store: &store,
        targets: &args.target,
        most: args.bounds.max_requests,
        bounds: &args.bounds,
    };
    let found = refresh(context, &runtime, &refreshing)?;
    if args.format == DataFormat::Json {
        let told = context.output.json(&json!({
            "format": "pushsync/refresh/1",
            "verified": found.verified,
            "gone": found.gone,
            "changed": found.changed,
            "failed": found.failed,
            "remaining": found.remaining,
            "requests": found.requests,
            "stopped": found.stopped,
        }));
        return Ok(context.output.ended(told, found.exit_status()));
    }
    Ok(told(context, &found, context.masks()))
}

/// What is refreshed, and how.
pub(super) struct Refreshing<'a> {
    pub(super) project: &'a Project,
    pub(super) place: &'a Place,
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) targets: &'a [Target],
    /// No more deliveries than this.
    pub(super) most: Option<u64>,
    pub(super) bounds: &'a Bounds,
}

/// Asks the API, and records what differs.
pub(super) fn refresh(
    context: &Context,
    runtime: &Runtime,
    refreshing: &Refreshing<'_>,
) -> Result<Refreshed, Failure> {
    let Refreshing { project, place, store, targets, most, bounds } = *refreshing;
    let endpoint = context.endpoint(&project.settings)?;
    let api_url = context.same_api(&endpoint, &runtime.block_on(store.meta())?)?;
    let link = context.link(runtime, project, place)?;
    let progress = Arc::new(Progress::new(&context.global, context.output.clone()));
    let stopper = Stopper::default();
    let session = Session {
        store: Arc::clone(store),
        api: Arc::new(link.client.clone()),
        api_url,
        options: context.options(project, bounds),
        info: context.run_info("refresh", context.commit()),
        reporter: progress.clone(),
        stopper: stopper.clone(),
    };
    let selection = selection(targets);
    let found = runtime.block_on(async {
        let found = signals::heed(stopper, apply::refresh(&selection, most, session)).await;
        link.close().await;
        found
    });
    progress.finish();
    Ok(found??)
}

/// Tells what was found, and answers with the exit status.
pub(super) fn told(context: &Context, found: &Refreshed, mask: bool) -> u8 {
    let written = list(found, mask, &mut context.output.out());
    if let Some(fatal) = &found.fatal {
        context.output.failure(&fatal.into());
    } else if !found.gone.is_empty() || !found.changed.is_empty() {
        context.output.hint(&context.command("plan"));
    }
    context.output.ended(written, found.exit_status())
}

fn list(found: &Refreshed, mask: bool, out: &mut impl Write) -> io::Result<()> {
    for (addresses, what) in [(&found.gone, "gone"), (&found.changed, "changed")] {
        for address in addresses {
            writeln!(out, "  {what}: {}", words::address(address, mask))?;
        }
    }
    writeln!(
        out,
        "{} verified: {} gone, {} changed; {} not asked for.",
        words::count(found.verified, "delivery", "deliveries"),
        words::number(found.gone.len() as u64),
        words::number(found.changed.len() as u64),
        words::number(found.remaining),
    )
}
