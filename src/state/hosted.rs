//! Stores that keep sorted bytes somewhere, each with a thread of its own.

use std::{fmt, ops::Bound};

use crate::model::Address;

use super::{
    Amendment, Answer, Intent, Meta, Page, Record, Run, StateError, Store, Verification, Write,
    worker::{Opened, Worker},
};

/// A [`Store`] whose calls are carried out by one thread of its own, so that none blocks an
/// executor. A commit that has begun is carried out even if nobody waits for it any more. Dropping
/// the store waits for what is under way, closes it and gives the lock back.
pub struct HostedStore {
    worker: Worker,
}

impl fmt::Debug for HostedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostedStore").field("place", &self.worker.place()).finish_non_exhaustive()
    }
}

impl HostedStore {
    /// Opens a store on a new thread; blocks until it is open.
    pub(super) fn start(
        place: String,
        open: impl FnOnce(&str) -> Result<Box<dyn Opened>, StateError> + Send + 'static,
    ) -> Result<Self, StateError> {
        Ok(Self { worker: Worker::start(place, open)? })
    }
}

impl Store for HostedStore {
    fn place(&self) -> &str {
        self.worker.place()
    }

    fn meta(&self) -> Answer<'_, Meta> {
        self.worker.run(|state| Ok(state.meta()))
    }

    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> Answer<'_, Page> {
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        self.worker.run(move |state| {
            state.page(from.as_ref().map(String::as_str), to.as_ref().map(String::as_str), limit)
        })
    }

    fn record<'a>(&'a self, address: &'a Address) -> Answer<'a, Option<Record>> {
        let address = address.clone();
        self.worker.run(move |state| state.record(&address))
    }

    fn intents(&self) -> Answer<'_, Vec<Intent>> {
        self.worker.run(|state| state.intents())
    }

    fn runs(&self, limit: usize) -> Answer<'_, Vec<Run>> {
        self.worker.run(move |state| state.runs(limit))
    }

    fn commit(&self, writes: Vec<Write>) -> Answer<'_, Meta> {
        self.worker.run(move |state| state.commit(&writes))
    }

    fn amend(&self, amendment: Amendment) -> Answer<'_, Meta> {
        self.worker.run(move |state| state.amend(&amendment))
    }

    fn verify(&self) -> Answer<'_, Verification> {
        self.worker.run(|state| state.verify())
    }
}
