//! Settles unknown deliveries by what events of Brevo say, once the API has confirmed it.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{
    args::Bounds,
    context::{Context, SessionParts},
    failure::Failure,
    progress::Progress,
    selected_state::SelectedState,
};
use crate::{
    apply::{self, Proof, Settled},
    manifest::Settings,
    state::Store,
};

/// The state, the API, and the bounds of the run.
pub(super) struct SettleRequest<'a> {
    pub(super) settings: &'a Settings,
    pub(super) state: &'a SelectedState,
    /// Open to be changed.
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) bounds: &'a Bounds,
    /// For the history.
    pub(super) command: &'static str,
}

/// Asks the API about each message, and records those that it bears out.
pub(super) fn settle(
    context: &Context,
    runtime: &Runtime,
    request: &SettleRequest<'_>,
    proofs: Vec<Proof>,
) -> Result<Settled, Failure> {
    let SettleRequest { settings, state, store, bounds, command } = *request;
    let endpoint = context.endpoint(settings)?;
    let api_url = context.check_same_api(&endpoint, &runtime.block_on(store.meta())?)?;
    let connection = context.connect(runtime, settings, state)?;
    let progress = Arc::new(Progress::new(&context.global, context.output.clone()));
    let session = context.session(SessionParts {
        store: Arc::clone(store),
        api: Arc::new(connection.client.clone()),
        api_url,
        settings,
        bounds,
        info: context.run_info(command, context.commit()),
        reporter: progress.clone(),
    });
    let stopper = session.stopper.clone();
    let settled = runtime.block_on(async {
        let work = apply::settle(proofs, session);
        let settled = context.until_stopped(stopper, work).await;
        connection.close().await;
        settled
    });
    progress.finish();
    Ok(settled??)
}
