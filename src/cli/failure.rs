//! The error that ends a command: its messages and its exit status.

use std::{fmt, io};

use crate::{
    apply::{ApplyError, Problem},
    diagnostics::Code,
    manifest::suggest,
    plan::safety::Refusal,
    state::StateError,
};

/// Exit statuses, as `pushsync --help` explains them.
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
    /// The errors, each a lower-case fragment.
    pub(super) messages: Vec<String>,
    /// What to do now.
    pub(super) help: Option<String>,
    /// The exit status.
    pub(super) status: u8,
    /// The name under which it is explained at length, if it has one.
    pub(super) code: Option<Code>,
    /// Whether the text may hold the values of variables in `state:`, which are not shown.
    pub(super) about_state: bool,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            messages: vec![message.into()],
            help: None,
            status: status::FAILED,
            code: None,
            about_state: false,
        }
    }

    /// An error that was reported already; only the exit status is left.
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

    /// Adds another error.
    pub(super) fn and(mut self, message: impl Into<String>) -> Self {
        self.messages.push(message.into());
        self
    }

    pub(super) fn code(self, code: Option<Code>) -> Self {
        Self { code, ..self }
    }

    /// Marks the error as one about the state, so that it does not show what variables in `state:` hold.
    pub(super) fn about_state(self) -> Self {
        Self { about_state: true, ..self }
    }

    /// Adds the name that was probably meant instead of `wrong`, or else this help.
    pub(super) fn suggest<'a>(
        self,
        wrong: &str,
        known: impl Iterator<Item = &'a str>,
        otherwise: &str,
    ) -> Self {
        match suggest::nearest(wrong, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if otherwise.is_empty() => self,
            None => self.help(otherwise),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("; "))
    }
}

impl From<io::Error> for Failure {
    /// Only for stdout: errors of files name the file.
    fn from(error: io::Error) -> Self {
        Self::new(format!("could not write the output: {error}"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl Failure {
    /// A state that could not be closed well.
    pub(super) fn of_closing(error: StateError) -> Self {
        const SAFE: &str = "what was committed is safe, and the next command that opens the state goes on from there";
        let failure = Self::from(error);
        let help = match &failure.help {
            Some(help) if help.contains("what was committed is safe") => help.clone(),
            Some(help) => format!("{SAFE}; {help}"),
            None => format!("{SAFE}: run again"),
        };
        Self {
            messages: failure
                .messages
                .iter()
                .map(|message| format!("the state was not closed well: {message}"))
                .collect(),
            ..failure
        }
        .help(help)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let help = cure_of(&error).map(str::to_owned);
        Self { help, ..Self::new(error.to_string()).about_state() }
    }
}

/// An error of the disk itself, on every Unix. Rust has no word for it.
const EIO: i32 = 5;

/// The cure for a file of the state that cannot be used.
fn cure_of(error: &StateError) -> Option<&'static str> {
    let StateError::Io { source, .. } = error else { return None };
    Some(match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "only the user who created the state may read it: run as that user, or give the folder and everything in it to this one"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free space on it, and run again. A change that was not written was not made, or is unknown and will be reported. Leave the state where it is"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the disk is read-only: mount it for writing, and run again. Leave the state where it is: another state knows nothing of what was sent, and all of it would be sent again"
        }
        _ if source.raw_os_error() == Some(EIO) => {
            "see what the system says of that disk, and run again: what was committed is safe. Leave the state where it is"
        }
        _ => return None,
    })
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let help = match &error {
            ApplyError::State(error) => cure_of(error).map(str::to_owned),
            ApplyError::Worker(_) => None,
        };
        Self { help, ..Self::new(error.to_string()).about_state() }
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        Self { help: problem.hint(), ..Self::new(problem.to_string()).code(problem.explained()) }
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
            let help = failure.help.unwrap_or_default();
            assert!(help.len() > 40, "{kind}");
            assert!(
                !help.contains("--state"),
                "another state knows nothing of what was sent: {help}"
            );
        }
    }
}
