//! What fails for some rows of one message.

use std::{collections::HashMap, ops::Range};

use crate::diagnostics::Code;

/// What fails for some rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Failure {
    /// A column has no value, whichever messages use it.
    Empty(String),
    /// A piece of the text or of the condition fails.
    Piece { code: Code, range: Range<usize>, message: String },
    /// The text has nothing in it.
    NoText,
    /// More kinds of problems than are told.
    Others,
}

/// What fails: the condition of a message, or one of its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// By its place among the texts.
    Text(usize),
    Condition,
}

/// What is known of a failure: the cure, and the rows.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) code: Code,
    pub(super) range: Range<usize>,
    pub(super) help: Option<String>,
    pub(super) rows: Vec<u32>,
}

/// Failures of one message.
pub(super) type OfMessage = HashMap<(Part, Failure), Failed>;
