//! The records of a range of addresses, page by page.

use std::ops::Bound;

use crate::{
    model::Key,
    state::{Page, StateError, Store},
};

/// How many records are read at once: enough that a network costs little, few enough that they stay in the
/// processor's cache.
pub(super) const PAGE: usize = 1024;

pub(super) type Range = (Bound<String>, Bound<String>);

/// The first address of a key, and the end of its addresses: 'A' follows '@'.
pub(super) fn ends(key: &Key) -> (String, String) {
    (format!("{key}@"), format!("{key}A"))
}

/// Reads a range of a store in address order, one page at a time.
pub struct RecordPages<'s> {
    store: &'s dyn Store,
    rest: Option<Range>,
}

impl<'s> RecordPages<'s> {
    /// All records.
    pub fn all(store: &'s dyn Store) -> Self {
        Self { store, rest: Some((Bound::Unbounded, Bound::Unbounded)) }
    }

    /// The records of one message.
    pub fn of(store: &'s dyn Store, key: &Key) -> Self {
        let (from, to) = ends(key);
        Self { store, rest: Some((Bound::Included(from), Bound::Excluded(to))) }
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn next(&mut self) -> Result<Option<Page>, StateError> {
        let Some((from, to)) = &mut self.rest else { return Ok(None) };
        let (start, end) = (from.as_ref().map(String::as_str), to.as_ref().map(String::as_str));
        let page = self.store.page(start, end, PAGE).await?;
        match page.get(PAGE - 1) {
            Some(last) => *from = Bound::Excluded(last.decode()?.address.as_str().to_owned()),
            None => self.rest = None,
        }
        Ok(Some(page))
    }
}
