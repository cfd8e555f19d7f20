//! YAML: what a file means, and where it says so.
//!
//! `serde_yaml` alone decides what a file means: its [`values::Values`] are what models are decoded
//! from. A second parser says only where they are written: its [`tree::Tree`] is made when a place is
//! asked for, and a node of it that is not the value at its path is passed over. It also stops files
//! that `serde_yaml` would take too long for, and finds the tags that `serde_yaml` passes over.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod agreement;
mod decode;
mod document;
mod faults;
mod misread;
mod read;
mod surrogates;
mod syntax;
#[cfg(test)]
mod tests;
mod text_fields;
mod texts;
pub(crate) mod tree;
pub(crate) mod values;

pub(crate) use document::Document;
pub(crate) use read::read;
pub(crate) use syntax::start;
pub(crate) use values::parts;
