//! `pushsync.seal`: the checksums of sled's files as they were when the store was last closed.
//! While it is there, they are compared before sled opens the files: sled takes damage for the traces of
//! a crash and repairs it, and so would destroy the rest of a damaged file.
//!
//! It is lifted (durably) before sled opens the files, which may change them even where it is only
//! read. If every byte is the same when they are closed, the same seal is put back, which costs no
//! fsync; otherwise there is a new one. After a crash there is none, and sled's own recovery, the
//! layout, the last commit and the checksums of the records have to do.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

use crate::state::{StateError, private_file};

pub(super) const FILE: &str = "pushsync.seal";
/// The seal while the files are open.
const LIFTED: &str = "pushsync.seal.lifted";

/// The checksums of sled's files.
pub(super) type Sums = BTreeMap<String, String>;

/// Compares the files with the seal, if there is one, and answers with its checksums.
pub(super) fn check(
    folder: &Path,
    files: &Path,
    location: &str,
) -> Result<Option<Sums>, StateError> {
    let Some(bytes) = private_file::read_if_any(&folder.join(FILE))? else { return Ok(None) };
    let damaged = |what: String| StateError::damaged(location, what);
    let sealed: Sums = serde_json::from_slice(&bytes)
        .map_err(|_| damaged(format!("its {FILE} is not what was written")))?;
    let found = sums(files)?;
    for (name, sum) in &sealed {
        match found.get(name) {
            None => return Err(damaged(format!("its file sled/{name} is missing"))),
            Some(other) if other != sum => {
                return Err(damaged(format!("its file sled/{name} was changed by something else")));
            }
            Some(_) => {}
        }
    }
    if let Some(name) = found.keys().find(|name| !sealed.contains_key(*name)) {
        return Err(damaged(format!(
            "it has a file {:?} that something else put there",
            format!("sled/{name}")
        )));
    }
    Ok(Some(sealed))
}

/// Takes the seal off, if there is one, before anything changes.
pub(super) fn lift(folder: &Path) -> Result<(), StateError> {
    let path = folder.join(FILE);
    match fs::rename(&path, folder.join(LIFTED)) {
        Ok(()) => private_file::sync_folder(folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StateError::io("rename", &path)(error)),
    }
}

/// Seals the files, which must be closed. `lifted` has the checksums of the seal that was taken off, if
/// nothing was written since.
///
/// `db` was open while sled was: only such a file tells each error that sled did not tell.
pub(super) fn put(
    folder: &Path,
    files: &Path,
    lifted: Option<&Sums>,
    db: Option<&File>,
) -> Result<(), StateError> {
    let (path, before) = (folder.join(FILE), folder.join(LIFTED));
    if let Some(lifted) = lifted
        && sums(files)? == *lifted
    {
        // Durable as before. If the rename is lost, there is no seal, which does no harm.
        return fs::rename(&before, &path).map_err(StateError::io("rename", &before));
    }
    // Durable before their seal is: else a loss of power could leave a seal that fits no file.
    db.map_or(Ok(()), File::sync_all).map_err(StateError::io("sync", files.join("db")))?;
    private_file::sync_tree(files)?;
    let bytes = serde_json::to_vec(&sums(files)?).map_err(StateError::unstorable(FILE))?;
    private_file::replace(&path, &bytes)?;
    private_file::remove_if_any(&before).map(drop)
}

fn sums(files: &Path) -> Result<Sums, StateError> {
    let mut sums = Sums::new();
    for entry in walkdir::WalkDir::new(files) {
        let entry = entry.map_err(|error| StateError::io("read", files)(error.into()))?;
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.path();
        let mut hasher = blake3::Hasher::new();
        File::open(path)
            .and_then(|file| hasher.update_reader(file).map(drop))
            .map_err(StateError::io("read", path))?;
        let name = path.strip_prefix(files).unwrap_or(path).to_string_lossy().replace('\\', "/");
        sums.insert(name, hasher.finalize().to_hex().to_string());
    }
    Ok(sums)
}
