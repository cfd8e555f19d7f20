//! YAML: what a file means, and where it says so.
//!
//! `serde_yaml` alone decides what a file means: its [`values::Values`] are what models are decoded
//! from. A second parser says only where they are written: its [`tree::Tree`] is made when a place is
//! asked for, and a node of it that is not the value at its path is passed over. It also stops files
//! that `serde_yaml` would take too long for, and finds the tags that `serde_yaml` passes over.

pub(crate) mod decode;
mod faults;
mod read;
pub(crate) mod tree;
pub(crate) mod values;

pub(crate) use read::{Document, parts, read};

/// Where an entry of [`Document::faulty`] begins.
pub(crate) const SECTIONS: [&str; 3] = ["messages", "senders", "audiences"];

/// Deeper nesting than this is refused: the deepest field of a project is at 8.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests;
