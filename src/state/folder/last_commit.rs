//! `pushsync.heads`: the last commit of each environment, beside sled's files. Files that were
//! cut off open as an older state that is whole in itself; this file shows that it is older.
//!
//! It is written after a commit is durable and not fsynced itself: it may lag behind the store
//! after a loss of power (and then notices less), but it never runs ahead of it. It is fsynced
//! at each opening, the first of which comes before `pushsync.json` names the environment: if the entry of an
//! environment is missing, that is damage. Each has 512 bytes of its own, which drives write at once: after
//! a loss of power there is an older entry or the last one, and nothing between.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::state::{Digest, StateError, codec, header::StateHeader, private_file};

pub(super) const FILE: &str = "pushsync.heads";
const SLOT: usize = 512;

/// The number of the last commit, and the digest of the header that it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastCommit {
    pub(super) sequence: u64,
    pub(super) header: Digest,
}

impl LastCommit {
    /// The commit that wrote this header.
    pub(super) fn of(header: &StateHeader) -> Result<Self, StateError> {
        Ok(Self { sequence: header.sequence, header: codec::digest(&header.encode()?) })
    }
}

/// Whether any environment has a commit after the one that creates it.
pub(super) fn any_commit(folder: &Path) -> Result<bool, StateError> {
    let bytes = private_file::read_if_any(&folder.join(FILE))?.unwrap_or_default();
    Ok(bytes.chunks(SLOT).any(|slot| slot.iter().take(8).any(|byte| *byte != 0)))
}

/// One environment's slot in the file.
#[derive(Debug)]
pub(super) struct LastCommits {
    file: File,
    path: PathBuf,
    at: u64,
    environment: String,
}

impl LastCommits {
    pub(super) fn open(
        folder: &Path,
        position: usize,
        environment: &str,
    ) -> Result<Self, StateError> {
        let path = folder.join(FILE);
        let file = private_file::open(&path)?;
        let at = (position * SLOT) as u64;
        Ok(Self { file, path, at, environment: environment.to_owned() })
    }

    pub(super) fn write(&mut self, last: LastCommit) -> Result<(), StateError> {
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend_from_slice(&last.sequence.to_le_bytes());
        slot.extend_from_slice(&last.header.0.to_le_bytes());
        slot.extend_from_slice(&checksum(last, &self.environment));
        slot.resize(SLOT, 0);
        self.file
            .seek(SeekFrom::Start(self.at))
            .and_then(|_| self.file.write_all(&slot))
            .map_err(StateError::io("write", &self.path))
    }

    /// Makes the last write durable.
    pub(super) fn sync(&self) -> Result<(), StateError> {
        self.file
            .sync_all()
            .map_err(StateError::io("sync", &self.path))
            .and_then(|()| private_file::sync_folder(self.path.parent().unwrap_or(Path::new("."))))
    }
}

/// The last commit of an environment that certainly has a state: if it is missing or not whole, that is
/// damage.
pub(super) fn read(
    folder: &Path,
    position: usize,
    environment: &str,
    location: &str,
) -> Result<LastCommit, StateError> {
    let damaged = |what| StateError::damaged(location, format!("its {FILE} {what}"));
    let bytes =
        private_file::read_if_any(&folder.join(FILE))?.ok_or_else(|| damaged("is missing"))?;
    let last = bytes.get(position * SLOT..).and_then(|slot| {
        let (sequence, rest) = slot.split_first_chunk::<8>()?;
        let (header, rest) = rest.split_first_chunk::<16>()?;
        let sequence = u64::from_le_bytes(*sequence);
        let last = LastCommit { sequence, header: Digest(u128::from_le_bytes(*header)) };
        rest.starts_with(&checksum(last, environment)).then_some(last)
    });
    last.ok_or_else(|| damaged("is not what was written"))
}

fn checksum(last: LastCommit, environment: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&last.sequence.to_le_bytes());
    hasher.update(&last.header.0.to_le_bytes());
    hasher.update(environment.as_bytes());
    *hasher.finalize().as_bytes()
}
