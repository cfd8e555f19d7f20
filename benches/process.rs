//! Whole processes: what a user waits for, and what it costs. Prints a table; asserts nothing.
//!
//! `cargo bench --bench process`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on should stop, and its table goes to stdout"
)]

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use tempfile::TempDir;

const RUNS: usize = 5;

fn main() {
    println!("{:<44} {:>10} {:>10} {:>12}", "", "wall ms", "cpu ms", "peak MB so far");
    measure("--version", &["--version"], Path::new("."));
    let small = applied(project(10));
    measure("plan, 10 unchanged deliveries", &["plan", "--sandbox"], small.path());
    let large = applied(project(100_000));
    measure("plan, 100,000 unchanged deliveries", &["plan", "--sandbox"], large.path());
    measure("validate, 100,000 deliveries", &["validate"], large.path());
    println!(
        "\nmedians of {RUNS} runs; wanted: 20 ms wall for 10, 1,000 ms cpu and 300 MB for 100,000"
    );
}

/// One message for this number of visitors, with a template.
fn project(rows: usize) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let yaml = "version: 1\nsenders: { s: { group: g } }\naudiences: { all: { file: all.csv } }\n\
        messages:\n  news: { from: s, to: all, text: \"Hi {{ name }}, dark mode is here!\" }\n";
    fs::write(folder.path().join("pushsync.yaml"), yaml).expect("a file");
    let mut csv = "visitor_id,name\n".to_owned();
    for row in 0..rows {
        let id = (row as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c);
        let _ = writeln!(csv, "{id:032x},name {row}");
    }
    fs::write(folder.path().join("all.csv"), csv).expect("a file");
    folder
}

fn applied(folder: TempDir) -> TempDir {
    let status =
        command(&["apply", "--sandbox", "--yes", "-q", "--concurrency", "16"], folder.path())
            .status()
            .expect("pushsync starts");
    assert!(status.success(), "{status}");
    folder
}

fn command(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushsync"));
    command.args(args).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn measure(name: &str, args: &[&str], folder: &Path) {
    let mut runs = Vec::new();
    for _ in 0..=RUNS {
        let before = used();
        let start = Instant::now();
        let status = command(args, folder).status().expect("pushsync starts");
        assert!(status.success(), "{status}");
        runs.push((start.elapsed(), used() - before));
    }
    // The first run warms the caches.
    runs.remove(0);
    let median = |pick: fn(&(Duration, Duration)) -> Duration| {
        let mut all: Vec<_> = runs.iter().map(pick).collect();
        all.sort();
        all[RUNS / 2].as_secs_f64() * 1000.0
    };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the children's usage");
    println!(
        "{name:<44} {:>10.1} {:>10.1} {:>12}",
        median(|run| run.0),
        median(|run| run.1),
        // Linux counts kilobytes. It is the largest of all children so far.
        usage.max_rss() / 1024
    );
}

/// Processor time of all children that have ended.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the children's usage");
    let seconds = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or(0))
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}
