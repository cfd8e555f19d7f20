//! What stands between a client and the API on a bad day: a gateway that answers in its place, or wraps its answers.

use std::io::{self, Write};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

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
    /// No client is known to those who give access tokens.
    InvalidClient,
    /// The app of every client lacks a scope.
    InvalidScope,
    /// Every access token is refused.
    ExpiredToken,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 14] = [
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
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "text/html", page("503 Service Unavailable"))
            }
            Self::Gzip
            | Self::Deflate
            | Self::Bom
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
        Some(response)
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
