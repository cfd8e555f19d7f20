use std::{future::poll_fn, pin::Pin, task::Poll};

use futures_util::future::{MaybeDone, maybe_done};
use tokio::runtime::Handle;

use crate::state::{Meta, Page, StateError, Store, StoreFuture, header::Tally, keys::Table};

/// A page that the store is reading, or has read.
pub(super) type PageAhead<'a> = MaybeDone<StoreFuture<'a, Page>>;

/// Reads pages and adds up their digests.
pub(super) struct Reader<'a> {
    pub(super) store: &'a dyn Store,
    handle: Handle,
    meta: Option<Meta>,
    pub(super) tally: Tally,
}

impl<'a> Reader<'a> {
    pub(super) fn new(store: &'a dyn Store, handle: Handle) -> Self {
        Self { store, handle, meta: None, tally: Tally::default() }
    }

    /// Before anything is read.
    pub(super) fn start(&mut self) -> Result<(), StateError> {
        self.meta = Some(self.handle.block_on(self.store.meta())?);
        Ok(())
    }

    /// Lets the store begin, and does not wait.
    pub(super) fn begin(&self, answer: StoreFuture<'a, Page>) -> PageAhead<'a> {
        let mut ahead = maybe_done(answer);
        self.handle.block_on(poll_fn(|context| {
            let _ready = Pin::new(&mut ahead).poll(context);
            Poll::Ready(())
        }));
        ahead
    }

    /// Waits for a page that was begun.
    pub(super) fn finish(&self, mut ahead: PageAhead<'a>) -> Result<Page, StateError> {
        self.handle.block_on(&mut ahead);
        let gone = || StateError::Failed { location: self.store.location().to_owned() };
        Pin::new(&mut ahead).take_output().unwrap_or_else(|| Err(gone()))
    }

    /// Compares everything that was read with the header of the state.
    pub(super) fn check(&self) -> Result<(), StateError> {
        let now = self.handle.block_on(self.store.meta())?;
        let location = self.store.location();
        let Some(then) = &self.meta else { return Ok(()) };
        if then.serial != now.serial || then.lineage != now.lineage {
            return Err(StateError::Changed { location: location.to_owned() });
        }
        let expected = Tally { count: then.records, digest: then.digest };
        match expected.mismatch(Table::Records, self.tally) {
            Some(what) => Err(StateError::damaged(location, what)),
            None => Ok(()),
        }
    }
}
