//! What fails for some rows of one message.

use std::{collections::HashMap, ops::Range};

use crate::diagnostics::Code;

/// What fails for some rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Failure {
    /// A column has no value, whichever messages use it.
    Empty(String),
    /// A part of the text or of the condition fails.
    Part { code: Code, in_condition: bool, range: Range<usize>, message: String },
    /// The text has nothing in it.
    NoText,
    /// More kinds of problems than are told.
    Others,
}

/// What is known of a failure: where it is, the cure, and the rows.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) code: Code,
    pub(super) in_condition: bool,
    pub(super) range: Range<usize>,
    pub(super) help: Option<String>,
    pub(super) rows: Vec<u32>,
}

/// Failures of one message.
pub(super) type OfMessage = HashMap<Failure, Failed>;
