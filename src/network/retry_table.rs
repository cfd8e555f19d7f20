//! What may be sent again: the one table, with its reasons.
//!
//! - *Not connected*: nothing left this machine.
//! - *429, other 4xx*: the server said that it did nothing.
//! - *408*: somebody gave up waiting. A proxy says so too, while the server goes on with the request. *425*: the server
//!   has not begun.
//! - *A create that was sent and lost, or answered 408, 5xx, with a redirect, or unreadably*: the message may exist, and
//!   the API has neither an idempotency key nor a list to look it up in. Once more could be once too often.
//! - *An idempotent request*: twice is the same as once.
//! - *An access token*: the request that it is for was not sent. No other request would fare better without one.
//! - *An object of a bucket*: it is written on conditions only. If an earlier attempt took effect, the next one is refused
//!   (409, 412), and the object itself tells whose bytes it has. Something that answers as no bucket does will not become
//!   one.
//! - *A connection to a database*: nothing was asked of it yet. It may be starting, or full.
//! - *A statement*: the lock and what was read so far end with the connection, so no other connection may go on. A commit
//!   whose answer was lost may be there; the next run reads it.

use super::ErrorKind;

/// What a request does, as far as sending it twice is concerned: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Makes a message: twice is two messages.
    Create,
    /// A request to the API that is the same twice as once: a read, an update, a delete, a ping.
    Idempotent,
    /// Asks for an access token.
    Token,
    /// Reads, lists or deletes an object of a bucket, or writes it on a condition.
    Object,
    /// Opens a connection to a database.
    Connect,
    /// A statement in a session of a database, which has a lock or a snapshot.
    Statement,
}

impl Request {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::Idempotent, Self::Token, Self::Object, Self::Connect, Self::Statement];
}

/// How far a request came: a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It could not be built.
    NotBuilt,
    /// Nothing left this machine.
    NotConnected,
    /// It was sent, and no answer came.
    Lost,
    /// There were too many: 429, `too_many_connections`.
    TooMany,
    /// the client is not allowed to: 401 to 403, a wrong password, a missing privilege.
    Forbidden,
    /// Somebody gave up waiting: 408.
    GivenUp,
    /// The server has not begun: 425, `cannot_connect_now`.
    TooEarly,
    /// Something else is there, or under way: 409, 412.
    Conflict,
    /// The server will not do it: any other 4xx.
    Refused,
    /// The server could not: 5xx.
    Failing,
    /// A redirect, or a status that means nothing. Nobody knows what the other end would have done.
    Elsewhere,
    /// A success that cannot be read.
    Unreadable,
}

impl Reach {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NotBuilt,
        Self::NotConnected,
        Self::Lost,
        Self::TooMany,
        Self::Forbidden,
        Self::GivenUp,
        Self::TooEarly,
        Self::Conflict,
        Self::Refused,
        Self::Failing,
        Self::Elsewhere,
        Self::Unreadable,
    ];

    /// How far a request came that failed so.
    pub fn of(error: &ErrorKind) -> Self {
        match error {
            ErrorKind::NotBuilt { .. } => Self::NotBuilt,
            ErrorKind::NotConnected { .. } => Self::NotConnected,
            ErrorKind::NoToken { cause, .. } => Self::of(cause),
            ErrorKind::Lost { .. } => Self::Lost,
            ErrorKind::Redirect { .. } => Self::Elsewhere,
            ErrorKind::Unreadable { .. } => Self::Unreadable,
            ErrorKind::Status { status, .. } => match status {
                429 => Self::TooMany,
                401..=403 => Self::Forbidden,
                408 => Self::GivenUp,
                425 => Self::TooEarly,
                409 | 412 => Self::Conflict,
                400..=499 => Self::Refused,
                500..=599 => Self::Failing,
                _ => Self::Elsewhere,
            },
            ErrorKind::Sql { state, .. } => match state.as_str() {
                "53300" => Self::TooMany,
                "57P03" => Self::TooEarly,
                "42501" => Self::Forbidden,
                state if state.starts_with("28") => Self::Forbidden,
                // It is being shut down, or has crashed and comes back.
                state if state.starts_with("08") || state.starts_with("57P") => Self::Lost,
                _ => Self::Refused,
            },
        }
    }
}

/// What to do after a request that did not do what it should: a cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it again after a pause; if that does not help, no other request will fare better.
    AgainOrStop,
    /// Send it again after a pause; if that does not help, it has failed.
    AgainOrFail,
    /// Send it again once the budget is reset.
    AfterReset,
    /// It took no effect and never will.
    Refused,
    /// It took no effect, and no other request will fare better: stop the run.
    Fatal,
    /// It may have taken effect.
    Unknown,
}

impl Verdict {
    /// Whether the same request may be sent again.
    pub fn is_again(self) -> bool {
        match self {
            Self::AgainOrStop | Self::AgainOrFail | Self::AfterReset => true,
            Self::Refused | Self::Fatal | Self::Unknown => false,
        }
    }
}

/// Looks a failure up in the table.
pub fn verdict(request: Request, error: &ErrorKind) -> Verdict {
    let request = match error {
        ErrorKind::NoToken { .. } => Request::Token,
        _ => request,
    };
    cell(request, Reach::of(error))
}

fn cell(request: Request, reach: Reach) -> Verdict {
    use Reach::{
        Conflict, Elsewhere, Failing, Forbidden, GivenUp, Lost, NotBuilt, NotConnected, Refused,
        TooEarly, TooMany, Unreadable,
    };
    match (request, reach) {
        (Request::Token, NotConnected | Lost | TooMany | GivenUp | TooEarly | Failing) => {
            Verdict::AgainOrStop
        }
        (Request::Token, _) => Verdict::Fatal,
        (_, NotBuilt) => Verdict::Refused,
        // The lock and the snapshot ended with the connection.
        (Request::Statement, NotConnected) => Verdict::Fatal,
        (Request::Statement, Lost | Failing | Unreadable) => Verdict::Unknown,
        (Request::Statement, _) => Verdict::Refused,
        (_, Forbidden) => Verdict::Fatal,

        (_, NotConnected) => Verdict::AgainOrStop,
        (Request::Create | Request::Idempotent, TooMany) => Verdict::AfterReset,
        (Request::Create, Lost | GivenUp | Failing | Elsewhere | Unreadable) => Verdict::Unknown,
        (Request::Create, TooEarly) => Verdict::Refused,
        (Request::Object, Conflict) => Verdict::AgainOrFail,
        (_, Conflict | Refused | Elsewhere) => Verdict::Refused,
        (Request::Object | Request::Connect, Unreadable) => Verdict::Refused,
        (Request::Idempotent, Unreadable) => Verdict::AgainOrFail,
        (_, Lost | TooMany | GivenUp | TooEarly | Failing) => Verdict::AgainOrFail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the documentation, by the words of its first column.
    const COLUMNS: [(&str, Reach); 12] = [
        ("could not be built", Reach::NotBuilt),
        ("not connected", Reach::NotConnected),
        ("sent, no answer", Reach::Lost),
        ("429; too many connections", Reach::TooMany),
        ("401, 402, 403; may not", Reach::Forbidden),
        ("408", Reach::GivenUp),
        ("425; still starting", Reach::TooEarly),
        ("409, 412", Reach::Conflict),
        ("any other 4xx, or error", Reach::Refused),
        ("5xx", Reach::Failing),
        ("a redirect", Reach::Elsewhere),
        ("a success that cannot be read", Reach::Unreadable),
    ];

    /// HTTP has these only.
    const HTTP: [Reach; 5] =
        [Reach::GivenUp, Reach::Conflict, Reach::Failing, Reach::Elsewhere, Reach::Unreadable];

    fn words(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::AgainOrStop => "again, or stop",
            Verdict::AgainOrFail => "again",
            Verdict::AfterReset => "again, after the reset",
            Verdict::Refused => "refused",
            Verdict::Fatal => "stop",
            Verdict::Unknown => "**unknown**",
        }
    }

    #[test]
    fn each_cell_of_the_table_is_as_the_documentation_shows_it() {
        let page = include_str!("../../docs/apply.md");
        for (name, reach) in COLUMNS {
            let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {name} | ")));
            let row = row.unwrap_or_else(|| panic!("no row {name:?}"));
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            assert_eq!(cells.len(), Request::ALL.len(), "{name}");
            for (request, told) in Request::ALL.into_iter().zip(cells) {
                let sql = matches!(request, Request::Connect | Request::Statement);
                let held = match HTTP.contains(&reach) && sql {
                    true => "–",
                    false => words(cell(request, reach)),
                };
                assert_eq!(told, held, "{request:?} {reach:?}");
            }
        }
        assert_eq!(COLUMNS.map(|(_, reach)| reach), Reach::ALL);
    }

    fn answered(status: u16) -> ErrorKind {
        match status {
            200..300 => ErrorKind::Unreadable { status, why: String::new(), excerpt: None },
            300..400 => ErrorKind::Redirect { status, to: None },
            _ => ErrorKind::Status { status, code: None, message: None, gone: false },
        }
    }

    fn lost(timed_out: bool) -> ErrorKind {
        ErrorKind::Lost { why: String::new(), timed_out }
    }

    fn not_connected() -> ErrorKind {
        ErrorKind::NotConnected { origin: String::new(), why: String::new() }
    }

    fn sql(state: &str) -> ErrorKind {
        ErrorKind::Sql { state: state.to_owned(), message: String::new() }
    }

    #[test]
    fn a_post_is_repeated_only_if_it_certainly_took_no_effect() {
        let of = |error: &ErrorKind| verdict(Request::Create, error);
        assert_eq!(of(&not_connected()), Verdict::AgainOrStop);
        assert_eq!(of(&answered(429)), Verdict::AfterReset);
        for timed_out in [false, true] {
            assert_eq!(of(&lost(timed_out)), Verdict::Unknown);
        }
        for status in (100..400).chain([408]).chain(500..1000) {
            assert_eq!(of(&answered(status)), Verdict::Unknown, "{status}");
        }
        for status in (400..500).filter(|status| ![401, 402, 403, 408, 429].contains(status)) {
            assert_eq!(of(&answered(status)), Verdict::Refused, "{status}");
        }
    }

    #[test]
    fn what_is_the_same_twice_is_repeated_after_server_errors() {
        let of = |error: &ErrorKind| verdict(Request::Idempotent, error);
        assert_eq!(of(&lost(true)), Verdict::AgainOrFail);
        for status in (200..300).chain([408, 425]).chain(500..600) {
            assert_eq!(of(&answered(status)), Verdict::AgainOrFail, "{status}");
        }
        for status in [302, 307, 400, 404, 409, 412, 422] {
            assert_eq!(of(&answered(status)), Verdict::Refused, "{status}");
        }
    }

    #[test]
    fn a_token_is_asked_for_again_unless_the_answer_would_be_the_same() {
        for request in [Request::Create, Request::Idempotent] {
            let of = |cause| {
                let token_url = "https://x.example/token".to_owned();
                verdict(request, &ErrorKind::NoToken { token_url, cause: Box::new(cause) })
            };
            for again in [not_connected(), lost(true)]
                .into_iter()
                .chain([408, 425, 429, 500, 502, 503, 504].map(answered))
            {
                assert_eq!(of(again), Verdict::AgainOrStop);
            }
            for status in [200, 302, 400, 401, 403, 404, 405, 409] {
                assert_eq!(of(answered(status)), Verdict::Fatal, "{status}");
            }
        }
    }

    #[test]
    fn a_rejected_key_stops_whatever_the_request() {
        for status in [401, 402, 403] {
            for request in [Request::Create, Request::Idempotent, Request::Object] {
                assert_eq!(verdict(request, &answered(status)), Verdict::Fatal);
            }
        }
        for state in ["28000", "28P01", "42501"] {
            assert_eq!(verdict(Request::Connect, &sql(state)), Verdict::Fatal);
        }
    }

    #[test]
    fn a_database_that_starts_or_is_full_is_tried_again_and_one_that_refuses_is_not() {
        for state in ["53300", "57P01", "57P02", "57P03", "08006"] {
            assert_eq!(verdict(Request::Connect, &sql(state)), Verdict::AgainOrFail, "{state}");
        }
        for state in ["3D000", "42601", "XX000", ""] {
            assert_eq!(verdict(Request::Connect, &sql(state)), Verdict::Refused, "{state}");
        }
        assert_eq!(verdict(Request::Connect, &not_connected()), Verdict::AgainOrStop);
    }

    #[test]
    fn no_statement_is_sent_twice() {
        for reach in Reach::ALL {
            let verdict = cell(Request::Statement, reach);
            assert!(
                matches!(verdict, Verdict::Refused | Verdict::Fatal | Verdict::Unknown),
                "{reach:?}"
            );
        }
        assert_eq!(verdict(Request::Statement, &lost(false)), Verdict::Unknown);
        assert_eq!(verdict(Request::Statement, &sql("57P01")), Verdict::Unknown);
        assert_eq!(verdict(Request::Statement, &sql("57014")), Verdict::Refused);
    }
}
