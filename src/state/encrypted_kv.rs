//! A layer that encrypts a [`Kv`], if there is a key: the same keys and values above it, whatever lies below.
//!
//! Encrypted, a delivery `KEY@VISITOR` lies under `KEY@` and a hash, and its value holds the name
//! as well. So the deliveries of one message lie together, but in the order of hashes: they are
//! all read and put in order, one message at a time.

use std::{
    cell::RefCell,
    ops::{Bound, RangeBounds},
};

use super::{
    StateError,
    cipher::{Cipher, Undecipherable},
    keys::{self, Table},
    kv::{Changes, Kv, Visit},
};

/// A [`Kv`], and the cipher of an encrypted state.
pub(super) struct EncryptedKv<K> {
    pub(super) inner: K,
    location: String,
    pub(super) cipher: Option<Cipher>,
    /// The deliveries of the message that was read last: pages of one message follow each other.
    last: RefCell<Option<Group>>,
}

/// All deliveries of one message, or all other things of a table, decrypted and in order.
struct Group {
    /// The beginning of their keys in the store.
    start: Vec<u8>,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<K: Kv> EncryptedKv<K> {
    pub(super) fn new(inner: K, location: &str, cipher: Option<Cipher>) -> Self {
        Self { inner, location: location.to_owned(), cipher, last: RefCell::new(None) }
    }

    fn failed(&self, key: &[u8], error: Undecipherable) -> StateError {
        StateError::damaged(&self.location, format!("{} is damaged: {error}", keys::describe(key)))
    }

    fn encrypt(&self, cipher: &Cipher, key: &[u8], value: &[u8]) -> Result<Vec<u8>, StateError> {
        let mut plain = Vec::with_capacity(4 + key.len() + value.len());
        plain.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(key);
        plain.extend_from_slice(value);
        cipher.seal(&stored_key(cipher, key), &plain).map_err(|error| self.failed(key, error))
    }

    /// The key and the value that lie under `stored`.
    fn decrypt(
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

    /// The beginning of the keys of the first message from `next` on, if there is one before `to`.
    fn next_group(
        &self,
        next: Vec<u8>,
        to: &Bound<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StateError> {
        // An end within a message lies behind the hashes of that message, or before: all of it
        // is looked at.
        let to = match to {
            Bound::Included(key) | Bound::Excluded(key) => {
                Bound::Excluded(split(key).map_or_else(|| key.clone(), |(start, _)| end_of(start)))
            }
            Bound::Unbounded => Bound::Unbounded,
        };
        let mut found = None;
        self.inner.walk(Bound::Included(next), to, false, &mut |stored, _| {
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
        let (from, to) = (Bound::Included(start.to_vec()), Bound::Excluded(end_of(start)));
        self.inner.walk(from, to, false, &mut |stored, bytes| {
            entries.push(self.decrypt(cipher, stored, bytes)?);
            Ok(true)
        })?;
        entries.sort();
        self.last.replace(Some(Group { start: start.to_vec(), entries }));
        Ok(())
    }
}

impl<K: Kv> Kv for EncryptedKv<K> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.get_all(&[key.to_vec()])?.pop().flatten())
    }

    fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        let Some(cipher) = &self.cipher else { return self.inner.get_all(keys) };
        let stored: Vec<_> = keys.iter().map(|key| stored_key(cipher, key)).collect();
        let mut found = self.inner.get_all(&stored)?;
        for ((key, stored), value) in keys.iter().zip(&stored).zip(&mut found) {
            // The header says how to decrypt the others.
            if let Some(bytes) = value
                && key != keys::HEADER
            {
                let (name, plain) = self.decrypt(cipher, stored, bytes)?;
                if name != *key {
                    return Err(self.failed(key, Undecipherable::Damaged));
                }
                *value = Some(plain);
            }
        }
        Ok(found)
    }

    /// Backwards, only runs can be walked over: their keys are not hidden.
    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let Some(cipher) = &self.cipher else {
            return self.inner.walk(from, to, backwards, visit);
        };
        let first = match &from {
            Bound::Included(key) | Bound::Excluded(key) => key.as_slice(),
            Bound::Unbounded => &[],
        };
        if !first.first().is_some_and(|letter| Table::hides(*letter)) {
            return self.inner.walk(from, to, backwards, &mut |stored, bytes| {
                let (key, value) = self.decrypt(cipher, stored, bytes)?;
                visit(&key, &value)
            });
        }
        // From the beginning of the message in which the walk begins.
        let mut next = split(first).map_or(first, |(start, _)| start).to_vec();
        while let Some(start) = self.next_group(next, &to)? {
            self.read_group(cipher, &start)?;
            for (key, value) in self.last.borrow().iter().flat_map(|group| &group.entries) {
                if RangeBounds::<Vec<u8>>::contains(&(from.as_ref(), to.as_ref()), key)
                    && !visit(key, value)?
                {
                    return Ok(());
                }
            }
            next = end_of(&start);
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        let Some(cipher) = &self.cipher else { return self.inner.write(changes) };
        let mut encrypted = Changes::new();
        for (key, value) in changes {
            let value = match value {
                Some(value) if key != keys::HEADER => Some(self.encrypt(cipher, key, value)?),
                other => other.clone(),
            };
            encrypted.insert(stored_key(cipher, key), value);
        }
        self.last.replace(None);
        self.inner.write(&encrypted)
    }

    fn check_writable(&self) -> Result<(), StateError> {
        self.inner.check_writable()
    }

    fn confirm_lock(&mut self) -> Result<(), StateError> {
        self.inner.confirm_lock()
    }

    fn check_lock(&self) -> Result<(), StateError> {
        self.inner.check_lock()
    }

    fn verify(&self) -> Result<Vec<String>, StateError> {
        self.inner.verify()
    }

    fn close(self) -> Result<(), StateError> {
        self.inner.close()
    }

    fn abandon(self) {
        self.inner.abandon();
    }
}

/// The key in the store.
fn stored_key(cipher: &Cipher, key: &[u8]) -> Vec<u8> {
    match split(key) {
        Some((start, visitor)) => [start, cipher.hidden(visitor).as_bytes()].concat(),
        None => key.to_vec(),
    }
}

/// A key of a table whose visitors are hidden: up to the first `@` and with it, and the rest.
fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let letter = key.first()?;
    let at = key.iter().position(|byte| *byte == b'@').filter(|_| Table::hides(*letter))?;
    Some(key.split_at(at + 1))
}

/// The end (excluded) of the keys that begin with this, which ends in `@`: 'A' follows '@'.
fn end_of(start: &[u8]) -> Vec<u8> {
    let mut end = start.to_vec();
    match end.last_mut() {
        Some(last) if *last == b'@' => *last = b'A',
        // No delivery: nothing but itself.
        _ => end.push(0),
    }
    end
}
