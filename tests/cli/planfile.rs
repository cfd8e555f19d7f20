//! Saved plans: applied exactly, or not at all.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{ADA, Project, Sandbox};

#[test]
fn a_saved_plan_is_private_and_applied_exactly_without_a_question() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project
        .with(&sandbox, "plan --out plan.json")
        .ok()
        .warns(&["next: pushsync apply plan.json --base-url http://127.0.0.1:"]);
    let mode = fs::metadata(project.join("plan.json")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The manifest may have changed since; the plan is what was reviewed.
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    project.with(&sandbox, "apply plan.json").ok().says(&["1 change in 1 request"]);
    sandbox.holds(&[(ADA, "one")]);
    project.plans("update", "note", "text");
    // An existing file is replaced, and stays private.
    fs::set_permissions(project.join("plan.json"), fs::Permissions::from_mode(0o644))
        .expect("mine");
    project.with(&sandbox, "plan --out plan.json").ok();
    let mode = fs::metadata(project.join("plan.json")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    project.with(&sandbox, "apply plan.json --format json").ok().json();
    sandbox.holds(&[(ADA, "two")]);
}

/// Refused with these words, and nothing is sent.
fn refused(project: &Project, sandbox: &Sandbox, args: &str, words: &[&str]) {
    let before = sandbox.total();
    project.with(sandbox, args).exits(1).warns(words);
    assert_eq!(sandbox.total(), before, "{args}");
}

#[test]
fn a_plan_is_applied_once() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.with(&sandbox, "plan --out plan.json").ok();
    project.with(&sandbox, "apply plan.json").ok();
    refused(
        &project,
        &sandbox,
        "apply plan.json",
        &["the state has changed since", "serial 0 then"],
    );
    // Any change of the state is enough.
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    project.with(&sandbox, "plan --out plan.json").ok();
    project.with(&sandbox, "refresh").ok();
    refused(&project, &sandbox, "apply plan.json", &["the state has changed since"]);
}

#[test]
fn a_plan_is_for_its_environment_its_state_and_its_api() {
    let sandbox = Sandbox::start();
    let project = Project::note("one");
    let yaml = "messages: { note: { from: support, to: ada, text: one } }";
    project.settings("environments: { staging: {} }", yaml);
    project.with(&sandbox, "plan --env default --out plan.json").ok();
    let words = ["environment `default`", "this run is for `staging`"];
    refused(&project, &sandbox, "apply plan.json --env staging", &words);
    refused(&project, &sandbox, "apply plan.json --env default --sandbox", &["made for real"]);
    project
        .run("plan --env default --out toy.json --sandbox")
        .ok()
        .warns(&["apply toy.json --sandbox"]);
    refused(&project, &sandbox, "apply toy.json --env default", &["made with --sandbox"]);
    // Another state: the same project, applied elsewhere.
    let (here, there) = (Project::note("one"), Project::note("one"));
    for project in [&here, &there] {
        project.apply(&sandbox);
        project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    }
    here.with(&sandbox, "plan --out plan.json").ok();
    there.file("plan.json", here.read("plan.json"));
    refused(&there, &sandbox, "apply plan.json", &["another state", "lineage"]);
    // No state at all.
    refused(&here, &sandbox, "apply plan.json --state elsewhere", &["is missing", "lineage"]);
    assert!(!here.join("elsewhere").exists());
}

#[test]
fn a_plan_that_was_changed_by_hand_or_is_of_another_format_is_refused() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.with(&sandbox, "plan --out plan.json").ok();
    let plan = project.read("plan.json");
    let change = |name: &str, text: String| {
        assert_ne!(text, plan, "{name} is a change");
        project.file(name, text);
    };
    change("text.json", plan.replace("\"one\"", "\"two\""));
    refused(&project, &sandbox, "apply text.json", &["it was changed after it was made"]);
    change("action.json", plan.replace("\"create\",", "\"resend\","));
    refused(&project, &sandbox, "apply action.json", &["changed after"]);
    change("newer.json", plan.replace("pushsync/plan/1", "pushsync/plan/2"));
    refused(&project, &sandbox, "apply newer.json", &["pushsync/plan/2", "pushsync/plan/1"]);
    change("torn.json", plan[..plan.len() / 2].to_owned());
    refused(&project, &sandbox, "apply torn.json", &["not a saved plan"]);
    change("field.json", plan.replacen("{", "{ \"colour\": 1,", 1));
    refused(&project, &sandbox, "apply field.json", &["colour"]);
    refused(&project, &sandbox, "apply missing.json", &["missing.json"]);
    project.with(&sandbox, "apply plan.json").ok();
}

#[test]
fn a_saved_plan_is_bound_by_the_safety_limits() {
    let (project, sandbox) = (Project::many(8), Sandbox::start());
    project.apply(&sandbox);
    project.rewrite(&crate::support::many(1, "text"));
    project.with(&sandbox, "plan --out plan.json").ok().warns(&["apply will refuse"]);
    refused(&project, &sandbox, "apply plan.json", &["7", "max_deletes"]);
    project.with(&sandbox, "apply plan.json --allow-deletes 7").ok();
    assert_eq!(sandbox.there().len(), 1);
}

#[test]
fn a_plan_says_which_commit_the_manifest_is_of_and_the_history_says_the_same() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.run("plan").ok().never_says(&["commit"]);
    assert!(project.run("plan --format json").ok().json().get("commit").is_none());
    project.file(".gitignore", "/state\n/*.json\n");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm x");
    let commit = project.git("rev-parse HEAD");
    project
        .with(&sandbox, "plan --out plan.json")
        .ok()
        .says(&[&commit[..12]])
        .never_says(&["committed"]);
    let saved: serde_json::Value =
        serde_json::from_str(&project.read("plan.json")).expect("a document");
    assert_eq!(saved["commit"], serde_json::json!({ "id": commit, "dirty": false }));
    project.file("other.txt", "not committed");
    project.run("plan").ok().says(&[&commit[..12], "with changes that are not committed"]);
    // What is applied is what was planned, whatever was committed since.
    project.git("add .");
    project.git("commit -qm y");
    project.with(&sandbox, "apply plan.json").ok().says(&[&commit[..12]]);
    let run = project.run("state history --limit 1 --format json").ok().json()["runs"][0].clone();
    assert_eq!((run["commit"].as_str(), run.get("dirty")), (Some(&*commit), None));
}

#[test]
fn a_plan_whose_commit_was_changed_by_hand_is_refused() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm x");
    project.with(&sandbox, "plan --out plan.json").ok();
    let plan = project.read("plan.json");
    for (old, new) in [
        ("\"dirty\": false", "\"dirty\": true"),
        (&*project.git("rev-parse HEAD"), &*"0".repeat(40)),
    ] {
        project.file("plan.json", plan.replace(old, new));
        refused(&project, &sandbox, "apply plan.json", &["its digest does not match"]);
    }
}

/// As root, nothing else would stop it.
#[test]
fn a_plan_for_a_device_or_a_pipe_leaves_it_what_it_is() {
    use std::os::unix::fs::FileTypeExt;

    let project = Project::note("hi");
    let pipe = project.join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).expect("a plan")
    });
    project.run("plan --out pipe").ok();
    assert!(reader.join().expect("reads").contains("pushsync/plan/1"));
    project.run("plan --out /dev/null").ok();
    for path in [pipe, "/dev/null".into()] {
        let kind = std::fs::metadata(path).expect("it is there").file_type();
        assert!(kind.is_fifo() || kind.is_char_device());
    }
}
