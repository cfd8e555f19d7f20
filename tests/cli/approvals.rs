//! `state approvals`, and what ends approvals beside the requests that they are for.

use crate::support::{ADA, BEN, Project, Run, Sandbox};

const SOON: &str = "2099-01-01T00:00:00Z";
const LATER: &str = "2099-02-01T00:00:00Z";

/// One message is sent; the others wait for the budget or for their window.
fn started() -> (Project, Sandbox) {
    let project = Project::new(&format!(
        "messages:
  b: {{ from: support, to: team, text: for all }}
  a: {{ from: liz, to: ada, text: for Ada, active: {{ until: {LATER} }} }}
  later: {{ from: support, to: team, text: later, active: {{ from: {SOON}, until: {LATER} }} }}"
    ));
    let sandbox = Sandbox::start();
    project.with(&sandbox, "apply --yes --max-requests 1").exits(3);
    (project, sandbox)
}

fn waiting(project: &Project) -> Vec<(String, String)> {
    let json = project.run("state approvals --format json").ok().json();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let approvals = json["approvals"].as_array().expect("a list");
    approvals.iter().map(|one| (text(&one["address"]), text(&one["status"]))).collect()
}

fn has(project: &Project, expected: &[(&str, &str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, visitor, status)| (format!("{key}@{visitor}"), (*status).to_owned()))
        .collect();
    let mut found = waiting(project);
    found.sort();
    let mut sorted = expected;
    sorted.sort();
    assert_eq!(found, sorted);
}

const ALL: [(&str, &str, &str); 5] = [
    ("a", ADA, "open"),
    ("b", ADA, "send"),
    ("b", BEN, "send"),
    ("later", ADA, "opens"),
    ("later", BEN, "opens"),
];

#[test]
fn what_was_approved_is_listed_by_message_in_60_columns_and_without_ids() {
    let (project, _sandbox) = started();
    has(&project, &ALL);
    let run = project.run("state approvals").ok().says(&[
        "a\n  approved 2",
        &format!("    1 there until {LATER}, then to delete\n"),
        "b\n  approved 2",
        "    2 to send\n",
        "later\n  approved 2",
        &format!("    2 to send from {SOON} on\n"),
        ": 4 of 5 not done yet\n",
        "2 requests",
    ]);
    let run = run.never_says(&[ADA, BEN]);
    let run = run.warns(&["to carry out what is due: pushsync apply --resume"]);
    assert!(run.out.lines().all(|line| line.chars().count() <= 60), "{}", run.out);
    let json = project.run("state approvals --format json").ok().json();
    assert_eq!(json["format"], "pushsync/approvals/1");
    assert_eq!((&json["requests"], &json["environment"]), (&2.into(), &"default".into()));
    assert_eq!(
        (&json["runs"][0]["approved"], &json["runs"][0]["not_done"]),
        (&5.into(), &4.into())
    );
    let history = project.run("state history --format json").ok().json();
    assert_eq!(json["runs"][0]["id"], history["runs"][0]["id"]);
    assert_eq!(json["messages"][1]["key"], "b");
    assert_eq!(json["messages"][1]["runs"][0]["counts"][0]["count"], 2);
}

#[test]
fn a_small_budget_says_how_long_it_takes_and_until_when() {
    let project = Project::new(
        "limits: { requests_per_hour: 2 }\nmessages:\n  b: { from: support, to: team, text: for all }\n  \
         c: { from: support, to: team, text: and more }",
    );
    let sandbox = Sandbox::with("--limit 1/h");
    project.with(&sandbox, "apply --yes --max-wait 0s").exits(3);
    project.run("state approvals").ok().says(&[
        "3 requests at 1 an hour: about ",
        ",\nuntil 2",
        "if nothing else is sent\n",
    ]);
    let json = project.run("state approvals --format json").ok().json();
    // The first leaves when this hour is over, and the last one two hours later.
    let takes = json["takes_s"].as_u64().expect("seconds");
    assert!((2 * 3600 + 1..=3 * 3600).contains(&takes), "{takes}");
    assert!(json["until"].as_str() > json["as_of"].as_str());
}

#[test]
fn what_is_unknown_and_sent_again_by_choice_needs_no_decision() {
    let message =
        |more: &str| format!("messages:\n  a: {{ from: liz, to: ada, text: for Ada{more} }}");
    let project = Project::new(&message(", on_unknown: resend"));
    let lossy = Sandbox::with("--drop-replies 1");
    let run = project.with(&lossy, "apply --yes").exits(4);
    run.warns(&["the next apply sends it again (on_unknown: resend)", "to decide otherwise"])
        .never_says(&["is not sent again", "needs a decision"]);
    let run = project.run("state approvals").ok();
    run.says(&["1 unknown: to send again (on_unknown: resend)", "1 request"])
        .warns(&["apply --resume"])
        .never_says(&["decision"]);
    project.rewrite(&message(""));
    project.run("state approvals").ok().says(&["1 unknown: they need a decision"]);
}

#[test]
fn nothing_approved_is_said_in_words() {
    let project = Project::new("messages:\n  a: { from: liz, to: ada, text: for Ada }");
    project.run("state approvals").exits(1).warns(&["there is no state"]);
    project.apply(&Sandbox::start());
    let run = project
        .run("state approvals")
        .ok()
        .warns(&["nothing that was approved is still to be done"]);
    assert_eq!(run.out, "");
    assert_eq!(
        project.run("state approvals --format json").ok().json()["approvals"],
        serde_json::json!([])
    );
}

#[test]
fn a_delivery_that_is_forgotten_or_renamed_is_not_approved_any_more() {
    let (project, sandbox) = started();
    project.run(&format!("state mv a@{ADA} new@{ADA}")).ok();
    has(&project, &ALL[1..]);
    project.run(&format!("state rm new@{ADA}")).ok();
    // One that was not sent yet: nobody has agreed to it any more.
    project
        .run(&format!("state rm b@{ADA}"))
        .ok()
        .warns(&["nobody has agreed to b@"])
        .never_says(&[ADA]);
    has(&project, &ALL[2..]);
    project.run(&format!("state rm b@{ADA}")).exits(1);
    let before = sandbox.total();
    project.with(&sandbox, "apply --resume").ok();
    assert_eq!(sandbox.total(), before + 1, "only what is approved and due");
    has(&project, &ALL[3..]);
}

#[test]
fn an_export_has_the_approvals_and_is_read_back_with_a_word() {
    let (project, _sandbox) = started();
    project.run("state export all.jsonl").ok();
    let import = |folder: &str, more: &str| -> Run {
        project.run(&format!("state import all.jsonl --state {folder} {more}"))
    };
    import("one", "").ok().warns(&["5 approvals came back as well", "--without-approvals"]);
    let there = project.run("state approvals --format json --state one").ok().json();
    assert_eq!(there["approvals"].as_array().map(Vec::len), Some(5));
    project.run("state verify --state one").ok().says(&["5 approvals"]);
    import("two", "--without-approvals").ok().warns(&["5 approvals of it did not come back"]);
    project.run("state approvals --state two").ok().warns(&["nothing that was approved"]);
    // What is made before each apply has none: what was sent since is not in it.
    let backups = project.join("state/backups");
    for file in std::fs::read_dir(backups).into_iter().flatten() {
        let text = std::fs::read_to_string(file.expect("an entry").path()).expect("readable");
        assert!(!text.contains("\"approval\""), "{text}");
    }
    project.run("state migrate --to moved").ok();
    let there = project.run("state approvals --format json --state moved").ok().json();
    assert_eq!(there["approvals"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_decision_about_a_lost_answer_ends_an_approval_and_taking_it_back_brings_it_again() {
    let project = Project::new("messages:\n  a: { from: liz, to: ada, text: for Ada }");
    let sandbox = Sandbox::with("--drop-replies 1");
    project.with(&sandbox, "apply --yes").exits(4);
    has(&project, &[("a", ADA, "unknown")]);
    project.run("state approvals").ok().says(&["1 unknown: they need a decision"]);
    project.run(&format!("state resolve a@{ADA} --sent x --unchecked")).ok();
    has(&project, &[]);
    project.run(&format!("state resolve a@{ADA} --again")).ok();
    has(&project, &[("a", ADA, "unknown")]);
    project.run(&format!("state resolve a@{ADA} --not-sent")).ok();
    has(&project, &[("a", ADA, "send")]);
}
