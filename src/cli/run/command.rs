//! From the arguments to the loop.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::process::Process;
use crate::{
    cli::{
        args::RunArgs,
        context::Context,
        environment,
        failure::{Failure, status},
        interrupts::Interrupts,
        signals::{self, Signal},
    },
    controller::{Live, Schedule, Wake, drive},
};

/// Keeps the API as the project says, until a signal ends it.
pub(in crate::cli) fn run(context: &Context, args: &RunArgs) -> Result<u8, Failure> {
    let runtime = context.server_runtime()?;
    let interrupts = Arc::<Interrupts>::default();
    listen_to_signals(&runtime, &interrupts)?;
    let context = context.in_cycles(Arc::clone(&interrupts));
    let live = Arc::new(Live::new(environment::now()));
    let schedule = Schedule::new(args.every, fastrand::u64(..));
    let mut process = Process::new(&context, &runtime, args, &interrupts, &live);
    drive(&mut process, schedule, &live);
    context.output.note("stopped: the state is right");
    Ok(status::DONE)
}

/// The first signal ends the process in good order, the second one at once. A hangup wakes it.
fn listen_to_signals(runtime: &Runtime, interrupts: &Arc<Interrupts>) -> Result<(), Failure> {
    let mut signals = runtime.block_on(signals::all())?;
    let interrupts = Arc::clone(interrupts);
    runtime.spawn(async move {
        loop {
            match signals.next().await {
                Signal::Hangup => interrupts.happened(Wake::Hangup),
                Signal::First => interrupts.end(),
                // The intents of the requests under way are durable.
                Signal::Again => std::process::exit(status::STOPPED.into()),
            }
        }
    });
    Ok(())
}
