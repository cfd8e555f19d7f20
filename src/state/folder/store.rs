//! A store in a folder, on a thread of its own.

use std::{path::PathBuf, sync::mpsc};

#[cfg(any(test, feature = "fuzzing"))]
use super::{checksums, last_commit, layout, wal};
use super::{
    compact::{Compacted, rewrite},
    open::open_engine,
};
use crate::state::{OpenOptions, StateError, Store, threaded_store::ThreadedStore};

/// Opens the state of one environment in a folder.
pub(in crate::state) fn open(
    folder: PathBuf,
    options: OpenOptions,
) -> Result<Box<dyn Store>, StateError> {
    let location = folder.display().to_string();
    let close_errors = options.close_errors.clone();
    let open = move |location: &str| open_engine(&folder, &options, location);
    Ok(Box::new(ThreadedStore::start(location, &close_errors, open)?))
}

/// Rewrites sled's files without the room of removed entries.
pub(in crate::state) fn compact(
    folder: PathBuf,
    options: OpenOptions,
) -> Result<Compacted, StateError> {
    let location = folder.display().to_string();
    let (told, done) = mpsc::channel();
    // On the thread of a store, as sled may panic there too.
    let close_errors = options.close_errors.clone();
    let store = ThreadedStore::start(location, &close_errors, move |location| {
        let compacted = rewrite(&folder, &options, location)?;
        let open = open_engine(&folder, &options, location)?;
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
pub(in crate::state) fn read_beside(
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
