//! The page of chats, as the sandbox and the preview serve it: its style, how it draws, and the events
//! by which it follows.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

/// No script but ours, nothing from elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Content types.
pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const CSS: &str = "text/css; charset=utf-8";
pub(crate) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// What the pages have in common.
pub(crate) const STYLE: &str = include_str!("chats.css");
pub(crate) const SCRIPT: &str = include_str!("chats.js");

/// Tells pages that something has changed, until it hangs up.
#[derive(Debug)]
pub(crate) struct Bell(std::sync::Mutex<Option<watch::Sender<u64>>>);

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
    pub(crate) fn ring(&self) {
        if let Some(sender) = &*self.line() {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// The pages are let go, so that the server can end.
    pub(crate) fn hang_up(&self) {
        self.line().take();
    }

    fn listen(&self) -> Option<watch::Receiver<u64>> {
        self.line().as_ref().map(watch::Sender::subscribe)
    }
}

/// One of our own files.
pub(crate) async fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One event at once, and one for each change; changes in quick succession share one.
pub(crate) async fn events(
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
