//! Files that somebody else has named or may be writing: a manifest, an argument, a checkout.
//!
//! A pipe without a writer would be waited for without end, and a device read without end: only regular files are
//! opened, without waiting. A person may also give a pipe of their own on the command line, as shells make it.

mod open;
mod read;

pub(crate) use open::{open, open_given};
pub(crate) use read::{Ending, read, read_given, read_unchanged};
