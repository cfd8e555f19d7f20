//! Some records of a store, checked but not yet decoded.

use std::{fmt, sync::Arc};

use super::{Digest, StateError, codec};
use crate::model::{LazyRecord, PackedRecords, Record, UnreadableRecord};

/// Some records in address order. All match their checksums.
#[derive(Clone, Default)]
pub struct Page {
    records: Arc<PackedRecords>,
    /// The sum of their digests: the sum over all pages must equal [`super::Meta::digest`].
    pub digest: Digest,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({} records)", self.len())
    }
}

impl Page {
    /// The number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The record with this index.
    pub fn get(&self, index: usize) -> Option<LazyRecord> {
        self.records.get(index)
    }

    /// All of them, decoded.
    ///
    /// # Errors
    ///
    /// [`StateError::Damaged`] if one cannot be read although it matches its checksum.
    pub fn records(&self) -> Result<Vec<Record>, StateError> {
        let records = (0..self.len()).filter_map(|index| self.get(index));
        records.map(|record| Ok(record.decode()?)).collect()
    }
}

impl From<UnreadableRecord> for StateError {
    fn from(UnreadableRecord { location, what }: UnreadableRecord) -> Self {
        Self::Damaged { location, what }
    }
}

/// Makes a page.
pub(super) struct Builder<'a> {
    location: &'a str,
    records: PackedRecords,
    digest: Digest,
}

impl<'a> Builder<'a> {
    pub(super) fn new(location: &'a str) -> Self {
        Self { location, records: PackedRecords::new(location), digest: Digest::default() }
    }

    /// Checks the value that is stored under a key, and adds it.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        let (packed, digest) =
            codec::check(key, value).map_err(|error| error.at(self.location, key))?;
        self.digest = Digest(self.digest.0.wrapping_add(digest.0));
        self.records.push(key.get(1..).unwrap_or_default(), packed);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn finish(self) -> Page {
        Page { records: Arc::new(self.records), digest: self.digest }
    }
}
