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
mod panics;
mod seal;
mod worker;

use std::{ops::Bound, path::PathBuf, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use crate::model::Address;

use super::{
    Answer, Intent, LockHolder, Meta, Page, Record, Run, StateError, Store, Verification, Write,
};

use worker::Worker;

/// Whether a state that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make an empty one.
    CreateIfAbsent,
    /// It is an error, [`StateError::NotFound`], and nothing is created.
    MustExist,
}

/// How to open a [`SledStore`].
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

/// A [`Store`] in a folder.
///
/// sled is called by one thread of the store's own, so that no call blocks an executor. A commit
/// that has begun is carried out even if nobody waits for it any more. Dropping the store waits
/// for what is under way, closes the files and gives the lock back.
#[derive(Debug)]
pub struct SledStore {
    worker: Worker,
}

impl SledStore {
    /// Opens the state of one environment. This blocks: on the lock up to
    /// [`OpenOptions::lock_timeout`], and while the files are read.
    ///
    /// # Errors
    ///
    /// See [`StateError`]: `Damaged`, `Newer`, `OtherEnvironment`, `Locked`, `NotFound`, `Io`.
    pub fn open(options: OpenOptions) -> Result<Self, StateError> {
        Ok(Self { worker: Worker::start(options)? })
    }
}

impl Store for SledStore {
    fn place(&self) -> &str {
        self.worker.place()
    }

    fn meta(&self) -> Answer<'_, Meta> {
        self.worker.run(|state| Ok(state.engine.ledger.meta.clone()))
    }

    fn page<'a>(
        &'a self,
        from: Bound<&'a str>,
        to: Bound<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page> {
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        self.worker.run(move |state| {
            state.engine.page(
                from.as_ref().map(String::as_str),
                to.as_ref().map(String::as_str),
                limit,
            )
        })
    }

    fn record<'a>(&'a self, address: &'a Address) -> Answer<'a, Option<Record>> {
        let address = address.clone();
        self.worker.run(move |state| state.engine.record(&address))
    }

    fn intents(&self) -> Answer<'_, Vec<Intent>> {
        self.worker.run(|state| state.engine.intents())
    }

    fn runs(&self, limit: usize) -> Answer<'_, Vec<Run>> {
        self.worker.run(move |state| state.engine.runs(limit))
    }

    fn commit(&self, writes: Vec<Write>) -> Answer<'_, Meta> {
        self.worker.run(move |state| state.commit(&writes))
    }

    fn verify(&self) -> Answer<'_, Verification> {
        self.worker.run(|state| state.verify())
    }
}

/// Reads what lies beside sled's files.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read_beside(
    folder: &std::path::Path,
    files: &std::path::Path,
) -> Result<(), StateError> {
    if let Some(marker) = marker::Marker::read(folder, "here")? {
        let _ = marker.position("default");
    }
    head::Heads::open(folder, 0, "default")?.read()?;
    seal::check(folder, files, "here")
}
