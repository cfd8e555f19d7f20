use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When a message should exist: from `from` on, until just before `until`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The first instant after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Window {
    /// Whether a message with it should exist at all times.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a message should exist at that instant.
    pub fn state(&self, at: Timestamp) -> WindowState {
        match *self {
            Self { until: Some(until), .. } if at >= until => WindowState::Over(until),
            Self { from: Some(from), .. } if at < from => WindowState::NotYet(from),
            _ => WindowState::Active,
        }
    }
}

/// Whether a message should exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// Yes.
    Active,
    /// Only from then on.
    NotYet(Timestamp),
    /// Not since then.
    Over(Timestamp),
}
