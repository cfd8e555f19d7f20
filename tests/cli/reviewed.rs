//! `apply --reviewed`: a plan made afresh is applied if it does just what was reviewed.

use crate::support::{ADA, Project, Sandbox};

/// The digest by which the plan of now is applied.
fn reviewed(project: &Project, sandbox: &Sandbox) -> String {
    let plan = project.with(sandbox, "plan --format json").ok().json();
    let digest = plan["review"].as_str().expect("a digest").to_owned();
    let comment = project.with(sandbox, "plan --format markdown").ok();
    let marker = format!("environment=default changes={digest} -->");
    assert!(comment.out.lines().next().is_some_and(|line| line.ends_with(&marker)));
    digest
}

#[test]
fn what_was_reviewed_is_applied_whatever_else_happened_to_the_state_and_the_files() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.apply(&sandbox);
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    let digest = reviewed(&project, &sandbox);
    // The serial rises, and the message moves to another line.
    project.with(&sandbox, "refresh").ok();
    project.rewrite("# a comment\n\nmessages: { note: { from: support, to: ada, text: two } }");
    assert_eq!(reviewed(&project, &sandbox), digest);
    project.with(&sandbox, &format!("apply --reviewed {digest}")).ok().says(&["1 request"]);
    sandbox.holds(&[(ADA, "two")]);
    // Once more: it is done.
    project.with(&sandbox, &format!("apply --reviewed {digest}")).ok().says(&["No changes"]);
}

#[test]
fn what_was_not_reviewed_is_refused_before_the_first_request() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    let digest = reviewed(&project, &sandbox);
    let refuses = |args: &str, words: &str| {
        let before = sandbox.total();
        let words = ["this plan is not the one that was reviewed", words, "pushsync plan"];
        project.with(&sandbox, args).exits(1).warns(&words);
        assert_eq!(sandbox.total(), before, "{args}");
    };
    // Another text, another visitor, another sender, a window, another message, another environment, the sandbox.
    for (other, words) in [
        ("note: { from: support, to: ada, text: two }", "otherwise: note (1 delivery)"),
        ("note: { from: support, to: { visitor: other }, text: one }", "otherwise: note"),
        ("note: { to: ada, text: one }", "otherwise: note"),
        (
            "note: { from: support, to: ada, text: one, active: { until: 2999-01-01T00:00:00Z } }",
            "otherwise: note",
        ),
        (
            "note: { from: support, to: ada, text: one }, more: { to: team, text: new }",
            "new: more (2 deliveries)",
        ),
        ("other: { from: support, to: ada, text: one }", "missing: one message"),
    ] {
        project.rewrite(&format!("messages: {{ {other} }}"));
        refuses(&format!("apply --yes --reviewed {digest}"), words);
    }
    let same = "messages: { note: { from: support, to: ada, text: one } }";
    project.settings("environments: { staging: {} }", same);
    refuses(&format!("apply --reviewed {digest} --env staging"), "another environment");
    refuses(&format!("apply --reviewed {digest} --env default --sandbox"), "another API");
    let reviewed = format!("apply --env default --reviewed {}", digest.to_uppercase());
    project.with(&sandbox, &reviewed).ok();
    sandbox.holds(&[(ADA, "one")]);
}

#[test]
fn a_review_is_a_digest_and_not_one_of_a_saved_plan_too() {
    let project = Project::note("one");
    project.run("apply --reviewed abc").exits(1).warns(&["64 hexadecimal digits"]);
    let digest = "0".repeat(64);
    project
        .run(&format!("apply plan.json --reviewed {digest}"))
        .exits(1)
        .warns(&["cannot be used with"]);
}
