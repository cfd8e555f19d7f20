//! A repository with a project, its state, its pull requests, and the events that they make.

use std::{fs, path::Path, process::Command};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    action::{Job, KEY},
    hub::Hub,
    sandbox::Sandbox,
};

pub(crate) const ADA: &str = "adaMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";
pub(crate) const BEN: &str = "benTnXc2LmRz9VbKs4WyFhGd8JpEu5AoN";

pub(crate) struct Repository {
    folder: TempDir,
    pub(crate) hub: Hub,
    pub(crate) sandbox: Sandbox,
}

impl Repository {
    pub(crate) fn new(messages: &str) -> Self {
        Self::with(messages, "")
    }

    /// With a sandbox of these options.
    pub(crate) fn with(messages: &str, options: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let sandbox = if options.is_empty() { Sandbox::start() } else { Sandbox::with(options) };
        let made = Self { folder, hub: Hub::start(), sandbox };
        fs::create_dir(made.path()).expect("a folder");
        made.git(&["init", "-q", "-b", "main"]);
        made.commit(messages);
        made
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("repository")
    }

    /// A file, not committed.
    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        fs::write(path, text).expect("writable");
    }

    /// The project with these messages, committed.
    pub(crate) fn commit(&self, messages: &str) -> String {
        self.file(
            "pushsync.yaml",
            &format!(
                "version: 1\nsenders: {{ support: {{ group: PjRBMhWGen6aRHjif }} }}\n\
                 audiences:\n  ada: {{ visitors: [{ADA}] }}\n  ben: {{ visitors: [{BEN}] }}\n\
                 environments: {{ staging: {{}} }}\nmessages:\n{messages}\n"
            ),
        );
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "a change"]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=e@example.com"])
            .args(args)
            .current_dir(self.path())
            .output()
            .expect("git is there");
        assert!(done.status.success(), "git {args:?}: {done:?}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    pub(crate) fn state(&self) -> String {
        self.folder.path().join("state").display().to_string()
    }

    /// pushsync by hand, with everything it needs.
    pub(crate) fn by_hand(&self, args: &str) {
        let done = Command::new(env!("CARGO_BIN_EXE_pushsync"))
            .args(args.split_whitespace())
            .current_dir(self.path())
            .env("PUSHSYNC_ENV", "default")
            .env("PUSHSYNC_STATE", self.state())
            .env("BREVO_BASE_URL", self.sandbox.base_url())
            .env("BREVO_API_KEY", KEY)
            .output()
            .expect("it runs");
        assert!(done.status.success(), "{args}: {done:?}");
    }

    fn job(&self, name: &str, event: serde_json::Value) -> Job {
        Job::new(name, event)
            .env("REPOSITORY", self.path().display().to_string())
            .env("GITHUB_API_URL", self.hub.url())
            .env("GITHUB_SHA", self.head())
            .env("BREVO_BASE_URL", self.sandbox.base_url())
            .input("state", self.state())
    }

    /// The job of pull request 7, opened from this repository.
    pub(crate) fn pull_request(&self) -> Job {
        self.pull_request_from("acme/chat", "feature")
    }

    pub(crate) fn pull_request_from(&self, from: &str, branch: &str) -> Job {
        self.pull_request_numbered(7, from, branch)
    }

    /// The job of another pull request.
    pub(crate) fn pull_request_number(&self, number: u64) -> Job {
        self.pull_request_numbered(number, "acme/chat", "feature")
    }

    fn pull_request_numbered(&self, number: u64, from: &str, branch: &str) -> Job {
        let head = self.head();
        let pull = json!({ "number": number, "merged_at": null, "merge_commit_sha": null, "head": { "sha": head } });
        let mut world = self.hub.world();
        world.pulls.retain(|other| {
            other["merged_at"] != serde_json::Value::Null && other["number"] != number
        });
        world.pulls.push(pull);
        drop(world);
        let event = json!({
            "number": number,
            "pull_request": {
                "number": number, "title": branch,
                "head": { "sha": head, "ref": branch, "repo": { "full_name": from } },
                "base": { "ref": "main", "repo": { "full_name": "acme/chat" } },
            },
            "repository": { "default_branch": "main" },
        });
        self.job("pull_request", event)
            .input("command", "plan")
            .env("GITHUB_HEAD_REF", branch)
            .env("GITHUB_REF", format!("refs/pull/{number}/merge"))
    }

    /// Pull request 7 is merged, by a commit of its own; the job of that push.
    pub(crate) fn merged(&self) -> Job {
        self.git(&["commit", "-q", "--allow-empty", "-m", "merged"]);
        let (head, other) = (self.head(), "0".repeat(40));
        self.hub.world().pulls = vec![
            pull(3, Some("2026-01-01T00:00:00Z"), &other, "main"),
            pull(9, None, &head, "main"),
            pull(7, Some("2026-01-01T00:00:00Z"), &head, "main"),
        ];
        self.push()
    }

    /// Another pull request is merged, beside those that were merged before; the job of that push.
    pub(crate) fn merged_number(&self, number: u64) -> Job {
        self.git(&["commit", "-q", "--allow-empty", "-m", "merged"]);
        let mut world = self.hub.world();
        world.pulls.retain(|other| other["number"] != number);
        world.pulls.push(pull(number, Some("2026-01-01T00:00:00Z"), &self.head(), "main"));
        drop(world);
        self.push()
    }

    /// The job of a push to the default branch.
    pub(crate) fn push(&self) -> Job {
        let event = json!({ "repository": { "default_branch": "main" } });
        self.with_key(self.job("push", event))
            .input("command", "apply")
            .env("GITHUB_REF", "refs/heads/main")
    }

    /// The job of a schedule.
    pub(crate) fn scheduled(&self) -> Job {
        let job = self.job("schedule", json!({ "schedule": "7 * * * *" }));
        self.with_key(job).input("command", "resume").env("GITHUB_REF", "refs/heads/main")
    }

    fn with_key(&self, job: Job) -> Job {
        job.env("BREVO_API_KEY", KEY)
    }

    /// The visitors and texts that are there.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.sandbox.there().into_iter().map(|(_, _, text)| text).collect()
    }
}

/// A pull request, as GitHub lists those of a commit.
pub(crate) fn pull(
    number: u64,
    merged_at: Option<&str>,
    commit: &str,
    base: &str,
) -> serde_json::Value {
    json!({
        "number": number, "merged_at": merged_at, "merge_commit_sha": commit, "head": { "sha": "x" },
        "base": { "ref": base, "repo": { "full_name": "acme/chat" } },
    })
}

/// One message to Ada.
pub(crate) fn note(text: &str) -> String {
    format!("  note: {{ from: support, to: ada, text: {} }}", serde_json::json!(text))
}

/// This number of messages to Ada.
pub(crate) fn many(count: usize) -> String {
    (0..count)
        .map(|n| format!("  m{n:02}: {{ from: support, to: ada, text: text {n} }}\n"))
        .collect()
}

/// A file is there.
pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
