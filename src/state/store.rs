//! The interface of every state.

use std::{fmt, future::Future, ops::Bound, pin::Pin};

use super::{Amendment, Meta, Page, Run, StateError, Verification, Write};
use crate::model::{Address, Approval, Intent, MessageId, Record};

/// A future of a [`Store`]: boxed, so that stores can be chosen at run time.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StateError>> + Send + 'a>>;

/// Keeps records, intents, history and budget of one environment.
///
/// Every implementation promises: what [`Store::commit`] acknowledged survives a loss of power;
/// a commit happens whole or not at all; damage is an error, never an empty answer.
pub trait Store: Send + Sync {
    /// Where it is, for messages: without passwords.
    fn location(&self) -> &str;

    /// Version, lineage, serial, count and digest, last known budget.
    fn meta(&self) -> StoreFuture<'_, Meta>;

    /// Up to `limit` records in address order, between `from` and `to`. A page shorter than
    /// `limit` is the last one. The bounds are compared with whole addresses as bytes, so that
    /// `Included("key@")` starts at the first delivery of a message; `Excluded("keyA")` ends
    /// after its last one ('A' follows '@'). The store may begin before the answer is waited for.
    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> StoreFuture<'_, Page>;

    /// One record.
    fn record<'a>(&'a self, address: &'a Address) -> StoreFuture<'a, Option<Record>>;

    /// The delivery whose message this is: it has it now, or it has replaced it and is still to delete it.
    fn address_of<'a>(&'a self, id: &'a MessageId) -> StoreFuture<'a, Option<Address>>;

    /// All intents without outcome, in address order.
    fn intents(&self) -> StoreFuture<'_, Vec<Intent>>;

    /// What people agreed to and what is not done yet, in address order.
    fn approvals(&self) -> StoreFuture<'_, Vec<Approval>>;

    /// The newest runs first, at most `limit`.
    fn runs(&self, limit: usize) -> StoreFuture<'_, Vec<Run>>;

    /// Carries out all writes at once, durably, and answers with the new [`Store::meta`]. Nothing is written if a
    /// message would be that of two deliveries ([`StateError::IdInUse`]), or could be named by no request
    /// ([`StateError::UnusableId`]).
    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta>;

    /// Changes the header of the state. Records, intents and serial stay as they are.
    fn amend(&self, amendment: Amendment) -> StoreFuture<'_, Meta>;

    /// Makes sure that this store still has its lock; asked right before each request to the API. It is cheap
    /// if that was confirmed a moment ago. The time since then is counted by a clock that goes on while
    /// the process or the machine stands still. After an error, no request may leave.
    fn confirm_lock(&self) -> StoreFuture<'_, ()>;

    /// Reads everything and compares it with its checksums, count and digest.
    fn verify(&self) -> StoreFuture<'_, Verification>;
}

impl fmt::Debug for dyn Store + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.location())
    }
}
