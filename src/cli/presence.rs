use std::{io::Write, sync::Arc};

use serde_json::json;

use super::{
    args::{Bounds, DataFormat, PresenceArgs},
    context::{Context, Needs},
    early_end::EarlyEnd,
    failure::{Failure, status},
    progress::Progress,
    signals,
};
use crate::{
    apply::{self, PING_EVERY, Stop, Stopper},
    brevo::SenderMismatch,
    model::{Kind, one_line},
    render::humanize,
};

pub(super) fn run(context: &Context, args: &PresenceArgs) -> Result<u8, Failure> {
    let (project, report) = context.project_for(Needs::Files)?;
    context.output.report(&report);
    let Some(sender) = project.senders.get(&args.from) else {
        let names = project.senders.keys().map(String::as_str);
        return Err(Failure::new(format!("there is no sender `{}`", args.from)).suggest(
            &args.from,
            names,
            "senders are declared under `senders:`",
        ));
    };
    let state = context.selected_state(&project)?;
    let runtime = context.runtime()?;
    let connection = context.connect(&runtime, &project.settings, &state)?;
    let client = connection.client.clone();
    SenderMismatch::check(Kind::Agent, sender).map_err(|_| {
        Failure::new(format!("`{}` is {sender}: only one agent can be online", args.from))
            .help("name a sender with `agent:`, or with `email:`, `name:` and `received_from:`")
    })?;
    let minute = PING_EVERY.as_secs();
    let times = match (args.once, args.duration) {
        (true, _) => Some(1),
        (false, Some(duration)) => Some(duration.as_secs().div_ceil(minute).max(1)),
        (false, None) => None,
    };
    let limit = project.settings.requests_per_hour;
    let cost = match times {
        Some(1) => {
            format!("one ping: 1 of {} an hour", humanize::count(limit, "request", "requests"))
        }
        _ => format!(
            "one ping a minute: 60 of {} an hour",
            humanize::count(limit, "request", "requests")
        ),
    };
    context.output.note(&format!("keeping {} online: {cost}", one_line(&sender.to_string())));
    let options = context.options(&project.settings, &Bounds::default());
    let progress = Arc::new(Progress::new(&context.global, context.output.clone()));
    let stopper = Stopper::default();
    let presence = runtime.block_on(async {
        let reporter = progress.clone();
        let kept = apply::keep_online(&client, sender, times, &options, reporter, stopper.clone());
        signals::run_until_signalled(stopper.clone(), kept).await
    });
    progress.finish();
    runtime.block_on(connection.close());
    let presence = presence?;
    let written = match args.format {
        DataFormat::Text => writeln!(
            context.output.out(),
            "{} answered, {} not.",
            humanize::count(presence.pings, "ping", "pings"),
            humanize::number(presence.missed)
        )
        .map_err(Failure::from),
        DataFormat::Json => context.output.json(&json!({
            "format": "pushsync/presence/1",
            "pings": presence.pings,
            "missed": presence.missed,
            "stopped": presence.stopped,
        })),
    };
    if let Some(fatal) = &presence.fatal {
        context.output.failure(&fatal.into());
    }
    if let Some(stop @ (Stop::Budget | Stop::Duration)) = presence.stopped {
        let api = context.endpoint(&project.settings)?;
        let again = context.command("presence").option("--from", &args.from);
        // The API has just said so, not a state.
        let (requests, resets_at) = (1 + presence.pings, presence.resets_at);
        EarlyEnd { api: &api, requests, resets_at, again }.report(context, stop);
    }
    let status = match presence.stopped {
        Some(Stop::Fatal | Stop::Outage) => status::FAILED,
        // A run without a duration ends by a signal.
        Some(Stop::Signal) if times.is_none() => status::DONE,
        Some(_) => status::STOPPED,
        None if presence.pings == 0 => status::FAILED,
        None => status::DONE,
    };
    Ok(context.output.exit_status(written, status))
}
