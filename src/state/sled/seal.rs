//! `pushsync.seal`: the checksums of sled's files as they were when the store was last closed.
//! While it is there, they are compared before sled sees them: sled repairs what it takes for
//! the traces of a crash, and so would destroy what is left of a damaged file.
//!
//! It is removed (durably) before sled opens the files. After a crash there is none, and sled's
//! own recovery, the marker, the head and the checksums of the records have to do.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

use crate::state::{StateError, private_file};

const FILE: &str = "pushsync.seal";

type Sums = BTreeMap<String, String>;

/// Compares the files with the seal, if there is one, and breaks it.
pub(super) fn check(folder: &Path, files: &Path, place: &str) -> Result<(), StateError> {
    let path = folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StateError::io("read", &path)(error)),
    };
    let damaged = |what: String| StateError::damaged(place, what);
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
    Ok(())
}

/// Whether there is a seal.
pub(super) fn exists(folder: &Path) -> Result<bool, StateError> {
    let path = folder.join(FILE);
    path.try_exists().map_err(StateError::io("read", &path))
}

/// Breaks the seal, if there is one, before anything changes.
pub(super) fn remove(folder: &Path) -> Result<(), StateError> {
    let path = folder.join(FILE);
    match fs::remove_file(&path) {
        Ok(()) => private_file::sync_folder(folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StateError::io("remove", &path)(error)),
    }
}

/// Seals the files, which nobody has open any more. They are durable before their seal is: else
/// a loss of power could leave a seal that fits no file.
pub(super) fn write(folder: &Path, files: &Path) -> Result<(), StateError> {
    private_file::sync_tree(files)?;
    let bytes = serde_json::to_vec(&sums(files)?)
        .map_err(|e| StateError::Unstorable { what: FILE, why: e.to_string() })?;
    private_file::replace(&folder.join(FILE), &bytes)
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
