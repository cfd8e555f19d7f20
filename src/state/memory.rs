//! A state in memory: for tests, and for runs that should leave nothing behind.

use std::{
    collections::BTreeMap,
    future::ready,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{Address, Approval, Intent, MessageId, Record};

use super::{
    Amendment, Meta, Page, Run, StateError, Store, StoreFuture, Verification, Write,
    engine::Engine,
    header::StateHeader,
    kv::{Changes, Kv, Visit, is_empty},
};

/// A [`Store`] that lives as long as the process. It does with bytes what the others do, so
/// that what holds for it holds for them.
pub struct MemoryStore(Mutex<Engine<MemoryKv>>);

const LOCATION: &str = "in memory";

/// Sorted bytes in memory.
#[derive(Default)]
pub(super) struct MemoryKv(pub(super) BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryStore {
    /// An empty state of this environment.
    ///
    /// # Errors
    ///
    /// [`StateError::Unstorable`], never in practice.
    pub fn new(environment: &str, lineage: Uuid, now: Timestamp) -> Result<Self, StateError> {
        let header = StateHeader::new(environment, lineage, now);
        Ok(Self(Mutex::new(Engine::create(MemoryKv::default(), LOCATION, header, None)?)))
    }

    fn engine(&self) -> MutexGuard<'_, Engine<MemoryKv>> {
        // A commit is one insertion after another of values that are all there: none can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.0.get(key).cloned())
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        if is_empty(&from, &to) {
            return Ok(());
        }
        let mut range = self.0.range((from, to));
        while let Some((key, value)) = if backwards { range.next_back() } else { range.next() } {
            if !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        for (key, value) in changes {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn location(&self) -> &str {
        LOCATION
    }

    fn meta(&self) -> StoreFuture<'_, Meta> {
        Box::pin(ready(Ok(self.engine().meta())))
    }

    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> StoreFuture<'_, Page> {
        Box::pin(ready(self.engine().page(from, to, limit)))
    }

    fn record<'a>(&'a self, address: &'a Address) -> StoreFuture<'a, Option<Record>> {
        Box::pin(ready(self.engine().record(address)))
    }

    fn address_of<'a>(&'a self, id: &'a MessageId) -> StoreFuture<'a, Option<Address>> {
        Box::pin(ready(self.engine().address_of(id)))
    }

    fn intents(&self) -> StoreFuture<'_, Vec<Intent>> {
        Box::pin(ready(self.engine().intents()))
    }

    fn approvals(&self) -> StoreFuture<'_, Vec<Approval>> {
        Box::pin(ready(self.engine().approvals()))
    }

    fn runs(&self, limit: usize) -> StoreFuture<'_, Vec<Run>> {
        Box::pin(ready(self.engine().runs(limit)))
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        Box::pin(ready(self.engine().commit(&writes)))
    }

    fn amend(&self, amendment: Amendment) -> StoreFuture<'_, Meta> {
        Box::pin(ready(self.engine().amend(&amendment)))
    }

    fn confirm_lock(&self) -> StoreFuture<'_, ()> {
        Box::pin(ready(self.engine().confirm_lock()))
    }

    fn verify(&self) -> StoreFuture<'_, Verification> {
        Box::pin(ready(self.engine().verify()))
    }
}
