use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Address, Content, Kind};

/// The durable note that a create is about to leave. A delivery whose intent has no outcome is
/// *unknown*: it may or may not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The delivery.
    pub address: Address,
    /// Its kind.
    pub kind: Kind,
    /// What is sent.
    pub content: Content,
    /// Whether the message is protected once it exists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// When the note was written; the request left after it.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: Uuid,
    /// How often it was sent before, each time without a usable answer (`on_unknown: resend`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub again: u32,
    /// What became of the request, as far as it is known: "timed out after 30 s". Empty while
    /// it is under way, and after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// `sib-request-id` of the answer, if there was one: Brevo's support can look it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The durable note that an update or a delete of a message is about to leave. A record that keeps
/// it after the run has no outcome of that request: the next plan makes sure of the message.
///
/// Nobody has to decide: both requests are the same twice as once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum ChangeIntent {
    /// The message may have this text.
    Update {
        /// The text that was sent.
        text: Arc<str>,
        /// When the note was written.
        at: Timestamp,
    },
    /// The message may be gone.
    Delete {
        /// When the note was written.
        at: Timestamp,
    },
}
