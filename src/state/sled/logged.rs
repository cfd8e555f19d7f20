//! The bytes of an open store: what is in sled, and what was committed since, which is in the log.

use std::{
    collections::btree_map,
    ops::Bound,
    path::{Path, PathBuf},
};

use sled::Db;

use crate::state::{
    StateError,
    engine::{Backing, Visit, read_ledger},
    keys,
    ledger::Changes,
    memory::{Bytes, is_empty},
};

use super::{
    backing::{self, SledBacking},
    copy::{self, Contents},
    folder::restrict,
    log::{self, Left, Log, Pending},
    seal::{self, Sums},
};

/// The log is given to sled when it is this long, in bytes: what is in it is in memory as well.
const LONGEST: u64 = 4 << 20;
/// A state with more records is not even looked at for a copy.
const MOST_RECORDS: u64 = 2000;

/// What lies in sled.
enum Base {
    /// Read from a copy. sled's files are closed, and as this seal says.
    Copy { bytes: Bytes, seal: Sums },
    /// In sled's files, which are open.
    Sled { open: Box<SledBacking>, lifted: Option<Sums> },
}

/// Where the store is.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) folder: PathBuf,
    /// Of sled's.
    pub(super) files: PathBuf,
    pub(super) environment: String,
    pub(super) place: String,
}

/// A [`Backing`] whose commits go to the log first.
pub(super) struct Logged {
    base: Base,
    /// What is in the log.
    pending: Pending,
    log: Log,
    /// It is not known what became of the last commit.
    failed: bool,
    site: Site,
}

impl Logged {
    /// On a copy of what is in sled's files, which are closed and have this seal.
    pub(super) fn on_copy(site: Site, bytes: Bytes, seal: Sums) -> Self {
        Self::new(site, Base::Copy { bytes, seal })
    }

    /// On sled's files, which are opened for it. The seal is what they had, if they were closed well.
    pub(super) fn on_sled(site: Site, seal: Option<Sums>) -> Result<Self, StateError> {
        let open = open(&site, seal.is_some())?;
        Ok(Self::new(site, Base::Sled { open, lifted: seal }))
    }

    fn new(site: Site, base: Base) -> Self {
        let log = Log::new(&site.folder, &site.environment);
        Self { base, pending: Pending::new(), log, failed: false, site }
    }

    /// sled's files, opened if they are not.
    fn sled(&mut self) -> Result<&SledBacking, StateError> {
        if let Base::Copy { seal, .. } = &self.base {
            let lifted = Some(seal.clone());
            self.base = Base::Sled { open: open(&self.site, true)?, lifted };
        }
        match &self.base {
            Base::Sled { open, .. } => Ok(open),
            Base::Copy { .. } => Err(StateError::damaged(&self.site.place, "it is closed")),
        }
    }

    /// All environments, as sled has them.
    pub(super) fn database(&mut self) -> Result<&Db, StateError> {
        self.settle()?;
        Ok(self.sled()?.database())
    }

    /// Gives sled what is in the log.
    fn settle(&mut self) -> Result<(), StateError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.sled()?;
        if let Base::Sled { open, lifted } = &mut self.base {
            *lifted = None;
            open.take(&self.pending)?;
            self.log.clear()?;
            self.pending.clear();
        }
        Ok(())
    }

    /// Closes sled's files; `seal` is called once they are, with what the seal said if they were not
    /// written. What goes wrong does not matter: the next opening just trusts less.
    pub(super) fn close(
        mut self,
        position: usize,
        records: u64,
        seal: impl FnOnce(Option<&Sums>) -> Result<(), StateError>,
    ) {
        if self.failed || self.settle().is_err() {
            return;
        }
        let Base::Sled { open, lifted } = self.base else { return };
        let Site { folder, environment, .. } = &self.site;
        let _none = keep_copy(&open, folder, position, environment, records);
        drop(open);
        let _unsealed = seal(lifted.as_ref());
    }
}

fn keep_copy(
    open: &SledBacking,
    folder: &Path,
    position: usize,
    environment: &str,
    records: u64,
) -> Result<(), StateError> {
    let mut contents = Contents::default();
    if records > MOST_RECORDS {
        contents.is_too_much();
    } else {
        open.walk(Bound::Unbounded, Bound::Unbounded, false, &mut |key, value| {
            Ok(contents.add(key, value))
        })?;
    }
    copy::put(folder, position, environment, &contents)
}

/// Opens sled's files. The seal is lifted before.
fn open(site: &Site, sealed: bool) -> Result<Box<SledBacking>, StateError> {
    seal::lift(&site.folder)?;
    // If not, sled says that they are locked.
    let _free = backing::released(&site.files)?;
    let open = Box::new(backing::open(&site.files, &site.environment, &site.place)?);
    if !sealed {
        open.make_durable()?;
    }
    restrict(&site.files)?;
    Ok(open)
}

/// Gives sled what a process that died has left in the log. Whatever environment it is of: each has
/// its own tree.
pub(super) fn recover(site: &Site, left: Left) -> Result<(), StateError> {
    let Left { environment, pending, first_ledger } = left;
    let place = &site.place;
    let sequence = |bytes: Option<Vec<u8>>| {
        let ledger = bytes.map(|bytes| read_ledger(place, &bytes)).transpose()?;
        Ok::<_, StateError>(ledger.map(|ledger| ledger.sequence))
    };
    let damaged = |how: &str| StateError::damaged(place, format!("its {} {how}", log::FILE));
    let newest = pending.get(keys::LEDGER).cloned().flatten();
    let (Some(first), Some(newest)) = (sequence(first_ledger)?, sequence(newest)?) else {
        return Err(damaged("has no ledger"));
    };
    let open = open(&Site { environment, ..site.clone() }, false)?;
    let known = sequence(open.get(keys::LEDGER)?)?;
    if first > known.map_or(0, |known| known.saturating_add(1)) {
        return Err(damaged("goes on from a later commit than the database has"));
    }
    // If sled has it already, the death came before the log was removed.
    if known.is_none_or(|known| known < newest) {
        open.take(&pending)?;
    }
    Ok(())
}

impl Base {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self {
            Self::Copy { bytes, .. } => bytes.get(key),
            Self::Sled { open, .. } => open.get(key),
        }
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        match self {
            Self::Copy { bytes, .. } => bytes.walk(from, to, backwards, visit),
            Self::Sled { open, .. } => open.walk(from, to, backwards, visit),
        }
    }
}

impl Backing for Logged {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self.pending.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        if self.pending.is_empty() || is_empty(&from, &to) {
            return self.base.walk(from, to, backwards, visit);
        }
        let mut newer = Newer::new(self.pending.range((from.clone(), to.clone())), backwards);
        let mut goes_on = true;
        self.base.walk(from, to, backwards, &mut |key, value| {
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
        self.log.append(changes)?;
        for (key, value) in changes {
            let value = value.as_ref().map(|value| value.bytes.clone());
            self.pending.insert(key.clone(), value);
        }
        if self.log.length() >= LONGEST {
            self.settle()?;
        }
        self.failed = false;
        Ok(())
    }
}

type Entry<'a> = (&'a Vec<u8>, &'a Option<Vec<u8>>);

/// The entries of the log, in the order of a walk.
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

    /// Visits what stands in the place of this key, if anything does; then, whether to go on.
    fn replaces(&mut self, key: &[u8], visit: &mut Visit<'_>) -> Result<Option<bool>, StateError> {
        match self.next {
            Some((next, _)) if **next == *key => self.take(visit).map(Some),
            _ => Ok(None),
        }
    }
}
