//! Which pages of approvals there are.

use std::{collections::BTreeMap, ops::Bound};

use crate::{
    model::Address,
    state::{keys::Table, kv::Changes},
};

/// The keys of the pages, each with the bytes of its value. The only writer of a state keeps it.
#[derive(Debug, Default)]
pub(in crate::state) struct Pages(BTreeMap<Vec<u8>, usize>);

impl Pages {
    /// A page that is stored.
    pub(in crate::state) fn add(&mut self, key: &[u8], bytes: usize) {
        self.0.insert(key.to_vec(), bytes);
    }

    /// What a commit has changed.
    pub(in crate::state) fn follow(&mut self, changes: &Changes) {
        let table = Table::Approvals.from(Bound::Unbounded);
        let end = Table::Approvals.to(Bound::Unbounded);
        for (key, value) in changes.range((table, end)) {
            match value {
                Some(value) => self.add(key, value.len()),
                None => _ = self.0.remove(key),
            }
        }
    }

    /// The page that has the approval of this address, if there is one: the last that begins at it or before it,
    /// or the first of the message.
    pub(super) fn of(&self, address: &Address) -> Option<&[u8]> {
        let key = Table::Approvals.key(address.as_str().as_bytes());
        let message = message(&key);
        let begins_before = self.0.range(..=key.clone()).next_back();
        let first = || self.0.range(message.to_vec()..).next();
        [begins_before, first()]
            .into_iter()
            .flatten()
            .map(|(page, _)| page.as_slice())
            .find(|page| page.starts_with(message))
    }

    /// The next page of the same message.
    pub(super) fn next(&self, page: &[u8]) -> Option<&[u8]> {
        let after = (Bound::Excluded(page), Bound::Unbounded);
        let (next, _) = self.0.range::<[u8], _>(after).next()?;
        next.starts_with(message(page)).then_some(next)
    }

    /// The page of the same message before.
    pub(super) fn previous(&self, page: &[u8]) -> Option<&[u8]> {
        let before = (Bound::Unbounded, Bound::Excluded(page));
        let (previous, _) = self.0.range::<[u8], _>(before).next_back()?;
        previous.starts_with(message(page)).then_some(previous)
    }

    /// The bytes of a page.
    pub(super) fn bytes(&self, page: &[u8]) -> usize {
        self.0.get(page).copied().unwrap_or_default()
    }
}

/// The beginning of the keys of all pages of a message.
pub(super) fn message(key: &[u8]) -> &[u8] {
    let at = key.iter().position(|byte| *byte == b'@').unwrap_or(key.len());
    key.get(..=at).unwrap_or(key)
}
