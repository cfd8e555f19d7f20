//! `apply --reviewed`: a plan made afresh is applied if it does just what was reviewed.

use crate::support::{ADA, Project, Sandbox};

/// The digest by which the plan of now is applied.
fn reviewed(project: &Project, sandbox: &Sandbox) -> String {
    let plan = project.with(sandbox, "plan --format json").ok().json();
    let digest = plan["changes_digest"].as_str().expect("a digest").to_owned();
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
    let refuses = |args: &str| {
        let before = sandbox.total();
        let words = ["are not those that were reviewed", &digest, "pushsync plan"];
        project.with(&sandbox, args).exits(1).warns(&words);
        assert_eq!(sandbox.total(), before, "{args}");
    };
    // Another text, another visitor, another sender, another environment, the sandbox.
    for other in [
        "messages: { note: { from: support, to: ada, text: two } }",
        "messages: { note: { from: support, to: { visitor: other }, text: one } }",
        "messages: { note: { to: ada, text: one } }",
        "messages: { note: { from: support, to: ada, text: one, protect: true } }",
    ] {
        project.rewrite(other);
        refuses(&format!("apply --yes --reviewed {digest}"));
    }
    let same = "messages: { note: { from: support, to: ada, text: one } }";
    project.settings("environments: { staging: {} }", same);
    refuses(&format!("apply --reviewed {digest} --env staging"));
    refuses(&format!("apply --reviewed {digest} --env default --sandbox"));
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

#[test]
fn an_apply_that_stopped_early_is_resumed_and_one_that_ended_is_not() {
    let (project, sandbox) = (Project::many(5), Sandbox::start());
    project.with(&sandbox, "apply --yes --resume").ok().warns(&["nothing was applied yet"]);
    project.with(&sandbox, "apply --yes --max-requests 2").exits(3);
    project.with(&sandbox, "refresh").ok();
    project
        .with(&sandbox, "apply --yes --resume --max-requests 1")
        .exits(3)
        .warns(&["going on with the apply of", "budget"]);
    let before = sandbox.total();
    project.with(&sandbox, "apply --resume --yes").ok().says(&["2 changes in 2 requests"]);
    assert_eq!(sandbox.total(), before + 2);
    // A change of the manifest that nobody has reviewed is not part of it.
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    let before = sandbox.total();
    project.with(&sandbox, "apply --resume --yes").ok().warns(&["came to its end"]);
    let told = project.with(&sandbox, "apply --resume --yes --format json").ok().json();
    assert_eq!(told["applied"], 0);
    assert_eq!(sandbox.total(), before);
}

#[test]
fn an_apply_is_resumed_with_the_manifest_that_it_had() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    project.file(".gitignore", "/state\n");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm one");
    let first = project.git("rev-parse HEAD");
    project.with(&sandbox, "apply --yes --max-requests 1").exits(3);
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    project.git("commit -qam two");
    let before = sandbox.total();
    let words = [&*first, "stopped early (budget)", "check it out"];
    project.with(&sandbox, "apply --yes --resume").exits(1).warns(&words);
    assert_eq!(sandbox.total(), before);
    project.git(&format!("checkout -q {first}"));
    project.with(&sandbox, "apply --yes --resume").ok().says(&["2 changes in 2 requests"]);
}

#[test]
fn what_was_merged_beside_the_project_does_not_keep_an_apply_from_being_resumed() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    // The project is a folder of a larger repository.
    let yaml = project.read("pushsync.yaml");
    project.file("chat/pushsync.yaml", yaml);
    project.file("elsewhere.txt", "one");
    project.file(".gitignore", "state\n");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm one");
    project.with(&sandbox, "apply -C chat --yes --max-requests 1").exits(3);
    project.file("elsewhere.txt", "two");
    project.git("commit -qam two");
    project.with(&sandbox, "apply -C chat --yes --resume").ok().says(&["2 changes in 2 requests"]);
}

#[test]
fn a_commit_that_this_clone_does_not_have_is_another_one() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    project.file(".gitignore", "/state\n");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm one");
    project.with(&sandbox, "apply --yes --max-requests 1").exits(3);
    std::fs::remove_dir_all(project.join(".git")).expect("removed");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm anew");
    let words = ["stopped early (budget)", "not in this clone"];
    project.with(&sandbox, "apply --yes --resume").exits(1).warns(&words);
}

#[test]
fn an_apply_that_was_killed_is_resumed_and_one_that_was_refused_is_not() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    project
        .with(&sandbox, "apply --yes --concurrency 1")
        .env("PUSHSYNC_DIE_AFTER", "commit:3")
        .wait();
    project.with(&sandbox, "apply --yes --resume").wait().warns(&["killed"]);
    let refused = Project::many(3);
    let no = Sandbox::start();
    refused.with(&no, "apply --yes --max-requests 1").exits(3);
    // Nobody listens there.
    refused.run("state set-api http://127.0.0.1:9").ok();
    refused
        .run("apply --yes --base-url http://127.0.0.1:9")
        .env("BREVO_API_KEY", "any")
        .exits(1)
        .warns(&["127.0.0.1:9"]);
    refused.run(&format!("state set-api {}", no.base_url())).ok();
    refused.with(&no, "apply --yes --resume").ok().warns(&["nothing to resume", "refused"]);
}
