//! Whether a state is the one that `pushsync.lock` names.

use std::sync::Arc;

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::project::{Context, Needs};
use crate::{
    cli::{
        failure::Failure,
        lockfile::{LOCKFILE, Lockfile, Mismatch},
        selected_state::SelectedState,
    },
    manifest::Project,
    model::{Endpoint, one_line},
    state::{StateTarget, Store},
};

impl Context {
    /// Refuses a state that is not the one of the environment and the API, or that is missing: everything
    /// would be sent again. A sandbox is not bound. With `anew` (`apply --new-state`), a missing or another state
    /// is meant.
    pub(crate) fn check_state(
        &self,
        project: &Project,
        state: &SelectedState,
        api: &Endpoint,
        runtime: &Runtime,
        store: Option<&Arc<dyn Store>>,
        anew: bool,
    ) -> Result<(), Failure> {
        let Endpoint::At(url) = api else { return Ok(()) };
        let found = lineage_of(runtime, store)?;
        let lockfile = Lockfile::read(&self.global.directory)?;
        match lockfile.check(state.environment(), url, found, &project.environments) {
            // Nobody means to change the messages of another environment.
            Err(mismatch) if !anew || matches!(mismatch, Mismatch::Copied { .. }) => {
                Err(self.mismatched(state, &mismatch))
            }
            Ok(()) if anew && found.is_some() => Err(Failure::new(format!(
                "--new-state is for a state that is lost, and the environment {} has its state in `{}`",
                one_line(state.environment()),
                self.place_of(state)
            ))
            .help("nothing was done; leave --new-state out")),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Refuses a state that does not exist, if `pushsync.lock` names it. Nothing is known of a project that cannot be
    /// read.
    pub(crate) fn check_not_lost(&self, state: &SelectedState) -> Result<(), Failure> {
        let loaded = self.load_for(Needs::Files);
        let Some(project) = loaded.at_least() else { return Ok(()) };
        let Endpoint::At(url) = self.endpoint(&project.settings)? else { return Ok(()) };
        Lockfile::read(&self.global.directory)?
            .check(state.environment(), &url, None, &project.environments)
            .map_err(|mismatch| self.mismatched(state, &mismatch))
    }

    /// Notes in `pushsync.lock` which state has the messages of this environment and API.
    pub(crate) fn note_lineage(
        &self,
        state: &SelectedState,
        api: &Endpoint,
        lineage: Uuid,
    ) -> Result<(), Failure> {
        let Endpoint::At(url) = api else { return Ok(()) };
        self.edit_lockfile(&Lockfile::line(state.environment(), url, lineage), |lockfile| {
            lockfile.set(state.environment(), url, lineage)
        })
    }

    /// Changes `pushsync.lock`; where it cannot be written, its new line is printed.
    pub(crate) fn edit_lockfile(
        &self,
        line: &str,
        edit: impl FnOnce(&mut Lockfile) -> bool,
    ) -> Result<(), Failure> {
        let folder = &self.global.directory;
        let _alone = Lockfile::alone(folder);
        let mut lockfile = Lockfile::read(folder)?;
        let by_hand = lockfile.how_to_add(line);
        if !edit(&mut lockfile) {
            return Ok(());
        }
        let path = Lockfile::path(folder);
        let shown = path.strip_prefix(".").unwrap_or(&path).display();
        match lockfile.write(folder) {
            Ok(()) => self
                .output
                .note(&format!("{} names the state of this environment now: commit it", shown)),
            Err(error) => {
                self.output.warning(&format!("could not write {}: {error}. {by_hand}", shown))
            }
        }
        Ok(())
    }

    fn mismatched(&self, state: &SelectedState, mismatch: &Mismatch) -> Failure {
        let (environment, place) = (one_line(state.environment()), self.place_of(state));
        let recover = match state.location() {
            StateTarget::Folder(_) => "bring the folder back",
            StateTarget::Postgres(_) => "restore the database",
            StateTarget::Bucket(_) => "bring an older version of its objects back",
        };
        let recover =
            format!("{recover}, or read an export back: {}", self.command("state import FILE"));
        let anew =
            "If it is lost for good and everything may be sent again, apply with --new-state";
        match mismatch {
            Mismatch::Missing { expected } => Failure::new(format!(
                "the state of the environment {environment} is missing: {LOCKFILE} names the lineage {expected}, and `{place}` has no state of this environment"
            ))
            .help(format!(
                "nothing was sent: everything would be sent a second time. If the state is elsewhere, name it with --state or PUSHSYNC_STATE; otherwise {recover}. {anew}"
            )),
            Mismatch::Other { expected, found } => Failure::new(format!(
                "this is not the state of the environment {environment}: {LOCKFILE} names the lineage {expected}, and the state in `{place}` is of lineage {found}"
            ))
            .help(format!(
                "nothing was sent: messages that the other state knows would be sent a second time. Name the right one with --state or PUSHSYNC_STATE; or {recover}. {anew}"
            )),
            Mismatch::Renamed { from } => {
                let old = one_line(from.first().map_or("OLD", String::as_str));
                Failure::new(format!(
                    "the environment {environment} has no state, and {LOCKFILE} names one of `{}`, which is not declared any more",
                    from.iter().map(|name| one_line(name)).collect::<Vec<_>>().join("`, `")
                ))
                .help(format!(
                    "nothing was sent: if the environment was renamed, everything would be sent a second time. Rename its state too: {}. If `{old}` was given up, remove its line from {LOCKFILE}; to begin anew, apply with --new-state",
                    self.command_without_env(&format!("state rename {old} {environment}")),
                ))
            }
            Mismatch::Copied { of } => Failure::new(format!(
                "the state in `{place}` is a copy: {LOCKFILE} says that its lineage belongs to the environment {}",
                one_line(of)
            ))
            .help(format!(
                "nothing was sent: both would change the same messages. If that environment was renamed: {}. If it was copied, remove the copy",
                self.command_without_env(&format!("state rename {} {environment}", one_line(of)))
            )),
        }
    }
}

fn lineage_of(runtime: &Runtime, store: Option<&Arc<dyn Store>>) -> Result<Option<Uuid>, Failure> {
    let Some(store) = store else { return Ok(None) };
    Ok(Some(runtime.block_on(store.meta())?.lineage))
}
