//! What was sent: the store that maps addresses to message ids and to what was last applied.
//!
//! [`Store`] is the seam. Its calls are few and coarse (a page of records, one atomic commit of
//! many writes), so that a store behind a network costs few round trips.

pub mod backup;
pub mod bucket;
mod cipher;
mod codec;
mod engine;
mod error;
pub mod export;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod holder;
mod hosted;
mod keys;
mod ledger;
pub mod memory;
mod open;
mod packed;
mod page;
mod panics;
mod postgres;
pub mod private_file;
mod record;
pub mod scan;
mod sled;
pub mod unrecorded;
mod vault;
mod worker;

use std::{future::Future, ops::Bound, pin::Pin};

pub use cipher::StateKey;
pub use error::StateError;
pub use holder::LockHolder;
pub use hosted::HostedStore;
pub use memory::MemoryStore;
pub use open::{Access, Location, Mode, OpenOptions, compact, open};
pub use page::{Entry, Page};
pub use record::{Amendment, Digest, Meta, Run, RunChange, RunPart, Verification, Write};
pub use sled::Compacted;

pub use scan::{Known, Located, Records, Sketch};

use crate::model::{Address, Intent, Record};

/// A future of a [`Store`]: boxed, so that stores can be chosen at run time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StateError>> + Send + 'a>>;

/// A place where records, intents, history and budget of one environment are kept.
///
/// Every implementation promises: what [`Store::commit`] acknowledged survives a loss of power;
/// a commit happens whole or not at all; damage is an error, never an empty answer.
pub trait Store: Send + Sync {
    /// Where it is, for messages: without passwords.
    fn place(&self) -> &str;

    /// Version, lineage, serial, count and digest, last known budget.
    fn meta(&self) -> Answer<'_, Meta>;

    /// Up to `limit` records in address order, between `from` and `to`. A page shorter than
    /// `limit` is the last one. The bounds are compared with whole addresses as bytes, so that
    /// `Included("key@")` starts at the first delivery of a message; `Excluded("keyA")` ends
    /// after its last one ('A' follows '@'). The store may begin before the answer is waited for.
    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> Answer<'_, Page>;

    /// One record.
    fn record<'a>(&'a self, address: &'a Address) -> Answer<'a, Option<Record>>;

    /// All intents without outcome, in address order.
    fn intents(&self) -> Answer<'_, Vec<Intent>>;

    /// The newest runs first, at most `limit`.
    fn runs(&self, limit: usize) -> Answer<'_, Vec<Run>>;

    /// Carries out all writes at once, durably, and answers with what [`Store::meta`] says now.
    fn commit(&self, writes: Vec<Write>) -> Answer<'_, Meta>;

    /// Changes what the state says of itself. Records, intents and serial stay as they are.
    fn amend(&self, amendment: Amendment) -> Answer<'_, Meta>;

    /// Reads everything and compares it with its checksums, count and digest.
    fn verify(&self) -> Answer<'_, Verification>;
}
