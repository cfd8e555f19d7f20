//! What a plan shows of windows to come, and of what is approved.

use crate::support::{Project, Run, Sandbox};

const ALL: usize = 30;

/// A message that was always there, and one that opens later for the visitors of `all`.
fn project(text: &str, active: &str) -> Project {
    let visitors: Vec<_> =
        (0..ALL).map(|n| format!("visitor{n:02}XvRt8npAu3H6qd57w2Hv6nh6r")).collect();
    let project = Project::empty();
    project.file(
        "pushsync.yaml",
        format!(
            "version: 1\nlimits: {{ requests_per_hour: 20 }}\n\
             senders: {{ support: {{ group: PjRBMhWGen6aRHjif }} }}\n\
             audiences: {{ all: {{ visitors: [{}] }} }}\n\
             messages:\n  xmas: {{ from: support, to: all, text: {text}, active: {active} }}\n",
            visitors.join(", ")
        ),
    );
    project
}

const WINDOW: &str = "{ from: 2990-12-20T08:00:00Z, until: 2990-12-27T00:00:00Z }";

fn plan(project: &Project, sandbox: &Sandbox, options: &str) -> Run {
    project.with(sandbox, &format!("plan --detailed-exitcode {options}"))
}

#[test]
fn the_texts_of_a_window_that_opens_later_are_reviewed_once() {
    let sandbox = Sandbox::with("--limit 20/h");
    let project = project("Merry Christmas", WINDOW);
    let shown: &[&str] = &[
        "Later:",
        "xmas (30 visitors)",
        "opens 2990-12-20T08:00:00Z, closes 2990-12-27T00:00:00Z; to be reviewed",
        "to send it: 30 requests at 20 an hour: about 1 h 30 min",
        "from support",
        "+ Merry Christmas",
        "Plan: 30 for later windows, 0 unchanged.",
    ];
    plan(&project, &sandbox, "").exits(2).says(shown).never_says(&["No changes"]);
    for format in ["markdown", "github", "html"] {
        let words = ["2990-12-20T08:00:00Z", "to be reviewed", "Merry Christmas"];
        plan(&project, &sandbox, &format!("--format {format}")).exits(2).says(&words);
    }
    let json = plan(&project, &sandbox, "--format json").exits(2).json();
    let xmas = serde_json::json!([{
        "key": "xmas", "opens": "2990-12-20T08:00:00Z", "closes": "2990-12-27T00:00:00Z",
        "visitors": 30, "approved": 0, "requests": 30, "takes_s": 5400
    }]);
    assert_eq!(json["later"], xmas);
    assert_eq!(json["upcoming"].as_array().expect("a list").len(), 30);

    let run = project.with(&sandbox, "apply --yes").ok();
    run.says(&[
        "Agreed to: 30 deliveries wait for their windows; the first opens 2990-12-20T08:00:00Z.",
    ])
    .warns(&["run this by a schedule, and it opens the windows: pushsync apply --resume"])
    .never_says(&["Applied: 0", "change a text"]);
    assert_eq!(sandbox.created().len(), 0, "it is not open yet");
    let run = project.with(&sandbox, "apply --resume").ok();
    assert_eq!(run.out, "", "no plan says that all is as it should be");
    run.warns(&["nothing that is approved is due now"]);
    let told =
        "xmas (30 visitors) opens 2990-12-20T08:00:00Z, closes 2990-12-27T00:00:00Z; approved";
    let settled = plan(&project, &sandbox, "").exits(0);
    settled.says(&[told, "No changes: the first window opens 2990-12-20T08:00:00Z."]);
}

#[test]
fn what_is_approved_is_counted_apart_and_resume_is_named_to_go_on() {
    let sandbox = Sandbox::start();
    let project = project("Hello", "{ until: 2990-12-27T00:00:00Z }");
    project.with(&sandbox, "apply --yes --max-requests 10").exits(3);
    let plan_text = plan(&project, &sandbox, "").exits(2);
    plan_text
        .says(&[
            "+ 20 approved creates of xmas wait for the budget",
            "Nothing to review: 10 unchanged.",
            "Approved: + 20 to create, waiting.",
        ])
        .never_says(&["No changes", "+ Hello"])
        .warns(&["next: pushsync apply --resume"]);
    plan(&project, &sandbox, "--show-unchanged").exits(2).says(&["+ Hello"]);
    let json = plan(&project, &sandbox, "--format json").exits(2).json();
    assert_eq!(
        (&json["summary"]["create"], &json["summary"]["approved"]),
        (&20.into(), &20.into())
    );
    project.with(&sandbox, "apply --resume").ok();
    plan(&project, &sandbox, "").exits(0).says(&["No changes: 30 deliveries"]);
}

#[test]
fn an_approval_that_the_manifest_does_not_say_any_more_ends_in_sight() {
    let sandbox = Sandbox::start();
    let project = project("Hello", WINDOW);
    project.with(&sandbox, "apply --yes").ok();
    project.file("pushsync.yaml", "version: 1\n");
    let told = "30 approvals of xmas end: the manifest does not say that any more";
    plan(&project, &sandbox, "")
        .exits(2)
        .says(&[told, "Plan: 30 approvals that end, 0 unchanged."])
        .never_says(&["No changes"]);
    project.with(&sandbox, "apply --yes").ok();
    plan(&project, &sandbox, "").exits(0).says(&["No changes"]);
}

#[test]
fn a_window_that_closes_before_everything_is_sent_is_a_warning_at_its_message() {
    let sandbox = Sandbox::with("--limit 20/h");
    let short = project("Hello", "{ from: 2990-12-20T08:00:00Z, until: 2990-12-20T09:00:00Z }");
    let told = "warning[window-too-short]: the window of xmas is open for 1 h (from 2990-12-20T08:00:00Z to \
                2990-12-20T09:00:00Z), and its 30 sends take about 1 h 30 min at 20 requests an hour";
    plan(&short, &sandbox, "").exits(2).warns(&[told, "pushsync.yaml:6:3"]);
    let github = "::warning file=pushsync.yaml,line=6,col=3,endColumn=7,title=window-too-short::";
    plan(&short, &sandbox, "--format github").exits(2).says(&[github]);
    let json = plan(&short, &sandbox, "--format json").exits(2).json();
    let codes = json["diagnostics"].as_array().expect("a list").iter().map(|one| &one["code"]);
    assert_eq!(codes.filter(|code| **code == "window-too-short").count(), 1);
    let long = project("Hello", WINDOW);
    let ran = plan(&long, &sandbox, "").exits(2);
    assert!(!ran.err.contains("window-too-short"), "{}", ran.err);
}
