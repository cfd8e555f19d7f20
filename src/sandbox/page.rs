//! The page that shows every visitor's chat, live.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

/// No script but ours, nothing from elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Tells pages that something has changed, until it hangs up.
#[derive(Debug)]
pub(super) struct Bell(std::sync::Mutex<Option<watch::Sender<u64>>>);

impl Default for Bell {
    fn default() -> Self {
        Self(std::sync::Mutex::new(Some(watch::Sender::new(0))))
    }
}

impl Bell {
    fn line(&self) -> std::sync::MutexGuard<'_, Option<watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Something has changed.
    pub(super) fn ring(&self) {
        if let Some(sender) = &*self.line() {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// The pages are let go, so that the server can end.
    pub(super) fn hang_up(&self) {
        self.line().take();
    }

    fn listen(&self) -> Option<watch::Receiver<u64>> {
        self.line().as_ref().map(watch::Sender::subscribe)
    }
}

/// The routes of the page. What they do not know is the API's.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(bell: Arc<Bell>) -> Router<S> {
    let page = || file("text/html; charset=utf-8", include_str!("page/index.html"));
    let style = || file("text/css; charset=utf-8", include_str!("page/page.css"));
    let script = || file("text/javascript; charset=utf-8", include_str!("page/page.js"));
    Router::new()
        .route("/", get(page))
        .route("/_sandbox/page.css", get(style))
        .route("/_sandbox/page.js", get(script))
        .route("/_sandbox/events", get(events).with_state(bell))
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One event at once, and one for each change; changes in quick succession share one.
async fn events(
    State(bell): State<Arc<Bell>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut heard = bell.listen();
    if let Some(heard) = &mut heard {
        heard.mark_changed();
    }
    let changes = stream::unfold(heard, |heard| async move {
        let mut heard = heard?;
        heard.changed().await.ok()?;
        let count = *heard.borrow_and_update();
        Some((Ok(Event::default().data(count.to_string())), Some(heard)))
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}
