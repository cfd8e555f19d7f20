//! The page of chats, as the sandbox and the preview serve it.

mod page;

pub(crate) use page::{CSS, ChangeNotifier, HTML, JAVASCRIPT, SCRIPT, STYLE, events, file};
