use std::fmt;

use serde::Serialize;

use super::{ChangeIntent, Drift, Record};

/// How a delivery is, as far as the state knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// It is there, as it was last applied.
    Ok,
    /// Its text was changed on the other side.
    Changed,
    /// It is gone on the other side.
    Gone,
    /// It is gone on the other side, and is not sent again (`on_missing: forget`).
    Forgotten,
    /// The message that replaces it exists, and the old one is still to be deleted.
    Replacing,
    /// An update of it has no outcome yet.
    Updating,
    /// A delete of it has no outcome yet.
    Deleting,
    /// It may or may not exist.
    Unknown,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Changed,
        Self::Gone,
        Self::Forgotten,
        Self::Replacing,
        Self::Updating,
        Self::Deleting,
        Self::Unknown,
    ];

    /// The status of a delivery with a record. One that is unknown has an intent instead.
    pub fn of(record: &Record) -> Self {
        match (&record.drift, &record.superseded, &record.intent) {
            (Some(Drift::Gone), _, _) => Self::Gone,
            (Some(Drift::Forgotten), _, _) => Self::Forgotten,
            (_, Some(_), _) => Self::Replacing,
            (_, None, Some(ChangeIntent::Update { .. })) => Self::Updating,
            (_, None, Some(ChangeIntent::Delete { .. })) => Self::Deleting,
            (Some(Drift::Text(_)), None, None) => Self::Changed,
            (None, None, None) => Self::Ok,
        }
    }

    /// The word in lists, documents and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Forgotten => "forgotten",
            Self::Replacing => "replacing",
            Self::Updating => "updating",
            Self::Deleting => "deleting",
            Self::Unknown => "unknown",
        }
    }

    /// Whether visitors see a message of it, as far as is known.
    pub fn is_live(self) -> bool {
        match self {
            Self::Ok | Self::Changed | Self::Replacing | Self::Updating | Self::Deleting => true,
            Self::Gone | Self::Forgotten | Self::Unknown => false,
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
