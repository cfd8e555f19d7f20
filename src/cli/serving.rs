//! What the commands that serve a page on this machine share.

use std::io::Write;

use serde_json::Value;

use super::{args::DataFormat, context::Context, failure::Failure, signals};
use crate::apply::Stopper;

/// Prints the line that scripts wait for. The server runs whether anyone reads it or not.
pub(super) fn announce(context: &Context, format: DataFormat, text: &str, document: &Value) {
    let mut out = context.output.out();
    let written = match format {
        DataFormat::Text => writeln!(out, "{text}"),
        DataFormat::Json => writeln!(out, "{document}"),
    };
    let written = written.and_then(|()| out.flush());
    drop(out);
    context.output.warn_if_lost(written);
}

/// Waits for Ctrl-C, SIGTERM, SIGHUP or SIGQUIT.
pub(super) async fn until_stopped() -> Result<(), Failure> {
    let stopper = Stopper::default();
    let stopped = stopper.clone();
    signals::run_until_signalled(stopper, async move { stopped.stopped().await }).await?;
    Ok(())
}

/// The failure of a server that did not start.
pub(super) fn not_started(error: impl std::error::Error) -> Failure {
    Failure::new(error.to_string()).help("--port 0 takes a port that is free")
}
