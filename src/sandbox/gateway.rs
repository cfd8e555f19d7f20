//! What stands between a client and the API on a bad day: a gateway that answers in its place, or wraps its answers.

use std::{
    io::{self, Write},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

use jiff::{Timestamp, fmt::rfc2822};

/// Something that servers and gateways do, and that a client has to live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A 404 in JSON that is not the API's.
    NoRoute,
    /// A 404 without a body.
    EmptyNotFound,
    /// A 404 with a page.
    NotFoundPage,
    /// A 200 with a login page.
    LoginPage,
    /// A 302 to a login page.
    Redirect,
    /// A 502 with a page.
    BadGateway,
    /// A 503 with a page.
    Unavailable,
    /// No answer at all.
    Hang,
    /// Answers that are compressed with gzip.
    Gzip,
    /// Answers that are compressed with deflate.
    Deflate,
    /// Answers that begin with a byte order mark.
    Bom,
    /// The reset of the budget as seconds since 1970.
    ResetEpoch,
    /// The reset of the budget as an HTTP date.
    ResetDate,
    /// The reset of the budget with a unit.
    ResetUnit,
    /// No reset of the budget.
    ResetNone,
    /// A reset of the budget in a month.
    ResetFar,
    /// A 503 that says when to come back.
    RetryAfter,
    /// No client is known to those who give access tokens.
    InvalidClient,
    /// The app of every client lacks a scope.
    InvalidScope,
    /// Every access token is refused.
    ExpiredToken,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::NoRoute,
        Self::EmptyNotFound,
        Self::NotFoundPage,
        Self::LoginPage,
        Self::Redirect,
        Self::BadGateway,
        Self::Unavailable,
        Self::Hang,
        Self::Gzip,
        Self::Deflate,
        Self::Bom,
        Self::ResetEpoch,
        Self::ResetDate,
        Self::ResetUnit,
        Self::ResetNone,
        Self::ResetFar,
        Self::RetryAfter,
        Self::InvalidClient,
        Self::InvalidScope,
        Self::ExpiredToken,
    ];

    /// What happens, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Self::NoRoute => r#"404, {"message":"no route"}"#,
            Self::EmptyNotFound => "404 without a body",
            Self::NotFoundPage => "404 with a page",
            Self::LoginPage => "200 with a login page",
            Self::Redirect => "302 to a login page",
            Self::BadGateway => "502 with a page",
            Self::Unavailable => "503 with a page",
            Self::Hang => "no answer at all",
            Self::Gzip => "answers compressed with gzip",
            Self::Deflate => "answers compressed with deflate",
            Self::Bom => "answers that begin with a byte order mark",
            Self::ResetEpoch => "the reset of the budget as seconds since 1970",
            Self::ResetDate => "the reset of the budget as an HTTP date",
            Self::ResetUnit => "the reset of the budget with a unit: 1200s",
            Self::ResetNone => "no reset of the budget",
            Self::ResetFar => "a reset of the budget in 30 days",
            Self::RetryAfter => "503 with Retry-After: 5",
            Self::InvalidClient => "no access token: 401, `invalid_client`",
            Self::InvalidScope => "no access token: 400, `invalid_scope`",
            Self::ExpiredToken => "401 to every access token",
        }
    }

    /// Its name on the command line, and in the counts of requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "no-route",
            Self::EmptyNotFound => "empty-not-found",
            Self::NotFoundPage => "not-found-page",
            Self::LoginPage => "login-page",
            Self::Redirect => "redirect",
            Self::BadGateway => "bad-gateway",
            Self::Unavailable => "unavailable",
            Self::Hang => "hang",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Bom => "bom",
            Self::ResetEpoch => "reset-epoch",
            Self::ResetDate => "reset-date",
            Self::ResetUnit => "reset-unit",
            Self::ResetNone => "reset-none",
            Self::ResetFar => "reset-far",
            Self::RetryAfter => "retry-after",
            Self::InvalidClient => "invalid-client",
            Self::InvalidScope => "invalid-scope",
            Self::ExpiredToken => "expired-token",
        }
    }

    /// The answer in place of the API's; `None` if the API answers. [`Self::Hang`] has none to give.
    pub(super) fn instead(self) -> Option<Response<Body>> {
        let page = |title: &str| format!("<html><head><title>{title}</title></head></html>");
        let (status, kind, body) = match self {
            Self::NoRoute => {
                (StatusCode::NOT_FOUND, "application/json", r#"{"message":"no route"}"#.to_owned())
            }
            Self::EmptyNotFound | Self::Hang => (StatusCode::NOT_FOUND, "", String::new()),
            Self::NotFoundPage => (StatusCode::NOT_FOUND, "text/html", page("404 Not Found")),
            Self::LoginPage => (StatusCode::OK, "text/html", page("Please log in")),
            Self::Redirect => (StatusCode::FOUND, "", String::new()),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, "text/html", page("502 Bad Gateway")),
            Self::Unavailable | Self::RetryAfter => {
                (StatusCode::SERVICE_UNAVAILABLE, "text/html", page("503 Service Unavailable"))
            }
            Self::Gzip
            | Self::Deflate
            | Self::Bom
            | Self::ResetEpoch
            | Self::ResetDate
            | Self::ResetUnit
            | Self::ResetNone
            | Self::ResetFar
            | Self::InvalidClient
            | Self::InvalidScope
            | Self::ExpiredToken => return None,
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        if !kind.is_empty() {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if self == Self::Redirect {
            let login = HeaderValue::from_static("https://login.example.com/");
            response.headers_mut().insert(header::LOCATION, login);
        }
        if self == Self::RetryAfter {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Some(response)
    }

    /// How the header tells that the budget is reset in `left`; the outer `None` if this fault is not about it.
    pub(super) fn reset(self, now: Timestamp, left: Duration) -> Option<Option<String>> {
        const MONTH: u64 = 30 * 86_400;
        let at = now.checked_add(left).unwrap_or(now);
        match self {
            Self::ResetEpoch => Some(Some(at.as_second().to_string())),
            Self::ResetDate => {
                Some(rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok())
            }
            Self::ResetUnit => Some(Some(format!("{}s", left.as_secs()))),
            Self::ResetNone => Some(None),
            Self::ResetFar => Some(Some(MONTH.to_string())),
            _ => None,
        }
    }

    /// The bytes of an answer as the client gets them, and how they are encoded.
    pub(super) fn wrapped(self, body: Vec<u8>) -> io::Result<(Vec<u8>, Option<&'static str>)> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&body)?;
                Ok((encoder.finish()?, Some("gzip")))
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&body)?;
                Ok((encoder.finish()?, Some("deflate")))
            }
            Self::Bom => Ok(([b"\xef\xbb\xbf", &body[..]].concat(), None)),
            _ => Ok((body, None)),
        }
    }
}

/// What a gateway does, and from when on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateway {
    /// All of it; of those that answer in place of the API, the first one counts.
    pub faults: Vec<Fault>,
    /// The first requests have no such faults.
    pub after: u64,
}

impl Gateway {
    /// The faults of the request that follows this number of requests.
    pub(super) fn faults(&self, requests: u64) -> &[Fault] {
        match requests >= self.after {
            true => &self.faults,
            false => &[],
        }
    }
}
