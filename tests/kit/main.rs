//! The kit for CI, end to end: the action's step runs as its file says, against a stand-in for the API of
//! GitHub and the sandbox, in a git repository of its own.
//!
//! It needs bash, curl and git. Where one is missing, these tests say so and are left out, unless
//! `PUSHSYNC_NEED_KIT` is set.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly too")]
#![cfg(unix)]

mod action;
mod apply;
mod checkout;
mod comments;
mod environment;
mod events;
#[path = "../cli/support/fake.rs"]
#[expect(dead_code, reason = "the tests of the command line use more of it")]
mod fake;
mod files;
mod forks;
mod gitlab;
mod hostile;
mod hub;
#[path = "../support/ignored_signals.rs"]
mod ignored_signals;
mod old_jobs;
mod plan;
mod releases;
mod repository;
mod rollout;
#[path = "../cli/support/sandbox.rs"]
#[expect(dead_code, reason = "the tests of the command line use more of it")]
mod sandbox;
mod windows;
#[path = "../cli/support/wire.rs"]
mod wire;

/// No test waits longer for anything; a loaded machine is slow.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Whether what the scripts need is there.
#[expect(clippy::print_stderr, reason = "who runs the tests is told what is left out")]
fn can_run() -> bool {
    let missing: Vec<_> = ["bash", "curl", "git"]
        .into_iter()
        .filter(|name| {
            let asked = std::process::Command::new(name).arg("--version").output();
            !asked.is_ok_and(|asked| asked.status.success())
        })
        .collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("PUSHSYNC_NEED_KIT").is_none(), "{missing:?} are missing");
    eprintln!("left out: {missing:?} are missing");
    false
}

/// Leaves a test if the scripts cannot run here.
macro_rules! needs_tools {
    () => {
        if !crate::can_run() {
            return;
        }
    };
}
pub(crate) use needs_tools;
