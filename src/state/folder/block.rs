//! Many neighbours in one value of sled's.
//!
//! sled is slow at scans of small values: each costs some allocations and a search, however small it
//! is. So entries that follow each other are packed together: each key leaves out its common start with the
//! key before, and the whole is compressed, so that a text of many neighbours (one message
//! for many visitors) is stored once.
//!
//! | part | bytes |
//! |---|---|
//! | form | one: plain or compressed |
//! | compressed only: length of the plain form | LEB128 |
//! | for each entry: bytes shared with the key before, length of the rest, length of the value | LEB128 |
//! | the rest of the key, and the value | |
//!
//! Damage to a block is found by the checksums of the values, which cover their keys, and by the header of
//! the state, which has their count.

use std::ops::Range;

use crate::model::leb128;

/// Entries as they are: encrypted values cannot be compressed.
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;
/// LZ4 makes at most this many bytes of one: a greater length is damage, and takes no memory.
const MOST_OF_A_BYTE: usize = 255;

/// A key with its value.
pub(super) type Pair<'a> = (&'a [u8], &'a [u8]);

/// The bytes of an entry before it is compressed, about.
pub(super) fn length((key, value): &Pair<'_>) -> usize {
    key.len() + value.len() + 6
}

/// The bytes that an entry adds to a block that ends with `before`: a common end is a shared text, and
/// only a few bytes once it is compressed.
pub(super) fn added(entry: &Pair<'_>, before: &Pair<'_>) -> usize {
    let both = entry.1.iter().rev().zip(before.1.iter().rev());
    length(entry) - both.take_while(|(a, b)| a == b).count()
}

/// The stored form of entries, which are in the order of their keys.
pub(super) fn pack(entries: &[Pair<'_>]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(entries.iter().map(|entry| length(entry) + 6).sum());
    let mut before: &[u8] = &[];
    for (key, value) in entries {
        let shared = key.iter().zip(before).take_while(|(a, b)| a == b).count();
        let rest = key.get(shared..).unwrap_or_default();
        for length in [shared, rest.len(), value.len()] {
            leb128::put(&mut plain, length as u128);
        }
        plain.extend_from_slice(rest);
        plain.extend_from_slice(value);
        before = key;
    }
    let compressed = lz4_flex::block::compress(&plain);
    let mut packed = Vec::with_capacity(compressed.len().min(plain.len()) + 6);
    if compressed.len() + 5 < plain.len() {
        packed.push(COMPRESSED);
        leb128::put(&mut packed, plain.len() as u128);
        packed.extend_from_slice(&compressed);
    } else {
        packed.push(PLAIN);
        packed.extend_from_slice(&plain);
    }
    packed
}

/// An unpacked block. One after another is read into it, so that its memory is used again.
#[derive(Default)]
pub(super) struct Block {
    plain: Vec<u8>,
    keys: Vec<u8>,
    /// Where each key lies in `keys` and each value in `plain`.
    places: Vec<(Range<usize>, Range<usize>)>,
}

/// These bytes are not a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl Block {
    /// Reads a stored block, and forgets the one before.
    pub(super) fn read(&mut self, packed: &[u8]) -> Result<(), Broken> {
        self.keys.clear();
        self.places.clear();
        self.plain.clear();
        match packed.split_first().ok_or(Broken)? {
            (&PLAIN, plain) => self.plain.extend_from_slice(plain),
            (&COMPRESSED, mut rest) => {
                let length = take_length(&mut rest).ok_or(Broken)?;
                if length > rest.len().saturating_mul(MOST_OF_A_BYTE) {
                    return Err(Broken);
                }
                self.plain.resize(length, 0);
                let read = lz4_flex::block::decompress_into(rest, &mut self.plain);
                if read.ok() != Some(length) {
                    return Err(Broken);
                }
            }
            _ => return Err(Broken),
        }
        self.find().ok_or(Broken)
    }

    /// Finds the entries; `None` if there is something else.
    fn find(&mut self) -> Option<()> {
        let mut rest = self.plain.as_slice();
        let mut before = 0..0;
        while !rest.is_empty() {
            let shared = take_length(&mut rest)?;
            let (more, length) = (take_length(&mut rest)?, take_length(&mut rest)?);
            let tail = rest.get(..more)?;
            if shared > before.len() {
                return None;
            }
            let start = self.keys.len();
            self.keys.extend_from_within(before.start..before.start + shared);
            self.keys.extend_from_slice(tail);
            before = start..self.keys.len();
            rest = rest.get(more..)?;
            let value = self.plain.len() - rest.len();
            rest = rest.get(length..)?;
            self.places.push((before.clone(), value..value + length));
        }
        Some(())
    }

    /// How many entries it has.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// An entry of it.
    pub(super) fn entry(&self, at: usize) -> Option<Pair<'_>> {
        let (key, value) = self.places.get(at)?;
        Some((self.keys.get(key.clone())?, self.plain.get(value.clone())?))
    }

    /// Its entries, in the order in which they lie.
    pub(super) fn entries(&self) -> impl Iterator<Item = Pair<'_>> {
        (0..self.len()).filter_map(|at| self.entry(at))
    }

    /// The value of a key. Its keys are in order, or it is damaged, which a walk notices.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let at = self
            .places
            .binary_search_by(|(location, _)| self.keys.get(location.clone()).cmp(&Some(key)))
            .ok()?;
        self.entry(at).map(|(_, value)| value)
    }
}

fn take_length(from: &mut &[u8]) -> Option<usize> {
    usize::try_from(leb128::take(from)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = (Vec<u8>, Vec<u8>);

    fn packed(pairs: &[Owned]) -> Vec<u8> {
        let pairs: Vec<Pair<'_>> =
            pairs.iter().map(|(k, v)| (k.as_slice(), v.as_slice())).collect();
        pack(&pairs)
    }

    fn unpacked(packed: &[u8]) -> Result<Vec<Owned>, Broken> {
        let mut block = Block::default();
        block.read(packed)?;
        Ok(block.entries().map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
    }

    fn pairs() -> impl Strategy<Value = Vec<Owned>> {
        let key = prop_oneof!["r[ab]{0,3}@[0-9a-f]{0,6}", "[a-z]{0,200}"];
        let value = proptest::collection::vec(any::<u8>(), 0..300);
        proptest::collection::btree_map(key.prop_map(String::into_bytes), value, 0..40)
            .prop_map(|entries| entries.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_was_packed_is_read_and_found_by_its_keys(pairs in pairs()) {
            let packed = packed(&pairs);
            let mut block = Block::default();
            // Whatever was in it before.
            block.read(&super::tests::packed(&[(b"before".to_vec(), vec![7; 999])])).expect("a block");
            block.read(&packed).expect("a block");
            prop_assert_eq!(block.len(), pairs.len());
            for (key, value) in &pairs {
                prop_assert_eq!(block.get(key), Some(value.as_slice()));
            }
            prop_assert_eq!(block.get(b"zzz-not-there"), None);
            prop_assert_eq!(unpacked(&packed).expect("a block"), pairs);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpacked(&bytes);
        }

        #[test]
        fn a_cut_off_block_is_refused_or_has_fewer_entries(pairs in pairs(), share in 0.0..1.0) {
            prop_assume!(!pairs.is_empty());
            let packed = packed(&pairs);
            let cut = &packed[..(packed.len() as f64 * share) as usize];
            if let Ok(found) = unpacked(cut) {
                prop_assert!(found.len() < pairs.len());
            }
        }
    }

    #[test]
    fn a_text_that_neighbours_share_takes_its_room_once() {
        let text =
            "Dark mode is here! Turn it on under Settings, and tell us what you think.".repeat(5);
        let pair = |n: u8| (format!("rnews@{n:032x}").into_bytes(), text.clone().into_bytes());
        let one = packed(&[pair(1)]).len();
        let many = packed(&(1..=20).map(pair).collect::<Vec<_>>()).len();
        assert!(many < one + 20 * 24, "{many} bytes for 20, {one} for one");
    }

    #[test]
    fn a_length_beyond_what_the_bytes_can_hold_takes_no_memory() {
        let mut packed = vec![COMPRESSED];
        leb128::put(&mut packed, usize::MAX as u128);
        packed.extend_from_slice(&[0; 20]);
        assert_eq!(unpacked(&packed), Err(Broken));
    }
}
