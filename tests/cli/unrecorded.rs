//! The connection to the state is lost in the middle of an apply: nothing more is sent, and what
//! became of the requests under way is kept here until the next run.

use crate::support::{ADA, Project, Sandbox};

const KEY: &str = "correct horse battery staple";

/// The first commit has the intent, the second one the id.
fn lost(project: &Project, sandbox: &Sandbox, key: &str) -> String {
    let run =
        project.with(sandbox, "apply --yes --concurrency 1").env("PUSHSYNC_DIE_AFTER", "lose:2");
    let run = if key.is_empty() { run } else { run.env("PUSHSYNC_STATE_KEY", key) };
    run.exits(1).warns(&["was created as message", "keeps it for the next run", "lost"]).err
}

#[test]
fn an_id_that_the_state_could_not_record_is_recorded_by_the_next_run() {
    let (project, sandbox) = (Project::many(4), Sandbox::start());
    let said = lost(&project, &sandbox, "");
    assert!(!said.contains(ADA), "{said}");
    assert_eq!(sandbox.created().len(), 1, "no request after the state was lost");
    let file = project.join("state/unrecorded-default.jsonl");
    assert!(file.exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // A plan hands it in already.
    let planned = project.run("plan").ok();
    assert!(planned.err.contains("recorded what became of 1 delivery"), "{}", planned.err);
    assert!(!file.exists());
    let planned = project.planned("");
    assert_eq!(planned.len(), 3, "{planned:?}");
    assert!(planned.iter().all(|(action, ..)| action == "create"), "{planned:?}");
    project.apply(&sandbox);
    assert_eq!(sandbox.created().len(), 4, "nothing twice");
    let state = project.run("state list --format json").ok().json();
    let first = sandbox.created()[0]["id"].clone();
    assert!(state["deliveries"].as_array().expect("a list").iter().any(|d| d["id"] == first));
}

/// The intents were committed, and the answer to that was lost: so no request left.
#[test]
fn intents_whose_commit_was_not_answered_are_known_not_to_have_been_sent() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    let run = project.with(&sandbox, "apply --yes --concurrency 1");
    run.env("PUSHSYNC_DIE_AFTER", "mute:1").exits(1).warns(&["was not created"]);
    assert!(sandbox.created().is_empty());
    project.apply(&sandbox);
    assert_eq!(sandbox.created().len(), 3);
}

#[test]
fn what_is_kept_is_encrypted_as_the_state_is() {
    let (project, sandbox) = (Project::note("a private text"), Sandbox::start());
    lost(&project, &sandbox, KEY);
    let kept = project.read("state/unrecorded-default.jsonl");
    assert!(!kept.contains(ADA) && !kept.contains("private"), "{kept}");
    project.with(&sandbox, "apply --yes").env("PUSHSYNC_STATE_KEY", KEY).ok();
    assert_eq!(sandbox.created().len(), 1);
}

#[test]
fn what_somebody_has_decided_meanwhile_stays_decided() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    lost(&project, &sandbox, "");
    let kept = project.read("state/unrecorded-default.jsonl");
    project.run("plan").ok();
    // The same file once more, as from another machine: its intent is settled.
    let address = format!("note@{ADA}");
    project.run(&format!("state rm {address}")).ok();
    project.file("state/unrecorded-default.jsonl", kept);
    project.run(&format!("state show {address}")).exits(1);
    assert!(!project.join("state/unrecorded-default.jsonl").exists());
}
