//! Why a command failed, in words, and the exit status that says so.

use std::{fmt, io};

use super::hidden;
use crate::{
    apply::{ApplyError, Problem},
    plan::safety::Refusal,
    state::StateError,
};

/// Exit statuses: see the contract in `pushsync --help`.
pub(super) mod status {
    pub(in crate::cli) const DONE: u8 = 0;
    pub(in crate::cli) const FAILED: u8 = 1;
    pub(in crate::cli) const CHANGES: u8 = 2;
    pub(in crate::cli) const STOPPED: u8 = 3;
    pub(in crate::cli) const UNKNOWN: u8 = 4;
}

/// An error that ends a command.
#[derive(Debug)]
pub(super) struct Failure {
    /// What went wrong: lower-case fragments.
    pub(super) messages: Vec<String>,
    /// What to do now.
    pub(super) help: Option<String>,
    /// The exit status.
    pub(super) status: u8,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { messages: vec![message.into()], help: None, status: status::FAILED }
    }

    /// Everything was said already; only the exit status is left.
    pub(super) fn silent() -> Self {
        Self { messages: Vec::new(), ..Self::new("") }
    }

    pub(super) fn status(self, status: u8) -> Self {
        Self { status, ..self }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, its words as `reword` gives them back.
    pub(super) fn reworded(self, reword: impl Fn(String) -> String) -> Self {
        Self {
            messages: self.messages.into_iter().map(&reword).collect(),
            help: self.help.map(&reword),
            ..self
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("; "))
    }
}

impl From<io::Error> for Failure {
    /// Only for what goes to stdout: files have errors that name them.
    fn from(error: io::Error) -> Self {
        Self::new(format!("could not write the output: {error}"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let help = match &error {
            StateError::Io { source, .. } => cure_of(source.kind()),
            _ => None,
        };
        Self { help: help.map(str::to_owned), ..Self::new(hidden::in_words(error.to_string())) }
    }
}

/// What to do about a file of the state.
fn cure_of(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::PermissionDenied => {
            "the state belongs to the user who made it, and only that one may read it: run as that user, or give the folder and all in it to this one"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on the disk, and run again: what was not written was not done, or is unknown and will be told"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the folder cannot be written: choose another with --state, or copy the state to one that can"
        }
        _ => return None,
    })
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        Self::new(hidden::in_words(error.to_string()))
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        Self { help: problem.hint(), ..Self::new(problem.to_string()) }
    }
}

impl From<Vec<Refusal>> for Failure {
    fn from(refusals: Vec<Refusal>) -> Self {
        const MOST: usize = 5;
        let mut messages: Vec<_> = refusals.iter().take(MOST).map(ToString::to_string).collect();
        if refusals.len() > MOST {
            messages.push(format!("and {} more like these", refusals.len() - MOST));
        }
        Self { messages, help: refusals.first().map(Refusal::help), ..Self::new("") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_state_that_cannot_be_used_comes_with_what_to_do() {
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::StorageFull,
            io::ErrorKind::ReadOnlyFilesystem,
        ] {
            let path = "state/pushsync.json".into();
            let error = StateError::Io { action: "read", path, source: kind.into() };
            let failure = Failure::from(error);
            assert!(failure.to_string().starts_with("could not read state/pushsync.json: "));
            assert!(failure.help.is_some_and(|help| help.len() > 40), "{kind}");
        }
    }
}
