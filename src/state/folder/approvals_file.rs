//! The table of approvals of one environment, in a file of its own beside sled's.
//!
//! sled keeps half of its files free, and pages of approvals have nothing in common that a block could leave out:
//! 100,000 approvals took 105 to 126 bytes each in sled, and take 51 to 58 here (measured). So the table is one frame
//! ([`crate::state::frame`]), which is read whole and written whole, before the header. A death
//! in between does no harm: the log has the commits until sled and this file have them. The pages have checksums of
//! their own, and the header has their count and digest: a file that is missing or older is noticed.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ops::Bound,
    path::{Path, PathBuf},
    rc::Rc,
};

use serde::{Deserialize, Serialize};

use crate::state::{
    StateError,
    codec::FORMAT,
    frame,
    keys::Table,
    kv::{Visit, is_empty},
    private_file,
};

/// The first part of the names of these files: a hash of the environment's name follows.
pub(super) const NAME: &str = "approvals-";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    environment: String,
}

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The file of one environment. It is there while there are approvals.
pub(super) struct ApprovalsFile {
    path: PathBuf,
    environment: String,
    location: String,
    /// What is in it, once somebody has asked.
    entries: RefCell<Option<Rc<Entries>>>,
}

impl ApprovalsFile {
    /// `files` is the folder of sled's files.
    pub(super) fn new(files: &Path, environment: &str, location: &str) -> Self {
        // Not every file system tells all names of environments apart.
        let hash = blake3::hash(environment.as_bytes()).to_hex();
        Self {
            path: files.join(format!("{NAME}{hash:.32}")),
            environment: environment.to_owned(),
            location: location.to_owned(),
            entries: RefCell::default(),
        }
    }

    /// Whether a key lies here.
    pub(super) fn holds(key: &[u8]) -> bool {
        Table::Approvals.holds(key)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.entries()?.get(key).cloned())
    }

    /// Visits the entries between the bounds; whether to go on.
    pub(super) fn walk(
        &self,
        from: &Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<bool, StateError> {
        // Nothing is read for other tables.
        let (first, end) =
            (Table::Approvals.from(Bound::Unbounded), Table::Approvals.to(Bound::Unbounded));
        if is_empty(from, &end) || is_empty(&first, to) || is_empty(from, to) {
            return Ok(true);
        }
        let entries = self.entries()?;
        let mut range = entries.range((from.clone(), to.clone()));
        while let Some((key, value)) = if backwards { range.next_back() } else { range.next() } {
            if !visit(key, value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes the file anew, durably, if any of these changes is of it.
    pub(super) fn write<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), StateError> {
        let mut changes = changes.peekable();
        if changes.peek().is_none() {
            return Ok(());
        }
        let mut entries = Rc::unwrap_or_clone(self.entries()?);
        self.entries.take();
        for (key, value) in changes {
            match value {
                Some(value) => _ = entries.insert(key.to_vec(), value.to_vec()),
                None => _ = entries.remove(key),
            }
        }
        if entries.is_empty() {
            if private_file::remove_if_any(&self.path)? {
                private_file::sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
            }
        } else {
            let header = Header { format: FORMAT, environment: self.environment.clone() };
            let pairs = entries.iter().map(|(key, value)| (&key[..], Some(&value[..])));
            private_file::replace(&self.path, &frame::seal(&header, pairs)?.0)?;
        }
        self.entries.replace(Some(Rc::new(entries)));
        Ok(())
    }

    fn entries(&self) -> Result<Rc<Entries>, StateError> {
        if let Some(entries) = &*self.entries.borrow() {
            return Ok(Rc::clone(entries));
        }
        let entries = Rc::new(self.read()?);
        self.entries.replace(Some(Rc::clone(&entries)));
        Ok(entries)
    }

    fn read(&self) -> Result<Entries, StateError> {
        let Some(bytes) = private_file::read_if_any(&self.path)? else {
            return Ok(Entries::new());
        };
        let opened = frame::open::<Header>(&bytes, &self.location, "its file of approvals")?;
        let Self { location, environment, .. } = self;
        StateError::check_environment(location, &opened.header.environment, environment)?;
        let pairs = opened.pairs.into_iter();
        let pairs = pairs.filter_map(|(key, value)| Some((key.to_vec(), value?.to_vec())));
        Ok(pairs.collect())
    }
}

/// Whether a file in the folder of sled's files is one of these.
pub(super) fn is_one(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NAME))
}
