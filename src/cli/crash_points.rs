//! Crashes at a chosen moment, for the crash test: only in debug builds, where `PUSHSYNC_DIE_AFTER` names
//! the moment: `commit:3`, `request:2` or `answer:1`. With `lose:3`, only the state fails: the third
//! commit and all later ones. With `mute:3`, those commits succeed and their answers are lost.
//!
//! The store and the API are wrapped, so that a real run crashes.

#[cfg(debug_assertions)]
mod wrappers;

use std::sync::Arc;

use crate::{apply::api::Api, state::Store};

/// The same store and API; in debug builds they may crash on request.
pub(super) fn wrap(store: Arc<dyn Store>, api: Arc<dyn Api>) -> (Arc<dyn Store>, Arc<dyn Api>) {
    #[cfg(debug_assertions)]
    if let Some(moment) = super::environment::variable("PUSHSYNC_DIE_AFTER") {
        return wrappers::wrap(&moment, store, api);
    }
    (store, api)
}
