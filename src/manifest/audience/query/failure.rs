//! What a database or the way to it refuses, in words. They hold no password, no user and no value of a row.

use tokio_postgres::{
    Error,
    config::Host,
    error::{DbError, ErrorPosition, Severity, SqlState},
};

use super::source::{Database, QuerySource};
use crate::{
    diagnostics::{Code, Diagnostic},
    network::ErrorKind,
    network::postgres::{Unavailable, of_statement, one_line},
};

/// The database cannot be reached, or does not let anybody in.
pub(super) fn unavailable(database: &Database, error: &Unavailable) -> Diagnostic {
    let why = without_names(database, &error.why);
    let message = format!("the database {} cannot be used: {why}", database.name);
    Diagnostic::error(Code::QueryFailed, message)
        .at(database.at.place())
        .help("nothing was planned: an audience that cannot be read is never an empty one")
}

/// The time was over before the database let anybody in.
pub(super) fn unreached(source: &QuerySource, database: &Database) -> Diagnostic {
    let message = format!(
        "the database {} could not be reached within {}: the query did not run",
        database.name,
        seconds(source)
    );
    Diagnostic::error(Code::QueryFailed, message).at(database.at.place()).help(
        "check that it runs at this address, and that this machine can reach it, or give it more time with `timeout:`",
    )
}

/// The query did not end in time.
pub(super) fn too_slow(source: &QuerySource, database: &Database) -> Diagnostic {
    let message = format!(
        "this query was stopped: {} did not give all of its rows within {}",
        database.name,
        seconds(source)
    );
    Diagnostic::error(Code::QueryFailed, message)
        .at(source.start())
        .help("make it faster, or give it more time with `timeout:`")
}

/// The answer ended before its end.
pub(super) fn cut_off(source: &QuerySource, database: &Database, why: &str) -> Diagnostic {
    let message =
        format!("the answer of {} was cut off: {}", database.name, without_names(database, why));
    Diagnostic::error(Code::QueryFailed, message)
        .at(source.start())
        .help("run again: nothing was planned with a part of the rows")
}

fn seconds(source: &QuerySource) -> String {
    format!("{} s", source.timeout.as_secs_f64())
}

/// What the server answered to the query, or that the connection ended.
pub(super) fn of_query(source: &QuerySource, database: &Database, error: &Error) -> Diagnostic {
    let db = match (error.as_db_error(), of_statement(error)) {
        (Some(db), _) if !is_fatal(db) => db,
        (_, ErrorKind::Lost { why, .. }) => return cut_off(source, database, &why),
        (_, kind) => return cut_off(source, database, &kind.to_string()),
    };
    if *db.code() == SqlState::QUERY_CANCELED && db.message().contains("statement timeout") {
        return too_slow(source, database);
    }
    let place = match db.position() {
        Some(ErrorPosition::Original(character)) => source.place(*character),
        _ => source.start(),
    };
    if *db.code() == SqlState::SYNTAX_ERROR && db.message().contains("multiple commands") {
        return Diagnostic::error(Code::BadQuery, "there is more than one statement in this file")
            .at(source.start())
            .help("keep one SELECT: an audience is the answer of one statement");
    }
    let words = match words(db) {
        words if words.is_empty() => String::new(),
        words => format!(": {words}"),
    };
    let message = format!("the database refuses this query (SQLSTATE {}){words}", db.code().code());
    let mut problem = Diagnostic::error(Code::QueryFailed, message).at(place);
    problem.help = cure(db.code()).map(str::to_owned);
    problem
}

fn is_fatal(db: &DbError) -> bool {
    matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// The server's message, as far as it speaks of the query and not of rows. Its details and hints may quote rows.
fn words(db: &DbError) -> String {
    // Errors in the text of the query, of rights, of the server's resources and of the connection.
    const OF_THE_QUERY: [&str; 12] =
        ["08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57"];
    let code = db.code().code();
    let message = one_line(db.message());
    match code.get(..2) {
        Some(class) if OF_THE_QUERY.contains(&class) => message,
        // `invalid input syntax for type integer: "…"`
        Some("22") => without_quoted(&message),
        // An exception of a function, a constraint: anything may stand in it.
        _ => String::new(),
    }
}

/// The text with everything in double quotes left out.
fn without_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A value may have quotes itself: all from the first one to the last one goes.
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            out.push_str(&text[..first]);
            out.push_str("\"…\"");
            out.push_str(&text[last + 1..]);
        }
        (Some(first), _) => {
            out.push_str(&text[..first]);
            out.push('…');
        }
        _ => out.push_str(text),
    }
    out
}

/// The text without what the URL of the database names.
fn without_names(database: &Database, text: &str) -> String {
    let mut text = without_quoted(text);
    let config = database.options.config();
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.to_string_lossy().into_owned(),
    });
    let mut named: Vec<String> = hosts.collect();
    named.extend(config.get_hostaddrs().iter().map(ToString::to_string));
    named.extend(config.get_user().map(str::to_owned));
    named.extend(config.get_password().map(|word| String::from_utf8_lossy(word).into_owned()));
    named.retain(|name| name.chars().count() > 2);
    // The longest first: one name may be a part of another.
    named.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in named {
        text = text.replace(&name, "…");
    }
    text
}

fn cure(code: &SqlState) -> Option<&'static str> {
    let cures = [
        (
            SqlState::INSUFFICIENT_PRIVILEGE,
            "let the role of the URL read it: GRANT SELECT ON TABLE … TO ROLE, and USAGE on its schema",
        ),
        (
            SqlState::READ_ONLY_SQL_TRANSACTION,
            "write a SELECT that only reads: it runs in a read-only transaction",
        ),
        (
            SqlState::UNDEFINED_TABLE,
            "check the name; a table outside the search path is written as schema.table",
        ),
        (SqlState::UNDEFINED_COLUMN, "check the name of the column"),
        (SqlState::AMBIGUOUS_COLUMN, "write the table before it: table.column"),
        (SqlState::UNDEFINED_FUNCTION, "check the name and the types; perhaps a cast is missing"),
        (SqlState::UNDEFINED_PARAMETER, "nothing fills in parameters: write the value itself"),
        (SqlState::INVALID_SCHEMA_NAME, "check the name of the schema"),
        (SqlState::GROUPING_ERROR, "name the column under GROUP BY, or use an aggregate"),
        (SqlState::SYNTAX_ERROR, "try the file with psql on the same database"),
        (SqlState::T_R_SERIALIZATION_FAILURE, "run again"),
        (SqlState::T_R_DEADLOCK_DETECTED, "run again"),
        (SqlState::QUERY_CANCELED, "something on the server stopped it: run again"),
        (SqlState::LOCK_NOT_AVAILABLE, "something on the server holds the table: run again later"),
        (SqlState::DIVISION_BY_ZERO, "divide by NULLIF(…, 0)"),
        (SqlState::INVALID_TEXT_REPRESENTATION, "a cell cannot be cast so: leave such rows out"),
        (SqlState::TOO_MANY_CONNECTIONS, "run again later"),
        (SqlState::OUT_OF_MEMORY, "run again later, or read less"),
        (SqlState::DISK_FULL, "make room on the server, or read less"),
        (
            SqlState::RAISE_EXCEPTION,
            "a function raised an exception; its words may hold values of rows, and are left out",
        ),
    ];
    cures.into_iter().find(|(known, _)| known == code).map(|(_, cure)| cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_quotes_are_left_out_even_if_they_have_quotes_themselves() {
        for (text, shown) in [
            (
                "invalid input syntax for type integer: \"12 \"seats\"\"",
                "invalid input syntax for type integer: \"…\"",
            ),
            (
                "value \"7\" is out of range for type integer",
                "value \"…\" is out of range for type integer",
            ),
            ("division by zero", "division by zero"),
            ("broken \"", "broken …"),
        ] {
            assert_eq!(without_quoted(text), shown);
        }
    }
}
