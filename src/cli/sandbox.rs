use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::json;

use super::{
    args::{DataFormat, Sandbox as Args},
    context::Context,
    failure::{Failure, status},
    signals, surroundings,
};
use crate::{
    apply::Stopper,
    sandbox::{Faults, Options, Sandbox},
};

pub(super) fn run(context: &Context, args: Args) -> Result<u8, Failure> {
    let Args { port, data, limit, latency, fail, drop_replies, seed, format } = args;
    let runtime = context.servers_runtime()?;
    runtime.block_on(async {
        let running = Sandbox::start(Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            data,
            budget: limit,
            faults: Faults { latency, fail, drop_replies, seed },
            clock: surroundings::clock(),
        })
        .await
        .map_err(|error| {
            Failure::new(error.to_string()).help("--port 0 takes a port that is free")
        })?;
        for warning in running.warnings() {
            context.output.warning(warning);
        }
        // Scripts wait for this line. It serves whether anybody reads it or not.
        let mut out = context.output.out();
        let page = format!("http://{}", running.address());
        let written = match format {
            DataFormat::Text => writeln!(out, "listening on {page}"),
            DataFormat::Json => writeln!(
                out,
                "{}",
                json!({ "format": "pushsync/sandbox/1", "page": page, "base_url": running.base_url() })
            ),
        };
        let written = written.and_then(|()| out.flush());
        drop(out);
        context.output.go_on_without(written);
        context.output.note(&format!(
            "any key is accepted; try: BREVO_API_KEY=any pushsync apply --base-url {} --state sandbox-state; Ctrl-C stops",
            running.base_url()
        ));
        let stopper = Stopper::default();
        let stopped = stopper.clone();
        signals::heed(stopper, async move { stopped.stopped().await }).await?;
        running.stop().await;
        Ok(status::DONE)
    })
}
