//! One process at a time: a lock on a file, with a note in it that names the holder.
//!
//! A file can vanish alone: a clean-up job removes it, or something writes another one in its place, and then a
//! second process locks a file of its own. So the folder itself is locked too, and the name of the folder, which
//! lasts when the folder is moved away and made anew. The holder compares what it has locked with what lies at
//! the path before each intent, and sends nothing more if it is not the same.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::name_lock::{self, NameLock};
use crate::state::{LockHolder, StateError, private_file};

pub(super) const FILE: &str = "pushsync.lock";

/// The lock, held until this is dropped. The system drops it when the process ends, however it
/// ends: a lock cannot be left behind.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// `None` where a folder cannot be opened or locked.
    folder: Option<File>,
    /// `None` where the system has no such locks.
    _name: Option<NameLock>,
    path: PathBuf,
    location: String,
}

/// Another process has it.
struct Taken;

/// A lock without a note is being taken or given back: this long it is waited for in any case. A program that
/// the holder starts at that moment has copies of its open files until it runs.
const CHANGES_HANDS: Duration = Duration::from_secs(1);

impl Lock {
    /// Takes the lock, waiting up to `timeout` for its holder. Makes the folder if there is none.
    pub(super) fn take(
        folder: &Path,
        location: &str,
        holder: &LockHolder,
        timeout: Duration,
    ) -> Result<Self, StateError> {
        let start = Instant::now();
        let lock = loop {
            if let Ok(lock) = Self::attempt(folder, location)? {
                break lock;
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                let holder = File::open(folder.join(FILE)).ok().and_then(|file| note(&file));
                if holder.is_some() || start.elapsed() > CHANGES_HANDS {
                    let location = location.to_owned();
                    return Err(StateError::Locked { location, holder, until: None });
                }
            }
            let pause = Duration::from_millis(25);
            thread::sleep(if left.is_zero() { pause } else { left.min(pause) });
        };
        let note = serde_json::to_vec(holder).map_err(StateError::unstorable("the lock's note"))?;
        let mut file = &lock.file;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(&note))
            .map_err(StateError::io("write", folder.join(FILE)))?;
        Ok(lock)
    }

    fn attempt(folder: &Path, location: &str) -> Result<Result<Self, Taken>, StateError> {
        // The name comes first: a folder that was moved away is not made anew while its holder lives.
        private_file::create_parent(folder)?;
        let Ok(name) = name_lock::take(folder) else { return Ok(Err(Taken)) };
        private_file::create_folder(folder)?;
        let handle = match File::open(folder) {
            Ok(handle) if cfg!(unix) => match handle.try_lock() {
                Ok(()) => Some(handle),
                Err(TryLockError::WouldBlock) => return Ok(Err(Taken)),
                // Some network mounts lock only files that are open for writing.
                Err(TryLockError::Error(_)) => None,
            },
            _ => None,
        };
        let path = folder.join(FILE);
        let file = private_file::open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(Taken)),
            Err(TryLockError::Error(error)) => return Err(StateError::io("lock", &path)(error)),
        }
        let (path, location) = (folder.to_owned(), location.to_owned());
        let lock = Self { file, folder: handle, _name: name, path, location };
        // Something may have taken the file away between opening and locking it.
        Ok(if lock.is_in_place() { Ok(lock) } else { Err(Taken) })
    }

    /// Whether the folder at the path is the one that was locked.
    pub(super) fn has_folder(&self) -> bool {
        self.folder.as_ref().is_none_or(|folder| is_at(folder, &self.path))
    }

    fn is_in_place(&self) -> bool {
        self.has_folder() && is_at(&self.file, &self.path.join(FILE))
    }

    /// An error if what was locked is not what lies at the path: another process could believe that it has
    /// the lock.
    pub(super) fn check(&self) -> Result<(), StateError> {
        let why = if !self.has_folder() {
            "its folder was moved, removed or replaced during the run. Nothing more is sent; everything that was committed is safe in the folder as it was. Move that folder back, with the file `unrecorded-…` in it if one lies in its place now, and run again"
                .to_owned()
        } else if !is_at(&self.file, &self.path.join(FILE)) {
            format!(
                "its {FILE} was removed or replaced during the run. Nothing more is sent; everything that was committed is safe. Keep clean-up jobs away from the folder, and run again"
            )
        } else {
            return Ok(());
        };
        Err(StateError::unavailable(&self.location, why))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // So that the next holder is not taken for this one before it has written its note.
        // If it fails, the note is only stale.
        let _stale = self.file.set_len(0);
        let _stale = self.file.unlock();
        if let Some(folder) = &self.folder {
            let _stale = folder.unlock();
        }
    }
}

/// Whether the open file is the one at the path.
fn is_at(file: &File, path: &Path) -> bool {
    let same = || Ok::<_, io::Error>(same(&file.metadata()?, &fs::metadata(path)?));
    same().unwrap_or(false)
}

#[cfg(unix)]
fn same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// A file that is open cannot be removed there.
#[cfg(not(unix))]
fn same(_: &Metadata, _: &Metadata) -> bool {
    true
}

fn note(mut file: &File) -> Option<LockHolder> {
    let mut bytes = Vec::new();
    // A new holder writes its note in a moment.
    for _ in 0..4 {
        bytes.clear();
        file.rewind().ok()?;
        file.take(4096).read_to_end(&mut bytes).ok()?;
        if let Ok(holder) = serde_json::from_slice(&bytes) {
            return Some(holder);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}
