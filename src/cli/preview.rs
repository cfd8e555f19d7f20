use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::json;

use super::{
    args::{DataFormat, Preview as Args},
    context::Context,
    failure::{Failure, status},
    signals, surroundings,
};
use crate::{
    apply::Stopper,
    manifest::MaskVisitors,
    preview::{self, Options},
};

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let runtime = context.servers_runtime()?;
    let (loader, at) = (context.loader(), args.at);
    runtime.block_on(async {
        let running = preview::start(Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
            folder: context.global.directory.clone(),
            load: Box::new(loader),
            clock: Box::new(move || at.unwrap_or_else(surroundings::now)),
            // It is seen on this machine only, as on a terminal.
            masks: |project| project.settings.mask_visitors == MaskVisitors::Always,
        })
        .await
        .map_err(|error| {
            Failure::new(error.to_string()).help("--port 0 takes a port that is free")
        })?;
        if let Some(why) = running.unwatched() {
            context.output.warning(&format!(
                "the project's files cannot be followed ({why}): start again after a change"
            ));
        }
        // Scripts wait for this line. It serves whether anybody reads it or not.
        let mut out = context.output.out();
        let page = format!("http://{}", running.address());
        let written = match args.format {
            DataFormat::Text => writeln!(out, "preview on {page}"),
            DataFormat::Json => {
                writeln!(out, "{}", json!({ "format": "pushsync/preview/1", "page": page }))
            }
        };
        let written = written.and_then(|()| out.flush());
        drop(out);
        context.output.go_on_without(written);
        context.output.note("the page follows the files as they are saved; Ctrl-C stops");
        let stopper = Stopper::default();
        let stopped = stopper.clone();
        signals::heed(stopper, async move { stopped.stopped().await }).await?;
        running.stop().await;
        Ok(status::DONE)
    })
}
