//! Which files a program is writing right now.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use notify::{
    Event, EventKind,
    event::{AccessKind, AccessMode, ModifyKind},
};

use crate::manifest::Stamp;

/// The files that a program has changed and not closed: half of what it has to say may be there. Only Linux reports
/// both; and of another machine that shares the folder, no system reports anything.
#[derive(Debug, Default)]
pub(super) struct Writers(Mutex<HashSet<PathBuf>>);

impl Writers {
    fn open(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the system reports. Returns whether a program has left a file alone that it was writing.
    pub(super) fn take_in(&self, event: &Event) -> bool {
        if event.need_rescan() {
            return self.forget(|_| true);
        }
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => {
                self.open().extend(event.paths.iter().cloned());
                false
            }
            // Another file has the name now, or none.
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Remove(_)
            | EventKind::Modify(ModifyKind::Name(_)) => {
                self.forget(|path| event.paths.iter().any(|one| one == path))
            }
            _ => false,
        }
    }

    /// Forgets these files, of which nothing is known any more. Returns whether there were any.
    pub(super) fn forget(&self, these: impl Fn(&Path) -> bool) -> bool {
        let mut open = self.open();
        let before = open.len();
        open.retain(|path| !these(path));
        open.len() < before
    }

    /// One of these files that a program is writing.
    pub(super) fn of(&self, files: &Stamp) -> Option<PathBuf> {
        let open = self.open();
        if open.is_empty() {
            return None;
        }
        files.real_paths().find(|(_, real)| open.contains(*real)).map(|(path, _)| path.to_owned())
    }
}
