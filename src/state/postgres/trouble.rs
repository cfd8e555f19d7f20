//! What the server and the network say, in words that say what to do.

use std::{error::Error as _, io};

use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

use crate::state::StateError;

/// What an error means to the caller.
pub(super) enum Trouble {
    /// The session is gone, and with it its lock.
    Lost(String),
    /// This call failed; the session goes on.
    Refused(String),
    /// What is stored is not what this version makes.
    Damaged(String),
}

/// What an error of a session that was open means.
pub(super) fn of(error: &Error, grants: &str) -> Trouble {
    let Some(db) = error.as_db_error() else {
        let why = words(error);
        return match error.is_closed() || cause::<io::Error>(error).is_some() {
            true => Trouble::Lost(why),
            false => Trouble::Refused(why),
        };
    };
    let code = db.code();
    let fatal = matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    if fatal || code.code().starts_with("57P") {
        return Trouble::Lost(said(db));
    }
    let damaged = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::DUPLICATE_TABLE,
        SqlState::DATATYPE_MISMATCH,
        SqlState::DATA_CORRUPTED,
        SqlState::INDEX_CORRUPTED,
    ];
    if damaged.contains(code) {
        return Trouble::Damaged(said(db));
    }
    let permission = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::INVALID_SCHEMA_NAME];
    Trouble::Refused(match permission.contains(code) {
        true => format!("{}: {grants}", said(db)),
        false => db_words(db),
    })
}

/// What an error of connecting means.
pub(super) fn of_connecting(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return db_words(db);
    }
    if let Some(error) = cause::<rustls::Error>(error) {
        return format!(
            "TLS: {}: its certificate must be of an authority that this system or \
             sslrootcert=FILE in the URL knows, and for the host in the URL",
            clean(&error.to_string())
        );
    }
    let why = words(error);
    if why.contains("does not support TLS") {
        return "the server does not offer TLS: turn it on there, or say sslmode=disable in the \
                URL if nobody can listen on the way to it"
            .to_owned();
    }
    if why.contains("password missing") {
        return "the server asks for a password: give it in the URL, in PGPASSWORD or in \
                ~/.pgpass"
            .to_owned();
    }
    if cause::<io::Error>(error).is_some() || why.contains("timed out") {
        return format!(
            "it cannot be reached ({why}): is the server running, and does the URL name its \
             host and port?"
        );
    }
    why
}

/// A closing word on a session that is gone.
pub(super) fn lost(place: &str, why: &str) -> StateError {
    StateError::Unavailable {
        location: place.to_owned(),
        why: format!(
            "the connection to it was lost ({why}): what was acknowledged is in it; run again"
        ),
    }
}

fn db_words(db: &DbError) -> String {
    let said = said(db);
    let code = db.code();
    let hint = if *code == SqlState::INVALID_PASSWORD {
        "check user and password (in the URL, in PGPASSWORD or in ~/.pgpass)"
    } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
        match said.contains("no encryption") || said.contains("SSL off") {
            true => "say sslmode=require in the URL, or let the server's pg_hba.conf allow it",
            false => "check the user in the URL and the server's pg_hba.conf",
        }
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        "make it with `createdb`, or name another one in the URL"
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        "the user must be allowed to CONNECT to the database"
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        "only the primary server can be written to: name it in the URL"
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        "run again later"
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        "run again in a moment"
    } else if *code == SqlState::DISK_FULL {
        "make room on the server"
    } else if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
        "something on the server holds it up; run again later"
    } else {
        return format!("the server says: {said} (SQLSTATE {})", code.code());
    };
    format!("{said}: {hint}")
}

/// The server's sentence. Its details may quote rows, and stay out.
fn said(db: &DbError) -> String {
    clean(db.message())
}

/// The innermost cause says most.
fn words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = cause.to_string();
        source = cause.source();
    }
    clean(&words)
}

fn cause<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        // The source of an error of I/O is that of the error in it.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref::<T>()) {
            return Some(found);
        }
        source = cause.source();
    }
    None
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
