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
//! | `pushsync.log` | what was committed since sled's files were written, while that is so |
//! | `pushsync.copy.N` | what is in a small state, to look at it without sled |
//! | `pushsync.seal` | the checksums of sled's files, while the store is closed |
//! | `sled.new/`, `sled.old/` | only while the files are rewritten, or after that was cut off |
//! | `pushsync.lock` | the lock, and who holds it |
//!
//! Other files may lie beside them (a README, a `.gitignore`, the sandbox's journal, backups):
//! they are not looked at.

mod backing;
mod block;
mod blocks;
#[cfg(test)]
mod blocks_tests;
mod compact;
mod copy;
mod folder;
mod head;
mod lock;
mod log;
mod logged;
mod marker;
mod pieces;
mod seal;
mod trouble;

use std::{path::PathBuf, sync::mpsc};

pub use compact::Compacted;

use super::{HostedStore, OpenOptions, StateError, Store as _};

/// Opens the state of one environment in a folder.
pub(super) fn open(folder: PathBuf, options: OpenOptions) -> Result<HostedStore, StateError> {
    let place = folder.display().to_string();
    HostedStore::start(place, move |place| Ok(Box::new(folder::open(&folder, &options, place)?)))
}

/// Rewrites sled's files without the room of what was removed.
pub(super) fn compact(folder: PathBuf, options: OpenOptions) -> Result<Compacted, StateError> {
    let place = folder.display().to_string();
    let (told, done) = mpsc::channel();
    // On the thread of a store, as sled may panic there too.
    let store = HostedStore::start(place, move |place| {
        let compacted = compact::compact(&folder, &options, place)?;
        let open = folder::open(&folder, &options, place)?;
        let _waits = told.send(compacted);
        Ok(Box::new(open))
    })?;
    let compacted =
        done.recv().map_err(|_| StateError::damaged(store.place(), "it ended early"))?;
    drop(store);
    Ok(compacted)
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
    log::read(folder, "here")?;
    let head = head::read(folder, 0, "default", "here")?;
    let _none = copy::read(folder, 0, "default", "here", head);
    seal::check(folder, files, "here").map(drop)
}
