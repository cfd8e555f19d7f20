//! The events on which each command runs, and whose work it then looks at.

use serde_json::{Value, json};

use crate::{
    action::{Done, Job, KEY},
    needs_tools,
    repository::{Repository, note},
};

/// Events of GitHub on which nothing runs, and what is none.
const OTHERS: [&str; 18] = [
    "pull_request_target",
    "workflow_run",
    "workflow_call",
    "issue_comment",
    "issues",
    "repository_dispatch",
    "check_run",
    "check_suite",
    "pull_request_review",
    "pull_request_review_comment",
    "release",
    "deployment",
    "deployment_status",
    "create",
    "PUSH",
    "push workflow_dispatch",
    "pull_request merge_group",
    "",
];

/// Refused before anything is started or asked.
fn refused(repository: &Repository, job: Job) {
    let done = job.exits(1).notes("error", "does not run on the event");
    assert_eq!(done.seen, "", "nothing is started");
    assert!(repository.hub.asked().is_empty() && repository.sandbox.total() == 0);
}

/// It was validated, and nothing else was done with it.
fn only_checked(done: &Done) {
    assert!(done.summary.contains(": only checked"), "{}", done.summary);
    assert_eq!(done.seen, "", "a plan asks git for the commit");
}

#[test]
fn a_plan_runs_on_its_four_events_alone() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for event in OTHERS.into_iter().chain(["schedule"]) {
        refused(&repository, repository.pull_request().env("GITHUB_EVENT_NAME", event));
    }
    let mut nameless = repository.pull_request();
    nameless.env.remove("GITHUB_EVENT_NAME");
    refused(&repository, nameless);
    for event in ["push", "workflow_dispatch"] {
        let job = repository.push().input("command", "plan").env("GITHUB_EVENT_NAME", event);
        let done = job.ok().sums_up(&["+ one"]);
        assert!(!done.seen.contains(KEY), "{}", done.seen);
    }
    assert!(repository.hub.world().comments.is_empty(), "there is no request to comment on");
}

#[test]
fn apply_and_resume_run_on_their_events_alone() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for command in ["apply", "resume"] {
        let job = || repository.push().input("command", command).input("fresh", "true");
        for event in OTHERS.into_iter().chain(["pull_request", "merge_group"]) {
            refused(&repository, job().env("GITHUB_EVENT_NAME", event));
        }
        let mut nameless = job();
        nameless.env.remove("GITHUB_EVENT_NAME");
        refused(&repository, nameless);
    }
    refused(&repository, repository.scheduled().input("command", "apply").input("fresh", "true"));

    let by_hand = repository.push().input("fresh", "true");
    by_hand.env("GITHUB_EVENT_NAME", "workflow_dispatch").ok();
    assert_eq!(repository.texts(), ["one"]);
    for event in ["push", "workflow_dispatch", "schedule"] {
        let job = repository.push().input("command", "resume").env("GITHUB_EVENT_NAME", event);
        job.ok().notes("notice", "nothing to resume");
    }
}

#[test]
fn nothing_is_applied_where_nothing_says_which_branch() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for event in [json!({}), json!({ "repository": { "default_branch": null } }), json!([])] {
        for reference in ["refs/heads/main", "refs/heads/", "refs/tags/main", ""] {
            let mut job = repository.push().input("fresh", "true").env("GITHUB_REF", reference);
            job.event = event.clone();
            let done = job.exits(1).notes("error", "which branch");
            assert_eq!(done.seen, "");
        }
    }
    let tag = repository.push().input("fresh", "true").env("GITHUB_REF", "refs/tags/main");
    tag.exits(1).notes("error", "runs only on the branch main");
    assert_eq!(repository.sandbox.total(), 0);
}

#[test]
fn a_pull_request_that_is_not_of_this_repository_is_only_checked() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let with = |pointer: &str, value: Value| {
        let mut job = repository.pull_request();
        *job.event.pointer_mut(pointer).expect("it is there") = value;
        job
    };
    for job in [
        with("/pull_request/head/repo/full_name", "mallory/chat".into()),
        with("/pull_request/head/repo", Value::Null),
        with("/pull_request/head", Value::Null),
        with("/pull_request/base/repo/full_name", "acme/other".into()),
        with("/pull_request/base", Value::Null),
        with("/pull_request", Value::Null),
        with("", json!("nonsense")),
    ] {
        only_checked(&job.ok().sums_up(&["comes from a fork", "The project is valid"]));
    }
    assert!(repository.hub.world().comments.is_empty());
}

#[test]
fn what_forks_may_have_a_part_in_gets_no_secret() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let queued =
        json!({ "merge_group": { "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-abc" } });
    let mut group = repository.pull_request().env("GITHUB_EVENT_NAME", "merge_group");
    group.event = queued;
    let mut elsewhere = repository.push().input("command", "plan");
    elsewhere.event["repository"]["full_name"] = "mallory/chat".into();
    let by = |name: &str| repository.pull_request().env(name, "dependabot[bot]");
    for (job, why) in [
        (repository.pull_request_from("mallory/chat", "main"), "comes from a fork"),
        (group, "merge group"),
        (elsewhere, "of this repository"),
        (by("GITHUB_ACTOR"), "Dependabot"),
        (by("GITHUB_TRIGGERING_ACTOR"), "Dependabot"),
    ] {
        // A job of a fork with the key is refused; what else has it is warned, and does not see it.
        let job =
            if why == "comes from a fork" { job } else { job.env("BREVO_CLIENT_SECRET", KEY) };
        let names = [
            "PUSHSYNC_STATE_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "PGPASSWORD",
            "PUSHSYNC_VAR_WAREHOUSE",
            "PUSHSYNC_STATE_TO_READ",
        ];
        let job = names.iter().fold(job, |job, name| job.env(name, "a-secret-of-the-job"));
        let done = job.input("state", "postgres://a-secret-of-the-job@db/x").ok();
        only_checked(&done);
        assert!(!done.seen.contains("a-secret-of-the-job"), "{}", done.seen);
        assert!(!done.seen.contains(KEY), "{}", done.seen);
        done.sums_up(&[why]);
    }
}
