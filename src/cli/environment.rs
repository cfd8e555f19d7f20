//! The clock, the environment variables, and the machine.

use std::{env, ffi::OsString, fs, sync::Arc};

use crate::{apply::Clock, state::LockHolder};
use jiff::{Timestamp, tz::TimeZone};

/// The time. In debug builds, `PUSHSYNC_CLOCK_AHEAD` sets the clock ahead by this number of seconds: for tests of
/// windows.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    #[cfg(debug_assertions)]
    if let Some(ahead) = variable("PUSHSYNC_CLOCK_AHEAD").and_then(|ahead| ahead.parse().ok()) {
        return now + jiff::SignedDuration::from_secs(ahead);
    }
    now
}

/// The time zone of this machine, or of `TZ`.
pub(super) fn zone() -> TimeZone {
    TimeZone::system()
}

/// The clock itself.
pub(super) fn clock() -> Clock {
    Arc::new(now)
}

/// An environment variable, if it is set and UTF-8.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// An environment variable as it is set, UTF-8 or not.
pub(super) fn raw_variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// All environment variables.
pub(super) fn all() -> Vec<(OsString, OsString)> {
    env::vars_os().collect()
}

/// Who holds the lock while this command runs.
pub(super) fn holder(command: &str) -> LockHolder {
    let host = fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| variable("HOSTNAME"))
        .or_else(|| variable("COMPUTERNAME"))
        .unwrap_or_else(|| "this machine".to_owned());
    LockHolder {
        pid: std::process::id(),
        host: host.trim().to_owned(),
        command: command.to_owned(),
        since: now(),
    }
}
