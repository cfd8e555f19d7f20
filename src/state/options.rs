//! Where a state is, and how it is opened: everything that [`super::open`] wants to know.

use std::{
    ffi::OsString,
    fmt, mem,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{LockHolder, StateError, StateKey, bucket::Bucket};
use crate::{model::StateLocation, network::postgres};

/// Where a state is.
#[derive(Clone)]
pub enum StateTarget {
    /// In a folder on this machine.
    Folder(PathBuf),
    /// In a Postgres database: `postgres://user:password@host/database`.
    Postgres(SecretString),
    /// In a bucket: `s3://bucket/prefix`.
    Bucket(Bucket),
}

impl From<StateLocation> for StateTarget {
    fn from(location: StateLocation) -> Self {
        match location {
            StateLocation::Folder(folder) => Self::Folder(folder),
            StateLocation::Postgres(url) => Self::Postgres(url),
            StateLocation::Bucket(url) => Self::Bucket(Bucket::new(url.expose_secret())),
        }
    }
}

impl StateTarget {
    /// The same, completed from the environment: the `AWS_*` variables of a
    /// bucket; `PGPASSWORD`, or the file that `PGPASSFILE` names, for a database whose URL has no
    /// password. `variable` reads the environment.
    #[must_use]
    pub fn complete(self, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        match self {
            Self::Bucket(bucket) => Self::Bucket(bucket.with_variables(&text)),
            Self::Postgres(url) => Self::Postgres(postgres::with_variables(url, &text)),
            other => other,
        }
    }
}

/// Fit for messages: without user and password.
impl fmt::Display for StateTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => f.write_str(&postgres::location(url)),
            Self::Bucket(bucket) => fmt::Display::fmt(bucket, f),
        }
    }
}

impl fmt::Debug for StateTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "Folder({path:?})"),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
            Self::Bucket(bucket) => fmt::Debug::fmt(bucket, f),
        }
    }
}

/// Whether a state that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make an empty one.
    CreateIfAbsent,
    /// The same; and one that was moved away is emptied, and used again.
    TakeOver,
    /// It is an error, [`StateError::NotFound`], and nothing is created.
    MustExist,
}

/// The purpose for which a state is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To look at it. A store that others share lets them go on, and shows it as it was when it
    /// was opened; a folder is locked for as long as it is open. Nothing can be committed.
    Read,
    /// To change it: nobody else can do so meanwhile.
    Write,
}

/// How to open a state.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Where it is.
    pub target: StateTarget,
    /// The environment; each has a state of its own in the same place.
    pub environment: String,
    /// Whether to make a state if there is none yet.
    pub mode: Mode,
    /// Its purpose.
    pub access: Access,
    /// The holder, for anyone who comes while it is open.
    pub holder: LockHolder,
    /// How long to wait for another process.
    pub lock_timeout: Duration,
    /// The lineage of the state, if it is made.
    pub new_lineage: Uuid,
    /// The time at which it is made, if it is.
    pub now: Timestamp,
    /// The key, if it is encrypted.
    pub key: Option<StateKey>,
    /// Gets the error of a state that cannot be closed well: it is closed when its store is dropped.
    pub close_errors: CloseErrors,
}

/// The errors of states that could not be closed well. All that was committed to them is durable.
#[derive(Debug, Clone, Default)]
pub struct CloseErrors(Arc<Mutex<Vec<StateError>>>);

impl CloseErrors {
    pub(super) fn add(&self, error: StateError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    /// Takes the errors so far.
    pub fn take(&self) -> Vec<StateError> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl OpenOptions {
    pub(super) fn not_found(&self, location: &str) -> StateError {
        let (location, environment) = (location.to_owned(), self.environment.clone());
        StateError::NotFound { location, environment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_in_no_message() {
        for url in [
            "postgres://me:secret@db.example.com/pushsync",
            "postgres://me:secret@db.example.com/pushsync?sslmode=require",
            "postgresql://me:se?cret@db.example.com/pushsync",
            "postgres://me:s@cret@db.example.com/pushsync#x",
            "postgres://db.example.com/pushsync?password=secret&user=me",
        ] {
            let location = StateLocation::parse(url, "".as_ref()).expect("a store");
            let location = StateTarget::from(location);
            let shown = location.to_string();
            let known = ["postgres://db.example.com:5432/pushsync", "postgres://…"];
            assert!(known.contains(&&*shown), "{url}: {shown}");
            assert!(!format!("{location:?}").contains("cret"), "{url}");
        }
    }
}
