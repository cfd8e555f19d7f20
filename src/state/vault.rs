//! Sorted bytes that may be encrypted: the same keys and values for the engine, whatever lies in
//! the store.
//!
//! Encrypted, a delivery `KEY@VISITOR` lies under `KEY@` and a hash, and its value holds the name
//! as well. So the deliveries of one message lie together, but in the order of hashes: they are
//! read whole and put in order, one message at a time.

use std::{cell::RefCell, ops::Bound};

use super::{
    StateError,
    cipher::{Cipher, Undecipherable},
    codec::Encoded,
    engine::{Backing, Visit},
    keys::{self, Table},
    ledger::Changes,
};

/// A [`Backing`], and what it is encrypted with.
pub(super) struct Vault<B> {
    backing: B,
    place: String,
    cipher: Option<Cipher>,
    /// The deliveries of the message that was read last: pages of one message follow each other.
    last: RefCell<Option<Group>>,
}

/// All deliveries of one message, or all other things of a table, decrypted and in order.
struct Group {
    /// What their keys in the store begin with.
    start: Vec<u8>,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<B: Backing> Vault<B> {
    pub(super) fn new(backing: B, place: &str, cipher: Option<Cipher>) -> Self {
        Self { backing, place: place.to_owned(), cipher, last: RefCell::new(None) }
    }

    pub(super) fn backing(&self) -> &B {
        &self.backing
    }

    pub(super) fn backing_mut(&mut self) -> &mut B {
        &mut self.backing
    }

    pub(super) fn into_backing(self) -> B {
        self.backing
    }

    pub(super) fn cipher(&self) -> Option<&Cipher> {
        self.cipher.as_ref()
    }

    fn failed(&self, key: &[u8], error: Undecipherable) -> StateError {
        StateError::damaged(&self.place, format!("{} is damaged: {error}", keys::describe(key)))
    }

    /// Under which key something lies in the store.
    fn stored_key(&self, cipher: &Cipher, key: &[u8]) -> Vec<u8> {
        match split(key) {
            Some((start, visitor)) => [start, cipher.hidden(visitor).as_bytes()].concat(),
            None => key.to_vec(),
        }
    }

    fn seal(&self, cipher: &Cipher, key: &[u8], value: &[u8]) -> Result<Vec<u8>, StateError> {
        let stored = self.stored_key(cipher, key);
        let mut plain = Vec::with_capacity(4 + key.len() + value.len());
        plain.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(key);
        plain.extend_from_slice(value);
        cipher.seal(&stored, &plain).map_err(|error| self.failed(key, error))
    }

    /// The key and the value of what lies under `stored`.
    fn unseal(
        &self,
        cipher: &Cipher,
        stored: &[u8],
        bytes: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), StateError> {
        let broken = || self.failed(stored, Undecipherable::Damaged);
        let plain = cipher.unseal(stored, bytes).map_err(|error| self.failed(stored, error))?;
        let (length, rest) = plain.split_first_chunk::<4>().ok_or_else(broken)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (key, value) = rest.split_at_checked(length).ok_or_else(broken)?;
        Ok((key.to_vec(), value.to_vec()))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.get_all(&[key.to_vec()])?.pop().flatten())
    }

    pub(super) fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        let Some(cipher) = &self.cipher else { return self.backing.get_all(keys) };
        let stored: Vec<_> = keys.iter().map(|key| self.stored_key(cipher, key)).collect();
        let mut found = self.backing.get_all(&stored)?;
        for ((key, stored), value) in keys.iter().zip(&stored).zip(&mut found) {
            // The ledger says how to decrypt the others.
            if let Some(bytes) = value
                && key != keys::LEDGER
            {
                let (name, plain) = self.unseal(cipher, stored, bytes)?;
                if name != *key {
                    return Err(self.failed(key, Undecipherable::Damaged));
                }
                *value = Some(plain);
            }
        }
        Ok(found)
    }

    pub(super) fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        let Some(cipher) = &self.cipher else { return self.backing.write(changes) };
        let mut hidden = Changes::new();
        for (key, value) in changes {
            let value = match value {
                Some(value) if key != keys::LEDGER => {
                    let bytes = self.seal(cipher, key, &value.bytes)?;
                    Some(Encoded { bytes, digest: value.digest })
                }
                other => other.clone(),
            };
            hidden.insert(self.stored_key(cipher, key), value);
        }
        self.last.replace(None);
        self.backing.write(&hidden)
    }

    /// See [`Backing::walk`]. Backwards, only what is not hidden can be walked over: runs.
    pub(super) fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let Some(cipher) = &self.cipher else {
            return self.backing.walk(from, to, backwards, visit);
        };
        let first = match &from {
            Bound::Included(key) | Bound::Excluded(key) => key.as_slice(),
            Bound::Unbounded => &[],
        };
        if !first.first().is_some_and(|letter| Table::hides(*letter)) {
            return self.backing.walk(from, to, backwards, &mut |stored, bytes| {
                let (key, value) = self.unseal(cipher, stored, bytes)?;
                visit(&key, &value)
            });
        }
        // From the beginning of the message in which the walk begins.
        let mut next = Bound::Included(split(first).map_or(first, |(start, _)| start).to_vec());
        loop {
            let Some(start) = self.next_group(next, &to)? else { return Ok(()) };
            self.read_group(cipher, &start)?;
            if let Some(group) = &*self.last.borrow() {
                for (key, value) in &group.entries {
                    let before = match &from {
                        Bound::Included(from) => key < from,
                        Bound::Excluded(from) => key <= from,
                        Bound::Unbounded => false,
                    };
                    let after = match &to {
                        Bound::Included(to) => key > to,
                        Bound::Excluded(to) => key >= to,
                        Bound::Unbounded => false,
                    };
                    if after {
                        return Ok(());
                    }
                    if !before && !visit(key, value)? {
                        return Ok(());
                    }
                }
            }
            next = end_of(&start);
        }
    }

    /// What the keys of the first message from `next` on begin with, if there is one before `to`.
    fn next_group(
        &self,
        next: Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StateError> {
        // An end within a message lies behind the hashes of that message, or before: all of it
        // is looked at.
        let to = match to {
            Bound::Included(key) | Bound::Excluded(key) => match split(key) {
                Some((start, _)) => end_of(start),
                None => to.clone(),
            },
            Bound::Unbounded => Bound::Unbounded,
        };
        let to = match to {
            // The end of one is the beginning of the next.
            Bound::Included(key) => Bound::Excluded(key),
            other => other,
        };
        let mut found = None;
        self.backing.walk(next, to, false, &mut |stored, _| {
            found = Some(split(stored).map_or(stored, |(start, _)| start).to_vec());
            Ok(false)
        })?;
        Ok(found)
    }

    fn read_group(&self, cipher: &Cipher, start: &[u8]) -> Result<(), StateError> {
        if self.last.borrow().as_ref().is_some_and(|group| group.start == start) {
            return Ok(());
        }
        let mut entries = Vec::new();
        let end = match end_of(start) {
            Bound::Included(end) => Bound::Excluded(end),
            other => other,
        };
        self.backing.walk(Bound::Included(start.to_vec()), end, false, &mut |stored, bytes| {
            entries.push(self.unseal(cipher, stored, bytes)?);
            Ok(true)
        })?;
        entries.sort();
        self.last.replace(Some(Group { start: start.to_vec(), entries }));
        Ok(())
    }
}

/// A key of a table whose visitors are hidden: up to the first `@` and with it, and the rest.
fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let letter = key.first()?;
    let at = key.iter().position(|byte| *byte == b'@').filter(|_| Table::hides(*letter))?;
    Some(key.split_at(at + 1))
}

/// Where the keys end that begin with this, which ends in `@`: 'A' follows '@'.
fn end_of(start: &[u8]) -> Bound<Vec<u8>> {
    let mut end = start.to_vec();
    match end.last_mut() {
        Some(last) if *last == b'@' => *last = b'A',
        // No delivery: nothing but itself.
        _ => end.push(0),
    }
    Bound::Included(end)
}
