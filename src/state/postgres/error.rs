//! What errors of the server and the network mean, in words that say what to do.

use std::io;

use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

use crate::{network::causes, state::StateError};

/// Why a call in an open session failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The session is gone, and its lock with it.
    #[error("{0}")]
    Lost(String),
    /// This call failed; the session goes on.
    #[error("{0}")]
    Refused(String),
    /// The tables are not as this version makes them.
    #[error("{0}")]
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
        let Some(db) = error.as_db_error() else {
            let gone = error.is_closed() || find_cause::<io::Error>(error).is_some();
            return if gone { Self::Lost } else { Self::Refused }(innermost(error));
        };
        let (code, message) = (db.code(), one_line(db.message()));
        let fatal = matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
        if fatal || code.code().starts_with("57P") {
            Self::Lost(message)
        } else if DAMAGED.contains(code) {
            Self::Damaged(message)
        } else if [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::INVALID_SCHEMA_NAME].contains(code) {
            Self::Refused(format!("{message}: {grants}"))
        } else {
            Self::Refused(with_hint(db))
        }
    }
}

/// What an error of connecting means.
pub(super) fn of_connecting(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return with_hint(db);
    }
    if let Some(error) = find_cause::<rustls::Error>(error) {
        return format!(
            "TLS: {}: its certificate must be of an authority that this system or \
             sslrootcert=FILE in the URL knows, and for the host in the URL",
            one_line(&error.to_string())
        );
    }
    let why = innermost(error);
    if why.contains("does not support TLS") {
        "the server does not offer TLS: turn it on there, or say sslmode=disable in the URL if \
         nobody can listen on the way to it"
            .to_owned()
    } else if why.contains("password missing") {
        "the server asks for a password: give it in the URL, in PGPASSWORD or in ~/.pgpass"
            .to_owned()
    } else if find_cause::<io::Error>(error).is_some() || why.contains("timed out") {
        format!(
            "it cannot be reached ({why}): is the server running, and does the URL name its host \
             and port?"
        )
    } else {
        why
    }
}

/// The session that used this database is gone.
pub(super) fn lost(location: &str, why: &str) -> StateError {
    let why =
        format!("the connection to it was lost ({why}): what was acknowledged is in it; run again");
    StateError::unavailable(location, why)
}

/// The server's message, and what to do. Its details stay out: they may quote rows.
fn with_hint(db: &DbError) -> String {
    let (code, message) = (db.code(), one_line(db.message()));
    let hints = [
        (
            SqlState::INVALID_PASSWORD,
            "check user and password (in the URL, in PGPASSWORD or in ~/.pgpass)",
        ),
        (
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            if message.contains("no encryption") || message.contains("SSL off") {
                "say sslmode=require in the URL, or let the server's pg_hba.conf allow it"
            } else {
                "check the user in the URL and the server's pg_hba.conf"
            },
        ),
        (SqlState::INVALID_CATALOG_NAME, "make it with `createdb`, or name another one in the URL"),
        (SqlState::INSUFFICIENT_PRIVILEGE, "the user must be allowed to CONNECT to the database"),
        (
            SqlState::READ_ONLY_SQL_TRANSACTION,
            "only the primary server can be written to: name it in the URL",
        ),
        (SqlState::TOO_MANY_CONNECTIONS, "run again later"),
        (SqlState::CANNOT_CONNECT_NOW, "run again in a moment"),
        (SqlState::DISK_FULL, "make room on the server"),
        (SqlState::QUERY_CANCELED, "something on the server holds it up; run again later"),
        (SqlState::LOCK_NOT_AVAILABLE, "something on the server holds it up; run again later"),
    ];
    match hints.iter().find(|(known, _)| known == code) {
        Some((_, hint)) => format!("{message}: {hint}"),
        None => format!("the server says: {message} (SQLSTATE {})", code.code()),
    }
}

/// The innermost cause says most.
fn innermost(error: &Error) -> String {
    one_line(&causes(error).last().map_or_else(|| error.to_string(), ToString::to_string))
}

fn find_cause<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    causes(error).find_map(|cause| {
        // An error of I/O passes over the error that it wraps.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause.downcast_ref().or_else(|| wrapped?.downcast_ref())
    })
}

/// Text from outside as one line that steers no terminal.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
