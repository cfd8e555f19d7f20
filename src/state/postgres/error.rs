//! What errors of an open session mean for the state.

use tokio_postgres::{Error, error::SqlState};

use crate::{
    network::{
        ErrorKind, Request, Verdict,
        postgres::{Unavailable, hint, of_statement, one_line},
        verdict,
    },
    state::StateError,
};

impl From<Unavailable> for StateError {
    fn from(Unavailable { location, why }: Unavailable) -> Self {
        Self::unavailable(&location, why)
    }
}

/// Why a call in an open session failed.
#[derive(Debug)]
pub(super) enum SessionError {
    /// The session is gone, and its lock with it.
    Lost(ErrorKind),
    /// This call failed; the session goes on.
    Refused(String),
    /// The tables are not as this version makes them.
    Damaged(String),
}

const DAMAGED: [SqlState; 6] = [
    SqlState::UNDEFINED_TABLE,
    SqlState::UNDEFINED_COLUMN,
    SqlState::DUPLICATE_TABLE,
    SqlState::DATATYPE_MISMATCH,
    SqlState::DATA_CORRUPTED,
    SqlState::INDEX_CORRUPTED,
];

impl SessionError {
    /// `grants` says what to grant if the user may not do this.
    pub(super) fn new(error: &Error, grants: &str) -> Self {
        let kind = of_statement(error);
        if !matches!(verdict(Request::Statement, &kind), Verdict::Refused) {
            return Self::Lost(kind);
        }
        let Some(db) = error.as_db_error() else { return Self::Refused(kind.to_string()) };
        if DAMAGED.contains(db.code()) {
            Self::Damaged(one_line(db.message()))
        } else if [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::INVALID_SCHEMA_NAME]
            .contains(db.code())
        {
            Self::Refused(format!("{kind}: {grants}"))
        } else {
            let hint = hint(db).map_or_else(String::new, |hint| format!(": {hint}"));
            Self::Refused(format!("{kind}{hint}"))
        }
    }
}

/// The session that used this database is gone.
pub(super) fn gone(location: &str, kind: &ErrorKind) -> StateError {
    StateError::unavailable(location, format!("{kind}: what was acknowledged is in it; run again"))
}
