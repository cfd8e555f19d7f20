//! One process at a time: a lock on a file, with a note in it that names the holder.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::state::{LockHolder, StateError, private_file};

pub(super) const FILE: &str = "pushsync.lock";

/// The lock, held until this is dropped. The system drops it when the process ends, however it
/// ends: a lock cannot be left behind.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock, waiting up to `timeout` for its holder.
    pub(super) fn take(
        folder: &Path,
        location: &str,
        holder: &LockHolder,
        timeout: Duration,
    ) -> Result<Self, StateError> {
        let path = folder.join(FILE);
        let mut file = private_file::open(&path)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(StateError::io("lock", &path)(error));
                }
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(StateError::Locked {
                    location: location.to_owned(),
                    holder: note(&file),
                    until: None,
                });
            }
            thread::sleep(left.min(Duration::from_millis(25)));
        }
        let note = serde_json::to_vec(holder).map_err(StateError::unstorable("the lock's note"))?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(&note))
            .map_err(StateError::io("write", &path))?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // So that the next holder is not taken for this one before it has written its note.
        // If it fails, the note is only stale.
        let _stale = self.0.set_len(0);
        let _stale = self.0.unlock();
    }
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
