//! A file whose shape is known.

use std::{collections::HashSet, sync::Arc};

use crate::{diagnostics::Diagnostic, manifest::raw};

/// Where an entry of [`Document::faulty`] begins.
pub(crate) const SECTIONS: [&str; 3] = ["messages", "senders", "audiences"];

/// A decoded file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The part that could be decoded.
    pub(crate) raw: raw::File,
    /// The entries in which something was wrong: `["messages", "dark-mode"]`, or
    /// `["environments", "staging", "messages", "dark-mode"]`. A field may be missing there
    /// only because of that.
    pub(crate) faulty: HashSet<Vec<Arc<str>>>,
    /// Whole senders or audiences may be missing because of errors.
    pub(crate) incomplete: bool,
    /// The problems of the file.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Document {
    /// Of a file that could not be read at all.
    pub(super) fn unreadable(problem: Diagnostic) -> Self {
        Self::not_yaml(vec![problem])
    }

    /// Of a file that has these mistakes.
    pub(super) fn not_yaml(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, incomplete: true, ..Self::default() }
    }
}
