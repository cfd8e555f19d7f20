//! The headers of all answers.

use axum::http::{HeaderMap, HeaderValue, header};

/// No browser guesses what an answer is, and none keeps it.
pub(super) fn harden(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
