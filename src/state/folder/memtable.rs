//! Commits that are not in sled yet: durable in the write-ahead log, and in memory as a sorted map (the memtable)
//! that lies over sled's entries.

use std::{collections::btree_map, ops::Bound};

use sled::Db;

use crate::state::{
    StateError,
    header::StateHeader,
    keys,
    kv::{Changes, Kv, Visit, is_empty},
};

use super::{
    checksums::{self, Sums},
    paths::{SledPaths, restrict},
    sled_kv::{self, SledKv},
    wal::{self, Left, Wal},
};

/// The log is written to sled when it has this many bytes: its entries take as much memory.
const LONGEST: u64 = 4 << 20;

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
        Ok(Self { sled, unchanged: sums, memtable: Changes::new(), wal, failed: false, paths })
    }

    /// All environments, as sled has them.
    pub(super) fn database(&mut self) -> Result<&Db, StateError> {
        self.flush()?;
        Ok(self.sled.database())
    }

    /// Writes the entries of the log to sled.
    fn flush(&mut self) -> Result<(), StateError> {
        if self.memtable.is_empty() {
            return Ok(());
        }
        self.unchanged = None;
        self.sled.write(&self.memtable)?;
        self.wal.clear()?;
        self.memtable.clear();
        Ok(())
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
    if !closed_well {
        sled.make_durable()?;
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
    if known.is_none_or(|known| known < newest) {
        sled.write(&changes)?;
    }
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
        let mut newer = Newer::new(self.memtable.range((from.clone(), to.clone())), backwards);
        let mut goes_on = true;
        self.sled.walk(from, to, backwards, &mut |key, value| {
            goes_on = newer.before(key, visit)?
                && (newer.replaces(key, visit)?.map_or_else(|| visit(key, value), Ok)?);
            Ok(goes_on)
        })?;
        while goes_on && newer.next.is_some() {
            goes_on = newer.take(visit)?;
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        self.failed = true;
        self.wal.append(changes)?;
        self.memtable.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        if self.wal.length() >= LONGEST {
            self.flush()?;
        }
        self.failed = false;
        Ok(())
    }

    /// Errors do not matter: without checksums, the next opening just trusts less.
    fn close(mut self) {
        if self.failed || self.flush().is_err() {
            return;
        }
        let Self { sled, unchanged, paths: SledPaths { folder, files, .. }, .. } = self;
        drop(sled);
        if sled_kv::released(&files).is_ok_and(|free| free) {
            let _unsealed = checksums::put(&folder, &files, unchanged.as_ref());
        }
    }
}

type Entry<'a> = (&'a Vec<u8>, &'a Option<Vec<u8>>);

/// The entries of the memtable, in the order of a walk.
struct Newer<'a> {
    entries: btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>,
    next: Option<Entry<'a>>,
    backwards: bool,
}

impl<'a> Newer<'a> {
    fn new(entries: btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>, backwards: bool) -> Self {
        let mut newer = Self { entries, next: None, backwards };
        newer.step();
        newer
    }

    fn step(&mut self) -> Option<Entry<'a>> {
        let next = if self.backwards { self.entries.next_back() } else { self.entries.next() };
        std::mem::replace(&mut self.next, next)
    }

    /// Visits the next one, unless it is a removal; whether to go on.
    fn take(&mut self, visit: &mut Visit<'_>) -> Result<bool, StateError> {
        match self.step() {
            Some((key, Some(value))) => visit(key, value),
            Some((_, None)) | None => Ok(true),
        }
    }

    /// Visits those that come before this key; whether to go on.
    fn before(&mut self, key: &[u8], visit: &mut Visit<'_>) -> Result<bool, StateError> {
        while let Some((next, _)) = self.next {
            let is_before = if self.backwards { **next > *key } else { **next < *key };
            if !is_before {
                break;
            }
            if !self.take(visit)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Visits the entry that replaces this key, if there is one; then, whether to go on.
    fn replaces(&mut self, key: &[u8], visit: &mut Visit<'_>) -> Result<Option<bool>, StateError> {
        match self.next {
            Some((next, _)) if **next == *key => self.take(visit).map(Some),
            _ => Ok(None),
        }
    }
}
