//! What YAML and the SQL file say of a query.

use std::{path::Path, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::statement::{self, Refusal};
use crate::{
    diagnostics::{Code, Diagnostic},
    files::{self, Ending},
    manifest::{
        folder::{not_utf8, unreadable},
        foreign,
        source_path::SourcePath,
        variables::Interpolated,
    },
    model::Place,
    network::postgres::ConnectOptions,
};

/// A longer file is no query that somebody wrote.
const MOST_BYTES: u64 = 1 << 20;

/// Where a query runs.
#[derive(Clone)]
pub(crate) struct Database {
    url: SecretString,
    pub(super) options: ConnectOptions,
    /// What messages call it: the text as it is written, without user and password.
    pub(super) name: Box<str>,
    /// Where it is written.
    pub(super) at: SourcePath,
}

impl Database {
    /// From `database:`. The error is a message and its cure; it shows nothing of what a variable holds, and no user or
    /// password.
    pub(crate) fn new(
        text: &Interpolated,
        at: SourcePath,
    ) -> Result<Self, (String, Option<String>)> {
        let written = text.written();
        if text.has_variables() && text.held().all(|(_, variable)| variable != written) {
            return Err((
                "a variable in `database:` is the whole of it: as a part of a URL, what it holds could be sent to any host"
                    .to_owned(),
                Some(
                    "put the whole URL, with user and password, into one variable: \"${PUSHSYNC_VAR_DATABASE}\""
                        .to_owned(),
                ),
            ));
        }
        let told = |why: &str| match text.has_variables() {
            true => format!("{written} does not hold the URL of a database: {why}"),
            false => why.to_owned(),
        };
        let value = text.value();
        if !["postgres://", "postgresql://"].iter().any(|scheme| value.starts_with(scheme)) {
            let why = "it is not a URL that begins with postgres:// or postgresql://";
            return Err((told(why), Some(SHAPE.to_owned())));
        }
        let options = ConnectOptions::parse(value)
            .map_err(|unusable| (told(&unusable.why), None))?
            .with_passwords_of_url();
        if !text.has_variables() && options.has_password() {
            return Err((
                "a password in the project's files can be read by anyone who can read them"
                    .to_owned(),
                Some(
                    "change that password, put the whole URL into a variable, and write \
                     database: \"${PUSHSYNC_VAR_DATABASE}\""
                        .to_owned(),
                ),
            ));
        }
        let name = if text.has_variables() { written } else { &options.location };
        Ok(Self { url: value.to_owned().into(), name: name.into(), options, at })
    }
}

const SHAPE: &str = "it is postgres://USER:PASSWORD@HOST:PORT/DATABASE";

/// One SELECT, and where it runs.
#[derive(Clone)]
pub(crate) struct QuerySource {
    /// What messages call the file.
    pub(crate) file: Arc<str>,
    pub(crate) sql: Arc<str>,
    /// How long it may take in all.
    pub(crate) timeout: Duration,
    /// `None` if queries are left out.
    pub(crate) database: Option<Database>,
}

impl QuerySource {
    /// How long a query may take, if nothing is said.
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

    /// Reads a SQL file, and refuses what is not one SELECT.
    pub(crate) fn read_sql(path: &Path, file: &Arc<str>) -> Result<Arc<str>, Diagnostic> {
        let bytes = files::read_unchanged(path, MOST_BYTES, Ending::Any)
            .map_err(|error| unreadable(file, &error))?;
        if let Some(problem) = foreign::not_text(file, &bytes, false) {
            return Err(problem);
        }
        let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => rest.to_vec(),
            None => bytes,
        };
        let sql = String::from_utf8(bytes).map_err(|error| {
            not_utf8(file, error.as_bytes(), error.utf8_error().valid_up_to(), "")
        })?;
        Ok(sql.into())
    }

    /// Refuses what is not one SELECT, as far as its text alone tells.
    pub(crate) fn check(sql: &str, file: &Arc<str>) -> Result<(), Diagnostic> {
        statement::check(sql).map_err(|Refusal { range, message, help }| {
            let (line, column) = statement::position_of_byte(sql, range.start);
            let length = sql.get(range).map_or(1, |text| text.chars().count().max(1));
            let length = u32::try_from(length).unwrap_or(1);
            let place = Place { file: file.clone(), line, column, length };
            Diagnostic::error(Code::BadQuery, message).at(place).help(help)
        })
    }

    /// Whether both give the same rows.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let url = |source: &Self| {
            source.database.as_ref().map(|database| database.url.expose_secret().to_owned())
        };
        self.file == other.file
            && self.sql == other.sql
            && self.timeout == other.timeout
            && url(self) == url(other)
    }

    /// The place of a character in the file, from its number in the SQL.
    pub(super) fn place(&self, character: u32) -> Place {
        let (line, column) = statement::position(&self.sql, character);
        Place { file: self.file.clone(), line, column, length: 1 }
    }

    /// Where the query begins.
    pub(super) fn start(&self) -> Place {
        let first = statement::first_word(&self.sql);
        let (line, column) = statement::position_of_byte(&self.sql, first.start);
        let length = u32::try_from(first.len().max(1)).unwrap_or(1);
        Place { file: self.file.clone(), line, column, length }
    }
}
