//! What a command uses. The bench starts itself as a wrapper, which runs the command as its only
//! child: so the peak is that of this child, and no other.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// What one run used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) wall_ms: f64,
    /// User and system, of all threads.
    pub(crate) processor_ms: f64,
    /// The most that was resident at once. No less than what the wrapper itself has, a few MB.
    pub(crate) peak_mb: f64,
    success: bool,
}

/// Runs `program` so often after a run that warms the caches (if it is more than once); the median
/// of each number.
pub(crate) fn median_of(
    runs: usize,
    program: &Path,
    args: &[&OsStr],
    prepare: impl Fn(&mut Command),
) -> Usage {
    let warm = usize::from(runs > 1);
    let all: Vec<Usage> =
        (0..runs + warm).map(|_| once(program, args, &prepare)).skip(warm).collect();
    median(&all)
}

/// The median of each number.
pub(crate) fn median(all: &[Usage]) -> Usage {
    let pick = |field: fn(&Usage) -> f64| middle(all.iter().map(field));
    Usage {
        wall_ms: pick(|usage| usage.wall_ms),
        processor_ms: pick(|usage| usage.processor_ms),
        peak_mb: pick(|usage| usage.peak_mb),
        success: true,
    }
}

/// The median.
pub(crate) fn middle(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Runs it once.
pub(crate) fn once(program: &Path, args: &[&OsStr], prepare: impl Fn(&mut Command)) -> Usage {
    let report = NamedTempFile::new().expect("a file for the report");
    let this = std::env::current_exe().expect("the path of the bench");
    let mut command = Command::new(this);
    command.arg("measured").arg(report.path()).arg(program).args(args);
    prepare(&mut command);
    let status = command.status().expect("the bench starts itself");
    assert!(status.success(), "the wrapper ended with {status}");
    let text = fs::read(report.path()).expect("the wrapper wrote its report");
    let usage: Usage = serde_json::from_slice(&text).expect("the report is JSON");
    assert!(usage.success, "this failed; run it to see why: {} {args:?}", program.display());
    usage
}

/// The wrapper: runs the command, and writes what it used.
pub(crate) fn measured(report: &Path, command: &[OsString]) {
    let (program, args) = command.split_first().expect("clap wants at least one");
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().expect("the program starts");
    let wall = start.elapsed();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of children");
    let usage = Usage {
        wall_ms: wall.as_secs_f64() * 1000.0,
        processor_ms: milliseconds(used.user_time()) + milliseconds(used.system_time()),
        // Linux counts kilobytes, macOS bytes.
        peak_mb: used.max_rss() as f64 / if cfg!(target_os = "macos") { 1e6 } else { 1e6 / 1024.0 },
        success: status.success(),
    };
    fs::write(report, serde_json::to_vec(&usage).expect("numbers")).expect("the report is written");
}

fn milliseconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 * 1000.0 + time.tv_usec() as f64 / 1000.0
}
