//! Why a cycle begins, and when.

use jiff::Timestamp;
use serde::Serialize;

/// Why a cycle begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wake {
    /// The process began.
    Start,
    /// A file of the project changed.
    Files,
    /// A window opens or closes.
    Window,
    /// The API's budget has room again.
    Budget,
    /// `--every` is over.
    Every,
    /// SIGHUP.
    Hangup,
    /// The last cycle failed.
    Retry,
    /// Another process had the lock of the state.
    Lock,
    /// A webhook's event may settle an unknown delivery.
    Event,
    /// A verification has found that a message differs.
    Drift,
    /// A delivery is old enough to be verified again.
    Verify,
}

impl Wake {
    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Files => "files",
            Self::Window => "window",
            Self::Budget => "budget",
            Self::Every => "every",
            Self::Hangup => "hangup",
            Self::Retry => "retry",
            Self::Lock => "lock",
            Self::Event => "event",
            Self::Drift => "drift",
            Self::Verify => "verify",
        }
    }
}

/// When the next cycle begins if nothing happens before, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Next {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: Wake,
}
