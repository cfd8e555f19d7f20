//! Ctrl-C and SIGTERM: the first one stops in good order, the second one at once.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::{Failure, status};
use crate::apply::{Stop, Stopper};

/// Runs `work`. The first signal stops `stopper`, and `work` ends soon after. The second signal drops
/// `work` at once: the state keeps the intents of the requests under way.
pub(super) async fn run_until_signalled<T>(
    stopper: Stopper,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::pin!(work);
    let failed = |error| Failure::new(format!("could not listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut signals = 0;
    loop {
        tokio::select! {
            result = &mut work => return Ok(result),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        signals += 1;
        if signals == 2 {
            return Err(Failure::new("stopped at once").status(status::STOPPED));
        }
        stopper.stop(Stop::Signal);
    }
}
