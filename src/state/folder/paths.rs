//! The files and folders of a store.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use crate::state::{StateError, private_file};

/// The folder of a store, and the folders of sled's files in it.
#[derive(Clone)]
pub(super) struct SledPaths {
    pub(super) folder: PathBuf,
    /// sled's files.
    pub(super) files: PathBuf,
    /// The new files while they are written anew.
    pub(super) fresh: PathBuf,
    /// The old files until they are removed.
    pub(super) old: PathBuf,
}

impl SledPaths {
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: folder.join("sled"),
            fresh: folder.join("sled.new"),
            old: folder.join("sled.old"),
        }
    }

    /// Completes or undoes a compaction that was cut off. Nobody has the files open.
    pub(super) fn recover(&self) -> Result<(), StateError> {
        if exists(&self.old)? {
            if exists(&self.files)? {
                // The new ones have taken their place.
                remove_folder(&self.old)?;
            } else {
                rename(&self.old, &self.files)?;
            }
            private_file::sync_folder(&self.folder)?;
        }
        if exists(&self.fresh)? { remove_folder(&self.fresh) } else { Ok(()) }
    }
}

impl SledPaths {
    /// Writes sled's files once more, durably. After an fsync has failed, the system answers what was written
    /// although the disk does not have it, and never writes it again: files that were not closed well are not
    /// believed. Nobody has them open. Their bytes stay the same, so they may change one after another.
    pub(super) fn renew(&self) -> Result<(), StateError> {
        let failed = |error: walkdir::Error| StateError::io("read", &self.files)(error.into());
        let all: Vec<_> = walkdir::WalkDir::new(&self.files)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let files = all.iter().filter(|entry| entry.file_type().is_file());
        for path in files.map(walkdir::DirEntry::path) {
            if path.extension().is_some_and(|extension| extension == "new") {
                // An earlier attempt was cut off.
                private_file::remove_if_any(path)?;
                continue;
            }
            let new = PathBuf::from([path.as_os_str(), ".new".as_ref()].join("".as_ref()));
            copy(path, &new)?;
            rename(&new, path)?;
        }
        for folder in all.iter().filter(|entry| entry.file_type().is_dir()) {
            private_file::sync_folder(folder.path())?;
        }
        Ok(())
    }

    /// Puts the new files, which are durable, in the place of the old ones.
    pub(super) fn replace_files(&self) -> Result<(), StateError> {
        rename(&self.files, &self.old)?;
        private_file::sync_folder(&self.folder)?;
        rename(&self.fresh, &self.files)?;
        private_file::sync_folder(&self.folder)
    }
}

/// Reads and writes all bytes: a copy that the file system makes could share what the disk has.
fn copy(from: &Path, to: &Path) -> Result<(), StateError> {
    let mut old = File::open(from).map_err(StateError::io("read", from))?;
    let mut new = private_file::create_anew(to)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = old.read(&mut buffer).map_err(StateError::io("read", from))?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
        new.write_all(bytes).map_err(StateError::io("write", to))?;
    }
    new.sync_all().map_err(StateError::io("sync", to))
}

pub(super) fn exists(path: &Path) -> Result<bool, StateError> {
    path.try_exists().map_err(StateError::io("read", path))
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StateError> {
    fs::rename(from, to).map_err(StateError::io("rename", from))
}

pub(super) fn remove_folder(folder: &Path) -> Result<(), StateError> {
    fs::remove_dir_all(folder).map_err(StateError::io("remove", folder))
}

/// sled makes its files with the process's usual mode.
pub(super) fn restrict(files: &Path) -> Result<(), StateError> {
    #[cfg(unix)]
    for entry in files.read_dir().map_err(StateError::io("read", files))? {
        use std::os::unix::fs::PermissionsExt;
        let path = entry.map_err(StateError::io("read", files))?.path();
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(StateError::io("restrict", &path))?;
    }
    Ok(())
}
