//! The page that shows every visitor's chat, live.

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::chats::{self, ChangeNotifier};

/// The routes of the page. What they do not know is the API's.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(notifier: Arc<ChangeNotifier>) -> Router<S> {
    let page = || chats::file(chats::HTML, include_str!("page/index.html"));
    let style = || chats::file(chats::CSS, chats::STYLE);
    let drawing = || chats::file(chats::JAVASCRIPT, chats::SCRIPT);
    let script = || chats::file(chats::JAVASCRIPT, include_str!("page/page.js"));
    Router::new()
        .route("/", get(page))
        .route("/_sandbox/chats.css", get(style))
        .route("/_sandbox/chats.js", get(drawing))
        .route("/_sandbox/page.js", get(script))
        .route("/_sandbox/events", get(chats::events).with_state(notifier))
}
