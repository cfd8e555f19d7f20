//! Every folder of `examples/` is a project that works: in each of its environments it can be
//! planned, applied in the sandbox, applied again, edited and undone.

#![expect(clippy::expect_used, reason = "helpers of tests may fail loudly too")]

#[path = "support/environment.rs"]
mod environment;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use environment::without_this_machines;
use serde_json::Value;
use tempfile::TempDir;

fn folders() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(examples).expect("examples");
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    // One that has to be set up first has a test of its own, with a database.
    folders.retain(|path| path.is_dir() && !path.join("setup").exists());
    folders.sort();
    assert!(folders.len() >= 4, "examples are missing: {folders:?}");
    folders
}

/// A copy of an example, to be spoiled, with a state of its own.
struct Project {
    temp: TempDir,
    environment: Option<String>,
}

impl Project {
    fn copy(from: &Path, environment: Option<String>) -> Self {
        let temp = TempDir::new().expect("a folder");
        let project = Self { temp, environment };
        copy(from, &project.folder());
        project
    }

    fn folder(&self) -> PathBuf {
        self.temp.path().join("project")
    }

    fn state(&self) -> PathBuf {
        self.temp.path().join("state")
    }

    fn name(&self) -> String {
        format!("{:?}", self.environment)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pushsync"));
        without_this_machines(&mut command);
        command.arg("-C").arg(self.folder()).arg("--state").arg(self.state());
        command.args(["--env", self.environment.as_deref().unwrap_or("default")]);
        command.args(args).current_dir(self.temp.path()).output().expect("the program runs")
    }

    /// Runs a command that must end with this status; answers with its stdout.
    fn expect(&self, status: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(status),
            "{args:?} in {}\nstdout: {out}\nstderr: {err}",
            self.name()
        );
        out.into_owned()
    }

    fn expect_json(&self, status: i32, args: &[&str]) -> Value {
        serde_json::from_str(&self.expect(status, args)).expect("one JSON document")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a copy");
        }
    }
}

/// No environment, and each that is declared.
fn environments(folder: &Path) -> Vec<Option<String>> {
    let text = fs::read_to_string(folder.join("pushsync.yaml")).expect("a project");
    let yaml: Value = serde_yaml::from_str(&text).expect("YAML");
    let declared = yaml["environments"].as_object().into_iter().flatten();
    std::iter::once(None).chain(declared.map(|(name, _)| Some(name.clone()))).collect()
}

fn cases() -> impl Iterator<Item = Project> {
    folders().into_iter().flat_map(|folder| {
        let environments = environments(&folder);
        environments.into_iter().map(move |environment| Project::copy(&folder, environment))
    })
}

/// Puts a word in front of the first text that is found.
fn edit_one_text(project: &Path) {
    let mut files: Vec<_> = fs::read_dir(project.join("messages"))
        .expect("messages")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let file = files.first().expect("a file with messages");
    let text = fs::read_to_string(file).expect("a file");
    let at = text.find(": |\n").expect("a text as a block") + ": |\n".len();
    let indent = text[at..].find(|c: char| c != ' ').expect("a line");
    let (before, after) = text.split_at(at + indent);
    fs::write(file, format!("{before}Once more: {after}")).expect("a file");
}

#[test]
fn every_example_is_valid_and_without_warnings() {
    for project in cases() {
        let report = project.expect_json(0, &["validate", "--format", "json"]);
        assert_eq!(report["diagnostics"].as_array().map(Vec::len), Some(0), "{report:#}");
    }
}

#[test]
fn every_example_is_planned_without_a_key_and_without_making_a_state() {
    for project in cases() {
        let plan = project.expect_json(0, &["plan", "--format", "json"]);
        assert_eq!(plan["summary"]["create"], plan["desired"], "{plan:#}");
        assert!(plan["desired"].as_u64() > Some(0));
        assert!(!project.state().exists(), "a plan leaves nothing behind");
    }
}

#[test]
fn every_example_converges_in_the_sandbox_and_stays_so() {
    for project in cases() {
        let first = project.expect_json(0, &["apply", "--sandbox", "--yes", "--format", "json"]);
        assert_eq!(first["applied"], first["requests"], "each create is one request: {first:#}");
        assert!(first["applied"].as_u64() > Some(0));
        project.expect(0, &["plan", "--sandbox", "--detailed-exitcode"]);
        let plan = project.expect_json(0, &["plan", "--sandbox", "--format", "json"]);
        assert_eq!(plan["changes"].as_array().map(Vec::len), Some(0), "{plan:#}");
        let again = project.expect_json(0, &["apply", "--sandbox", "--yes", "--format", "json"]);
        assert_eq!((&again["applied"], &again["requests"]), (&0.into(), &0.into()), "{again:#}");
        project.expect(0, &["state", "verify", "--sandbox"]);
    }
}

#[test]
fn an_edited_text_is_an_update_and_nothing_else() {
    for project in cases() {
        project.expect(0, &["apply", "--sandbox", "--yes"]);
        edit_one_text(&project.folder());
        project.expect(2, &["plan", "--sandbox", "--detailed-exitcode"]);
        let plan = project.expect_json(0, &["plan", "--sandbox", "--format", "json"]);
        let changes = plan["changes"].as_array().expect("changes");
        assert!(!changes.is_empty());
        assert!(changes.iter().all(|change| change["action"] == "update"), "{plan:#}");
        project.expect(0, &["apply", "--sandbox", "--yes"]);
        project.expect(0, &["plan", "--sandbox", "--detailed-exitcode"]);
    }
}

#[test]
fn what_was_sent_in_the_sandbox_is_not_taken_for_sent() {
    for project in cases() {
        project.expect(0, &["apply", "--sandbox", "--yes"]);
        let real = project.expect_json(0, &["plan", "--format", "json"]);
        assert_eq!(real["summary"]["create"], real["desired"], "{real:#}");
    }
}

#[test]
fn the_support_desk_can_ping_each_of_its_agents() {
    let desk = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/support-desk");
    let project = Project::copy(&desk, None);
    for sender in ["liz", "helpdesk"] {
        let said = project.expect(0, &["presence", "--sandbox", "--from", sender, "--once"]);
        assert_eq!(said, "1 ping answered, 0 not.\n");
    }
}

#[test]
fn the_window_of_an_example_opens_and_closes() {
    let announcements = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/announcements");
    let project = Project::copy(&announcements, None);
    let creates = |at: &str| {
        let plan = project.expect_json(0, &["plan", "--at", at, "--format", "json"]);
        let changes = plan["changes"].as_array().expect("changes").iter();
        changes.filter(|change| change["key"] == "beta-programme").count()
    };
    assert_eq!(creates("2019-12-31T23:59:59Z"), 0);
    assert_eq!(creates("2020-01-01T00:00:00Z"), 2);
    assert_eq!(creates("2099-12-31T23:59:59Z"), 2);
    assert_eq!(creates("2100-01-01T00:00:00Z"), 0);
}

/// What the README says to try next.
#[test]
fn a_visitor_who_leaves_loses_messages_and_a_protected_message_stays() {
    let announcements = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/announcements");
    let project = Project::copy(&announcements, None);
    project.expect(0, &["apply", "--sandbox", "--yes"]);
    let audience = project.folder().join("audiences/beta.csv");
    let rows = fs::read_to_string(&audience).expect("a file");
    let rows: Vec<_> = rows.lines().filter(|row| !row.contains("Edsger")).collect();
    fs::write(audience, rows.join("\n")).expect("a file");
    let plan = project.expect_json(0, &["plan", "--sandbox", "--format", "json"]);
    assert_eq!(plan["summary"]["delete"], 1, "{plan:#}");
    assert_eq!(plan["changes"][0]["reason"], "not-in-audience");
    project.expect(0, &["apply", "--sandbox", "--yes"]);

    fs::remove_file(project.folder().join("messages/programme.yaml")).expect("a file");
    for command in [&["plan", "--sandbox"][..], &["apply", "--sandbox", "--yes"]] {
        let output = project.run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("is protected"), "{said}");
    }
}
