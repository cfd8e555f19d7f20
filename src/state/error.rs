use std::{io, path::PathBuf};

use jiff::Timestamp;

use super::{LockHolder, panics::Death};
use crate::model::{Address, MessageId};

/// Why the state could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The state is damaged. It is never taken for an empty one.
    #[error("the state {location} is damaged: {what}")]
    Damaged {
        /// Which state.
        location: String,
        /// What is wrong with it.
        what: String,
    },
    /// A later version of pushsync wrote it.
    #[error(
        "the state {location} was written by a newer version (its format is {found}, this one \
         knows up to {known}): upgrade pushsync"
    )]
    Newer {
        /// Which state.
        location: String,
        /// The format it has.
        found: u32,
        /// The newest format this version knows.
        known: u32,
    },
    /// It belongs to another environment.
    #[error(
        "the state {location} belongs to the environment {found:?}, not to {wanted:?}: choose \
         {found} with --env, or name the state of {wanted} under `state:`"
    )]
    OtherEnvironment {
        /// Which state.
        location: String,
        /// The environment it is of.
        found: String,
        /// The environment that was asked for.
        wanted: String,
    },
    /// Somebody else has it open.
    #[error(
        "the state {location} is in use by {}{}: wait for it to end, or wait longer with \
         --lock-timeout",
        holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string),
        until.map_or_else(String::new, |until| {
            format!(", which holds it until {until:.0} unless it goes on")
        })
    )]
    Locked {
        /// Which state.
        location: String,
        /// Who holds it, if the note could be read.
        holder: Option<LockHolder>,
        /// When the lock may be taken over, if the holder does not prolong it before. In a folder
        /// the lock ends with its holder.
        until: Option<Timestamp>,
    },
    /// No older state of this name is kept.
    #[error("the state {location} has no snapshot {name:?}: `pushsync state restore` lists them")]
    NoSnapshot {
        /// Which state.
        location: String,
        /// The name that was asked for.
        name: String,
    },
    /// There is none yet.
    #[error(
        "there is no state of the environment {environment:?} in {location} yet: `pushsync apply` \
         makes it"
    )]
    NotFound {
        /// Where it was looked for.
        location: String,
        /// The environment that was asked for.
        environment: String,
    },
    /// It is somewhere else, and could not be reached.
    #[error("the state {location} cannot be used: {why}")]
    Unavailable {
        /// Which state.
        location: String,
        /// Why not.
        why: String,
    },
    /// It is encrypted, and there is no key.
    #[error("the state {location} is encrypted: set PUSHSYNC_STATE_KEY to its passphrase")]
    Encrypted {
        /// Which state.
        location: String,
    },
    /// There is a key, and it is not encrypted.
    #[error(
        "the state {location} is not encrypted, but PUSHSYNC_STATE_KEY is set: unset it, or move the \
         state to an encrypted one with `pushsync state migrate --to`"
    )]
    NotEncrypted {
        /// Which state.
        location: String,
    },
    /// It was encrypted under another key.
    #[error("the state {location} is encrypted under another key than PUSHSYNC_STATE_KEY")]
    WrongKey {
        /// Which state.
        location: String,
    },
    /// It was moved elsewhere.
    #[error(
        "the state {location} was moved to {to}: name that one, in pushsync.yaml or with --state or --env"
    )]
    Moved {
        /// Which state.
        location: String,
        /// Where it is now, without passwords.
        to: String,
    },
    /// An export can only be read back into an empty state.
    #[error(
        "the state {location} is not empty ({records} records, {intents} intents, {approvals} approvals): an \
         export is read back into a fresh one only, choose it with --state"
    )]
    NotEmpty {
        /// Which state.
        location: String,
        /// How many records it has.
        records: u64,
        /// How many intents it has.
        intents: u64,
        /// How many approvals it has.
        approvals: u64,
    },
    /// A line of an export is not what was written.
    #[error("line {line} of the export: {what}; nothing was imported")]
    BadExport {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Outcomes that wait to be recorded are not what was written.
    #[error(
        "the outcomes in {} cannot be recorded: {why}. Nothing was done; move the file away, and if it is \
         yours, settle by hand with `pushsync state resolve` what is in it",
        file.display()
    )]
    Unrecorded {
        /// Their file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Two deliveries would have one message.
    #[error(
        "message {id} {}: nothing was recorded",
        if address == holder {
            format!("would be both the message of {} and the one that it replaces", address.masked())
        } else {
            format!(
                "is that of {} already, and cannot be that of {} too, because deleting one would delete the other's",
                holder.masked(),
                address.masked()
            )
        }
    )]
    IdInUse {
        /// The id.
        id: MessageId,
        /// The delivery that was to get it.
        address: Address,
        /// The delivery that has it.
        holder: Address,
    },
    /// An id that no request could name.
    #[error("{} cannot have this message: {why}; nothing was recorded", address.masked())]
    UnusableId {
        /// The delivery that was to get it.
        address: Address,
        /// What is wrong with the id.
        why: String,
    },
    /// The renames lead in a circle.
    #[error("the renames lead in a circle: {0} would become itself")]
    MovesInCircle(String),
    /// Somebody wrote while it was being read.
    #[error("the state {location} changed while it was being read: run again")]
    Changed {
        /// Which state.
        location: String,
    },
    /// A write failed before, so that it is not known what is stored until it is read again.
    #[error(
        "the state {location} could not be written before: nothing more is written in this run"
    )]
    Failed {
        /// Which state.
        location: String,
    },
    /// A file or folder of the state could not be read or written.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An export could not be written to where it should go.
    #[error("could not write the export: {0}")]
    Output(#[source] io::Error),
    /// A value cannot be stored. No value of this crate does this.
    #[error("could not encode {what} for the state: {why}")]
    Unstorable {
        /// Of what kind it is.
        what: &'static str,
        /// What the encoder said.
        why: String,
    },
}

impl StateError {
    pub(crate) fn damaged(location: &str, what: impl Into<String>) -> Self {
        Self::Damaged { location: location.to_owned(), what: what.into() }
    }

    /// The error of everything that is tried after a death.
    pub(super) fn of_death(location: &str, death: &Death) -> Self {
        match death {
            Death::Panic(what) => Self::damaged(location, what),
            Death::Disk(code) => Self::io("use", location)(io::Error::from_raw_os_error(*code)),
            Death::Hanging => Self::unavailable(
                location,
                "its disk has not answered for ten minutes. What was committed is safe",
            ),
        }
    }

    pub(crate) fn unavailable(location: &str, why: impl Into<String>) -> Self {
        Self::Unavailable { location: location.to_owned(), why: why.into() }
    }

    /// An error if what was found at `location` is of another environment than this one.
    pub(crate) fn check_environment(location: &str, found: &str, wanted: &str) -> Result<(), Self> {
        if found == wanted {
            return Ok(());
        }
        let (location, found, wanted) = (location.to_owned(), found.to_owned(), wanted.to_owned());
        Err(Self::OtherEnvironment { location, found, wanted })
    }

    pub(crate) fn unstorable(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |error| Self::Unstorable { what, why: error.to_string() }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
