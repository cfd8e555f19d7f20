//! A walk over some ranges of addresses, page by page.

use std::{collections::VecDeque, ops::Bound, vec};

use crate::{
    model::Key,
    state::{Digest, Record, StateError},
};

use super::Reader;

/// How many records are read at once.
const PAGE: usize = 4096;

type Range = (Bound<String>, Bound<String>);

/// What is left to read of some ranges. Reading it adds to the reader's tally.
#[derive(Default)]
pub(super) struct Cursor {
    ranges: VecDeque<Range>,
    page: vec::IntoIter<Record>,
}

/// The addresses of one key: from `key@` up to `keyA`, as 'A' follows '@'.
fn ends(key: &Key) -> (String, String) {
    (format!("{key}@"), format!("{key}A"))
}

impl Cursor {
    /// All addresses of one key.
    pub(super) fn of(key: &Key) -> Self {
        let (from, to) = ends(key);
        Self {
            ranges: VecDeque::from([(Bound::Included(from), Bound::Excluded(to))]),
            page: vec::IntoIter::default(),
        }
    }

    /// All addresses but those of these keys.
    pub(super) fn around<'k>(keys: impl Iterator<Item = &'k Key>) -> Self {
        let mut holes: Vec<_> = keys.map(ends).collect();
        holes.sort();
        let mut ranges = VecDeque::new();
        let mut from = Bound::Unbounded;
        for (start, end) in holes {
            ranges.push_back((from, Bound::Excluded(start)));
            from = Bound::Included(end);
        }
        ranges.push_back((from, Bound::Unbounded));
        Self { ranges, page: vec::IntoIter::default() }
    }

    pub(super) fn next(&mut self, reader: &mut Reader<'_>) -> Result<Option<Record>, StateError> {
        loop {
            if let Some(record) = self.page.next() {
                return Ok(Some(record));
            }
            let Some((from, to)) = self.ranges.front_mut() else { return Ok(None) };
            let page = {
                let from = from.as_ref().map(String::as_str);
                let to = to.as_ref().map(String::as_str);
                reader.wait(reader.store.page(from, to, PAGE))?
            };
            let tally = &mut reader.tally;
            tally.count += page.records.len() as u64;
            tally.digest = Digest(tally.digest.0.wrapping_add(page.digest.0));
            match page.records.last() {
                Some(last) if page.records.len() >= PAGE => {
                    *from = Bound::Excluded(last.address.as_str().to_owned());
                }
                _ => {
                    self.ranges.pop_front();
                }
            }
            self.page = page.records.into_iter();
        }
    }
}
