use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use super::{
    args::SandboxArgs,
    context::Context,
    environment,
    failure::{Failure, status},
    serving,
};
use crate::sandbox::{Faults, Gateway, Options, Sandbox, Webhook};

pub(super) fn run(context: &Context, args: SandboxArgs) -> Result<u8, Failure> {
    let SandboxArgs {
        port,
        data,
        limit,
        latency,
        fail,
        drop_replies,
        seed,
        fault: faults,
        after,
        normalise,
        webhook,
        webhook_fault,
        token_life,
        format,
    } = args;
    let runtime = context.server_runtime()?;
    runtime.block_on(async {
        let running = Sandbox::start(Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            data,
            budget: limit,
            faults: Faults { latency, fail, drop_replies, seed },
            normalise,
            gateway: Gateway { faults, after },
            webhook: webhook.map(|url| Webhook { url, faults: webhook_fault }),
            token_life,
            clock: environment::clock(),
        })
        .await
        .map_err(serving::not_started)?;
        for warning in running.warnings() {
            context.output.warning(warning);
        }
        let (page, base_url) = (format!("http://{}", running.address()), running.base_url());
        let document =
            json!({ "format": "pushsync/sandbox/1", "page": page, "base_url": base_url });
        serving::announce(context, format, &format!("listening on {page}"), &document);
        context.output.note(&format!(
            "any key is accepted; try: BREVO_API_KEY=any pushsync apply --base-url {base_url} --state sandbox-state; Ctrl-C stops"
        ));
        serving::until_stopped().await?;
        running.stop().await;
        Ok(status::DONE)
    })
}
