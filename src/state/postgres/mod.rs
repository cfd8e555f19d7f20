//! A state in a PostgreSQL database, for several machines that share it.
//!
//! | table | what |
//! |---|---|
//! | `pushsync_schema` | the versions of these tables |
//! | `pushsync_states` | one row for each environment: its ledger, and in columns what a person wants to see |
//! | `pushsync_records`, `…_intents`, `…_runs`, `…_run_parts` | what the ledger counts, by environment and name |
//! | `pushsync_locks` | who holds the lock of which environment |
//!
//! A commit is one statement, so one round trip and one transaction. It begins with the row of the
//! environment, which must be as this session last wrote it: a writer that lost its lock without
//! noticing changes nothing. The lock itself is an advisory lock of the session: it cannot be left
//! behind.

mod lock;
mod password;
mod ranges;
mod read;
mod rows;
mod schema;
mod session;
mod store;
mod target;
mod tls;
mod trouble;
mod write;

use secrecy::{ExposeSecret, SecretString};

use super::{OpenOptions, StateError, Store, threaded_store::ThreadedStore};
use target::Target;

pub(super) use password::with_variables;

/// What messages call a database: without user and password.
pub(super) fn place(url: &SecretString) -> String {
    Target::parse(url.expose_secret())
        .map_or_else(|_| "postgres://…".to_owned(), |target| target.place)
}

/// Opens the state of one environment in a database.
pub(super) fn open(url: &SecretString, options: OpenOptions) -> Result<Box<dyn Store>, StateError> {
    let target = Target::parse(url.expose_secret())?;
    let store = ThreadedStore::start(target.place.clone(), move |_| store::open(target, &options))?;
    Ok(Box::new(store))
}
