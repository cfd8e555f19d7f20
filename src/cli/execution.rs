//! From a plan to its outcome: what `apply` and `import` share.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{
    args::Bounds,
    context::{Context, SessionParts},
    crash_points, environment,
    failure::{Failure, status},
    progress::Progress,
    selected_state::SelectedState,
    unrecorded::Recorder,
};
use crate::{
    apply::{self, Outcome, RunInfo, SourceFiles},
    manifest::Project,
    plan::Plan,
    state::{Store, backup},
};

/// The things that a plan is carried out with.
pub(super) struct Execution<'a> {
    pub(super) project: &'a Project,
    pub(super) state: &'a SelectedState,
    pub(super) store: Arc<dyn Store>,
    pub(super) bounds: &'a Bounds,
    pub(super) command: &'a str,
    /// What the files of the project say, if they still say it, and since when they do (see [`SourceFiles`]).
    pub(super) files: Option<SourceFiles>,
}

/// Carries a plan out.
pub(super) fn execute(
    context: &Context,
    runtime: &Runtime,
    execution: Execution<'_>,
    plan: Plan,
) -> Result<Outcome, Failure> {
    let Execution { project, state, store, bounds, command, files } = execution;
    let addresses: Vec<_> = plan.changes.iter().map(|change| change.address.clone()).collect();
    context.output.masking().known().add(Arc::new(addresses));
    let meta = runtime.block_on(store.meta())?;
    let api_url = context.check_same_api(&plan.api, &meta)?;
    let connection = context.connect(runtime, &project.settings, state)?;
    let key = context.state_key(state)?;
    // A new state has nothing to lose.
    if let Some(folder) = state.backups().filter(|_| meta.serial > 0) {
        let now = environment::now();
        runtime.block_on(backup::backup(&*store, &folder, state.namespace(), now, key.as_ref()))?;
    }
    let progress = Arc::new(Progress::new(&context.global, context.output.clone()));
    let recorder = Recorder::new(
        progress.clone(),
        context.output.clone(),
        context.unrecorded_folder(state),
        key,
        context.command("state resolve").options_first().to_string(),
    );
    let (crashing_store, api) =
        crash_points::wrap(Arc::clone(&store), Arc::new(connection.client.clone()));
    let session = context.session(SessionParts {
        store: crashing_store,
        api,
        api_url,
        settings: &project.settings,
        bounds,
        info: RunInfo { files, ..context.run_info(command, plan.commit.clone()) },
        reporter: Arc::new(recorder),
    });
    let stopper = session.stopper.clone();
    let outcome = runtime.block_on(async {
        let outcome = match context.until_stopped(stopper, apply::apply(plan, session)).await {
            Err(failure) => Err(cut_short(context, failure, &*store).await),
            Ok(outcome) => outcome.map_err(Failure::from),
        };
        connection.close().await;
        outcome
    });
    progress.finish();
    outcome
}

/// The failure of a run that a second signal ended: its requests under way left intents behind.
async fn cut_short(context: &Context, failure: Failure, store: &dyn Store) -> Failure {
    match store.intents().await {
        Ok(intents) if intents.is_empty() => failure.help(
            "the state has noted the requests under way; run apply again: it makes sure of their messages",
        ),
        _ => failure.status(status::UNKNOWN).help(format!(
            "the requests under way are noted as unknown, and need a decision: {} lists them",
            context.command("state resolve")
        )),
    }
}
