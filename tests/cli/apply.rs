//! `apply`: consent, bounds, documents, the API's budget.

use serde_json::json;

use crate::support::{ADA, Project, Sandbox, many};

#[test]
fn without_a_terminal_it_needs_yes_or_a_plan() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    for (args, stdin) in [("apply", ""), ("apply", "yes\n"), ("apply --format json", "")] {
        let ran = project.with(&sandbox, args).stdin(stdin).exits(1);
        ran.warns(&["no terminal", "--yes", "plan --out"]);
    }
    assert_eq!(sandbox.total(), 0);
    assert!(!project.join("state").exists());
    project.with(&sandbox, "apply -y").ok();
}

#[test]
fn the_document_says_what_was_done() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    let ran = project.with(&sandbox, "apply --yes --format json").ok();
    assert_eq!(
        ran.json(),
        json!({ "format": "pushsync/apply/1", "applied": 3, "failed": [], "unknown": [],
            "remaining": 0, "requests": 3, "stopped": null })
    );
    let ran = project.with(&sandbox, "apply --yes --format json").ok().json();
    assert_eq!((&ran["applied"], &ran["requests"]), (&json!(0), &json!(0)));
}

#[test]
fn a_run_of_so_many_requests_stops_in_good_order_and_the_next_goes_on() {
    let (project, sandbox) = (Project::many(5), Sandbox::start());
    let first = project.with(&sandbox, "apply --yes --max-requests 2").exits(3);
    first
        .says(&["2 changes in 2 requests, 3 not tried"])
        .warns(&["run this again to go on: pushsync apply"]);
    assert_eq!(sandbox.counts(), [2, 0, 0, 0]);
    let second =
        project.with(&sandbox, "apply --yes --max-requests 2 --format json").exits(3).json();
    assert_eq!((&second["stopped"], &second["remaining"]), (&json!("budget"), &json!(1)));
    project.with(&sandbox, "apply --yes --max-requests 2").ok();
    project.is_settled();
    assert_eq!(sandbox.counts(), [5, 0, 0, 0]);
    assert_eq!(sandbox.there().len(), 5);
    // None at all is a bound too, and nothing to do needs none.
    project.with(&sandbox, "apply --yes --max-requests 0").ok();
    project.rewrite(&many(5, "other"));
    project.with(&sandbox, "apply --yes --max-requests 0").exits(3);
}

#[test]
fn a_run_stops_in_good_order_after_its_duration() {
    let (project, sandbox) = (Project::many(6), Sandbox::with("--latency 300ms"));
    let ran = project.with(&sandbox, "apply --yes --max-duration 0s --format json").exits(3).json();
    assert_eq!((&ran["stopped"], &ran["remaining"]), (&json!("duration"), &json!(6)));
    project.apply(&sandbox);
    assert_eq!(sandbox.counts(), [6, 0, 0, 0]);
}

#[test]
fn a_request_that_the_headers_say_would_be_refused_is_not_sent() {
    let (project, sandbox) = (Project::many(12), Sandbox::with("--limit 5/h"));
    let ran = project.with(&sandbox, "apply --yes --max-wait 1s").exits(3);
    ran.warns(&["budget"]);
    assert_eq!((sandbox.answered("200"), sandbox.answered("429"), sandbox.total()), (5, 0, 5));
    // It is remembered: the next runs do not even try.
    let again = project.with(&sandbox, "apply --yes --max-wait 1s --format json").exits(3).json();
    assert_eq!((&again["requests"], &again["stopped"]), (&json!(0), &json!("budget")));
    assert_eq!(sandbox.total(), 5);
    let plan = project.run("plan --format json").ok().json();
    assert_eq!((&plan["budget"]["limit"], &plan["budget"]["remaining"]), (&json!(5), &json!(0)));
    assert_eq!(plan["budget"]["fits"], false);
    project.run("plan").ok().says(&["7 requests at 5 an hour"]);
}

#[test]
fn an_apply_sleeps_until_a_reset_that_is_near() {
    let (project, sandbox) = (Project::many(6), Sandbox::with("--limit 4/2s"));
    project.with(&sandbox, "apply --yes").ok().warns(&["waiting for the budget until"]);
    assert_eq!((sandbox.answered("200"), sandbox.answered("429")), (6, 0));
}

#[test]
fn corrections_come_first_then_by_priority() {
    let sandbox = Sandbox::start();
    let project = Project::new("messages: { z: { from: support, to: ada, text: old } }");
    project.apply(&sandbox);
    project.rewrite(
        "messages:\n  z: { from: support, to: ada, text: new }\n  a: { from: support, to: ada, text: a }\n  \
         m: { from: support, to: ada, text: m, priority: 9 }",
    );
    let keys: Vec<_> = project.planned("").into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(keys, ["z", "m", "a"]);
    project.with(&sandbox, "apply --yes --max-requests 2 --concurrency 1").exits(3);
    sandbox.holds(&[(ADA, "new"), (ADA, "m")]);
}

#[test]
fn progress_is_for_stderr_and_results_for_stdout() {
    let (project, sandbox) = (Project::many(2), Sandbox::start());
    let ran = project.with(&sandbox, "apply --yes -v").ok();
    ran.warns(&["+ create m00@"]).never_says(&[ADA]);
    let (project, sandbox) = (Project::many(2), Sandbox::start());
    let quiet = project.with(&sandbox, "apply --yes --quiet").ok();
    assert_eq!(quiet.err, "");
    let (project, sandbox) = (Project::many(2), Sandbox::start());
    let logged = project.with(&sandbox, "apply --yes --log-format json --format json").ok();
    let events: Vec<serde_json::Value> = logged
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let started = events.iter().find(|event| event["event"] == "started").expect("it says so");
    assert_eq!((&started["changes"], &started["level"]), (&json!(2), &json!("info")));
    assert_eq!(events.iter().filter(|e| e["event"] == "applied").count(), 2);
    logged.json();
}

#[test]
fn the_text_arrives_as_it_was_written() {
    let sandbox = Sandbox::start();
    let project = Project::empty();
    project.settings(
        "",
        "messages:\n  lines: { from: support, to: ada, text: \"a\\n\\n  b\\n\\n\" }\n  \
         odd: { from: support, to: ada, text: 'Grüße, 👋🏽 <b>&amp;\"\\' }\n  no: { from: support, to: ada, text: NO }\n  \
         zero: { from: support, to: ada, text: 012 }\n  raw: { from: support, to: ada, raw: true, text: '{{ name }}' }",
    );
    project.apply(&sandbox);
    sandbox.holds(&[
        (ADA, "a\n\n  b"),
        (ADA, "Grüße, 👋🏽 <b>&amp;\"\\"),
        (ADA, "NO"),
        (ADA, "012"),
        (ADA, "{{ name }}"),
    ]);
}
