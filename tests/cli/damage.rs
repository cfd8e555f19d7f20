//! A state that is damaged is refused by every command, with words that help, and is never taken
//! for an empty one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::{Project, Sandbox};

const MESSAGES: &str = "messages:\n  b: { from: support, to: team, text: old }\n  \
                        a: { from: liz, to: ada, text: for Ada }";

/// A project with three deliveries, an update of which came with the second apply, and a copy of
/// its state.
struct Scene {
    project: Project,
    sandbox: Sandbox,
    good: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let project = Project::new(MESSAGES);
        let sandbox = Sandbox::start();
        project.apply(&sandbox);
        project.rewrite(&MESSAGES.replace("old", "new"));
        project.apply(&sandbox);
        let good = tempfile::tempdir().expect("a temporary folder");
        copy(&project.join("state"), good.path());
        Self { project, sandbox, good }
    }

    fn state(&self) -> PathBuf {
        self.project.join("state")
    }

    /// Puts the good state back.
    fn mend(&self) {
        fs::remove_dir_all(self.state()).expect("removable");
        copy(self.good.path(), &self.state());
    }

    /// Every command refuses it with these words, and nothing is sent.
    fn refused(&self, words: &[&str]) {
        let before = self.sandbox.total();
        for args in [
            "plan",
            "apply --yes",
            "refresh",
            "state list",
            "state verify",
            "state export",
            "state history",
        ] {
            self.project
                .with(&self.sandbox, args)
                .exits(1)
                .warns(&["error: "])
                .warns(words)
                .never_says(&["panicked", "to create", "RUST_BACKTRACE"]);
        }
        assert_eq!(self.sandbox.total(), before);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn every_damage_is_refused_by_every_command_and_nothing_is_sent() {
    let scene = Scene::new();
    let file = |name: &str| scene.state().join(name);
    let good = fs::read(file("sled/db")).expect("the store");
    let used = good.iter().rposition(|byte| *byte != 0).expect("something is in it");
    for (what, bytes) in [
        ("emptied", Vec::new()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("zeroed", vec![0; good.len()]),
        ("flipped early", flipped(&good, 40)),
        ("flipped late", flipped(&good, used)),
    ] {
        println!("{what}");
        fs::write(file("sled/db"), bytes).expect("writable");
        scene.refused(&["is damaged: ", "sled/db", "pushsync state import"]);
        scene.mend();
    }
    for name in ["sled", "sled/db", "sled/conf", "pushsync.json"] {
        println!("without {name}");
        let path = file(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
            .expect("removable");
        scene.refused(&["is damaged: ", "missing", "pushsync state import"]);
        scene.mend();
    }
    println!("of another project");
    let other = Scene::new();
    fs::copy(other.state().join("pushsync.json"), file("pushsync.json")).expect("copied");
    scene.refused(&["is damaged: ", "lineage"]);
    scene.mend();
    scene.project.is_settled();
    scene.project.run("state verify").ok().says(&["all is well"]);
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x20;
    bytes
}

#[test]
fn a_state_of_a_newer_version_is_refused_and_the_cure_is_to_upgrade() {
    let scene = Scene::new();
    let path = scene.state().join("pushsync.json");
    let text = fs::read_to_string(&path).expect("readable");
    let newer = text.replacen("\"format\": 1", "\"format\": 99", 1);
    assert_ne!(text, newer, "{text}");
    fs::write(&path, newer).expect("writable");
    scene.refused(&["newer version", "upgrade pushsync"]);
}

#[test]
fn an_export_that_is_cut_changed_or_of_another_environment_is_refused_whole() {
    let scene = Scene::new();
    scene.project.run("state export whole.jsonl").ok();
    let whole = scene.project.read("whole.jsonl");
    let lines: Vec<_> = whole.lines().collect();
    let half = format!("{}\n", lines[..lines.len() / 2].join("\n"));
    for (name, text) in [
        ("half", half),
        ("torn", whole[..whole.len() - 20].to_owned()),
        ("changed", whole.replacen("for Ada", "for Bea", 1)),
        ("empty", String::new()),
    ] {
        assert_ne!(text, whole, "{name}");
        scene.project.file(&format!("{name}.jsonl"), text);
        scene
            .project
            .run(&format!("state import {name}.jsonl --state {name}"))
            .exits(1)
            .warns(&["nothing was imported"]);
        scene.project.run(&format!("state list --state {name}")).wait().never_says(&["@"]);
    }
    let yaml = scene.project.read("pushsync.yaml");
    scene.project.file("pushsync.yaml", format!("{yaml}\nenvironments: {{ staging: {{}} }}\n"));
    scene
        .project
        .run("state import whole.jsonl --env staging --state other")
        .exits(1)
        .warns(&["default", "staging"]);
}

/// What the words of the refusal say to do, done literally.
#[test]
fn what_the_refusal_says_brings_the_state_back_and_nothing_is_sent_twice() {
    let scene = Scene::new();
    let there = scene.sandbox.there();
    fs::write(scene.state().join("sled/db"), "").expect("writable");
    let ran = scene.project.run("plan").exits(1);
    let (_, rest) = ran.err.split_once("pushsync state import ").expect("the cure");
    let (export, _) = rest.split_once(". Messages that were sent").expect("its end");
    let away = tempfile::tempdir().expect("a temporary folder");
    for name in ["sled", "pushsync.json", "pushsync.heads", "pushsync.seal", "pushsync.lock"] {
        let path = scene.state().join(name);
        if path.exists() {
            fs::rename(path, away.path().join(name)).expect("movable");
        }
    }
    scene.project.run(&format!("state import {export}")).ok();
    // The export was made before the second apply: its updates are done once more, which shows
    // the same to everyone.
    scene.project.plans_all("update", "b");
    scene.project.apply(&scene.sandbox);
    assert_eq!(scene.sandbox.there(), there);
}

#[test]
fn an_apply_that_changes_something_first_exports_the_state_and_ten_exports_are_kept() {
    let project = Project::new(MESSAGES);
    let sandbox = Sandbox::start();
    let exports = || {
        let folder = project.join("state/backups");
        let mut all: Vec<_> = fs::read_dir(folder)
            .map(|entries| entries.map(|entry| entry.expect("readable").path()).collect())
            .unwrap_or_default();
        all.sort();
        all
    };
    project.apply(&sandbox);
    assert!(exports().is_empty(), "there was nothing to export");
    project.apply(&sandbox);
    assert!(exports().is_empty(), "nothing was changed");
    for n in 0..12 {
        project.rewrite(&MESSAGES.replace("old", &format!("text {n}")));
        project.apply(&sandbox);
    }
    let kept = exports();
    assert_eq!(kept.len(), 10);
    let last = fs::read_to_string(&kept[9]).expect("readable");
    assert!(last.contains("text 10") && !last.contains("text 11"), "from before the last apply");
    #[cfg(unix)]
    for path in kept {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
