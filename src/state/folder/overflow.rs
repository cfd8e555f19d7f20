//! Values of any length in a tree of sled's, whose pages must not grow too large.
//!
//! A page or value larger than a quarter of a segment goes to a file of its own in `blobs/`, which is
//! never fsynced, and is removed before the page that replaces it is durable. So no page may grow so
//! large: values are cut in pieces, and the segments are twice the usual size. A leaf has at most some
//! 20 values of up to [`PIECE`] bytes, an inner page at most 256 keys of up to 650 bytes: both stay
//! under 256 KiB.

use std::collections::BTreeMap;

use sled::{Batch, IVec, Tree};

/// See above: a quarter of this is the largest page.
pub(super) const SEGMENT: usize = 1 << 20;
/// The largest piece of a value.
const PIECE: usize = 8 << 10;
/// A value in one piece.
const WHOLE: u8 = 0;
/// The first piece of a value: four bytes with the number of further pieces follow.
const PIECES: u8 = 1;
/// The table of further pieces.
pub(super) const FURTHER: u8 = b'x';

/// The pieces that are written at once: new bytes, or `None` for removed ones.
#[derive(Default)]
pub(super) struct Pieces(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

/// Why a value cannot be read.
pub(super) enum Unreadable {
    Sled(sled::Error),
    Damaged(&'static str),
}

impl From<sled::Error> for Unreadable {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
    }
}

/// The whole value whose first piece, `stored`, lies under `key`. `buffer` is for further pieces.
pub(super) fn whole<'a>(
    tree: &Tree,
    key: &[u8],
    stored: &'a [u8],
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], Unreadable> {
    if let Some((&WHOLE, value)) = stored.split_first() {
        return Ok(value);
    }
    if stored.first() != Some(&PIECES) {
        return Err(Unreadable::Damaged("a value has no known form"));
    }
    let (count, first) = pieces(stored).ok_or(Unreadable::Damaged("a value is cut off"))?;
    buffer.clear();
    buffer.extend_from_slice(first);
    for index in 0..count {
        let piece = tree.get(piece_key(key, index))?;
        let piece = piece.ok_or(Unreadable::Damaged("a piece of a value is missing"))?;
        buffer.extend_from_slice(&piece);
    }
    Ok(buffer)
}

impl Pieces {
    /// Of all values, in bytes.
    pub(super) fn length(&self) -> usize {
        self.0.values().flatten().map(Vec::len).sum()
    }

    /// Puts a value under a key whose stored bytes are `before`.
    pub(super) fn put(&mut self, key: Vec<u8>, value: &[u8], before: Option<&IVec>) {
        let mut after = 0;
        let mut all = value.chunks(PIECE);
        let first = all.next().unwrap_or_default();
        for piece in all {
            self.0.insert(piece_key(&key, after), Some(piece.to_vec()));
            after += 1;
        }
        let stored = match after {
            0 => [&[WHOLE][..], first].concat(),
            _ => [&[PIECES][..], &after.to_be_bytes(), first].concat(),
        };
        self.drop_pieces(&key, after, before);
        self.0.insert(key, Some(stored));
    }

    /// Removes the value of a key whose stored bytes are `before`.
    pub(super) fn remove(&mut self, key: Vec<u8>, before: &IVec) {
        self.drop_pieces(&key, 0, Some(before));
        self.0.insert(key, None);
    }

    fn drop_pieces(&mut self, key: &[u8], after: u32, before: Option<&IVec>) {
        let had = before.and_then(|stored| pieces(stored)).map_or(0, |(count, _)| count);
        for index in after..had {
            self.0.insert(piece_key(key, index), None);
        }
    }

    /// All of it, in the order of keys: sled then has to look for few pages.
    pub(super) fn batch(self) -> Batch {
        let mut batch = Batch::default();
        for (key, value) in self.0 {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch
    }
}

/// The number of further pieces and the first one, if it is the first of several.
fn pieces(stored: &[u8]) -> Option<(u32, &[u8])> {
    let (count, first) = stored.strip_prefix(&[PIECES])?.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*count), first))
}

fn piece_key(key: &[u8], index: u32) -> Vec<u8> {
    // Unambiguous: four bytes always follow the key.
    [&[FURTHER][..], key, &index.to_be_bytes()].concat()
}
