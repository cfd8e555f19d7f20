//! Which unknown deliveries the manifest has sent again: `on_unknown: resend`.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::{
    manifest::Loaded,
    model::{Address, Key, OnUnknown, WindowState},
};

/// The messages that are sent again if it is unknown whether they were sent.
#[derive(Debug, Default)]
pub(super) struct SentAgain {
    keys: HashSet<Key>,
}

impl SentAgain {
    /// Those whose windows are open, as far as the project can be read.
    pub(super) fn of(loaded: &Loaded, now: Timestamp) -> Self {
        let messages = loaded.at_least().into_iter().flat_map(|project| project.messages());
        let resent = messages.filter(|message| {
            message.spec.on_unknown == OnUnknown::Resend
                && message.spec.window.state(now) == WindowState::Active
        });
        Self { keys: resent.map(|message| message.spec.key.clone()).collect() }
    }

    /// Whether this delivery is, if it is unknown.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.keys.contains(&address.key())
    }
}
