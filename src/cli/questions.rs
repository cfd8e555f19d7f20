//! A run that only asks the API about messages, and records what it answers.

use std::{future::Future, sync::Arc};

use tokio::runtime::Runtime;

use super::{
    args::Bounds,
    context::{Context, SessionParts},
    failure::Failure,
    progress::Progress,
    selected_state::SelectedState,
};
use crate::{
    apply::{ApplyError, Session},
    manifest::Settings,
    state::Store,
};

/// The state, the API, and the bounds of the run.
pub(super) struct Questions<'a> {
    pub(super) settings: &'a Settings,
    pub(super) state: &'a SelectedState,
    /// Open to be changed.
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) bounds: &'a Bounds,
    /// For the history.
    pub(super) command: &'static str,
}

/// Connects, and does `work`, which a signal stops.
pub(super) fn ask<T, F: Future<Output = Result<T, ApplyError>>>(
    context: &Context,
    runtime: &Runtime,
    questions: &Questions<'_>,
    work: impl FnOnce(Session) -> F,
) -> Result<T, Failure> {
    let Questions { settings, state, store, bounds, command } = *questions;
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
    let ended = runtime.block_on(async {
        let ended = context.until_stopped(stopper, work(session)).await;
        connection.close().await;
        ended
    });
    progress.finish();
    Ok(ended??)
}
