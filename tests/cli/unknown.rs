//! Creates whose answer was lost: never sent again, until somebody says what became of them.

use serde_json::json;

use crate::support::{ADA, Project, Sandbox};

/// One message whose create was carried out and not answered.
fn lost() -> (Project, Sandbox) {
    let (project, sandbox) = (Project::note("hi"), Sandbox::with("--drop-replies 1"));
    let ran = project.with(&sandbox, "apply --yes").exits(4);
    ran.says(&["1 unknown"])
        .warns(&["note@", "unknown", "pushsync state resolve"])
        .never_says(&[ADA]);
    (project, sandbox)
}

#[test]
fn a_lost_answer_is_reported_everywhere_and_nothing_is_sent_for_it() {
    let (project, sandbox) = lost();
    assert_eq!(sandbox.created().len(), 1);
    project.plans("unknown", "note", "lost-answer");
    project.run("plan --detailed-exitcode").exits(2).says(&[
        "? 1 unknown",
        "? note@",
        "state resolve",
    ]);
    let plan = project.run("plan --format json").ok().json();
    assert_eq!((&plan["summary"]["unknown"], &plan["summary"]["requests"]), (&json!(1), &json!(0)));
    project.run("state list").ok().says(&["note@", "unknown"]);
    let list = project.run("state list --format json").ok().json();
    assert_eq!(list["deliveries"][0]["status"], "unknown");
    project.run(&format!("state show note@{ADA}")).ok().says(&["unknown", "hi"]);
    let sent = sandbox.total();
    for _ in 0..2 {
        let ran = project.with(&sandbox, "apply --yes --format json").exits(4).json();
        assert_eq!(ran["unknown"], json!([format!("note@{ADA}")]));
        assert_eq!(ran["requests"], 0);
    }
    // Neither a new text nor its removal from the manifest sends anything.
    project.rewrite("messages: { note: { from: liz, to: ada, text: other } }");
    project.with(&sandbox, "apply --yes").exits(4);
    project.with(&sandbox, "apply --yes --destroy").exits(4);
    project.with(&sandbox, "refresh").wait();
    assert_eq!(sandbox.total(), sent);
}

#[test]
fn what_was_sent_is_recorded_with_its_id() {
    let (project, sandbox) = lost();
    let id = sandbox.only_id();
    project
        .run(&format!("state resolve note@{ADA} --sent {id} --unchecked"))
        .ok()
        .never_says(&[ADA]);
    project.is_settled();
    // And lives on like any other.
    let sandbox_now = sandbox.counts();
    project.rewrite("messages: { note: { from: support, to: ada, text: other } }");
    project.plans("update", "note", "text");
    assert_eq!(sandbox.counts(), sandbox_now);
    project
        .run(&format!("state resolve note@{ADA} --sent {id}"))
        .exits(1)
        .warns(&["nothing to resolve"]);
}

#[test]
fn what_was_not_sent_is_sent_by_the_next_apply() {
    let (project, _lossy) = lost();
    let sandbox = Sandbox::start();
    project.run(&format!("state resolve note@{ADA} --not-sent")).ok();
    project.plans("create", "note", "new");
    project.apply(&sandbox);
    sandbox.holds(&[(ADA, "hi")]);
}

#[test]
fn by_choice_only_it_is_sent_again() {
    let (project, _lossy) = lost();
    let sandbox = Sandbox::start();
    project.rewrite("messages: { note: { from: support, to: ada, text: hi, on_unknown: resend } }");
    project.plans("resend", "note", "lost-answer");
    project.apply(&sandbox);
    sandbox.holds(&[(ADA, "hi")]);
}

#[test]
fn an_error_of_the_server_leaves_a_create_unknown_and_repeats_an_update() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::with("--fail 1"));
    project.with(&sandbox, "apply --yes").exits(4).warns(&["500"]);
    assert_eq!(sandbox.total(), 1);
    project.plans("unknown", "note", "lost-answer");
}

#[test]
fn a_replace_whose_post_is_lost_keeps_the_old_message() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::with("--drop-replies 1"));
    let honest = Sandbox::start();
    project.apply(&honest);
    project.rewrite("messages: { note: { from: liz, to: ada, text: hi } }");
    project.run(&format!("state set-api {}", sandbox.base_url())).ok();
    project.with(&sandbox, "apply --yes").exits(4);
    project.run(&format!("state set-api {}", honest.base_url())).ok();
    honest.holds(&[(ADA, "hi")]);
    project.plans("unknown", "note", "lost-answer");
    // It was sent after all, with that id: what is left is to delete the old one.
    let new = honest.send("pushed", ADA, "hi");
    project.run(&format!("state resolve note@{ADA} --sent {new} --unchecked")).ok();
    project.plans("replace", "note", "replace-unfinished");
    let before = honest.counts();
    project.apply(&honest);
    let after = honest.counts();
    assert_eq!([after[0] - before[0], after[3] - before[3]], [0, 1]);
    assert_eq!(honest.only_id(), new);
}

#[test]
fn resolving_what_is_not_unknown_is_told() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.run(&format!("state resolve note@{ADA} --not-sent")).exits(1);
    project.apply(&sandbox);
    project
        .run(&format!("state resolve note@{ADA} --not-sent"))
        .exits(1)
        .warns(&["nothing to resolve"])
        .never_says(&[ADA]);
}

#[test]
fn whatever_ends_an_apply_an_unknown_delivery_is_status_4_and_all_are_listed() {
    let (project, lossy) = lost();
    project.rewrite(
        "messages:\n  note: { from: support, to: ada, text: hi }\n  more: { from: support, to: team, text: more }",
    );
    let held = json!([format!("note@{ADA}")]);
    for (args, stopped) in [
        ("--max-requests 0", json!("budget")),
        ("--max-duration 0s", json!("duration")),
        ("--target more --max-requests 0", json!("budget")),
        ("--target note", json!(null)),
        ("--resume --max-requests 0", json!("budget")),
    ] {
        let ran = project.with(&lossy, &format!("apply --yes --format json {args}")).exits(4);
        let document = ran.warns(&["note@", "state resolve"]).json();
        assert_eq!((&document["unknown"], &document["stopped"]), (&held, &stopped), "{args}");
        assert_eq!(document["requests"], 0, "{args}");
    }
    // Also if another message is applied, or there is nothing to do.
    let honest = Sandbox::start();
    project.run(&format!("state set-api {}", honest.base_url())).ok();
    for applied in [2, 0] {
        let ran = project.with(&honest, "apply --yes --format json --target more").exits(4).json();
        assert_eq!((&ran["unknown"], &ran["applied"]), (&held, &json!(applied)));
    }
    // And if the API refuses the key.
    project.rewrite("messages:\n  note: { from: support, to: ada, text: hi }\n  more: { from: support, to: team, text: other }");
    let ran = project
        .run("apply --yes --format json --target more")
        .env("BREVO_BASE_URL", honest.base_url())
        .env("BREVO_API_KEY_FILE", "no-such-file")
        .exits(1);
    assert_eq!(ran.out, "", "nothing was begun");
}
