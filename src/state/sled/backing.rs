//! Sorted bytes in a tree of sled's, one tree for each environment.
//!
//! What sled 0.34.7 does (read in its source and measured):
//!
//! - `flush` writes to the file `db` and, on Linux, calls `sync_file_range`, which makes neither
//!   the length of the file nor the drive's cache durable. So `db` is fsynced after every flush.
//! - A page or value larger than a quarter of a segment goes to a file of its own in `blobs/`,
//!   which is never fsynced, and is removed before the page that replaces it is durable. So no
//!   page may grow so large: values are cut in pieces, and the segments are twice the usual size.
//!   A leaf has at most some 20 values of up to [`PIECE`] bytes, an inner page at most 256 keys
//!   of up to 650 bytes: both stay under 256 KiB.
//! - Its `conf` and the names of its files are never fsynced: all are when it has opened them.
//! - A snapshot that was being written when the process ended is taken for a whole one when the
//!   next opens the files, and is corrupt: it is removed before.
//! - Its threads hold the files on after the database was dropped: they are waited for.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io::ErrorKind,
    ops::Bound,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use sled::{Batch, Db, IVec, Tree};

use crate::state::{
    StateError,
    engine::{Backing, Visit},
    ledger::Changes,
    memory::is_empty,
    private_file,
};

/// See above: a quarter of this is the largest page.
pub(super) const SEGMENT: usize = 1 << 20;
/// The largest piece of a value.
const PIECE: usize = 8 << 10;
/// A value in one piece.
const WHOLE: u8 = 0;
/// The first piece of a value: four bytes with the number of further pieces follow.
const PIECES: u8 = 1;
/// Whoever holds sled's files longer than this after closing them is not one of its threads.
const LONGEST_RELEASE: Duration = Duration::from_secs(10);
/// The table of further pieces.
const FURTHER: u8 = b'x';

pub(super) struct SledBacking {
    // Before `db`: it is dropped first.
    tree: Tree,
    db: Db,
    file: File,
    folder: PathBuf,
    place: String,
}

/// Opens (or creates) sled's files in this folder, and in them the tree of this environment.
pub(super) fn open(
    folder: &Path,
    environment: &str,
    place: &str,
) -> Result<SledBacking, StateError> {
    let failed = |error: sled::Error| sled_error(&error, place, folder);
    let db = database(folder, place)?;
    let tree = db.open_tree(format!("environment:{environment}")).map_err(failed)?;
    let path = folder.join("db");
    let file = File::options()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(StateError::io("open", &path))?;
    Ok(SledBacking { tree, db, file, folder: folder.into(), place: place.to_owned() })
}

/// Opens (or creates) sled's files in this folder.
pub(super) fn database(folder: &Path, place: &str) -> Result<Db, StateError> {
    sled::Config::new()
        .path(folder)
        .segment_size(SEGMENT)
        // A scan reads every page once; more than this saves nothing (measured).
        .cache_capacity(16 << 20)
        .flush_every_ms(None)
        .use_compression(false)
        .open()
        .map_err(|error| sled_error(&error, place, folder))
}

/// Removes the snapshot that sled was writing when the process ended: sled would take it for a
/// whole one, or write the next one over it without making it shorter. The one before is there.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), StateError> {
    for entry in folder.read_dir().map_err(StateError::io("read", folder))? {
        let path = entry.map_err(StateError::io("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            std::fs::remove_file(&path).map_err(StateError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Whether none of sled's threads has the files open any more; waits a while for it. They hold
/// them on after the database was dropped, and may still make `db` shorter.
pub(super) fn released(folder: &Path) -> Result<bool, StateError> {
    let path = folder.join("db");
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(StateError::io("open", &path)(error)),
    };
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        // The lock that sled itself takes.
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if start.elapsed() > LONGEST_RELEASE => return Ok(false),
            Err(TryLockError::WouldBlock) => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(10));
            }
            Err(TryLockError::Error(error)) => return Err(StateError::io("lock", &path)(error)),
        }
    }
}

impl SledBacking {
    fn failed(&self, error: &sled::Error) -> StateError {
        sled_error(error, &self.place, &self.folder)
    }

    /// All environments.
    pub(super) fn database(&self) -> &Db {
        &self.db
    }

    /// Makes everything durable that is in the folder, whoever wrote it, and its names.
    pub(super) fn make_durable(&self) -> Result<(), StateError> {
        self.sync()?;
        private_file::sync_tree(&self.folder)
    }

    /// Makes everything written so far durable.
    pub(super) fn sync(&self) -> Result<(), StateError> {
        self.db.flush().map_err(|error| self.failed(&error))?;
        self.sync_blobs()?;
        self.file.sync_all().map_err(StateError::io("sync", self.folder.join("db")))
    }

    /// There should be none; if there are, they are durable before the log that points to them.
    fn sync_blobs(&self) -> Result<(), StateError> {
        let folder = self.folder.join("blobs");
        let mut any = false;
        for entry in folder.read_dir().map_err(StateError::io("read", &folder))? {
            let path = entry.map_err(StateError::io("read", &folder))?.path();
            // sled may have removed it since.
            if let Ok(blob) = File::open(&path) {
                blob.sync_all().map_err(StateError::io("sync", &path))?;
                any = true;
            }
        }
        if any { private_file::sync_folder(&folder) } else { Ok(()) }
    }

    fn damaged(&self, what: &str) -> StateError {
        StateError::damaged(&self.place, what)
    }

    /// The whole value of which this is stored under its key.
    fn join<'a>(
        &self,
        key: &[u8],
        stored: &'a [u8],
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], StateError> {
        match stored.split_first() {
            Some((&WHOLE, value)) => Ok(value),
            Some((&PIECES, _)) => {
                let (count, first) =
                    pieces(stored).ok_or_else(|| self.damaged("a value is cut off"))?;
                buffer.clear();
                buffer.extend_from_slice(first);
                for index in 0..count {
                    let piece = self
                        .tree
                        .get(piece_key(key, index))
                        .map_err(|error| self.failed(&error))?
                        .ok_or_else(|| self.damaged("a piece of a value is missing"))?;
                    buffer.extend_from_slice(&piece);
                }
                Ok(buffer)
            }
            _ => Err(self.damaged("a value has no known form")),
        }
    }

    /// How many further pieces a key has now.
    fn further(&self, key: &[u8]) -> Result<u32, StateError> {
        let stored = self.tree.get(key).map_err(|error| self.failed(&error))?;
        Ok(stored.and_then(|stored| pieces(&stored).map(|(count, _)| count)).unwrap_or(0))
    }
}

impl Backing for SledBacking {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let Some(stored) = self.tree.get(key).map_err(|error| self.failed(&error))? else {
            return Ok(None);
        };
        let mut buffer = Vec::new();
        Ok(Some(self.join(key, &stored, &mut buffer)?.to_vec()))
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        if is_empty(&from, &to) {
            return Ok(());
        }
        let mut range = self.tree.range::<Vec<u8>, _>((from, to));
        let mut buffer = Vec::new();
        let mut last: Option<IVec> = None;
        while let Some(entry) = if backwards { range.next_back() } else { range.next() } {
            let (key, stored) = entry.map_err(|error| self.failed(&error))?;
            // A damaged tree could lead in a circle.
            let forward =
                last.as_ref().is_none_or(|last| (*last < key) != backwards && *last != key);
            if !forward {
                return Err(self.damaged("its keys are out of order"));
            }
            let value = self.join(&key, &stored, &mut buffer)?;
            if !visit(&key, value)? {
                break;
            }
            last = Some(key);
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        let mut batch = BTreeMap::<Vec<u8>, Option<Vec<u8>>>::new();
        for (key, value) in changes {
            let before = self.further(key)?;
            let mut after = 0;
            let stored = match value {
                None => None,
                Some(value) if value.bytes.len() <= PIECE => {
                    Some([&[WHOLE][..], &value.bytes].concat())
                }
                Some(value) => {
                    let mut all = value.bytes.chunks(PIECE);
                    let first = all.next().unwrap_or_default();
                    for piece in all {
                        batch.insert(piece_key(key, after), Some(piece.to_vec()));
                        after += 1;
                    }
                    Some([&[PIECES][..], &after.to_be_bytes(), first].concat())
                }
            };
            for index in after..before {
                batch.insert(piece_key(key, index), None);
            }
            batch.insert(key.clone(), stored);
        }
        let mut all = Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => all.insert(key, value),
                None => all.remove(key),
            }
        }
        self.tree.apply_batch(all).map_err(|error| self.failed(&error))?;
        self.sync()
    }
}

/// The number of further pieces and the first one, if it is the first of several.
fn pieces(stored: &[u8]) -> Option<(u32, &[u8])> {
    let (count, first) = stored.strip_prefix(&[PIECES])?.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*count), first))
}

fn piece_key(key: &[u8], index: u32) -> Vec<u8> {
    // Unambiguous: what follows the key always has four bytes.
    [&[FURTHER][..], key, &index.to_be_bytes()].concat()
}

pub(super) fn sled_error(error: &sled::Error, place: &str, folder: &Path) -> StateError {
    use ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock") => {
            StateError::Locked { place: place.to_owned(), holder: None, until: None }
        }
        sled::Error::Io(error) if !matches!(error.kind(), InvalidData | UnexpectedEof) => {
            let source = std::io::Error::new(error.kind(), error.to_string());
            StateError::Io { action: "use", path: folder.into(), source }
        }
        sled::Error::Io(_) => StateError::damaged(place, "a file ends too early"),
        sled::Error::Corruption { .. } => StateError::damaged(place, "sled finds it corrupt"),
        // Its words are about settings of the file, never about contents.
        sled::Error::Unsupported(what) => StateError::damaged(place, format!("sled: {what}")),
        sled::Error::CollectionNotFound(_) | sled::Error::ReportableBug(_) => {
            StateError::damaged(place, "sled is at odds with itself")
        }
    }
}
