//! What surrounds the process: the clock, the environment, the machine, git.

use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{apply::Clock, plan::Commit, state::LockHolder};
use jiff::Timestamp;

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

/// An environment variable as it is set, UTF-8 or not.
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

/// The commit of a folder in a git repository, and whether there are other changes in it.
pub(super) fn commit(folder: &Path) -> Option<Commit> {
    // Nearly every command asks; where there is no repository, no program has to be started for it.
    let named = env::vars_os().any(|(name, _)| name == "GIT_DIR");
    let here = folder.canonicalize().ok()?;
    if !named && !here.ancestors().any(|folder| folder.join(".git").exists()) {
        return None;
    }
    let status = git(folder, &["status", "--porcelain=v2", "--branch", "--", "."])?;
    let id = status.lines().find_map(|line| line.strip_prefix("# branch.oid "))?;
    let dirty = status.lines().any(|line| !line.starts_with('#'));
    (id != "(initial)").then(|| Commit { id: id.to_owned(), dirty })
}

/// The same, found out while something else is done.
pub(super) fn commit_ahead(folder: &Path) -> Ahead {
    let folder = folder.to_owned();
    Ahead(thread::spawn(move || commit(&folder)))
}

/// A commit that is being asked for.
pub(super) struct Ahead(JoinHandle<Option<Commit>>);

impl Ahead {
    pub(super) fn get(self) -> Option<Commit> {
        self.0.join().ok().flatten()
    }
}

/// Whether the files of a folder are those of another commit. One that is not there, as in a clone
/// without its history, is another.
pub(super) fn is_as_of(folder: &Path, commit: &str) -> bool {
    git(folder, &["diff", "--quiet", commit, "HEAD", "--", "."]).is_some()
}

/// A folder from the root of its git repository on: empty, or ending in `/`.
pub(super) fn folder_in_repository(folder: &Path) -> String {
    git(folder, &["rev-parse", "--show-prefix"]).unwrap_or_default()
}

/// What git says of a folder, if it is there and content.
fn git(folder: &Path, args: &[&str]) -> Option<String> {
    // Only to look: git status would otherwise write its index, and another git might wait for it.
    let git = ["--no-optional-locks", "-C"];
    let output = Command::new("git").args(git).arg(folder).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
