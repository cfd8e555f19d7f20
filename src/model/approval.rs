//! What somebody has agreed to, and what is not done yet.

use serde::{Deserialize, Serialize};

use super::{Address, Content, ContentDigest, Kind, Presence, Target, Window};

/// The state's note that somebody agreed to a target that is not reached yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The delivery.
    pub address: Address,
    /// What it is to be.
    pub target: Target,
    /// The number of the run in which somebody agreed to it: the history has its time and commit.
    pub run: u64,
    /// Whether the message was there already, as the target says. Then only the end of its window is
    /// still approved: the approval sends nothing again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opened: bool,
    /// Whether a resumed run has found that the manifest says something else. It approves nothing any more, and
    /// is kept without its target until somebody agrees to what the manifest says: so that this asks for the
    /// same before and after that run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
}

impl Approval {
    /// The approval once the manifest has been found to say something else.
    #[must_use]
    pub fn once_lapsed(self) -> Self {
        Self { target: Target::Absent, opened: false, lapsed: true, ..self }
    }

    /// The approval once the delivery has certainly become this content; none if nothing is left of it.
    /// A window that closes is still to come.
    #[must_use]
    pub fn once_sent(self, kind: Kind, content: &Content) -> Option<Self> {
        match self.target {
            Target::Present(Presence { content: wanted, window: Window { until, .. } })
                if wanted == ContentDigest::of(kind, content) =>
            {
                until.map(|_| Self { opened: true, ..self })
            }
            _ => Some(self),
        }
    }

    /// The approval once the delivery is gone; none if nothing is left of it. A message that was not
    /// there yet as approved is still to be sent: a window that was moved to the future deletes it first.
    #[must_use]
    pub fn once_gone(self) -> Option<Self> {
        let to_send = matches!(self.target, Target::Present(_)) && !self.opened;
        (to_send || self.lapsed).then_some(self)
    }
}
