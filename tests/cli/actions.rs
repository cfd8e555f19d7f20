//! Every action from YAML to the API, for both kinds: what is sent, how often, and that nothing
//! is left to do.

use crate::support::{ADA, BEN, Project, Sandbox};

const KINDS: [&str; 2] = ["pushed", "agent"];

/// One message of this kind to Ada, from an agent, with more fields.
fn one(kind: &str, more: &str) -> String {
    format!("messages: {{ note: {{ kind: {kind}, from: liz, to: ada, {more} }} }}")
}

/// Applies; `costs` are the requests by method.
fn applies(project: &Project, sandbox: &Sandbox, costs: [u64; 4]) {
    let before = sandbox.counts();
    let planned = project.run("plan --format json").ok().json();
    let ran = project.with(sandbox, "apply --yes --format json").ok().json();
    project.is_settled();
    let after = sandbox.counts();
    let spent: Vec<u64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(spent, costs, "POST, GET, PUT, DELETE");
    assert_eq!(planned["summary"]["requests"], costs.iter().sum::<u64>(), "the plan said so");
    assert_eq!(ran["requests"], costs.iter().sum::<u64>(), "and apply says so");
    // Again, nothing happens.
    project.with(sandbox, "apply --yes").ok();
    assert_eq!(sandbox.counts(), after);
}

fn there(kind: &str, text: &str) -> Vec<(String, String, String)> {
    vec![(kind.to_owned(), ADA.to_owned(), text.to_owned())]
}

#[test]
fn create_update_delete_cost_one_request_each() {
    for kind in KINDS {
        let (project, sandbox) = (Project::new(&one(kind, "text: one")), Sandbox::start());
        project.plans("create", "note", "new");
        applies(&project, &sandbox, [1, 0, 0, 0]);
        assert_eq!(sandbox.there(), there(kind, "one"));
        let id = sandbox.only_id();
        project.rewrite(&one(kind, "text: two"));
        project.plans("update", "note", "text");
        applies(&project, &sandbox, [0, 0, 1, 0]);
        assert_eq!(sandbox.there(), there(kind, "two"));
        assert_eq!(sandbox.only_id(), id, "the same message");
        project.rewrite(
            "messages: { other: { kind: pushed, to: ben, text: x, active: { until: 2001-01-01T00:00:00Z } } }",
        );
        project.plans("delete", "note", "not-in-manifest");
        applies_and_allows(&project, &sandbox, [0, 0, 0, 1]);
        assert_eq!(sandbox.there(), []);
    }
}

/// As [`applies`], where a manifest without deliveries would be refused.
fn applies_and_allows(project: &Project, sandbox: &Sandbox, costs: [u64; 4]) {
    let before = sandbox.counts();
    project.with(sandbox, "apply --yes --allow-deletes all").ok();
    project.is_settled();
    let spent: Vec<u64> = sandbox.counts().iter().zip(before).map(|(a, b)| a - b).collect();
    assert_eq!(spent, costs);
}

#[test]
fn replace_posts_the_new_one_before_it_deletes_the_old_one() {
    for kind in KINDS {
        let (project, sandbox) = (Project::new(&one(kind, "text: one")), Sandbox::start());
        applies(&project, &sandbox, [1, 0, 0, 0]);
        let old = sandbox.only_id();
        let sender = if kind == "pushed" { "support" } else { "desk" };
        project.rewrite(&one(kind, "text: one").replace("liz", sender));
        project.plans("replace", "note", "sender");
        applies(&project, &sandbox, [1, 0, 0, 1]);
        assert_eq!(sandbox.there(), there(kind, "one"));
        assert_ne!(sandbox.only_id(), old);
        let created = sandbox.created();
        let at = |n: usize, field: &str| created[n][field].as_i64().expect("a time");
        assert!(at(1, "createdAt") <= at(0, "deletedAt"), "{created:?}");
        // The other kind.
        let other = if kind == "pushed" { "agent" } else { "pushed" };
        project.rewrite(&one(other, "text: one"));
        project.plans("replace", "note", "kind");
        applies(&project, &sandbox, [1, 0, 0, 1]);
        assert_eq!(sandbox.there(), there(other, "one"));
    }
}

#[test]
fn a_message_that_is_gone_is_seen_by_a_refresh_and_sent_again() {
    for kind in KINDS {
        let (project, sandbox) = (Project::new(&one(kind, "text: one")), Sandbox::start());
        project.apply(&sandbox);
        sandbox.lose(kind, &sandbox.only_id());
        project.is_settled();
        project
            .with(&sandbox, "refresh")
            .ok()
            .says(&["gone: note@", "1 delivery verified: 1 gone"]);
        project.plans("resend", "note", "gone");
        applies(&project, &sandbox, [1, 0, 0, 0]);
        assert_eq!(sandbox.there(), there(kind, "one"));
    }
}

#[test]
fn a_message_that_is_gone_is_let_go_where_the_manifest_says_so() {
    for kind in KINDS {
        let yaml = one(kind, "text: one, on_missing: forget");
        let (project, sandbox) = (Project::new(&yaml), Sandbox::start());
        project.apply(&sandbox);
        sandbox.lose(kind, &sandbox.only_id());
        project.with(&sandbox, "refresh").ok();
        project.plans("forget", "note", "gone");
        applies(&project, &sandbox, [0, 0, 0, 0]);
        assert_eq!(sandbox.there(), []);
        // It stays away, until the manifest wants it back.
        project.rewrite(&one(kind, "text: one"));
        project.plans("resend", "note", "gone");
        applies(&project, &sandbox, [1, 0, 0, 0]);
    }
}

#[test]
fn a_text_that_was_changed_elsewhere_is_restored() {
    for kind in KINDS {
        let (project, sandbox) = (Project::new(&one(kind, "text: ours")), Sandbox::start());
        project.apply(&sandbox);
        sandbox.alter(kind, &sandbox.only_id(), "theirs");
        project.with(&sandbox, "refresh").ok().says(&["changed: note@"]);
        project.plans("restore", "note", "drift");
        project.run("plan").ok().says(&["[-theirs-]{+ours+}"]);
        applies(&project, &sandbox, [0, 0, 1, 0]);
        assert_eq!(sandbox.there(), there(kind, "ours"));
    }
}

#[test]
fn plan_and_apply_refresh_first_when_asked_to() {
    let (project, sandbox) = (Project::note("ours"), Sandbox::start());
    project.apply(&sandbox);
    sandbox.alter("pushed", &sandbox.only_id(), "theirs");
    let before = sandbox.counts();
    project.with(&sandbox, "plan --refresh --detailed-exitcode").exits(2).says(&["1 to restore"]);
    assert_eq!(sandbox.counts()[1] - before[1], 1);
    project.with(&sandbox, "apply --refresh --yes").ok();
    sandbox.holds(&[(ADA, "ours")]);
    assert_eq!(sandbox.counts()[1] - before[1], 2);
    // At most this number, the least recently verified ones.
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    project.apply(&sandbox);
    project.with(&sandbox, "plan --refresh=2").ok();
    assert_eq!(sandbox.counts()[1], 2);
    project.with(&sandbox, "refresh --max-requests 1").ok();
    let seen: std::collections::BTreeSet<_> =
        project.run("state list --format json").ok().json()["deliveries"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|d| d["verified_at"] == d["created_at"])
            .collect();
    assert_eq!(seen, [false].into(), "each was asked for once");
}

#[test]
fn an_update_of_what_is_gone_records_it_and_the_next_apply_sends_it_again() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.apply(&sandbox);
    sandbox.lose("pushed", &sandbox.only_id());
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    let ran = project.with(&sandbox, "apply --yes").wait();
    assert!(ran.status == 1 || ran.status == 0, "{ran:?}");
    project.plans("resend", "note", "gone");
    applies(&project, &sandbox, [1, 0, 0, 0]);
    sandbox.holds(&[(ADA, "two")]);
}

#[test]
fn deleting_what_is_gone_is_done() {
    for kind in KINDS {
        let (project, sandbox) = (Project::new(&one(kind, "text: one")), Sandbox::start());
        project.apply(&sandbox);
        sandbox.lose(kind, &sandbox.only_id());
        project.with(&sandbox, "apply --yes --destroy").ok().says(&["1 change in 1 request"]);
        project.run("plan --destroy --detailed-exitcode").exits(0);
    }
}

#[test]
fn what_is_removed_without_deleting_stays_there() {
    let (project, sandbox) = (Project::many(2), Sandbox::start());
    project.apply(&sandbox);
    project.rewrite(
        "messages: { m01: { from: support, to: ada, text: text 1 } }\nremoved: [{ key: m00, delete: false }]",
    );
    project.plans("forget", "m00", "removed");
    applies(&project, &sandbox, [0, 0, 0, 0]);
    sandbox.holds(&[(ADA, "text 0"), (ADA, "text 1")]);
    // With delete, it goes.
    let (project, sandbox) = (Project::many(2), Sandbox::start());
    project.apply(&sandbox);
    project.rewrite(
        "messages: { m01: { from: support, to: ada, text: text 1 } }\nremoved: [{ key: m00, delete: true }]",
    );
    project.plans("delete", "m00", "removed");
    applies(&project, &sandbox, [0, 0, 0, 1]);
    sandbox.holds(&[(ADA, "text 1")]);
}

#[test]
fn a_renamed_message_is_not_sent_again() {
    let (project, sandbox) = (
        Project::new("messages: { note: { from: support, to: team, text: hi } }"),
        Sandbox::start(),
    );
    project.apply(&sandbox);
    project.rewrite(
        "messages: { memo: { from: support, to: team, text: hi } }\nmoved: [{ from: note, to: memo }]",
    );
    assert_eq!(project.planned("").len(), 2);
    project.plans_all("move", "memo");
    applies(&project, &sandbox, [0, 0, 0, 0]);
    sandbox.holds(&[(ADA, "hi"), (BEN, "hi")]);
    project.run("state list").ok().says(&["memo@"]).never_says(&["note@"]);
}

#[test]
fn a_rename_with_a_new_text_is_a_rename_and_an_update() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.apply(&sandbox);
    project.rewrite(
        "messages: { memo: { from: support, to: ada, text: two } }\nmoved: [{ from: note, to: memo }]",
    );
    applies(&project, &sandbox, [0, 0, 1, 0]);
    sandbox.holds(&[(ADA, "two")]);
}

#[test]
fn a_message_that_exists_is_adopted_by_the_manifest_or_the_command() {
    for kind in KINDS {
        let sandbox = Sandbox::start();
        let id = sandbox.send(kind, ADA, "theirs");
        let block =
            format!("{}\nimport: [{{ to: note@{ADA}, id: {id} }}]", one(kind, "text: ours"));
        let project = Project::new(&block);
        project.plans("adopt", "note", "import");
        project.with(&sandbox, "apply --yes").ok();
        assert_eq!(sandbox.counts(), [1, 1, 0, 0], "a GET, beside the POST of the other program");
        assert_eq!(sandbox.there(), there(kind, "theirs"));
        // What differs is the next plan's.
        project.plans("update", "note", "text");
        applies(&project, &sandbox, [0, 0, 1, 0]);

        let (project, sandbox) = (Project::new(&one(kind, "text: ours")), Sandbox::start());
        let id = sandbox.send(kind, ADA, "ours");
        project.with(&sandbox, &format!("import note@{ADA} {id}")).ok().never_says(&[ADA]);
        project.is_settled();
        assert_eq!(sandbox.counts(), [1, 1, 0, 0]);
    }
}

#[test]
fn what_does_not_match_is_not_adopted() {
    let sandbox = Sandbox::start();
    let project = Project::new("messages: { note: { from: liz, to: team, text: hi } }");
    let pushed = sandbox.send("pushed", BEN, "for Ben");
    let agent = sandbox.send("agent", ADA, "of an agent");
    for (id, why) in [(&*pushed, "visitor"), (&*agent, ""), ("nothing", "")] {
        let ran = project.with(&sandbox, &format!("import note@{ADA} {id}")).exits(1);
        ran.warns(&["note@", why]).never_says(&[ADA, BEN]);
    }
    project.run("state list").wait();
    assert_eq!(project.planned("").len(), 2, "nothing was recorded");
    // As a block in the manifest, it fails and nothing else is held up.
    project.rewrite(&format!(
        "messages: {{ note: {{ from: liz, to: team, text: hi }} }}\nimport: [{{ to: note@{ADA}, id: {pushed} }}]"
    ));
    let document = project.with(&sandbox, "apply --yes --format json").exits(1).json();
    assert_eq!(document["failed"][0]["action"], "adopt");
    assert_eq!(document["applied"], 1);
    // What the manifest does not want cannot be adopted.
    project
        .with(&sandbox, &format!("import other@{ADA} {pushed}"))
        .exits(1)
        .warns(&["not in the manifest"]);
    // What is there already cannot be adopted again.
    project
        .with(&sandbox, &format!("import note@{BEN} {pushed}"))
        .exits(1)
        .warns(&["is in the state already"]);
}
