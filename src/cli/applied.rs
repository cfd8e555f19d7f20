//! How an apply ended.

use super::{failure::status, waiting::Waiting};
use crate::{apply::Outcome, model::Endpoint};

/// How an apply ended.
pub(super) struct Applied {
    pub(super) outcome: Outcome,
    /// The API that it was for.
    pub(super) api: Endpoint,
    /// Why nothing was begun, if nothing was.
    pub(super) nothing: Option<Nothing>,
    /// Whether the state was made by it.
    pub(super) first: bool,
    /// What was agreed to and waits for its window.
    pub(super) waiting: Option<Waiting>,
}

/// Why an apply began nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    /// There is nothing to do.
    ToDo,
    /// Somebody was asked, and did not agree.
    Agreed,
}

impl Applied {
    /// The exit status of the command.
    pub(super) fn status(&self) -> u8 {
        match self.nothing {
            Some(Nothing::Agreed) => status::FAILED,
            Some(Nothing::ToDo) | None => self.outcome.exit_status(),
        }
    }
}
