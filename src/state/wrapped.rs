//! A store around another one.

use std::ops::Bound;

use super::{Amendment, Meta, Page, Run, Store, StoreFuture, Verification, Write};
use crate::model::{Address, Approval, Intent, MessageId, Record};

/// Changes some calls of a store, and passes them on by default.
pub trait Wrapper: Send + Sync {
    /// The store that does the work.
    fn inner(&self) -> &dyn Store;

    /// See [`Store::meta`].
    fn meta(&self) -> StoreFuture<'_, Meta> {
        self.inner().meta()
    }

    /// See [`Store::page`].
    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> StoreFuture<'_, Page> {
        self.inner().page(from, to, limit)
    }

    /// See [`Store::commit`].
    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        self.inner().commit(writes)
    }

    /// See [`Store::confirm_lock`].
    fn confirm_lock(&self) -> StoreFuture<'_, ()> {
        self.inner().confirm_lock()
    }
}

/// A store that asks its wrapper first.
#[derive(Debug)]
pub struct Wrapped<W>(pub W);

impl<W: Wrapper> Store for Wrapped<W> {
    fn location(&self) -> &str {
        self.0.inner().location()
    }

    fn meta(&self) -> StoreFuture<'_, Meta> {
        self.0.meta()
    }

    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> StoreFuture<'_, Page> {
        self.0.page(from, to, limit)
    }

    fn record<'a>(&'a self, address: &'a Address) -> StoreFuture<'a, Option<Record>> {
        self.0.inner().record(address)
    }

    fn address_of<'a>(&'a self, id: &'a MessageId) -> StoreFuture<'a, Option<Address>> {
        self.0.inner().address_of(id)
    }

    fn intents(&self) -> StoreFuture<'_, Vec<Intent>> {
        self.0.inner().intents()
    }

    fn approvals(&self) -> StoreFuture<'_, Vec<Approval>> {
        self.0.inner().approvals()
    }

    fn runs(&self, limit: usize) -> StoreFuture<'_, Vec<Run>> {
        self.0.inner().runs(limit)
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        self.0.commit(writes)
    }

    fn amend(&self, amendment: Amendment) -> StoreFuture<'_, Meta> {
        self.0.inner().amend(amendment)
    }

    fn confirm_lock(&self) -> StoreFuture<'_, ()> {
        self.0.confirm_lock()
    }

    fn verify(&self) -> StoreFuture<'_, Verification> {
        self.0.inner().verify()
    }
}
