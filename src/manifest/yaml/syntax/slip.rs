//! A mistake of somebody who writes YAML by hand.

use crate::diagnostics::{Code, Diagnostic};

/// Lines and what they should be.
pub(super) type Change = Vec<(usize, String)>;

/// What is probably wrong, and the ways to mend it.
#[derive(Debug)]
pub(super) struct Slip {
    pub(super) code: Code,
    /// From 0.
    pub(super) line: usize,
    /// From 0, in bytes of the line.
    pub(super) at: usize,
    /// In characters.
    pub(super) length: usize,
    pub(super) message: String,
    pub(super) help: String,
    /// The first that lets the file be read further shows that this is the mistake.
    pub(super) changes: Vec<Change>,
    /// Other lines, and what they have to do with it.
    pub(super) related: Option<(usize, &'static str)>,
}

impl Slip {
    pub(super) fn new(code: Code, line: usize, at: usize, message: impl Into<String>) -> Self {
        Self {
            code,
            line,
            at,
            length: 1,
            message: message.into(),
            help: String::new(),
            changes: Vec::new(),
            related: None,
        }
    }

    pub(super) fn long(self, length: usize) -> Self {
        Self { length: length.max(1), ..self }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// A way to mend it: another line in place of this one.
    pub(super) fn or(mut self, line: String) -> Self {
        self.changes.push(vec![(self.line, line)]);
        self
    }

    pub(super) fn or_all(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    pub(super) fn diagnostic(&self) -> Diagnostic {
        Diagnostic::error(self.code, self.message.clone()).help(self.help.clone())
    }
}
