//! Reads the whole body of a request.

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use tokio::time::timeout;

use super::Limits;

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The body is longer than [`Limits::body_bytes`], or the connection ended before it did.
    TooLong,
    /// The body did not arrive within [`Limits::patience`].
    TooSlow,
}

/// Reads a body, within the limits of size and time.
pub(crate) async fn read(body: Body, limits: Limits) -> Result<Bytes, Unread> {
    let whole = to_bytes(body, limits.body_bytes);
    match timeout(limits.patience, whole).await {
        Ok(body) => body.map_err(|_| Unread::TooLong),
        Err(_) => Err(Unread::TooSlow),
    }
}

/// The answer to a request whose body did not arrive in time.
pub(crate) fn too_slow() -> Response<Body> {
    let words = "the rest of the request did not come in time\n";
    let mut response = (StatusCode::REQUEST_TIMEOUT, words).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
