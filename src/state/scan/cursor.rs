//! A walk over some ranges of addresses, page by page.

use std::{collections::VecDeque, ops::Bound};

use super::{
    pages::{PAGE, Range, ends},
    reader::{PageAhead, Reader},
};
use crate::{
    model::{Key, LazyRecord},
    state::{Digest, Page, StateError},
};

/// The rest of some ranges. Reading it adds to the reader's tally.
#[derive(Default)]
pub(super) struct Cursor<'a> {
    ranges: VecDeque<Range>,
    page: Page,
    /// How many records of the page were handed out.
    at: usize,
    /// The next page, which the store reads while somebody looks at this one.
    ahead: Option<PageAhead<'a>>,
}

impl<'a> Cursor<'a> {
    /// All addresses of one key.
    pub(super) fn of(key: &Key) -> Self {
        let (from, to) = ends(key);
        Self {
            ranges: VecDeque::from([(Bound::Included(from), Bound::Excluded(to))]),
            ..Self::default()
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
        Self { ranges, ..Self::default() }
    }

    pub(super) fn next(
        &mut self,
        reader: &mut Reader<'a>,
    ) -> Result<Option<LazyRecord>, StateError> {
        loop {
            if let Some(record) = self.page.get(self.at) {
                self.at += 1;
                return Ok(Some(record));
            }
            let Some(ahead) = self.ahead.take().or_else(|| self.begin(reader)) else {
                return Ok(None);
            };
            let page = reader.finish(ahead)?;
            let tally = &mut reader.tally;
            tally.count += page.len() as u64;
            tally.digest = Digest(tally.digest.0.wrapping_add(page.digest.0));
            match (page.get(PAGE - 1), self.ranges.front_mut()) {
                (Some(last), Some((from, _))) => {
                    *from = Bound::Excluded(last.decode()?.address.as_str().to_owned());
                }
                _ => _ = self.ranges.pop_front(),
            }
            (self.page, self.at) = (page, 0);
            self.ahead = self.begin(reader);
        }
    }

    /// Lets the store read the next page.
    fn begin(&self, reader: &Reader<'a>) -> Option<PageAhead<'a>> {
        let (from, to) = self.ranges.front()?;
        let (from, to) = (from.as_ref().map(String::as_str), to.as_ref().map(String::as_str));
        Some(reader.begin(reader.store.page(from, to, PAGE)))
    }
}
