//! `plan`: what it says, in which words and documents, and that it asks nobody.

use serde_json::{Value, json};

use crate::support::{ADA, BEN, Fake, Project, Sandbox};

/// An applied project, and then a change of every kind that needs no other side.
fn changed(sandbox: &Sandbox) -> Project {
    let project = Project::new(
        "messages:\n  a: { from: support, to: ada, text: old words }\n  b: { from: support, to: ada, text: b }\n  \
         c: { from: support, to: ada, text: c }\n  d: { from: support, to: ada, text: d }\n  \
         e: { from: support, to: ada, text: e }\n  f: { from: support, to: ada, text: f }",
    );
    project.apply(sandbox);
    project.rewrite(
        "messages:\n  a: { from: support, to: ada, text: new words }\n  b: { from: liz, to: ada, text: b }\n  \
         dd: { from: support, to: ada, text: d }\n  f: { from: support, to: ada, text: f }\n  \
         new: { from: support, to: team, text: hello, priority: 5 }\n\
         moved: [{ from: d, to: dd }]\nremoved: [{ key: e, delete: false }]",
    );
    project
}

#[test]
fn a_plan_asks_nobody_and_needs_no_key() {
    let sandbox = Sandbox::start();
    let project = changed(&sandbox);
    let fake = Fake::untouched();
    for args in
        ["plan", "plan --format json", "plan --destroy", "plan --out p.json", "validate", "show a"]
    {
        project.run(args).env("BREVO_BASE_URL", fake.base_url()).ok();
    }
    assert_eq!(fake.asked().len(), 0);
}

#[test]
fn the_document_has_everything_that_the_contract_names() {
    let sandbox = Sandbox::start();
    let project = changed(&sandbox);
    let plan = project.run("plan --format json").ok().json();
    assert_eq!(plan["format"], "pushsync/plan/1");
    assert_eq!(plan["environment"], "default");
    let lineage = plan["state"]["lineage"].as_str().expect("a lineage");
    assert_eq!((lineage.len(), lineage.matches('-').count()), (36, 4));
    assert!(plan["state"]["serial"].as_u64() > Some(0));
    assert!(plan["as_of"].as_str().is_some_and(|at| at.ends_with('Z')));
    assert_eq!(
        plan["summary"],
        json!({ "create": 2, "update": 1, "replace": 1, "delete": 1, "resend": 0, "restore": 0,
            "forget": 1, "move": 1, "adopt": 0, "unknown": 0, "unchanged": 1, "requests": 6 })
    );
    let budget = plan["budget"].as_object().expect("a budget");
    assert!(["limit", "remaining", "resets_in_s"].iter().all(|field| budget[*field].is_u64()));
    assert_eq!(budget["fits"], true);
    assert_eq!(plan["diagnostics"], json!([]));
    let changes = plan["changes"].as_array().expect("changes");
    let seen: Vec<_> = changes
        .iter()
        .map(|c| {
            (
                c["action"].as_str().expect("text"),
                c["key"].as_str().expect("text"),
                c["reason"].as_str().expect("text"),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("move", "dd", "moved"),
            ("update", "a", "text"),
            ("replace", "b", "sender"),
            ("delete", "c", "not-in-manifest"),
            ("forget", "e", "removed"),
            ("create", "new", "new"),
            ("create", "new", "new"),
        ]
    );
    for change in changes {
        let key = change["key"].as_str().expect("a key");
        let visitor = change["visitor"].as_str().expect("a visitor");
        assert_eq!(change["address"], format!("{key}@{visitor}"));
        assert_eq!(change["kind"], "pushed");
        let action = change["action"].as_str().expect("an action");
        for (field, wanted) in [
            ("id", ["update", "delete", "forget", "move"].contains(&action)),
            ("source", !["delete", "forget"].contains(&action)),
            ("before", ["update", "replace", "delete", "forget"].contains(&action)),
            ("after", ["create", "update", "replace"].contains(&action)),
        ] {
            let there = change.get(field).is_some_and(|value| !value.is_null());
            if wanted {
                assert!(there, "{action} lacks {field}: {change}");
            }
        }
    }
    let update = &changes[1];
    assert_eq!(
        update["before"],
        json!({ "text": "old words", "from": { "group": "PjRBMhWGen6aRHjif" } })
    );
    assert_eq!(
        update["after"],
        json!({ "text": "new words", "from": { "group": "PjRBMhWGen6aRHjif" } })
    );
    assert_eq!(update["source"]["file"], "pushsync.yaml");
    assert_eq!(update["source"]["line"], 12);
    assert_eq!(changes[2]["after"]["from"], json!({ "agent": "d9nKoegKSjmCtyK78" }));
    // --out writes the same document.
    let saved = project.run("plan --out plan.json --format json").ok().json();
    let file: Value = serde_json::from_str(&project.read("plan.json")).expect("JSON");
    assert_eq!(saved, file);
}

#[test]
fn the_text_has_a_sign_for_each_action_a_word_diff_and_the_cost() {
    let sandbox = Sandbox::start();
    let project = changed(&sandbox);
    let plan = project.run("plan").ok();
    let text = plan.out.clone();
    plan.says(&[
        "[-old-]{+new+} words",
        "± 1 to replace",
        "- 1 to delete",
        "→ 1 to rename",
        "× 1 to forget",
    ])
    .says(&["+ 2 to create", "~ 1 to update", "1 unchanged", "6 requests;", "fits"])
    .says(&["[-support-]{+liz+}", "pushsync.yaml:12"])
    .never_says(&[ADA, BEN, "\u{1b}"]);
    assert!(text.lines().all(|line| line.trim_end().chars().count() <= 100), "{text}");
}

#[test]
fn more_requests_than_the_budget_has_are_told_as_a_time() {
    let project = Project::many(5);
    project.settings("limits: { requests_per_hour: 2 }", &crate::support::many(5, "text"));
    project.run("plan").ok().says(&["5 requests at 2 an hour: about 2 h"]);
    assert_eq!(project.run("plan --format json").ok().json()["budget"]["fits"], false);
}

#[test]
fn the_detailed_exit_status_is_2_for_changes_and_0_for_none() {
    let sandbox = Sandbox::start();
    let project = Project::note("hi");
    project.run("plan").exits(0);
    project.run("plan --detailed-exitcode").exits(2);
    project.run("plan --detailed-exitcode --format json").exits(2);
    project.run("plan --detailed-exitcode --out p.json").exits(2);
    project.with(&sandbox, "apply --yes").ok();
    project.run("plan --detailed-exitcode").exits(0);
    project.rewrite("messages: { note: { text: } }");
    project.run("plan --detailed-exitcode").exits(1);
}

#[test]
fn targets_are_keys_and_addresses_and_a_typo_is_told() {
    let project = Project::new(
        "messages:\n  one: { from: support, to: team, text: a }\n  two: { from: support, to: team, text: b }",
    );
    assert_eq!(project.planned("--target one").len(), 2);
    assert_eq!(project.planned(&format!("--target one@{BEN}")).len(), 1);
    assert_eq!(project.planned(&format!("--target one@{BEN} --target two")).len(), 3);
    project.run("plan --target oen").exits(1).warns(&["oen", "did you mean `one`?"]);
    let sandbox = Sandbox::start();
    project.with(&sandbox, "apply --yes --target two").ok();
    sandbox.holds(&[(ADA, "b"), (BEN, "b")]);
    // A message that is only in the state is a target, too.
    project.rewrite("messages: { one: { from: support, to: ada, text: a } }");
    assert_eq!(project.planned("--target two").len(), 2);
    assert_eq!(project.planned("--target one").len(), 1);
}

#[test]
fn an_address_that_names_nobody_is_a_typo_too() {
    let project = Project::note("hi");
    let typo = "adaMvWhf8npAu3H6qd57w2Hv6nh6rnxvQ";
    let ran = project.run(&format!("plan --target note@{typo}")).exits(1);
    ran.warns(&["note@", "neither the manifest nor the state"]).never_says(&[typo]);
}

#[test]
fn destroy_plans_to_delete_everything_that_the_state_has() {
    let sandbox = Sandbox::start();
    let project = Project::new("messages: { one: { from: support, to: team, text: a } }");
    project.run("plan --destroy --detailed-exitcode").exits(0);
    project.apply(&sandbox);
    let actions = project.planned("--destroy");
    assert!(actions.iter().all(|(action, _, reason)| action == "delete" && reason == "destroy"));
    project.with(&sandbox, &format!("apply --yes --destroy --target one@{BEN}")).ok();
    sandbox.holds(&[(ADA, "a")]);
    project.with(&sandbox, "apply --yes --destroy").ok();
    sandbox.holds(&[]);
    assert_eq!(sandbox.counts(), [2, 0, 0, 2]);
}

#[test]
fn windows_open_and_close_as_of_another_instant() {
    let sandbox = Sandbox::start();
    let project = Project::new(
        "messages:\n  sale:\n    from: support\n    to: ada\n    text: sale\n    \
         active: { from: 2990-01-01T00:00:00Z, until: 2990-02-01T00:00:00Z }",
    );
    assert_eq!(project.planned(""), []);
    assert_eq!(project.planned("--at 2990-01-01T00:00:00Z").len(), 1);
    assert_eq!(project.planned("--at 2990-02-01T00:00:00Z"), [], "until is not part of it");
    let plan = project.run("plan --at 2990-01-15T12:00:00+02:00 --format json").ok().json();
    assert_eq!(plan["as_of"], "2990-01-15T10:00:00Z");
    project.with(&sandbox, "apply --yes --at 2990-01-15T00:00:00Z").ok();
    sandbox.holds(&[(ADA, "sale")]);
    // Now, it should not be there.
    let changes = project.planned("");
    assert_eq!(changes, [("delete".into(), "sale".into(), "window-not-yet".into())]);
    let later = project.planned("--at 2991-01-01T00:00:00Z");
    assert_eq!(later, [("delete".into(), "sale".into(), "window-over".into())]);
    project.with(&sandbox, "apply --yes").ok();
    sandbox.holds(&[]);
}

#[test]
fn what_is_unchanged_is_listed_when_asked_for() {
    let sandbox = Sandbox::start();
    let project = Project::note("hi");
    project.apply(&sandbox);
    let id = sandbox.only_id();
    assert!(!project.run("plan").ok().out.contains(&id));
    project.run("plan --show-unchanged").ok().says(&["unchanged:", "note@", &id]);
    let plan = project.run("plan --show-unchanged --format json").ok().json();
    assert_eq!(plan["unchanged"][0]["address"], format!("note@{ADA}"));
}

#[test]
fn visitors_are_masked_unless_the_project_or_a_terminal_says_otherwise() {
    let sandbox = Sandbox::start();
    for (setting, masked) in [("auto", true), ("always", true), ("never", false)] {
        let project = Project::empty();
        project.settings(
            &format!("privacy: {{ mask_visitors: {setting} }}"),
            "messages: { note: { from: support, to: ada, text: hi } }",
        );
        let mut outputs = vec![project.run("plan").ok(), project.run("show note").ok()];
        outputs.push(project.with(&sandbox, "apply --yes -v").ok());
        outputs.push(project.run("state list").ok());
        outputs.push(project.run("state history").ok());
        outputs.push(project.run(&format!("state show note@{ADA}")).ok());
        outputs.push(project.run("plan --show-unchanged").ok());
        for ran in outputs {
            let all = format!("{}{}", ran.out, ran.err);
            assert_eq!(!all.contains(ADA), masked, "{setting}: {all}");
        }
        // JSON is complete.
        project.run("plan --show-unchanged --format json").ok().says(&[ADA]);
    }
}

#[test]
fn colours_are_for_terminals_and_for_anyone_who_asks() {
    let project = Project::note("hi");
    project.run("plan").ok().never_says(&["\u{1b}["]);
    project.run("plan --color always").ok().says(&["\u{1b}["]);
    project.run("plan --color always").env("NO_COLOR", "1").ok().says(&["\u{1b}["]);
    project.run("plan --color never").env("CLICOLOR_FORCE", "1").ok().never_says(&["\u{1b}["]);
    project
        .run("plan")
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "1")
        .ok()
        .never_says(&["\u{1b}["]);
    // JSON never has any.
    project.run("plan --color always --format json").ok().never_says(&["\u{1b}["]).json();
}
