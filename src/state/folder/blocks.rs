//! Sorted entries in a tree of sled's, many in each of its values: see [`super::block`].
//!
//! A block lies under `b` and the key with which it began; it has the keys from there on up to the
//! next block's. No block has keys of two tables.

use std::{
    cell::RefCell,
    ops::{Bound, RangeBounds},
    path::{Path, PathBuf},
};

use sled::{IVec, Tree};

use crate::state::{
    StateError,
    kv::{Visit, is_empty},
};

use super::{
    block::{self, Block, Pair},
    error::sled_error,
    overflow::{self, Pieces, Unreadable},
};

/// The table of blocks: before all tables of the state, as [`overflow::FURTHER`] is behind them.
const BLOCK: u8 = b'b';
/// The most bytes of a block before it is compressed, without its first entry and without common ends of
/// neighbours. With larger blocks a commit has more to write, and little is saved
/// (measured: with 8,000 bytes, 6 to 10 % of the disk).
const MOST: usize = 3000;
/// The same with common ends: as far as the compression looks back.
const LONGEST: usize = 64 << 10;
/// A walk looks each block up this many times more. sled throws pages out of its memory only after 64
/// accesses to those of a shard, which has every 256th: in a walk, which sees each page once, those
/// were all pages of ten million deliveries. So it keeps two or three of each shard (measured, with a
/// million: 15 MB instead of 60; it costs 6 % of the walk's time).
const TOUCHES: usize = 3;

/// A tree of blocks.
pub(super) struct Blocks {
    tree: Tree,
    folder: PathBuf,
    location: String,
    /// For the next block that is read.
    spare: RefCell<Spare>,
    /// The block in which something was last looked up: the next one is mostly near.
    last: RefCell<Option<(Stored, Block)>>,
}

#[derive(Default)]
struct Spare {
    block: Block,
    bytes: Vec<u8>,
}

/// A block as it is stored, or the gap in which it would be.
struct Stored {
    /// Its key in the tree.
    name: Vec<u8>,
    value: Option<IVec>,
    /// Where the next one begins, in the tree.
    end: Vec<u8>,
}

impl Stored {
    fn covers(&self, key: &[u8]) -> bool {
        let end = self.end.get(1..).unwrap_or_default();
        self.name.get(1..).is_some_and(|start| start <= key) && key < end
    }
}

impl Blocks {
    pub(super) fn new(tree: Tree, folder: &Path, location: &str) -> Self {
        let (folder, location) = (folder.to_owned(), location.to_owned());
        Self { tree, folder, location, spare: RefCell::default(), last: RefCell::default() }
    }

    fn failed(&self, error: &sled::Error) -> StateError {
        sled_error(error, &self.location, &self.folder)
    }

    fn damaged(&self, what: &str) -> StateError {
        StateError::damaged(&self.location, what)
    }

    fn trouble(&self, trouble: Unreadable) -> StateError {
        match trouble {
            Unreadable::Sled(error) => self.failed(&error),
            Unreadable::Damaged(what) => self.damaged(what),
        }
    }

    /// The last block that begins at this key or before it, from `first` on.
    fn block_before(&self, first: &[u8], key: &[u8]) -> Result<Option<(IVec, IVec)>, StateError> {
        let (first, last) = (in_tree(first), in_tree(key));
        if first > last {
            return Ok(None);
        }
        self.tree.range(first..=last).next_back().transpose().map_err(|error| self.failed(&error))
    }

    /// Reads a block.
    fn read(&self, name: &[u8], value: &[u8], spare: &mut Spare) -> Result<(), StateError> {
        let Spare { block, bytes } = spare;
        let packed = overflow::whole(&self.tree, name, value, bytes);
        let read = block.read(packed.map_err(|trouble| self.trouble(trouble))?);
        read.map_err(|block::Broken| self.damaged("some of its entries cannot be read"))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let mut last = self.last.borrow_mut();
        let (_, block) = match last.take().filter(|(stored, _)| stored.covers(key)) {
            Some(near) => last.insert(near),
            None => {
                let stored = self.stored(key)?;
                let mut spare = Spare::default();
                if let Some(value) = &stored.value {
                    self.read(&stored.name, value, &mut spare)?;
                }
                last.insert((stored, spare.block))
            }
        };
        Ok(block.get(key).map(<[u8]>::to_vec))
    }

    pub(super) fn walk(
        &self,
        from: &Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        if is_empty(from, to) {
            return Ok(());
        }
        let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        let first = match bounds.0 {
            Bound::Unbounded => IVec::from(&[BLOCK]),
            Bound::Included(key) | Bound::Excluded(key) => match self.block_before(&[], key)? {
                Some((name, _)) => name,
                None => in_tree(key).into(),
            },
        };
        let last = match bounds.1 {
            Bound::Unbounded => Bound::Excluded(vec![BLOCK + 1]),
            Bound::Included(key) | Bound::Excluded(key) => Bound::Included(in_tree(key)),
        };
        let mut steps = Steps { visit, backwards, last: None, location: &self.location };
        let mut range = self.tree.range::<IVec, _>((Bound::Included(first), last.map(IVec::from)));
        let mut spare = self.spare.take();
        while let Some(entry) = if backwards { range.next_back() } else { range.next() } {
            let (name, value) = entry.map_err(|error| self.failed(&error))?;
            self.read(&name, &value, &mut spare)?;
            for _ in 0..TOUCHES {
                self.tree.contains_key(&name).map_err(|error| self.failed(&error))?;
            }
            let count = spare.block.len();
            for at in 0..count {
                let at = if backwards { count - 1 - at } else { at };
                let Some((key, value)) = spare.block.entry(at) else { continue };
                if !RangeBounds::<[u8]>::contains(&bounds, key) {
                    continue;
                }
                if !steps.take(key, value)? {
                    self.spare.replace(spare);
                    return Ok(());
                }
            }
        }
        self.spare.replace(spare);
        Ok(())
    }

    /// Writes all at once. `changes` are in the order of their keys.
    pub(super) fn write<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), StateError> {
        let changes: Vec<_> = changes.collect();
        self.write_some(&changes, usize::MAX).map(drop)
    }

    /// The same, but ends early when the changes or the blocks that they are in have `most` bytes;
    /// how many were written, at least one of any.
    pub(super) fn write_some(
        &self,
        changes: &[(&[u8], Option<&[u8]>)],
        most: usize,
    ) -> Result<usize, StateError> {
        self.last.take();
        let count = changes.len();
        let mut changes = changes.iter().copied().peekable();
        let mut taken = 0;
        let mut pieces = Pieces::default();
        let mut spare = Spare::default();
        while taken < most
            && pieces.length() < most
            && let Some((key, _)) = changes.peek()
        {
            let stored = self.stored(key)?;
            match &stored.value {
                Some(value) => self.read(&stored.name, value, &mut spare)?,
                None => spare.block = Block::default(),
            }
            let mut new = Vec::new();
            while taken < most
                && let Some(change) = changes.next_if(|(key, _)| stored.covers(key))
            {
                taken += change.0.len() + change.1.map_or(0, <[u8]>::len);
                new.push(change);
            }
            if new.is_empty() {
                return Err(self.damaged("its blocks are out of order"));
            }
            let old: Vec<Pair<'_>> = spare.block.entries().collect();
            put(&stored, &old, &new, &mut pieces);
        }
        self.tree.apply_batch(pieces.batch()).map_err(|error| self.failed(&error))?;
        Ok(count - changes.len())
    }

    /// The block that has this key, or would have it.
    fn stored(&self, key: &[u8]) -> Result<Stored, StateError> {
        let table = table(key);
        let (name, value) = match self.block_before(table, key)? {
            Some((name, value)) => (name.to_vec(), Some(value)),
            None => (in_tree(table), None),
        };
        let end = in_tree(&[table.first().map_or(u8::MAX, |letter| letter.saturating_add(1))]);
        let next =
            self.tree.range::<&[u8], _>((Bound::Excluded(&*name), Bound::Excluded(&*end))).next();
        let next = next.transpose().map_err(|error| self.failed(&error))?;
        Ok(Stored { name, value, end: next.map_or(end, |(name, _)| name.to_vec()) })
    }
}

/// Puts a block with these changes where it was, cut in several if it has become too large.
fn put(stored: &Stored, old: &[Pair<'_>], new: &[(&[u8], Option<&[u8]>)], pieces: &mut Pieces) {
    let merged = merge(old, new);
    if merged.is_empty() {
        if let Some(before) = &stored.value {
            pieces.remove(stored.name.clone(), before);
        }
        return;
    }
    // Entries at the end are mostly followed by more: the block before them is full.
    let appended = match (old.last(), new.first()) {
        (Some((last, _)), Some((first, _))) => last < first,
        _ => true,
    };
    let mut rest = merged.as_slice();
    let mut name = Some(stored.name.clone());
    let target = if appended { MOST } else { even(rest) };
    while let Some((first, _)) = rest.first() {
        let (chunk, more) = rest.split_at(fitting(rest, target));
        rest = more;
        let packed = block::pack(chunk);
        match name.take() {
            Some(name) => pieces.put(name, &packed, stored.value.as_ref()),
            None => pieces.put(in_tree(first), &packed, None),
        }
    }
}

/// The bytes of each block beside its first entry, if as few blocks as possible have equally many.
fn even(entries: &[Pair<'_>]) -> usize {
    let pairs = entries.iter().zip(entries.iter().skip(1));
    let all: usize = pairs.map(|(before, entry)| block::added(entry, before)).sum();
    (all / all.div_ceil(MOST).max(1) + 1).min(MOST)
}

/// How many of these entries make a block: one at least.
fn fitting(entries: &[Pair<'_>], target: usize) -> usize {
    let Some(first) = entries.first() else { return 0 };
    let (mut added, mut length) = (0, block::length(first));
    let pairs = entries.iter().zip(entries.iter().skip(1));
    let fit = pairs.take_while(|(before, entry)| {
        added += block::added(entry, before);
        length += block::length(entry);
        added <= target && length <= LONGEST
    });
    1 + fit.count()
}

/// The entries after the changes. Both are in the order of their keys.
fn merge<'a>(old: &[Pair<'a>], new: &[(&'a [u8], Option<&'a [u8]>)]) -> Vec<Pair<'a>> {
    let mut merged = Vec::with_capacity(old.len() + new.len());
    let mut old = old.iter().copied().peekable();
    for (key, value) in new {
        while let Some(pair) = old.next_if(|(before, _)| before < key) {
            merged.push(pair);
        }
        let _replaced = old.next_if(|(same, _)| same == key);
        merged.extend(value.map(|value| (*key, value)));
    }
    merged.extend(old);
    merged
}

/// Checks the order of the keys of a walk.
struct Steps<'a, 'v> {
    visit: &'a mut Visit<'v>,
    backwards: bool,
    last: Option<Vec<u8>>,
    location: &'a str,
}

impl Steps<'_, '_> {
    /// Visits one more; whether to go on.
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<bool, StateError> {
        match &mut self.last {
            // A damaged tree could lead in a circle.
            Some(last) if *last == key || (last.as_slice() < key) == self.backwards => {
                return Err(StateError::damaged(self.location, "its keys are out of order"));
            }
            Some(last) => {
                last.clear();
                last.extend_from_slice(key);
            }
            none => *none = Some(key.to_vec()),
        }
        (self.visit)(key, value)
    }
}

/// The key of a block in the tree.
fn in_tree(key: &[u8]) -> Vec<u8> {
    [&[BLOCK], key].concat()
}

/// The beginning of all keys of a table.
fn table(key: &[u8]) -> &[u8] {
    key.get(..1).unwrap_or_default()
}
