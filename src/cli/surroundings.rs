//! What surrounds the process: the clock, the environment, the machine.

use std::{env, ffi::OsString, fs, io, sync::Arc};

use jiff::Timestamp;
use tracing_subscriber::filter::LevelFilter;

use super::args::{Global, LogFormat};
use crate::{apply::Clock, state::LockHolder};

/// The time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The time, for what asks again and again.
pub(super) fn clock() -> Clock {
    Arc::new(now)
}

/// An environment variable, if it is set and UTF-8.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// An environment variable as it is set.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn raw_variable(name: &str) -> Option<OsString> {
    env::var_os(name)
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

/// Logs go to stderr: warnings, with `-v` what is done, with `-vv` each request.
pub(super) fn start_log(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    // Only one can be set; tests that call `main` twice in a process keep the first.
    let _ = match global.log_format {
        LogFormat::Text => log.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}
