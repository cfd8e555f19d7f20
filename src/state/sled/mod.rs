//! The default store: sled 0.34.7 in a folder, with guards around what sled does not promise
//! (see `docs/decisions/`).
//!
//! In the folder lie
//!
//! | name | what |
//! |---|---|
//! | `sled/` | sled's own files, and nothing else |
//! | `pushsync.json` | the format, and the environments that have a state here |
//! | `pushsync.heads` | the number of the last commit of each environment |
//! | `pushsync.seal` | the checksums of sled's files, while the store is closed |
//! | `pushsync.lock` | the lock, and who holds it |
//!
//! Other files may lie beside them (a README, a `.gitignore`, the sandbox's journal, backups):
//! they are not looked at.

mod backing;
mod folder;
mod head;
mod lock;
mod marker;
mod seal;

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use super::{HostedStore, LockHolder, StateError};

/// Whether a state that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make an empty one.
    CreateIfAbsent,
    /// It is an error, [`StateError::NotFound`], and nothing is created.
    MustExist,
}

/// How to open a state.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The folder.
    pub path: PathBuf,
    /// The environment; each has a state of its own in the folder.
    pub environment: String,
    /// What to do when there is no state yet.
    pub mode: Mode,
    /// Who wants it, for those who come while it is open.
    pub holder: LockHolder,
    /// How long to wait for another process.
    pub lock_timeout: Duration,
    /// The lineage of the state, if it is made.
    pub new_lineage: Uuid,
    /// The time at which it is made, if it is.
    pub now: Timestamp,
}

/// Opens the state of one environment in a folder. This blocks: on the lock up to
/// [`OpenOptions::lock_timeout`], and while the files are read.
///
/// # Errors
///
/// See [`StateError`]: `Damaged`, `Newer`, `OtherEnvironment`, `Locked`, `NotFound`, `Io`.
pub fn open(options: OpenOptions) -> Result<HostedStore, StateError> {
    let place = options.path.display().to_string();
    HostedStore::start(place, move |place| Ok(Box::new(folder::open(&options, place)?)))
}
