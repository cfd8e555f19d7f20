use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Address, ChangeIntent, Content, Kind, MessageId};

/// A delivery that exists (or existed) on the other side, and what was last applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its name.
    pub address: Address,
    /// Its kind.
    pub kind: Kind,
    /// The id under which the API stores it.
    pub id: MessageId,
    /// What was last applied.
    pub content: Content,
    /// Whether plans that would delete or replace it fail, as last applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// When the API created it, or when it was adopted.
    pub created_at: Timestamp,
    /// When its content was last applied.
    pub updated_at: Timestamp,
    /// When the API last said that it exists (or that it does not).
    pub verified_at: Timestamp,
    /// How the API differed when it was last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The message that this one replaces and that is still to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Superseded>,
    /// The update or delete of this message that left, or was about to, and has no outcome yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ChangeIntent>,
}

/// A message whose replacement exists, and which is still to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Superseded {
    /// Its id.
    pub id: MessageId,
    /// Its kind: a replacement may have another one.
    pub kind: Kind,
}

/// How the API differs from the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Drift {
    /// The message is gone.
    Gone,
    /// The message is gone, and `on_missing: forget` let it rest: it is not sent again.
    Forgotten,
    /// The message has this text.
    Text(String),
}
