//! What stands in a YAML file where a visitor's id belongs, right or wrong: only to be masked.
//!
//! [`tree`] looks through a file that can be parsed, whatever its shape; [`words`] through the words of one
//! that cannot.

mod fields;
mod tree;
mod words;

pub(super) use fields::is_field;
pub(super) use tree::{Suspect, of as in_tree};
pub(super) use words::{Words, of as in_words};
