//! What comes from others, and events on which nothing is applied.

use serde_json::Value;

use crate::{
    action::KEY,
    needs_tools,
    repository::{Repository, note},
};

#[test]
fn a_fork_is_only_checked() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let job = || repository.pull_request_from("mallory/chat", "main").input("state", "");
    let done = job().ok().sums_up(&["comes from a fork", "The project is valid"]);
    assert_eq!(done.seen, "", "a plan asks git for the commit");
    // A fork that was deleted.
    let mut deleted = job();
    deleted.event["pull_request"]["head"]["repo"] = Value::Null;
    deleted.ok().sums_up(&["comes from a fork"]);
    repository.commit("  note: { from: suport, to: ada, text: one }");
    job().exits(1).notes("error", "line=8").sums_up(&["not valid"]);
    assert_eq!(repository.hub.asked().len(), 0);
    assert_eq!(repository.sandbox.total(), 0);
}

#[test]
fn the_process_that_checks_a_fork_has_no_variable_of_the_job() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let project = std::fs::read_to_string(repository.path().join("pushsync.yaml")).expect("there");
    let team = "audiences:\n  team: { file: \"${PUSHSYNC_VAR_FOLDER}/team.csv\" }\n";
    repository.file("pushsync.yaml", &project.replace("audiences:\n", team));
    repository.file("lists/team.csv", "visitor_id\nteamMvWhf8npAu3H6qd57w2Hv6nh6rnxvg\n");
    let job = |job: crate::action::Job| job.env("PUSHSYNC_VAR_FOLDER", "lists");
    job(repository.pull_request()).ok();
    let done = job(repository.pull_request_from("mallory/chat", "main")).exits(1);
    done.notes("error", "PUSHSYNC_VAR_FOLDER").sums_up(&["is not valid"]);
}

#[test]
fn a_fork_is_told_which_audiences_were_not_checked_for_want_of_a_database() {
    needs_tools!();
    let repository =
        Repository::new("  note: { from: support, to: trial, text: \"Hi {{ name }}\" }");
    let project = std::fs::read_to_string(repository.path().join("pushsync.yaml")).expect("there");
    let trial = "audiences:\n  trial: { query: trial.sql, database: \"${PUSHSYNC_VAR_SHOP}\", \
                 visitor: { column: user_id, hmac_sha256: PUSHSYNC_VISITOR_SECRET } }\n";
    repository.file("pushsync.yaml", &project.replace("audiences:\n", trial));
    repository.file("trial.sql", "SELECT user_id, name FROM users\n");
    let job = || {
        let job = repository.pull_request_from("mallory/chat", "main");
        // Nobody connects there.
        job.env("PUSHSYNC_VAR_SHOP", "postgres://reader:hush@127.0.0.1:9/shop")
    };
    let done = job()
        .ok()
        .sums_up(&["The project is valid", "no query ran: what needs the rows of `trial`"]);
    assert!(!done.seen.contains("hush"), "{}", done.seen);
    repository.file("trial.sql", "DROP TABLE users\n");
    job().exits(1).notes("error", "this is a DROP statement").sums_up(&["is not valid"]);
}

#[test]
fn a_job_for_a_fork_that_has_the_key_is_refused() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for name in [
        "BREVO_API_KEY",
        "BREVO_API_KEY_FILE",
        "BREVO_PARTNER_KEY",
        "BREVO_CLIENT_ID",
        "BREVO_CLIENT_SECRET",
        "PUSHSYNC_CI_CLIENT_SECRET",
    ] {
        let job = repository.pull_request_from("mallory/chat", "main").env(name, KEY);
        let done = job.exits(1).notes("error", "must see no secret");
        assert_eq!(done.seen, "", "nothing was started");
    }
}

#[test]
fn pull_request_target_is_refused_for_everything() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for command in ["plan", "apply", "resume"] {
        let job = repository.pull_request().input("command", command);
        let done = job.env("GITHUB_EVENT_NAME", "pull_request_target").exits(1);
        assert_eq!(done.notes("error", "pull_request_target").seen, "");
    }
}

#[test]
fn nothing_is_applied_on_what_was_not_merged() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for event in
        ["pull_request", "issue_comment", "workflow_run", "merge_group", "pull_request_review"]
    {
        for command in ["apply", "resume"] {
            let job = repository.push().input("command", command).input("fresh", "true");
            let done = job.env("GITHUB_EVENT_NAME", event).exits(1);
            assert_eq!(done.notes("error", "does not run on the event").seen, "");
        }
    }
    let branch = |job: crate::action::Job| {
        job.env("GITHUB_REF", "refs/heads/feature").input("fresh", "true")
    };
    branch(repository.push()).exits(1).notes("error", "runs only on the branch main");
    assert_eq!(repository.sandbox.total(), 0);
    branch(repository.push()).input("branch", "feature").ok();
    assert_eq!(repository.texts(), ["one"]);
}

#[test]
fn an_input_that_is_not_a_command_is_refused() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for command in ["destroy", "", "plan; true", "-x"] {
        let done = repository.push().input("command", command).exits(1);
        assert_eq!(done.notes("error", "plan, apply or resume").seen, "");
    }
}
