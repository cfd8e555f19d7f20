//! `pushsync status`: one screen, from the state and the manifest alone.

use std::fs;

use serde_json::{Value, json};

use crate::support::{ADA, BEN, Project, Sandbox, until};

const NOTE: &str = "messages:\n  note: { from: support, to: team, text: hello }";
const PASSPHRASE: &str = "correct horse battery staple";

fn project(yaml: &str) -> Project {
    let project = Project::empty();
    project.rewrite(yaml);
    project
}

fn document(project: &Project) -> Value {
    project.run("status --format json").ok().json()
}

fn message<'a>(document: &'a Value, key: &str) -> &'a Value {
    let all = document["messages"].as_array().expect("messages");
    all.iter().find(|message| message["key"] == key).expect("the message")
}

#[test]
fn it_asks_the_api_nothing_and_needs_no_key() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    project
        .run("status")
        .ok()
        .says(&["There is no state yet in `state`", "note     0 of 2  2 to create"]);
    assert!(!project.join("state").exists());
    project.apply(&sandbox);
    let before = sandbox.total();
    project.run("status").ok().says(&[
        "note     2 of 2\n",
        "Nothing waits",
        "apply: 2 done, 2 requests",
    ]);
    assert_eq!(sandbox.total(), before);
    // Nothing of that API is here.
    project
        .run("status")
        .env("BREVO_API_KEY", "any")
        .ok()
        .says(&["Careful: the messages of this state are at the API at http://127.0.0.1"]);
    project.with(&sandbox, "status").ok().never_says(&["Careful"]).says(&["note     2 of 2\n"]);
}

#[test]
fn what_waits_is_told_with_what_it_waits_for_and_until_when() {
    let (project, sandbox) = (project(NOTE), Sandbox::with("--limit 3/h"));
    project.apply(&sandbox);
    project.rewrite("messages:\n  note: { from: support, to: ada, text: hello }\n  more: { from: support, to: team, text: more }\n  xmas: { from: support, to: team, text: merry, active: { from: 2098-12-24T00:00:00Z, until: 2098-12-27T00:00:00Z } }");
    // Nobody has agreed yet.
    let shown = document(&project);
    assert_eq!(shown["waits"][0]["for"], "approval");
    assert_eq!(shown["waits"][0]["count"], 3);
    project.run("status").ok().says(&["3 changes for somebody who agrees: pushsync plan"]);
    // The budget has room for one of them.
    project.with(&sandbox, "apply --yes --max-wait 0s").exits(3);
    let shown = document(&project);
    let waits = shown["waits"].as_array().expect("a list");
    assert_eq!(waits[0]["for"], "budget");
    assert_eq!(waits[0]["count"], 2);
    assert!(waits[0]["until"].is_string());
    assert_eq!(waits[1]["for"], "opening");
    assert_eq!(
        (&waits[1]["key"], &waits[1]["until"]),
        (&json!("xmas"), &json!("2098-12-24T00:00:00Z"))
    );
    assert_eq!(
        shown["next_window"],
        json!({ "key": "xmas", "at": "2098-12-24T00:00:00Z", "opens": true })
    );
    assert_eq!(shown["budget"]["remaining"], 0);
    assert_eq!(message(&shown, "xmas")["wanted"], 0);
    let text = project
        .run("status")
        .ok()
        .says(&[
            "2 changes for the budget, until ",
            "xmas opens 2098-12-24",
            "0 of 3 requests left",
            "stopped: budget",
        ])
        .out;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn what_is_unknown_is_named_and_the_status_is_0_all_the_same() {
    let (project, sandbox) = (project(NOTE), Sandbox::with("--drop-replies 1.0"));
    project.with(&sandbox, "apply --yes").exits(4);
    let ran = project.run("status").ok();
    let ran = ran.says(&[
        "note     0 of 2  2 unknown",
        "2 deliveries for a decision: pushsync state resolve",
        "sent, but the answer",
    ]);
    // Ids are masked where stdout is no terminal, and JSON is complete.
    ran.never_says(&[ADA, BEN]);
    let shown = document(&project);
    assert_eq!(shown["unknown"][0]["address"], format!("note@{ADA}"));
    assert!(shown["unknown"][0]["sent_at"].is_string());
    assert_eq!(shown["deliveries"]["unknown"], 2);
}

#[test]
fn drift_that_a_refresh_has_found_is_shown_by_message() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    project.apply(&sandbox);
    let created = sandbox.created();
    let id = |n: usize| created[n]["id"].as_str().expect("an id").to_owned();
    sandbox.lose("pushed", &id(0));
    sandbox.alter("pushed", &id(1), "edited");
    project.with(&sandbox, "refresh").ok();
    let shown = document(&project);
    let note = message(&shown, "note");
    assert_eq!(note["statuses"], json!({ "changed": 1, "gone": 1 }));
    assert_eq!((&note["wanted"], &note["live"]), (&json!(2), &json!(1)));
    assert_eq!(note["changes"], json!({ "restore": 1, "resend": 1 }));
    project
        .run("status")
        .ok()
        .says(&["1 of 2  1 to put right, 1 to send again, 1 changed there, 1 gone there"]);
}

#[test]
fn a_broken_manifest_is_told_and_what_the_state_knows_is_shown() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    project.apply(&sandbox);
    for (yaml, problem) in [
        ("messages: { note: { from: nobody, to: team, text: hello } }", "nobody"),
        ("messages: { note: { from: support, to: team, text: '{{ nothing }}' } }", "nothing"),
        ("messages: { note: { from: support, to: team, txet: hello } }", "txet"),
    ] {
        project.rewrite(yaml);
        project.run("status").ok().says(&[
            "The manifest has 1 error: pushsync.yaml:",
            problem,
            "pushsync validate",
            "note     2 of ?\n",
        ]);
        let shown = document(&project);
        assert_eq!(shown["manifest"]["ok"], false, "{yaml}");
        assert_eq!(message(&shown, "note")["wanted"], Value::Null);
    }
    // The project is gone.
    fs::remove_file(project.join("pushsync.yaml")).expect("removed");
    project.run("status").exits(1);
    project.run("status --state state").ok().says(&["note     2 of ?\n"]);
}

#[test]
fn an_encrypted_state_is_shown_with_its_passphrase_and_refused_without() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    project.with(&sandbox, "apply --yes").env("PUSHSYNC_STATE_KEY", PASSPHRASE).ok();
    project.run("status").env("PUSHSYNC_STATE_KEY", PASSPHRASE).ok().says(&["note     2 of 2\n"]);
    project.run("status").exits(1).warns(&["PUSHSYNC_STATE_KEY"]);
}

#[test]
fn who_holds_the_lock_is_told_and_that_is_no_error() {
    let (project, sandbox) = (Project::many(8), Sandbox::with("--latency 30s"));
    let running = project.with(&sandbox, "apply --yes").start();
    until("it has begun", || !sandbox.created().is_empty());
    let ran = project.run("status --lock-timeout 0s").ok();
    ran.says(&["is locked by `pushsync apply` (process ", "it can be read when that has ended"]);
    let shown = project.run("status --lock-timeout 0s --format json").ok().json();
    assert_eq!(shown["state"]["locked_by"]["command"], "apply");
    assert_eq!((&shown["state"]["exists"], &shown["deliveries"]), (&Value::Null, &Value::Null));
    running.signal("KILL");
    running.wait();
    project.run("status").ok().says(&["unknown"]);
}

#[test]
fn a_project_with_environments_needs_one() {
    let project = Project::empty();
    project.settings("environments: { staging: {} }", NOTE);
    project.run("status").exits(1).warns(&["--env NAME"]);
    project.run("status --env staging").ok().says(&["staging at https://api.brevo.com/v3"]);
}

#[test]
fn a_message_of_which_nobody_knows_who_gets_it_is_left_open_and_the_others_are_not() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    project.apply(&sandbox);
    project.file("ids.csv", "user\n1\n2\n");
    project.file(
        "more.yaml",
        "audiences: { hidden: { file: ids.csv, visitor: { column: user, hmac_sha256: PUSHSYNC_VISITOR_SECRET } } }\nmessages: { hidden: { from: support, to: hidden, text: x } }",
    );
    project.settings("include: [more.yaml]", &NOTE.replace("to: team", "to: ada"));
    let shown = document(&project);
    assert_eq!(message(&shown, "hidden")["wanted"], Value::Null);
    assert_eq!(message(&shown, "note")["wanted"], 1);
    assert_eq!(message(&shown, "note")["changes"], json!({ "delete": 1 }));
    project.run("status").ok().says(&["hidden   0 of ?\n", "note     2 of 1  1 to delete"]);
}

#[test]
fn a_message_that_the_manifest_has_no_more_should_not_be_there() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    project.apply(&sandbox);
    project.rewrite("messages: { other: { from: support, to: ada, text: x } }");
    let shown = document(&project);
    let note = message(&shown, "note");
    assert_eq!(
        (&note["live"], &note["wanted"], &note["changes"]),
        (&json!(2), &json!(0), &json!({ "delete": 2 }))
    );
}

#[test]
fn another_state_than_that_of_the_lock_file_is_told() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    project.apply(&sandbox);
    fs::rename(project.join("state"), project.join("away")).expect("moved");
    project
        .with(&sandbox, "status")
        .ok()
        .says(&["Careful: the state of the environment default is missing"]);
}
