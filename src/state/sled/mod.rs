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

use std::path::PathBuf;

use super::{HostedStore, OpenOptions, StateError};

/// Opens the state of one environment in a folder.
pub(super) fn open(folder: PathBuf, options: OpenOptions) -> Result<HostedStore, StateError> {
    let place = folder.display().to_string();
    HostedStore::start(place, move |place| Ok(Box::new(folder::open(&folder, &options, place)?)))
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
    head::read(folder, 0, "default", "here")?;
    seal::check(folder, files, "here").map(drop)
}
