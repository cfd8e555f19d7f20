//! The body of a request, whole.

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use tokio::time::timeout;

use super::Limits;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is longer than [`Limits::body_bytes`], or its sender broke off.
    TooLong,
    /// It did not come within [`Limits::patience`].
    TooSlow,
}

/// Reads a body within these limits.
pub(crate) async fn read(body: Body, limits: Limits) -> Result<Bytes, Unread> {
    let whole = to_bytes(body, limits.body_bytes);
    match timeout(limits.patience, whole).await {
        Ok(body) => body.map_err(|_| Unread::TooLong),
        Err(_) => Err(Unread::TooSlow),
    }
}

/// The answer to one that did not come in time.
pub(crate) fn too_slow() -> Response<Body> {
    let words = "the rest of the request did not come in time\n";
    let mut response = (StatusCode::REQUEST_TIMEOUT, words).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
