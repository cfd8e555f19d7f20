//! One request and what became of it.

use jiff::Timestamp;
use reqwest::{
    ClientBuilder, Method, Response, Url,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
    },
};
use serde_json::{Map, Value};

use super::{
    BudgetReading, Clock, ConfigError, Error, ErrorKind, Operation,
    encoding::{self, EncodingError},
    scrub::Scrub,
};
use crate::network::{causes, http_causes};

/// More than any message has; a body beyond it is not read on.
const LONGEST_BODY: usize = 4 << 20;
/// Characters of a server's text that are kept.
pub(super) const LONGEST_TEXT: usize = 300;
/// Characters of a code or a request id that are kept.
pub(super) const LONGEST_WORD: usize = 120;

/// How a server words its errors.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wording {
    /// `{"code": …, "message": …}`
    Api,
    /// `{"error": …, "error_description": …}`
    OAuth,
}

/// A 2xx answer.
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) html: bool,
    pub(super) body: Vec<u8>,
    /// Why the body may lack its end.
    pub(super) cut: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) budget: Option<BudgetReading>,
}

impl Success {
    /// This answer as an error: its body is of no use.
    pub(super) fn unreadable(&self, operation: Operation, why: &str, scrub: &Scrub<'_>) -> Error {
        let excerpt = scrub.excerpt(&self.body, LONGEST_TEXT);
        Error::new(
            operation,
            ErrorKind::Unreadable {
                status: self.status,
                why: why.to_owned(),
                excerpt: Some(excerpt).filter(|text| !text.is_empty()),
            },
        )
        .with_answer(self.request_id.as_ref().map(|id| scrub.clean(id, LONGEST_WORD)), self.budget)
    }

    /// This answer as an error: its body says that it is one.
    pub(super) fn refused(
        &self,
        operation: Operation,
        wording: Wording,
        scrub: &Scrub<'_>,
    ) -> Error {
        let kind = refused(operation, self.status, &self.body, false, wording, scrub);
        Error::new(operation, kind).with_answer(
            self.request_id.as_ref().map(|id| scrub.clean(id, LONGEST_WORD)),
            self.budget,
        )
    }

    /// Whether the body is a page, not an answer of the API.
    pub(super) fn is_page(&self) -> bool {
        self.html || self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// Sends one request, once, and reads the whole answer.
pub(super) async fn exchange(
    http: &reqwest::Client,
    operation: Operation,
    url: Url,
    origin: &str,
    (body, authorization): (Option<Vec<u8>>, Option<HeaderValue>),
    scrub: &Scrub<'_>,
    clock: Option<&Clock>,
) -> Result<Success, Error> {
    let method = match operation.method() {
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        _ => Method::GET,
    };
    let mut request = http
        .request(method, url)
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    if let Some(body) = body {
        request =
            request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
    }
    let response = request
        .send()
        .await
        .map_err(|error| Error::new(operation, broken(&error, origin, scrub)))?;
    let now = clock.map(|clock| clock());
    read(operation, response, Wording::Api, scrub, now).await
}

/// Why no status came back.
pub(super) fn broken(error: &reqwest::Error, origin: &str, scrub: &Scrub<'_>) -> ErrorKind {
    let mut kind = ErrorKind::of_http(error, origin);
    kind.each_text(&|text: &mut String| *text = scrub.clean(text, LONGEST_TEXT));
    kind
}

/// Reads the whole answer.
pub(super) async fn read(
    operation: Operation,
    mut response: Response,
    wording: Wording,
    scrub: &Scrub<'_>,
    now: Option<Timestamp>,
) -> Result<Success, Error> {
    let status = response.status();
    let budget = BudgetReading::from_headers(response.headers(), now);
    let unshown = status.is_success() && !tracing::enabled!(tracing::Level::DEBUG);
    let request_id = word(response.headers(), "sib-request-id", scrub, unshown);
    let html = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..b"text/html".len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"text/html"));
    let fail =
        |kind: ErrorKind| Error::new(operation, kind).with_answer(request_id.clone(), budget);

    if status.is_redirection() {
        let to = redirected_to(&response, scrub);
        return Err(fail(ErrorKind::Redirect { status: status.as_u16(), to }));
    }
    let mut body = Vec::new();
    let mut cut = None;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_BODY => {
                cut = Some("its body is too long".to_owned());
                break;
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => {
                let why = scrub.clean(&http_causes(&error), LONGEST_TEXT);
                cut = Some(format!("its body broke off: {why}"));
                break;
            }
        }
    }
    let body = encoding::decoded(response.headers(), body, LONGEST_BODY).unwrap_or_else(|error| {
        cut.get_or_insert_with(|| error.to_string());
        match error {
            EncodingError::Cut(there, _) => there,
            _ => Vec::new(),
        }
    });
    if !status.is_success() {
        let has_id = request_id.is_some();
        return Err(fail(refused(operation, status.as_u16(), &body, has_id, wording, scrub)));
    }
    let status = status.as_u16();
    Ok(Success { status, html, body, cut, request_id, budget })
}

/// An error: in this wording if the server itself wrote it, anything if not. `has_id`: the answer has a
/// `sib-request-id`.
fn refused(
    operation: Operation,
    status: u16,
    body: &[u8],
    has_id: bool,
    wording: Wording,
    scrub: &Scrub<'_>,
) -> ErrorKind {
    let object = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    };
    let gone = status == 404
        && operation.has_id()
        && object.as_ref().is_some_and(|object| says_gone(object, has_id));
    let (code, message) = match &object {
        Some(object) => {
            let text = |name: &str, max: usize| match object.get(name) {
                Some(Value::String(text)) => Some(scrub.message(text, max)),
                Some(Value::Number(number)) => Some(scrub.message(&number.to_string(), max)),
                _ => None,
            };
            let api = (text("code", LONGEST_WORD), text("message", LONGEST_TEXT));
            match wording {
                Wording::Api => api,
                // A gateway of the API may answer in its words.
                Wording::OAuth => (
                    text("error", LONGEST_WORD).or(api.0),
                    text("error_description", LONGEST_TEXT).or(api.1),
                ),
            }
        }
        None => (None, None),
    };
    let used = |text: &String| !text.is_empty();
    let (code, message) = (code.filter(used), message.filter(used));
    let known = code.is_some() || message.is_some();
    let message =
        if known { message } else { Some(scrub.excerpt(body, LONGEST_TEXT)).filter(used) };
    ErrorKind::Status { status, code, message, gone }
}

/// Whether the object in a 404 is the API's own word that there is no such message: it has the API's code for that,
/// in any case, or no code and comes with the API's request id. A gateway's 404 says nothing of the message.
fn says_gone(object: &Map<String, Value>, has_id: bool) -> bool {
    match object.get("code") {
        None | Some(Value::Null) => has_id,
        Some(Value::String(code)) if code.trim().is_empty() => has_id,
        Some(Value::String(code)) => code.trim().eq_ignore_ascii_case("document_not_found"),
        Some(_) => false,
    }
}

fn word(headers: &HeaderMap, name: &str, scrub: &Scrub<'_>, unshown: bool) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(name)?.as_bytes());
    let text = match unshown {
        true => scrub.unshown(&text, LONGEST_WORD),
        false => scrub.clean(&text, LONGEST_WORD),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Where a redirect points, without path and query: they may hold anything.
fn redirected_to(response: &Response, scrub: &Scrub<'_>) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let target = response.url().join(location).ok()?;
    Some(scrub.clean(&target.origin().ascii_serialization(), LONGEST_WORD))
}

/// The client itself.
pub(super) fn built(http: ClientBuilder) -> Result<reqwest::Client, ConfigError> {
    http.build().map_err(|error| {
        ConfigError::Setup(match causes(&error).next() {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        })
    })
}
