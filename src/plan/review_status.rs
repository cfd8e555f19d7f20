//! What is still to be reviewed, what is approved and waits, and what comes later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Address, Content, Key, Kind, Language, Place, Target};

/// Whether somebody has to agree to a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReviewStatus {
    /// Nobody has agreed to its target yet.
    #[default]
    ToReview,
    /// Somebody has: it waits for the budget, or for its turn.
    Approved,
    /// It completes or repeats what was applied: that needs no new approval.
    Covered,
}

/// A delivery that needs no change now, and whose window opens or closes later: nobody has agreed to that yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// The delivery.
    pub address: Address,
    /// Its kind.
    pub kind: Kind,
    /// What the visitor is to see.
    pub content: Content,
    /// What it is to be.
    pub target: Target,
    /// Whether the visitor sees it already: only the end of its window is to come.
    pub opened: bool,
    /// The language of its text, if the message has one text for each.
    pub language: Option<Language>,
    /// Where the message is written.
    pub source: Option<Place>,
}

/// A message whose window opens or closes later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// The message.
    pub key: Key,
    /// When its window opens, if that is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Timestamp>,
    /// When its window closes, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
    /// How many visitors it has.
    pub visitors: u64,
    /// How many of them somebody has agreed to.
    pub approved: u64,
    /// How many requests it takes when its window opens; of an open one, when it closes.
    pub requests: u64,
    /// How long these take at the budget, in seconds.
    pub takes_s: u64,
}

/// A delivery whose approval is not what the manifest says any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// The delivery.
    pub address: Address,
    /// What the manifest says now.
    pub target: Target,
    /// Whether the approval has lapsed already: a resumed run has found that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
}
