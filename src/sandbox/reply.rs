use std::time::Duration;

use serde_json::{Value, json};

/// What the API answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    /// The methods that a path has, for a 405.
    pub(super) allow: Option<&'static str>,
}

impl Reply {
    /// A success with a body.
    pub(super) fn json(body: Value) -> Self {
        Self { status: 200, body: Some(body), allow: None }
    }

    /// A success without a body: the API answers 204 to DELETE and 201 to a ping.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, body: None, allow: None }
    }

    /// An error in the API's shape.
    pub(super) fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        let body = json!({ "code": code, "message": message.into() });
        Self { status, body: Some(body), allow: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::error(400, "invalid_parameter", message)
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::error(400, "missing_parameter", message)
    }

    /// No key (the wording is the live API's, as seen in public issue threads).
    pub(super) fn no_key() -> Self {
        Self::error(401, "unauthorized", "authentication not found in headers")
    }

    /// The words are not documented.
    pub(super) fn token_refused() -> Self {
        Self::error(401, "unauthorized", "the access token is over, or not known")
    }

    /// An error in the words of OAuth.
    pub(super) fn oauth_error(status: u16, error: &str, why: impl Into<String>) -> Self {
        let body = json!({ "error": error, "error_description": why.into() });
        Self { status, body: Some(body), allow: None }
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "document_not_found", "Message not found")
    }

    /// The API's own shape of a 429 is not known.
    pub(super) fn too_many(reset: Duration) -> Self {
        let seconds = reset.as_secs();
        let message = format!("the budget of requests is used up; it is renewed in {seconds} s");
        Self::error(429, "too_many_requests", message)
    }

    pub(super) fn too_long() -> Self {
        Self::error(413, "invalid_parameter", "the body is too long, or broke off")
    }

    pub(super) fn fault(when: &str) -> Self {
        let message = format!("a fault of the sandbox, as asked for ({when} the effect)");
        Self::error(500, "internal_server_error", message)
    }
}
