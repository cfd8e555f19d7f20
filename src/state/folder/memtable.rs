//! Commits that are not in sled yet: durable in the write-ahead log, and in memory as a sorted map (the memtable)
//! that lies over sled's entries.

use std::{mem, ops::Bound};

use crate::state::{
    StateError,
    header::StateHeader,
    keys,
    kv::{Changes, Kv, Visit, is_empty},
};

use super::{
    checksums::{self, Sums},
    database::Database,
    paths::{SledPaths, restrict},
    sled_kv::{self, SledKv},
    wal::{self, Left, Wal},
};

/// The log is written to sled when it has this many bytes: its entries take as much memory.
const LONGEST: u64 = 4 << 20;

/// An entry of the memtable; `None` if its key is removed.
type Entry<'a> = (&'a Vec<u8>, &'a Option<Vec<u8>>);

/// sled's files, with a log in front of them.
pub(super) struct MemtableKv {
    sled: Box<SledKv>,
    /// The checksums that sled's files had, as long as nothing was written to them.
    unchanged: Option<Sums>,
    /// Everything that is in the log.
    memtable: Changes,
    wal: Wal,
    /// It is not known whether the last commit was written.
    failed: bool,
    /// Writing to sled has failed: what its files hold by now is not what the disk has, and nothing more is
    /// written to them. The log has everything.
    flush_failed: bool,
    /// The folder is not at its path any more: only files that are open are written.
    detached: bool,
    paths: SledPaths,
}

impl MemtableKv {
    /// Opens sled's files. `sums` are their checksums, if they were closed well. The log is empty: see [`recover`].
    pub(super) fn open(
        paths: SledPaths,
        environment: &str,
        location: &str,
        sums: Option<Sums>,
    ) -> Result<Self, StateError> {
        let sled = open(&paths, environment, location, sums.is_some())?;
        let wal = Wal::new(&paths.folder, environment);
        Ok(Self {
            sled,
            unchanged: sums,
            memtable: Changes::new(),
            wal,
            failed: false,
            flush_failed: false,
            detached: false,
            paths,
        })
    }

    /// All environments, as sled has them.
    pub(super) fn database(&mut self) -> Result<&Database, StateError> {
        self.flush()?;
        Ok(self.sled.database())
    }

    /// Writes the entries of the log to sled.
    fn flush(&mut self) -> Result<(), StateError> {
        if self.memtable.is_empty() {
            return Ok(());
        }
        self.unchanged = None;
        self.flush_failed = true;
        self.sled.write(&self.memtable)?;
        self.flush_failed = false;
        self.wal.clear()?;
        self.memtable.clear();
        Ok(())
    }

    /// The folder is not at its path any more. Whether a commit can be written all the same.
    pub(super) fn detach(&mut self) -> bool {
        self.detached = true;
        self.wal.is_linked()
    }

    /// Leaves sled as it is: it could panic again when it is dropped, wait for ever, or write.
    pub(super) fn abandon(self) {
        mem::forget(self);
    }
}

/// Opens sled's files. Their checksums do not hold any more before that.
fn open(
    paths: &SledPaths,
    environment: &str,
    location: &str,
    closed_well: bool,
) -> Result<Box<SledKv>, StateError> {
    checksums::lift(&paths.folder)?;
    // If not, sled says that they are locked.
    let _free = sled_kv::released(&paths.files)?;
    let sled = Box::new(SledKv::open(&paths.files, environment, location)?);
    if !closed_well && let Err(error) = sled.make_durable() {
        mem::forget(sled);
        return Err(error);
    }
    restrict(&paths.files)?;
    Ok(sled)
}

/// Writes to sled what the log of a process that died has in it. It may be of any environment: each has
/// its own tree.
pub(super) fn recover(paths: &SledPaths, location: &str, left: Left) -> Result<(), StateError> {
    let Left { environment, changes, first_header } = left;
    let sequence = |bytes: Option<Vec<u8>>| {
        let header = bytes.map(|bytes| StateHeader::decode(location, &bytes)).transpose()?;
        Ok::<_, StateError>(header.map(|header| header.sequence))
    };
    let damaged = |how: &str| StateError::damaged(location, format!("its {} {how}", wal::FILE));
    let newest = changes.get(keys::HEADER).cloned().flatten();
    let (Some(first), Some(newest)) = (sequence(first_header)?, sequence(newest)?) else {
        return Err(damaged("has no header"));
    };
    let mut sled = open(paths, &environment, location, false)?;
    let known = sequence(sled.get(keys::HEADER)?)?;
    if first > known.map_or(0, |known| known.saturating_add(1)) {
        return Err(damaged("goes on from a later commit than the database has"));
    }
    // If sled has it already, the death came before the log was removed.
    if known.is_none_or(|known| known < newest)
        && let Err(error) = sled.write(&changes)
    {
        mem::forget(sled);
        return Err(error);
    }
    sled.close();
    Ok(())
}

impl Kv for MemtableKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self.memtable.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.sled.get(key),
        }
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        if self.memtable.is_empty() || is_empty(&from, &to) {
            return self.sled.walk(from, to, backwards, visit);
        }
        let range = self.memtable.range((from.clone(), to.clone()));
        let mut newer: Box<dyn Iterator<Item = Entry<'_>>> =
            if backwards { Box::new(range.rev()) } else { Box::new(range) };
        let mut newer = newer.by_ref().peekable();
        let mut goes_on = true;
        self.sled.walk(from, to, backwards, &mut |key, value| {
            let before = |other: &[u8]| if backwards { other > key } else { other < key };
            while goes_on && let Some((other, value)) = newer.next_if(|(other, _)| before(other)) {
                goes_on = value.as_ref().map_or(Ok(true), |value| visit(other, value))?;
            }
            if goes_on {
                let replaced = newer.next_if(|(other, _)| *other == key);
                let value = replaced.map_or(Some(value), |(_, value)| value.as_deref());
                goes_on = value.map_or(Ok(true), |value| visit(key, value))?;
            }
            Ok(goes_on)
        })?;
        while goes_on && let Some((key, value)) = newer.next() {
            goes_on = value.as_ref().map_or(Ok(true), |value| visit(key, value))?;
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        self.failed = true;
        self.wal.append(changes)?;
        self.memtable.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        if self.wal.length() >= LONGEST && !self.detached {
            self.flush()?;
        }
        self.failed = false;
        Ok(())
    }

    /// An error does no harm: the log has what sled does not have, and without checksums the next opening writes
    /// sled's files anew.
    fn close(mut self) -> Result<(), StateError> {
        let closed = if self.failed || self.detached { Ok(()) } else { self.flush() };
        if self.flush_failed || self.detached {
            self.abandon();
            return closed;
        }
        let Self { sled, unchanged, failed, paths: SledPaths { folder, files, .. }, .. } = self;
        let db = sled.close();
        closed?;
        if !failed && sled_kv::released(&files)? {
            checksums::put(&folder, &files, unchanged.as_ref(), Some(&db))?;
        }
        Ok(())
    }
}
