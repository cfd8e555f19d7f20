//! The files in `deploy/` fit the program: its metrics, its arguments, its paths, and what other programs take.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly too")]

mod alerts;
mod dashboard;
#[path = "../support/environment.rs"]
mod environment;
mod kubernetes;
mod metrics;
mod page;
mod pull;
mod served;
mod systemd;

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde::Deserialize as _;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn deploy(name: &str) -> PathBuf {
    root().join("deploy").join(name)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a YAML file.
fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).expect("YAML"))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The program, with nothing of this machine's environment that matters to it.
fn pushsync() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushsync"));
    environment::without_this_machines(&mut command);
    command
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether a program is here. Where `.ci/run` says with this variable that it must be, its absence fails.
fn is_here(program: &str, needed: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    let must = std::env::var_os(needed).is_some_and(|value| value == OsStr::new("1"));
    assert!(!must, "{needed}=1, and {program} is not on this machine");
    let _ = writeln!(std::io::stderr(), "left out: {program} is not on this machine");
    false
}

/// Runs it, and it succeeds.
#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    said(&output)
}
