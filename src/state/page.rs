//! Some records as the store keeps them, checked but not yet decoded: a plan looks at all of them,
//! and needs only few of them whole.

use std::{fmt, sync::Arc};

use super::{
    Digest, StateError,
    codec::{self, Undecodable},
    packed::Packed,
};
use crate::model::{Address, Kind, Record, Sender};

/// Some records in address order, as the store keeps them. All match their checksums.
#[derive(Clone, Default)]
pub struct Page {
    entries: Arc<Entries>,
    /// The sum of their digests: the sum over all pages must equal [`super::Meta::digest`].
    pub digest: Digest,
}

/// All keys and values in one buffer.
#[derive(Clone, Default)]
struct Entries {
    location: String,
    bytes: Vec<u8>,
    /// Where each key and each value ends; they begin where the one before ends.
    ends: Vec<(usize, usize)>,
}

impl Entries {
    fn get(&self, at: usize) -> Option<(&[u8], &[u8])> {
        let (key_end, end) = *self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |e| e.1);
        Some((self.bytes.get(start..key_end)?, self.bytes.get(key_end..end)?))
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({} records)", self.len())
    }
}

impl Page {
    /// How many records it has.
    pub fn len(&self) -> usize {
        self.entries.ends.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.ends.is_empty()
    }

    /// The record at this index.
    pub fn entry(&self, at: usize) -> Option<Entry> {
        (at < self.len()).then(|| Entry { entries: Arc::clone(&self.entries), at })
    }

    /// All of them, one after the other.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..self.len()).map(|at| Entry { entries: Arc::clone(&self.entries), at })
    }

    /// All of them, whole.
    ///
    /// # Errors
    ///
    /// [`StateError::Damaged`] if one cannot be read although it matches its checksum.
    pub fn records(&self) -> Result<Vec<Record>, StateError> {
        self.entries().map(|entry| entry.record()).collect()
    }
}

/// Makes a page.
pub(super) struct Builder(Entries, Digest);

impl Builder {
    pub(super) fn new(location: &str) -> Self {
        let entries = Entries { location: location.to_owned(), ..Entries::default() };
        Self(entries, Digest::default())
    }

    /// Checks what is stored under a key, and adds it.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        let Self(Entries { location, bytes, ends }, sum) = self;
        let (_, digest) = codec::check(key, value).map_err(|error| error.at(location, key))?;
        *sum = Digest(sum.0.wrapping_add(digest.0));
        bytes.extend_from_slice(key);
        let key_end = bytes.len();
        bytes.extend_from_slice(value);
        ends.push((key_end, bytes.len()));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.0.ends.len()
    }

    pub(super) fn finish(self) -> Page {
        Page { entries: Arc::new(self.0), digest: self.1 }
    }
}

/// A record as the store keeps it.
#[derive(Clone)]
pub struct Entry {
    entries: Arc<Entries>,
    at: usize,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its name has a visitor's id.
        write!(f, "Entry({})", self.at)
    }
}

impl Entry {
    /// Its key in the store, and the value.
    fn stored(&self) -> (&[u8], &[u8]) {
        self.entries.get(self.at).unwrap_or_default()
    }

    /// The bytes of its address, by which all are ordered.
    pub fn name(&self) -> &[u8] {
        self.stored().0.get(1..).unwrap_or_default()
    }

    /// Its address.
    pub(super) fn address(&self) -> Result<Address, StateError> {
        codec::address(self.stored().0).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &Undecodable) -> StateError {
        error.at(&self.entries.location, self.stored().0)
    }

    /// The whole record.
    ///
    /// # Errors
    ///
    /// [`StateError::Damaged`] if it cannot be read although it matches its checksum.
    pub fn record(&self) -> Result<Record, StateError> {
        let (key, value) = self.stored();
        codec::payload(value)
            .and_then(|payload| codec::record(key, payload))
            .map_err(|error| self.failed(&error))
    }

    /// Whether it certainly is what was applied last, the API did not differ, and nothing is left
    /// to do: found out without decoding it, so that `false` may only mean that it has to be.
    pub fn is_plainly(&self, kind: Kind, from: &Sender, text: &str, protect: Option<bool>) -> bool {
        let payload = codec::payload(self.stored().1).unwrap_or_default();
        Packed::read(payload).is_ok_and(|packed| packed.is_plainly(kind, from, text, protect))
    }
}
