//! Deaths at a chosen moment, for the crash test: only in debug builds, where
//! `PUSHSYNC_DIE_AFTER` names the moment: `commit:3`, `request:2` or `answer:1`. With `lose:3`, only
//! the state dies: the third commit and all after it fail. With `mute:3` their answers are lost.
//!
//! The store and the API are wrapped, so that what dies is the real run.

#[cfg(debug_assertions)]
mod wrapped;

use std::sync::Arc;

use crate::{apply::api::Api, state::Store};

/// The same store and API; in debug builds they may die on request.
pub(super) fn on_request(
    store: Arc<dyn Store>,
    api: Arc<dyn Api>,
) -> (Arc<dyn Store>, Arc<dyn Api>) {
    #[cfg(debug_assertions)]
    if let Some(moment) = super::surroundings::variable("PUSHSYNC_DIE_AFTER") {
        return wrapped::wrap(&moment, store, api);
    }
    (store, api)
}
