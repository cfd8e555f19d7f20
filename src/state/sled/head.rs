//! `pushsync.heads`: how far each environment has come, beside what sled says. A log that was
//! cut off opens as the older state that it once was, whole in itself; the head knows better.
//!
//! It is written after a commit is durable and not fsynced itself: it may lag behind the store
//! after a loss of power (and then notices less), but it never runs ahead of it. Each
//! environment has 512 bytes of its own, which drives write at once.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::state::{Digest, StateError, private_file};

const FILE: &str = "pushsync.heads";
const SLOT: usize = 512;

/// The number and checksum of the last commit's ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) ledger: Digest,
}

/// The place of one environment in the file.
#[derive(Debug)]
pub(super) struct Heads {
    file: File,
    path: PathBuf,
    at: u64,
    environment: String,
}

impl Heads {
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

    /// What was last noted; `None` if there is nothing, or nothing whole.
    pub(super) fn read(&mut self) -> Result<Option<Head>, StateError> {
        let mut slot = Vec::new();
        self.file
            .seek(SeekFrom::Start(self.at))
            .and_then(|_| (&self.file).take(SLOT as u64).read_to_end(&mut slot))
            .map_err(StateError::io("read", &self.path))?;
        let Some((sequence, rest)) = slot.split_first_chunk::<8>() else { return Ok(None) };
        let Some((ledger, rest)) = rest.split_first_chunk::<16>() else { return Ok(None) };
        let head = Head {
            sequence: u64::from_le_bytes(*sequence),
            ledger: Digest(u128::from_le_bytes(*ledger)),
        };
        Ok(rest.starts_with(&self.checksum(head)).then_some(head))
    }

    pub(super) fn write(&mut self, head: Head) -> Result<(), StateError> {
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend_from_slice(&head.sequence.to_le_bytes());
        slot.extend_from_slice(&head.ledger.0.to_le_bytes());
        slot.extend_from_slice(&self.checksum(head));
        slot.resize(SLOT, 0);
        self.file
            .seek(SeekFrom::Start(self.at))
            .and_then(|_| self.file.write_all(&slot))
            .map_err(StateError::io("write", &self.path))
    }

    fn checksum(&self, head: Head) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head.sequence.to_le_bytes());
        hasher.update(&head.ledger.0.to_le_bytes());
        hasher.update(self.environment.as_bytes());
        *hasher.finalize().as_bytes()
    }
}
