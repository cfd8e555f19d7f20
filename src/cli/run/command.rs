//! From the arguments to the loop.

use std::{sync::Arc, time::Duration};

use axum::Router;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{process::Process, settler::Settler};
use crate::{
    cli::{
        args::{DataFormat, RunArgs},
        context::Context,
        environment,
        failure::{Failure, status},
        interrupts::Interrupts,
        secrets, serving,
        signals::{self, Signal},
    },
    controller::{
        Live, Metrics, Observers, Phase, Schedule, Server, ServerOptions, Wake, drive,
        webhooks::{self, Inbox},
    },
};

/// How long a second signal waits for what cannot be cut short.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps the API as the project says, until a signal ends it.
pub(in crate::cli) fn run(context: &Context, args: &RunArgs) -> Result<u8, Failure> {
    let runtime = context.server_runtime()?;
    let interrupts = Arc::<Interrupts>::default();
    let live = Arc::new(Live::new(environment::now()));
    listen_to_signals(&runtime, &interrupts, &live)?;
    let clock = environment::clock();
    let metrics = Arc::new(Metrics::new(Arc::clone(&live), clock.clone()));
    let observers = Observers { metrics: Arc::clone(&metrics), live: Arc::clone(&live), clock };
    let context = context.in_cycles(Arc::clone(&interrupts), observers.clone());
    let (settler, webhooks) = receiver(args, &interrupts, &metrics)?.unzip();
    let server = listen(&context, &runtime, args, observers, webhooks.unwrap_or_default())?;
    let schedule = Schedule::new(args.every, fastrand::u64(..));
    let mut process = Process::new(&context, &runtime, args, &interrupts, &live, &metrics, settler);
    drive(&mut process, schedule, &live);
    if let Some(server) = server {
        runtime.block_on(server.stop());
    }
    if interrupts.is_over_at_once() {
        return Ok(status::STOPPED);
    }
    context.output.note("stopped in good order: all that was sent is recorded");
    Ok(status::DONE)
}

/// Takes the events of webhooks, if `--webhook-token-file` asks for it.
fn receiver(
    args: &RunArgs,
    interrupts: &Arc<Interrupts>,
    metrics: &Arc<Metrics>,
) -> Result<Option<(Settler, Router)>, Failure> {
    let Some(file) = &args.webhook_token_file else { return Ok(None) };
    let token = secrets::webhook_token(file)?;
    let inbox = Arc::<Inbox>::default();
    let wakes = Arc::clone(interrupts);
    let wake = move || wakes.happened(Wake::Event);
    let webhooks = webhooks::router(token, Arc::clone(&inbox), Arc::clone(metrics), wake);
    Ok(Some((Settler { inbox, interrupts: Arc::clone(interrupts) }, webhooks)))
}

/// Serves health and metrics, if `--listen` asks for it, and says where.
fn listen(
    context: &Context,
    runtime: &Runtime,
    args: &RunArgs,
    observers: Observers,
    webhooks: Router,
) -> Result<Option<Server>, Failure> {
    let Some(listen) = args.listen else { return Ok(None) };
    let options = ServerOptions { listen, observers, webhooks };
    // It says itself what to do.
    let server = runtime.block_on(Server::start(options));
    let server = server.map_err(|error| Failure::new(error.to_string()))?;
    let page = format!("http://{}", server.address());
    let document = json!({ "format": "pushsync/run/1", "page": page });
    let format = match context.output.writes_json() {
        true => DataFormat::Json,
        false => DataFormat::Text,
    };
    serving::announce(context, format, &format!("listening on {page}"), &document);
    Ok(Some(server))
}

/// Ends a process that does not end by itself: a query or a database keeps it waiting.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "nothing is being sent any more, and the state survives worse: SIGKILL"
)]
fn exit_although_busy() -> ! {
    std::process::exit(status::STOPPED.into())
}

/// The first signal ends the process in good order, the second one at once. A hangup wakes it.
fn listen_to_signals(
    runtime: &Runtime,
    interrupts: &Arc<Interrupts>,
    live: &Arc<Live>,
) -> Result<(), Failure> {
    let mut signals = runtime.block_on(signals::all())?;
    let (interrupts, live) = (Arc::clone(interrupts), Arc::clone(live));
    runtime.spawn(async move {
        loop {
            match signals.next().await {
                Signal::Hangup => interrupts.happened(Wake::Hangup),
                Signal::First => {
                    live.is(Phase::Ending, environment::now());
                    interrupts.end();
                }
                // The intents of the requests under way are durable.
                Signal::Again => {
                    interrupts.end_at_once();
                    tokio::time::sleep(PATIENCE).await;
                    exit_although_busy();
                }
            }
        }
    });
    Ok(())
}
