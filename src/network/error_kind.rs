use std::{fmt, time::Duration};

use super::causes::http_causes;

/// Why a request failed, and so how far it came. It decides what may be repeated: see [`super::verdict`].
///
/// Its words say what happened in the same way for each server. What to do now is for those who know which server it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request could not be built, so nothing was sent.
    NotBuilt {
        /// Why.
        why: String,
    },
    /// No connection: the name is unknown, nobody listens, TLS failed, or it took too long.
    NotConnected {
        /// Scheme, host and port.
        origin: String,
        /// Why.
        why: String,
    },
    /// There is no access token, so the request was not sent.
    NoToken {
        /// Where tokens come from.
        token_url: String,
        /// What became of the question for one: any kind but this one.
        cause: Box<ErrorKind>,
    },
    /// The request may have been sent, and no status came back.
    Lost {
        /// Why: the time was up, or the connection broke.
        why: String,
        /// Whether the time was up.
        timed_out: bool,
    },
    /// The server (or a gateway before it) answered with an error.
    Status {
        /// The HTTP status, 400 to 599 (or another that means no success).
        status: u16,
        /// `code` of the body, as sent: its case varies, and new ones appear.
        code: Option<String>,
        /// `message` of the body, or an excerpt of a body that is no JSON (an HTML page).
        message: Option<String>,
        /// Whether it is the server's own word that the thing asked for does not exist: of the API, a 404 for an id
        /// whose body has the code `document_not_found`, or is an object without a code beside a `sib-request-id`.
        gone: bool,
    },
    /// A redirect. It is not followed: keys go to the configured host only.
    Redirect {
        /// The HTTP status, 300 to 399.
        status: u16,
        /// Scheme and host that it points to, if it could be read.
        to: Option<String>,
    },
    /// A success whose body could not be used.
    Unreadable {
        /// The HTTP status, 200 to 299.
        status: u16,
        /// Why.
        why: String,
        /// The first words of the body.
        excerpt: Option<String>,
    },
    /// A database answered with an error.
    Sql {
        /// The SQLSTATE, five characters.
        state: String,
        /// What the database says.
        message: String,
    },
}

impl ErrorKind {
    /// Why an HTTP client got no status from `origin`.
    pub(crate) fn of_http(error: &reqwest::Error, origin: &str) -> Self {
        let why = http_causes(error);
        if error.is_builder() {
            Self::NotBuilt { why }
        } else if error.is_connect() {
            // Only the connector fails so: it includes TLS and its own, shorter, timeout.
            Self::NotConnected { origin: origin.to_owned(), why }
        } else {
            Self::Lost { timed_out: error.is_timeout(), why }
        }
    }

    /// A server that took too long.
    pub(crate) fn no_answer(within: Duration) -> Self {
        Self::Lost { why: format!("no answer within {} s", within.as_secs_f32()), timed_out: true }
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::NotBuilt { .. }
            | Self::NotConnected { .. }
            | Self::Lost { .. }
            | Self::Sql { .. } => None,
            Self::NoToken { cause, .. } => cause.status(),
            Self::Status { status, .. }
            | Self::Redirect { status, .. }
            | Self::Unreadable { status, .. } => Some(*status),
        }
    }

    /// Changes each text that a server or the system wrote.
    pub(crate) fn each_text(&mut self, change: &dyn Fn(&mut String)) {
        match self {
            Self::NotBuilt { why }
            | Self::NotConnected { why, origin: _ }
            | Self::Lost { why, timed_out: _ } => change(why),
            Self::NoToken { cause, token_url: _ } => cause.each_text(change),
            Self::Status { code, message, status: _, gone: _ } => {
                code.iter_mut().chain(message).for_each(change);
            }
            Self::Redirect { to, status: _ } => to.iter_mut().for_each(change),
            Self::Unreadable { why, excerpt, status: _ } => {
                change(why);
                excerpt.iter_mut().for_each(change);
            }
            Self::Sql { message, state: _ } => change(message),
        }
    }
}

/// What happened, in one line.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt { why } => write!(f, "not sent, {why}"),
            Self::NotConnected { origin, why } => write!(f, "no connection to {origin}: {why}"),
            Self::NoToken { token_url, cause } => {
                write!(f, "not sent, there is no access token: POST {token_url}: {cause}")
            }
            Self::Lost { why, .. } => write!(f, "sent, but the answer was lost: {why}"),
            Self::Status { status, code, message, .. } => {
                write!(f, "answered {status}")?;
                optional(f, " ", code)?;
                optional(f, ": ", message)
            }
            Self::Redirect { status, to } => {
                write!(f, "answered {status}, a redirect")?;
                optional(f, " to ", to)?;
                f.write_str("; it is not followed")
            }
            Self::Unreadable { status, why, excerpt } => {
                write!(f, "answered {status}, but {why}")?;
                optional(f, ": ", excerpt)
            }
            Self::Sql { state, message } => write!(f, "answered SQLSTATE {state}: {message}"),
        }
    }
}

fn optional(f: &mut fmt::Formatter<'_>, before: &str, text: &Option<String>) -> fmt::Result {
    text.iter().try_for_each(|text| write!(f, "{before}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_said_in_the_same_way_for_each_server() {
        let text = |text: &str| text.to_owned();
        let why = || text("it broke");
        let status = |status, code: Option<&str>, message: Option<&str>| ErrorKind::Status {
            status,
            code: code.map(text),
            message: message.map(text),
            gone: false,
        };
        for (kind, words) in [
            (ErrorKind::NotBuilt { why: why() }, "not sent, it broke"),
            (
                ErrorKind::NotConnected { origin: text("http://127.0.0.1:9"), why: why() },
                "no connection to http://127.0.0.1:9: it broke",
            ),
            (
                ErrorKind::NoToken {
                    token_url: text("https://x/token"),
                    cause: Box::new(status(400, Some("invalid_scope"), None)),
                },
                "not sent, there is no access token: POST https://x/token: answered 400 invalid_scope",
            ),
            (
                ErrorKind::Lost { why: why(), timed_out: false },
                "sent, but the answer was lost: it broke",
            ),
            (status(503, None, None), "answered 503"),
            (status(503, Some("SlowDown"), None), "answered 503 SlowDown"),
            (status(400, Some("bad"), Some("no text")), "answered 400 bad: no text"),
            (status(502, None, Some("Bad Gateway")), "answered 502: Bad Gateway"),
            (
                ErrorKind::Redirect { status: 302, to: Some(text("https://login")) },
                "answered 302, a redirect to https://login; it is not followed",
            ),
            (
                ErrorKind::Redirect { status: 301, to: None },
                "answered 301, a redirect; it is not followed",
            ),
            (
                ErrorKind::Unreadable {
                    status: 200,
                    why: text("it is a page"),
                    excerpt: Some(text("<html>")),
                },
                "answered 200, but it is a page: <html>",
            ),
            (
                ErrorKind::Sql { state: text("57P03"), message: text("it is starting up") },
                "answered SQLSTATE 57P03: it is starting up",
            ),
        ] {
            assert_eq!(kind.to_string(), words);
        }
    }
}
