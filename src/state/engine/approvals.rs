//! Reads the pages of approvals, and works out what a commit makes of them.

use std::{mem, ops::Bound};

use super::{Engine, Stored};
use crate::{
    model::Approval,
    state::{
        Digest, StateError, Write,
        approvals::{self, Effect, Pages},
        codec::{self, Undecodable},
        header::Tally,
        keys::Table,
        kv::Kv,
    },
};

impl<K: Kv> Engine<K> {
    /// All approvals; if they are not those of the header, that is damage.
    pub(in crate::state) fn approvals(&self) -> Result<Vec<Approval>, StateError> {
        let mut all: Vec<Approval> = Vec::new();
        self.walk_approvals(|key, page, _| {
            if all.last().is_some_and(|last| !begins_behind(key, last)) {
                return Err(Undecodable::Name.at(&self.location, key));
            }
            all.extend(page);
            Ok(())
        })?;
        let (expected, found) = (self.header.meta.approvals, all.len() as u64);
        if expected != found {
            let what = format!("it should have {expected} approvals, and has {found}");
            return Err(StateError::damaged(&self.location, what));
        }
        Ok(all)
    }

    /// Visits the pages of approvals, with their keys and bytes.
    fn walk_approvals(
        &self,
        mut visit: impl FnMut(&[u8], Vec<Approval>, usize) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let mut tally = Tally::default();
        if self.header.approval_pages != tally {
            let (from, to) =
                (Table::Approvals.from(Bound::Unbounded), Table::Approvals.to(Bound::Unbounded));
            self.kv.walk(from, to, false, &mut |key, bytes| {
                let (page, digest) = self.decode_approvals(key, bytes)?;
                tally.add(digest);
                visit(key, page, bytes.len())?;
                Ok(true)
            })?;
        }
        match self.header.approval_pages.mismatch(Table::Approvals, tally) {
            Some(what) => Err(StateError::damaged(&self.location, what)),
            None => Ok(()),
        }
    }

    pub(super) fn decode_approvals(
        &self,
        key: &[u8],
        bytes: &[u8],
    ) -> Result<(Vec<Approval>, Digest), StateError> {
        codec::decode_approvals(key, bytes).map_err(|error| error.at(&self.location, key))
    }

    /// What a commit makes of the approvals.
    pub(super) fn effect_on_approvals(
        &mut self,
        writes: &[Write],
        stored: &mut Stored,
    ) -> Result<Effect, StateError> {
        if !approvals::may_touch(writes, self.header.approval_pages.count) {
            return Ok(Effect::default());
        }
        let pages = match self.approval_pages.take() {
            Some(pages) => pages,
            None => {
                let mut pages = Pages::default();
                self.walk_approvals(|key, _, bytes| {
                    pages.add(key, bytes);
                    Ok(())
                })?;
                pages
            }
        };
        let needed = approvals::needed(writes, &pages);
        self.read(needed.into_iter().collect(), stored)?;
        let effect = approvals::effect(writes, &pages, mem::take(&mut stored.approvals));
        self.approval_pages = Some(pages);
        effect.map_err(StateError::unstorable("approvals"))
    }
}

/// Whether a page of approvals begins behind this one, which is on the page before.
pub(super) fn begins_behind(key: &[u8], last: &Approval) -> bool {
    key.get(1..) > Some(last.address.as_str().as_bytes())
}
