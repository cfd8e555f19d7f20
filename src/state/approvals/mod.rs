//! What people agreed to and what is not done yet: pages of approvals beside the records, in the same commits.
//!
//! An approval of its own entry would cost about 150 bytes in a store and more in a database, where a row has some
//! 80 bytes besides its content. So neighbours of one message share a page: a value of at most about
//! [`packed::MOST`] bytes, which lies under the beginning of its first address and has the approvals from there up to
//! the next page's (the first page of a message has all before it as well).
//!
//! A commit reads the pages that its writes are about, changes them, and writes them back: [`effect`] says how.
//! A writer knows which pages there are from [`pages::Pages`].

mod effect;
mod packed;
#[cfg(test)]
mod packed_tests;
mod pages;

pub(super) use effect::{Effect, StoredPage, effect, may_touch, needed};
pub(super) use packed::{pack, unpack};
pub(super) use pages::Pages;
