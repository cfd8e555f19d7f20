//! The default store: sled 0.34.7 in a folder, with a guard for each promise that sled does not make
//! (see `docs/state-layers.md`).
//!
//! In the folder lie
//!
//! | name | content |
//! |---|---|
//! | `sled/` | sled's own files, and nothing else |
//! | `pushsync.json` | the format, and the environments that have a state here |
//! | `pushsync.heads` | the number of the last commit of each environment |
//! | `pushsync.log` | the commits that sled does not have yet, if there are any |
//! | `pushsync.seal` | the checksums of sled's files, while the store is closed |
//! | `sled.new/`, `sled.old/` | only while the files are rewritten, or after that was cut off |
//! | `pushsync.lock` | the lock, and who holds it |
//!
//! Other files may lie beside them (a README, a `.gitignore`, the sandbox's journal, backups):
//! they are not looked at.

mod block;
mod blocks;
#[cfg(test)]
mod blocks_tests;
mod checksums;
mod compact;
mod error;
mod last_commit;
mod layout;
mod lock;
mod memtable;
mod open;
mod overflow;
mod paths;
mod sled_kv;
mod wal;

use std::{path::PathBuf, sync::mpsc};

pub use compact::Compacted;

use super::{OpenOptions, StateError, Store, threaded_store::ThreadedStore};

/// Opens the state of one environment in a folder.
pub(super) fn open(folder: PathBuf, options: OpenOptions) -> Result<Box<dyn Store>, StateError> {
    let location = folder.display().to_string();
    let open = move |location: &str| open::open(&folder, &options, location);
    Ok(Box::new(ThreadedStore::start(location, open)?))
}

/// Rewrites sled's files without the room of removed entries.
pub(super) fn compact(folder: PathBuf, options: OpenOptions) -> Result<Compacted, StateError> {
    let location = folder.display().to_string();
    let (told, done) = mpsc::channel();
    // On the thread of a store, as sled may panic there too.
    let store = ThreadedStore::start(location, move |location| {
        let compacted = compact::compact(&folder, &options, location)?;
        let open = open::open(&folder, &options, location)?;
        let _waits = told.send(compacted);
        Ok(open)
    })?;
    let compacted =
        done.recv().map_err(|_| StateError::damaged(store.location(), "it ended early"))?;
    drop(store);
    Ok(compacted)
}

/// Reads the files beside sled's.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read_beside(
    folder: &std::path::Path,
    files: &std::path::Path,
) -> Result<(), StateError> {
    if let Some(layout) = layout::Layout::read(folder, "here")? {
        let _ = layout.position("default");
    }
    wal::read(folder, "here")?;
    last_commit::read(folder, 0, "default", "here")?;
    checksums::check(folder, files, "here").map(drop)
}
