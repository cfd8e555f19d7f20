//! Takes events over HTTP.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};

use super::{Inbox, MOST_BYTES, WebhookToken, read};
use crate::{
    controller::{EventOutcome, Metrics},
    loopback::{self, Limits, Unread},
};

/// What the path begins with; the token follows.
pub const PATH: &str = "/webhooks/brevo/";

/// How long the body of an event may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Called if an event may settle a delivery.
type Wake = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
struct Receiver {
    token: WebhookToken,
    inbox: Arc<Inbox>,
    metrics: Arc<Metrics>,
    wake: Wake,
}

/// Takes events at `/webhooks/brevo/TOKEN` into the inbox. Each is answered at once, whatever is in it; `wake` is
/// called if it may settle a delivery. Without the token, the path is not there.
pub fn router(
    token: WebhookToken,
    inbox: Arc<Inbox>,
    metrics: Arc<Metrics>,
    wake: impl Fn() + Send + Sync + 'static,
) -> Router {
    let receiver = Receiver { token, inbox, metrics, wake: Arc::new(wake) };
    Router::new().route(&format!("{PATH}{{token}}"), any(receive)).with_state(receiver)
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> Response {
    let given = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let count = |outcome| receiver.metrics.received(outcome);
    if !receiver.token.is(given) {
        count(EventOutcome::Refused);
        return StatusCode::NOT_FOUND.into_response();
    }
    if request.method() != Method::POST {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let limits = Limits { patience: PATIENCE, body_bytes: MOST_BYTES, ..Limits::default() };
    let body = match loopback::read(request.into_body(), limits).await {
        Ok(body) => body,
        Err(Unread::TooLong) => {
            count(EventOutcome::Unreadable);
            let mut response = StatusCode::PAYLOAD_TOO_LARGE.into_response();
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
        Err(Unread::TooSlow) => {
            count(EventOutcome::Unreadable);
            return loopback::too_slow();
        }
    };
    match read(&body) {
        Ok(event) => {
            count(EventOutcome::Taken);
            if receiver.inbox.take_in(event) {
                (receiver.wake)();
            }
            StatusCode::NO_CONTENT.into_response()
        }
        Err(_) => {
            count(EventOutcome::Unreadable);
            StatusCode::BAD_REQUEST.into_response()
        }
    }
}
