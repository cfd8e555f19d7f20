//! What `pushsync.yaml` says beside messages.

use std::{fmt, num::NonZeroUsize, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When visitors' ids are masked in text, markdown, HTML and GitHub output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaskVisitors {
    /// Unless the output is a terminal.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How many deliveries may go in one run without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// So many.
    Count(u64),
    /// So many percent (0 to 100) of the managed deliveries.
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

/// Where the state is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// A folder.
    Folder(PathBuf),
    /// A store elsewhere: `postgres://…`, `s3://…`. May hold a password, so `Debug` hides it.
    Url(String),
}

impl StateLocation {
    /// What has `://` is a URL; all else is a folder, relative to `base`.
    pub fn parse(text: &str, base: &std::path::Path) -> Self {
        if text.contains("://") {
            Self::Url(text.to_owned())
        } else {
            Self::Folder(base.join(text))
        }
    }
}

impl fmt::Debug for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "Folder({path:?})"),
            Self::Url(url) => write!(f, "Url({}://…)", url.split("://").next().unwrap_or_default()),
        }
    }
}

/// Each request under way has a connection, and a process may have 1,024 files open on many systems.
pub const MOST_CONCURRENT: u64 = 512;

/// What `pushsync.yaml` says beside messages, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the state is kept. Default: the folder `state` beside `pushsync.yaml`.
    pub state: StateLocation,
    /// Where the API is: https, or http on a loopback address. Without `/` at its end.
    pub base_url: String,
    /// How many requests may be under way at once, [`MOST_CONCURRENT`] at most.
    pub concurrency: NonZeroUsize,
    /// Of one request.
    pub timeout: Duration,
    /// Assumed until the API's headers say otherwise.
    pub requests_per_hour: u64,
    /// Deletes past it are refused.
    pub max_deletes: Threshold,
    /// Resends past it are refused.
    pub max_resends: Threshold,
    /// See [`MaskVisitors`].
    pub mask_visitors: MaskVisitors,
}

/// Where Brevo's API is.
pub const DEFAULT_BASE_URL: &str = "https://api.brevo.com/v3";

/// Checks that a base URL is https, or http on a loopback address: the key goes there.
pub(crate) fn check_base_url(url: &str) -> Result<String, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("this is no URL")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("this is no URL");
    }
    if authority.contains('@') {
        return Err("the base URL must not hold a user or a password");
    }
    if rest.contains(['?', '#']) {
        return Err("the base URL must not have a query or a fragment");
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let loopback = host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match scheme.to_ascii_lowercase().as_str() {
        "https" if !host.is_empty() => Ok(url.trim_end_matches('/').to_owned()),
        "http" if loopback => Ok(url.trim_end_matches('/').to_owned()),
        "http" => Err("http is only for loopback addresses: the API key would travel unprotected"),
        _ => Err("the base URL must be https"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_to_https_or_loopback_only() {
        for good in [
            "https://api.brevo.com/v3",
            "http://127.0.0.1:8080/v3/",
            "http://localhost:1",
            "http://[::1]:80",
        ] {
            assert!(check_base_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.brevo.com/v3",
            "http://localhost.example.com",
            "http://127.0.0.1@example.com",
            "ftp://localhost",
            "api.brevo.com",
            "https://",
            "https://[]/",
            "https://a b",
            "https://x/?y",
        ] {
            assert!(check_base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn thresholds_are_counts_or_shares() {
        assert_eq!(Threshold::parse("20%"), Some(Threshold::Share(20)));
        assert_eq!(Threshold::parse("5"), Some(Threshold::Count(5)));
        for bad in ["", "%", "101%", "-1", "1.5%", "many"] {
            assert_eq!(Threshold::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_password_in_a_state_url_is_not_shown() {
        let location = StateLocation::parse("postgres://u:secret@h/d", std::path::Path::new("/p"));
        assert!(!format!("{location:?}").contains("secret"));
    }
}
