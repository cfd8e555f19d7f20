//! The state of a cycle: how it is opened, and whether it is the right one.

use std::sync::Arc;

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::end::End;
use crate::{
    cli::{
        context::{Context, Needs},
        failure::Failure,
        lockfile::Lockfile,
        selected_state::SelectedState,
    },
    controller::CycleOutcome,
    manifest::Project,
    model::{Endpoint, Intent},
    state::{Access, Mode, StateError, StateTarget, Store, unrecorded::UnrecordedOutcomes},
};

/// The project of a cycle, its state, and its API.
pub(super) struct Setting<'a> {
    pub(super) context: &'a Context,
    pub(super) runtime: &'a Runtime,
    pub(super) project: Project,
    pub(super) state: SelectedState,
    pub(super) api: Endpoint,
}

/// Looks whether another process still has the lock of the state. While it has, neither the audiences nor the whole
/// state are read again and again.
pub(super) fn check_lock(context: &Context, runtime: &Runtime) -> Result<(), End> {
    let Some(project) = context.load_for(Needs::Files).project else { return Ok(()) };
    let selected = context.selected_state(&project).and_then(|state| {
        let api = context.endpoint(&project.settings)?;
        Ok((state, api))
    });
    // What else is wrong, the cycle finds.
    let Ok((state, api)) = selected else { return Ok(()) };
    let setting = Setting { context, runtime, project, state, api };
    match setting.open_as(Mode::MustExist, Access::Write) {
        Err(end) if end.outcome == CycleOutcome::Locked => Err(end),
        _ => Ok(()),
    }
}

impl Setting<'_> {
    /// Whether a reader of the state keeps all others out.
    pub(super) fn is_locked_by_readers(&self) -> bool {
        matches!(self.state.location(), StateTarget::Folder(_))
    }

    /// Opens the state: to change it where a reader has it for itself anyway, or where an earlier run has left
    /// something to record.
    pub(super) fn open(&self) -> Result<Option<Arc<dyn Store>>, End> {
        if self.is_locked_by_readers() {
            return self.open_as(Mode::MustExist, Access::Write);
        }
        let Some(store) = self.open_as(Mode::MustExist, Access::Read)? else { return Ok(None) };
        let lineage = self.meta(&*store)?.lineage;
        let folder = self.context.unrecorded_folder(&self.state);
        let unrecorded = folder.ok().map(|folder| UnrecordedOutcomes::file(&folder, lineage));
        if unrecorded.is_some_and(|file| file.exists()) {
            drop(store);
            // It is recorded on the way.
            return self.open_as(Mode::MustExist, Access::Write);
        }
        Ok(Some(store))
    }

    /// Opens the state to change it, and makes it if it does not exist.
    pub(super) fn open_to_write(&self) -> Result<Arc<dyn Store>, End> {
        let store = self.open_as(Mode::CreateIfAbsent, Access::Write)?;
        store.ok_or_else(|| End::state(Failure::new("the state could not be created")))
    }

    fn open_as(&self, mode: Mode, access: Access) -> Result<Option<Arc<dyn Store>>, End> {
        let (context, state) = (self.context, &self.state);
        context.check_folder(state, mode).map_err(End::state)?;
        let options = context.open_options(state, mode, access, "run").map_err(End::state)?;
        context.open_with(state, options).map_err(|error| {
            let outcome = match error {
                StateError::Locked { .. } => CycleOutcome::Locked,
                _ => CycleOutcome::State,
            };
            End::of(outcome, state.failure(error))
        })
    }

    /// Refuses a state that is missing, or that is another one than that of the cycles `before`. Returns its lineage.
    pub(super) fn check_state(
        &self,
        store: Option<&Arc<dyn Store>>,
        before: Option<Uuid>,
    ) -> Result<Option<Uuid>, End> {
        let Self { context, runtime, project, state, api } = self;
        context.check_state(project, state, api, runtime, store, false).map_err(End::refused)?;
        let found = store.map(|store| self.meta(&**store)).transpose()?.map(|meta| meta.lineage);
        let Some(before) = before.filter(|before| found != Some(*before)) else { return Ok(found) };
        let now = match found {
            None => "there is none any more".to_owned(),
            Some(found) => format!("now there is one of lineage {found}"),
        };
        Err(End::refused(
            Failure::new(format!(
                "the state is not the one that this process has worked on: that was of lineage {before}, and {now}"
            ))
            .help("nothing was sent: everything might be sent a second time. Bring the state back; if another one is meant, start the process again"),
        ))
    }

    /// Refuses to send anything from a new state that `pushsync.lock` does not name, if that file cannot be written: the
    /// next process would not notice that the state is lost. The state is there from now on, so its line can be
    /// committed.
    pub(super) fn check_new_state(&self, store: &dyn Store) -> Result<(), End> {
        let (Some(url), meta) = (self.api.url(), self.meta(store)?) else { return Ok(()) };
        let folder = &self.context.global.directory;
        let environment = self.state.environment();
        let lockfile = Lockfile::read(folder).map_err(End::refused)?;
        let is_new = meta.records == 0 && meta.last_run == 0;
        if !is_new || lockfile.names(environment, url) {
            return Ok(());
        }
        Lockfile::check_writable(folder).map_err(|error| {
            let by_hand = lockfile.how_to_add(&Lockfile::line(environment, url, meta.lineage));
            End::refused(
                Failure::new(format!(
                    "this state is new, and {} cannot be written to name it: {error}",
                    Lockfile::path(folder).display()
                ))
                .help(format!(
                    "nothing was sent: if the state were lost later, everything would be sent a second time. The next cycle goes on once {} names it. {by_hand}",
                    Lockfile::path(folder).display()
                )),
            )
        })
    }

    /// The deliveries that are unknown.
    pub(super) fn intents(&self, store: &dyn Store) -> Result<Vec<Intent>, End> {
        self.runtime.block_on(store.intents()).map_err(|error| End::state(error.into()))
    }

    pub(super) fn meta(&self, store: &dyn Store) -> Result<crate::state::Meta, End> {
        self.runtime.block_on(store.meta()).map_err(|error| End::state(error.into()))
    }
}
