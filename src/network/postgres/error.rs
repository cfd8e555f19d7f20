//! What errors of the server and the network mean, in words that say what to do.

use std::{io, time::Duration};

use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

use crate::network::{Attempts, ErrorKind, causes};

/// How words call the other end: the location of the database says which one that is.
const SERVER: &str = "its server";

/// Where the password of a database may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passwords {
    /// The URL, or else `PGPASSWORD` or `~/.pgpass`.
    UrlOrEnvironment,
    /// Only the URL.
    Url,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{location} cannot be used: {why}")]
pub(crate) struct Unavailable {
    /// Which database: without user and password.
    pub(crate) location: String,
    /// Why not, and what to do.
    pub(crate) why: String,
}

impl Unavailable {
    pub(super) fn new(location: &str, why: impl Into<String>) -> Self {
        Self { location: location.to_owned(), why: why.into() }
    }
}

/// How far a statement came.
pub(crate) fn of_statement(error: &Error) -> ErrorKind {
    match error.as_db_error() {
        Some(db) if matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) => {
            lost(one_line(db.message()))
        }
        Some(db) => sql(db),
        None if error.is_closed() || find_cause::<io::Error>(error).is_some() => {
            lost(innermost(error))
        }
        // A value that no column takes.
        None => ErrorKind::NotBuilt { why: innermost(error) },
    }
}

/// An attempt to connect that failed.
pub(super) struct ConnectError {
    pub(super) kind: ErrorKind,
    /// What to do about it.
    cure: Option<Cure>,
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cure {
    Words(&'static str),
    /// There is no password.
    GivePassword,
    /// User or password are wrong.
    CheckPassword,
}

impl Cure {
    fn words(self, passwords: Passwords) -> &'static str {
        match (self, passwords) {
            (Self::Words(words), _) => words,
            (Self::GivePassword, Passwords::UrlOrEnvironment) => {
                "give it in the URL, in PGPASSWORD or in ~/.pgpass"
            }
            (Self::GivePassword, Passwords::Url) => "give it in the URL",
            (Self::CheckPassword, Passwords::UrlOrEnvironment) => {
                "check user and password (in the URL, in PGPASSWORD or in ~/.pgpass)"
            }
            (Self::CheckPassword, Passwords::Url) => "check user and password in the URL",
        }
    }
}

impl ConnectError {
    pub(super) fn new(error: &Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self { kind: sql(db), cure: cure(db) };
        }
        let why = innermost(error);
        let not_built = |why, cure| Self { kind: ErrorKind::NotBuilt { why }, cure: Some(cure) };
        let words = Cure::Words;
        if let Some(error) = find_cause::<rustls::Error>(error) {
            return not_built(
                format!("TLS: {}", one_line(&error.to_string())),
                words(
                    "its certificate must be of an authority that this system or sslrootcert=FILE in the URL knows, \
                     and for the host in the URL",
                ),
            );
        }
        if why.contains("does not support TLS") {
            return not_built(
                "the server does not offer TLS".to_owned(),
                words(
                    "turn it on there, or say sslmode=disable in the URL if nobody can listen on the way to it",
                ),
            );
        }
        if why.contains("password missing") {
            return not_built("the server asks for a password".to_owned(), Cure::GivePassword);
        }
        let io = find_cause::<io::Error>(error).map(io::Error::kind);
        let kind = if error.to_string().starts_with("error connecting") {
            not_connected(why)
        } else if error.is_closed() || io.is_some_and(|kind| !FOREIGN.contains(&kind)) {
            lost(why)
        } else {
            ErrorKind::NotBuilt { why: format!("no PostgreSQL server answers there ({why})") }
        };
        Self { kind, cure: Some(UNREACHABLE) }
    }

    /// A server that did not answer in time.
    pub(super) fn silent(patience: Duration) -> Self {
        Self { kind: ErrorKind::no_answer(patience), cure: Some(UNREACHABLE) }
    }

    /// In words, after this number of attempts.
    pub(super) fn words(&self, attempts: Attempts, passwords: Passwords) -> String {
        let Self { kind, cure } = self;
        let cure = cure.map(|cure| format!(": {}", cure.words(passwords))).unwrap_or_default();
        format!("{kind}{attempts}{cure}")
    }
}

/// The driver's errors about bytes that no such server sends.
const FOREIGN: [io::ErrorKind; 3] =
    [io::ErrorKind::InvalidInput, io::ErrorKind::InvalidData, io::ErrorKind::Other];

const UNREACHABLE: Cure =
    Cure::Words("is the server running, and does the URL name its host and port?");

pub(crate) fn lost(why: String) -> ErrorKind {
    ErrorKind::Lost { why, timed_out: false }
}

pub(crate) fn not_connected(why: String) -> ErrorKind {
    ErrorKind::NotConnected { origin: SERVER.to_owned(), why }
}

/// The server's details stay out: they may quote rows.
fn sql(db: &DbError) -> ErrorKind {
    ErrorKind::Sql { state: db.code().code().to_owned(), message: one_line(db.message()) }
}

/// What to do about an answer of the server in a session that is open.
pub(crate) fn hint(db: &DbError) -> Option<&'static str> {
    cure(db).map(|cure| cure.words(Passwords::UrlOrEnvironment))
}

/// What to do about an answer of the server.
fn cure(db: &DbError) -> Option<Cure> {
    let (code, message) = (db.code(), db.message());
    let hints = [
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
    if *code == SqlState::INVALID_PASSWORD {
        return Some(Cure::CheckPassword);
    }
    hints.into_iter().find(|(known, _)| known == code).map(|(_, hint)| Cure::Words(hint))
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
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
