//! `pushsync.copy.N`: all that is in the state of the Nth environment, if that is little, so that sled
//! need not be opened to look at it.
//!
//! sled takes some 10 ms to open and to close, and writes even where it is only read. So when a small
//! state is closed, a copy is put beside sled's files. It is believed only if the seal says that sled's
//! files are as they were when they were closed, and if its ledger is the one that the head names: it
//! holds the count and the digest of everything. Anything else is as if there were no copy, so it need
//! not be durable.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::state::{
    StateError, engine::stored_ledger, frame, ledger::FORMAT, memory::Bytes, private_file,
};

use super::head::Head;

/// A state that has more is not copied, in bytes: it would be read and written for no gain. sled takes
/// four times as much for the smallest one.
const MOST: usize = 256 << 10;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    environment: String,
}

/// What is in a state, as it is collected for a copy.
#[derive(Default)]
pub(super) struct Contents {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Contents {
    /// Adds an entry; whether it is still little.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) -> bool {
        self.bytes += key.len() + value.len();
        if self.bytes > MOST {
            return false;
        }
        self.pairs.push((key.to_vec(), value.to_vec()));
        true
    }

    /// There is certainly more than a little.
    pub(super) fn is_too_much(&mut self) {
        self.bytes = usize::MAX;
    }

    fn is_little(&self) -> bool {
        self.bytes <= MOST
    }
}

fn path(folder: &Path, position: usize) -> PathBuf {
    folder.join(format!("pushsync.copy.{position}"))
}

/// The copy, if it has the whole state as it was when this head was written.
pub(super) fn read(
    folder: &Path,
    position: usize,
    environment: &str,
    place: &str,
    head: Head,
) -> Option<Bytes> {
    let bytes = fs::read(path(folder, position)).ok()?;
    let opened = frame::open::<Header>(&bytes, place, "a copy").ok()?;
    if opened.header.environment != environment {
        return None;
    }
    let pairs = opened.pairs.into_iter();
    let entry = |(key, value): (&[u8], Option<&[u8]>)| Some((key.to_vec(), value?.to_vec()));
    let copy = Bytes(pairs.map(entry).collect::<Option<_>>()?);
    let ledger = stored_ledger(&copy, place, environment).ok()??;
    (Head::of(&ledger).ok()? == head).then_some(copy)
}

/// Puts a copy there, or takes the one away that is there if the state is too large for one.
pub(super) fn put(
    folder: &Path,
    position: usize,
    environment: &str,
    contents: &Contents,
) -> Result<(), StateError> {
    let path = path(folder, position);
    if !contents.is_little() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("remove", &path)(error))
            }
            _ => Ok(()),
        };
    }
    let header = Header { format: FORMAT, environment: environment.to_owned() };
    let pairs = contents.pairs.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
    let (bytes, _) = frame::seal(&header, pairs)?;
    let mut file = private_file::create_anew(&path)?;
    io::Write::write_all(&mut file, &bytes).map_err(StateError::io("write", &path))
}
