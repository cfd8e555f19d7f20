//! The files of the page, and the events that tell it about changes.

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

/// Only our scripts run, nothing comes from elsewhere, and no other page may frame this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Content types.
pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const CSS: &str = "text/css; charset=utf-8";
pub(crate) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The style and the script that the pages share.
pub(crate) const STYLE: &str = include_str!("chats.css");
pub(crate) const SCRIPT: &str = include_str!("chats.js");

/// Tells the open pages that something has changed, until it is closed.
#[derive(Debug)]
pub(crate) struct ChangeNotifier(std::sync::Mutex<Option<watch::Sender<u64>>>);

impl Default for ChangeNotifier {
    fn default() -> Self {
        Self(std::sync::Mutex::new(Some(watch::Sender::new(0))))
    }
}

impl ChangeNotifier {
    fn sender(&self) -> std::sync::MutexGuard<'_, Option<watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Tells all pages about a change.
    pub(crate) fn notify(&self) {
        if let Some(sender) = &*self.sender() {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// Ends the events of all pages, so that the server can end.
    pub(crate) fn close(&self) {
        self.sender().take();
    }

    fn subscribe(&self) -> Option<watch::Receiver<u64>> {
        self.sender().as_ref().map(watch::Sender::subscribe)
    }
}

/// The response with one of our own files.
pub(crate) async fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One event at once, and one for each change; quick changes may share one event.
pub(crate) async fn events(
    State(notifier): State<Arc<ChangeNotifier>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut changes = notifier.subscribe();
    if let Some(changes) = &mut changes {
        changes.mark_changed();
    }
    let events = stream::unfold(changes, |changes| async move {
        let mut changes = changes?;
        changes.changed().await.ok()?;
        let count = *changes.borrow_and_update();
        Some((Ok(Event::default().data(count.to_string())), Some(changes)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
