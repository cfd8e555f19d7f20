//! What `pushsync.yaml` says beside messages.

use std::{fmt, num::NonZeroUsize, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::variables::Interpolated;
use crate::model::{BaseUrl, Place, StateLocation};

/// When visitors' ids are masked in text, markdown, HTML and GitHub output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaskVisitors {
    /// Unless the output is a terminal.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere in text and HTML; like `auto` in markdown, annotations and jobs of a CI.
    Never,
}

/// How many deliveries may go in one run without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// A number of deliveries.
    Count(u64),
    /// A percentage (0 to 100) of the managed deliveries.
    Share(u8),
}

impl Threshold {
    /// Parses `5` or `20%`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(share) => share.trim_end().parse().ok().filter(|n| *n <= 100).map(Self::Share),
            None => text.parse().ok().map(Self::Count),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(percent) => write!(f, "{percent}%"),
        }
    }
}

/// What `state:` says.
#[derive(Clone)]
pub struct StateSetting {
    /// Where the state is kept.
    pub location: StateLocation,
    /// The text as it is written; none if `state:` is left out.
    pub text: Option<Interpolated>,
    /// Where it is written.
    pub place: Option<Place>,
}

/// The place alone: as it is written, if there are variables in that.
impl fmt::Debug for StateSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) if text.has_variables() => text.fmt(f),
            _ => self.location.fmt(f),
        }
    }
}

impl StateSetting {
    /// What holds where nothing is said.
    pub(crate) fn default_in(root: &Path) -> Self {
        Self { location: StateLocation::Folder(root.join("state")), text: None, place: None }
    }
}

/// Each request under way has a connection, and a process may have 1,024 files open on many systems.
pub const MOST_CONCURRENT: u64 = 512;

/// What `pushsync.yaml` says beside messages, with defaults filled in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the state is kept. Default: the folder `state` beside `pushsync.yaml`.
    pub state: StateSetting,
    /// Where the API is: Brevo's host, or a server on this machine.
    pub base_url: BaseUrl,
    /// How many requests may be under way at once, [`MOST_CONCURRENT`] at most.
    pub concurrency: NonZeroUsize,
    /// Of one request.
    pub timeout: Duration,
    /// Assumed until the API's headers say otherwise.
    pub requests_per_hour: u64,
    /// Deletes past it are refused.
    pub max_deletes: Threshold,
    /// Creates past it are refused; without it, none are.
    pub max_creates: Option<Threshold>,
    /// Resends past it are refused.
    pub max_resends: Threshold,
    /// See [`MaskVisitors`].
    pub mask_visitors: MaskVisitors,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_counts_or_shares() {
        assert_eq!(Threshold::parse("20%"), Some(Threshold::Share(20)));
        assert_eq!(Threshold::parse("5"), Some(Threshold::Count(5)));
        for bad in ["", "%", "101%", "-1", "1.5%", "many"] {
            assert_eq!(Threshold::parse(bad), None, "{bad}");
        }
    }
}
