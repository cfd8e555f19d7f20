use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use super::{
    args::PreviewArgs,
    context::{Context, Needs},
    environment,
    failure::{Failure, status},
    serving,
};
use crate::{
    manifest::MaskVisitors,
    preview::{self, Options},
};

pub(super) fn run(context: &Context, args: &PreviewArgs) -> Result<u8, Failure> {
    let runtime = context.server_runtime()?;
    let (loader, at) = (context.loader(Needs::Audiences), args.at);
    let ended = runtime.block_on(async {
        let running = preview::start(Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
            load: Box::new(loader),
            clock: Box::new(move || at.unwrap_or_else(environment::now)),
            // Only this machine sees the page, like a terminal.
            masks: |project| project.settings.mask_visitors == MaskVisitors::Always,
        })
        .await
        .map_err(serving::not_started)?;
        let page = format!("http://{}", running.address());
        let document = json!({ "format": "pushsync/preview/1", "page": page });
        serving::announce(context, args.format, &format!("preview on {page}"), &document);
        context.output.note("the page follows the files as they are saved; Ctrl-C stops");
        serving::until_stopped().await?;
        running.stop().await;
        Ok(status::DONE)
    });
    // A query that is being read for the page is not waited for.
    runtime.shutdown_background();
    ended
}
