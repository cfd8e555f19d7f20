//! How many requests each thing costs, counted where they arrive.

use std::collections::BTreeMap;

use crate::support::{ADA, BEN, Project, Sandbox, many};

/// What this costs by method: `[POST, GET, PUT, DELETE]`.
fn cost(sandbox: &Sandbox, what: impl FnOnce()) -> [u64; 4] {
    let (before, total) = (sandbox.counts(), sandbox.total());
    what();
    let after = sandbox.counts();
    let spent = [0, 1, 2, 3].map(|n| after[n] - before[n]);
    let all = sandbox.total() - total;
    assert_eq!(spent.iter().sum::<u64>(), all, "there were requests of another kind");
    spent
}

/// A project of one message that was sent.
fn sent() -> (Project, Sandbox) {
    let (project, sandbox) = (Project::new(&note("liz", "one")), Sandbox::start());
    project.apply(&sandbox);
    (project, sandbox)
}

fn note(from: &str, text: &str) -> String {
    format!("messages: {{ note: {{ from: {from}, to: ada, text: {text} }} }}")
}

/// Applies the one change that is planned.
fn applies(project: &Project, sandbox: &Sandbox, action: &str) -> [u64; 4] {
    let actions: Vec<_> = project.planned("").into_iter().map(|(action, ..)| action).collect();
    assert_eq!(actions, [action]);
    cost(sandbox, || {
        project.with(sandbox, "apply --yes --allow-deletes all").ok();
        project.is_settled();
    })
}

#[test]
fn a_create_is_one_post() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    assert_eq!(applies(&project, &sandbox, "create"), [1, 0, 0, 0]);
}

#[test]
fn an_update_is_one_put() {
    let (project, sandbox) = sent();
    project.rewrite(&note("liz", "two"));
    assert_eq!(applies(&project, &sandbox, "update"), [0, 0, 1, 0]);
}

#[test]
fn a_delete_is_one_delete() {
    let (project, sandbox) = sent();
    project.rewrite("removed: [{ key: note, delete: true }]");
    assert_eq!(applies(&project, &sandbox, "delete"), [0, 0, 0, 1]);
}

#[test]
fn a_resend_is_one_post() {
    let (project, sandbox) = sent();
    sandbox.lose("pushed", &sandbox.only_id());
    project.with(&sandbox, "refresh").ok();
    assert_eq!(applies(&project, &sandbox, "resend"), [1, 0, 0, 0]);
}

#[test]
fn a_restore_is_one_put() {
    let (project, sandbox) = sent();
    sandbox.alter("pushed", &sandbox.only_id(), "theirs");
    project.with(&sandbox, "refresh").ok();
    assert_eq!(applies(&project, &sandbox, "restore"), [0, 0, 1, 0]);
}

#[test]
fn an_adoption_is_one_get_by_the_manifest_and_by_the_command() {
    let sandbox = Sandbox::start();
    let id = sandbox.send("pushed", ADA, "one");
    let yaml = note("liz", "one");
    let project = Project::new(&format!("{yaml}\nimport: [{{ to: note@{ADA}, id: {id} }}]"));
    assert_eq!(applies(&project, &sandbox, "adopt"), [0, 1, 0, 0]);
    let project = Project::new(&yaml);
    let spent = cost(&sandbox, || {
        project.with(&sandbox, &format!("import note@{ADA} {id}")).ok();
        project.is_settled();
    });
    assert_eq!(spent, [0, 1, 0, 0]);
}

#[test]
fn a_replace_is_one_post_and_one_delete() {
    let (project, sandbox) = sent();
    project.rewrite(&note("support", "one"));
    assert_eq!(applies(&project, &sandbox, "replace"), [1, 0, 0, 1]);
}

#[test]
fn forgetting_and_moving_ask_for_nothing() {
    let (project, sandbox) = sent();
    project.rewrite("removed: [{ key: note, delete: false }]");
    assert_eq!(applies(&project, &sandbox, "forget"), [0; 4]);
    let (project, sandbox) = sent();
    let memo = note("liz", "one").replace("note", "memo");
    project.rewrite(&format!("{memo}\nmoved: [{{ from: note, to: memo }}]"));
    assert_eq!(applies(&project, &sandbox, "move"), [0; 4]);
}

#[test]
fn a_plan_and_every_look_ask_for_nothing() {
    let (project, sandbox) =
        (Project::new("messages: { note: { from: liz, to: team, text: one } }"), Sandbox::start());
    project.apply(&sandbox);
    // There is something to plan, too.
    project.rewrite("messages: { note: { from: liz, to: team, text: two } }");
    let address = format!("note@{ADA}");
    let spent = cost(&sandbox, || {
        for args in [
            "plan",
            "plan --format json",
            "plan --format markdown",
            "plan --format html",
            "plan --format github",
            "plan --destroy --show-unchanged",
            "plan --out saved.json",
            "show note",
            "show note --visitor",
            "validate",
            "state list",
            "state show",
            "state export",
            "state verify",
            "state compact",
            "state history",
            "state mv",
            "state rm",
        ] {
            let args = match args {
                "show note --visitor" => format!("{args} {ADA}"),
                "state show" => format!("{args} {address}"),
                "state mv" => format!("{args} {address} memo@{ADA}"),
                "state rm" => format!("{args} note@{BEN}"),
                _ => args.to_owned(),
            };
            project.with(&sandbox, &args).ok();
        }
    });
    assert_eq!(spent, [0; 4]);
}

#[test]
fn an_apply_of_nothing_asks_for_nothing() {
    let (project, sandbox) = sent();
    assert_eq!(cost(&sandbox, || drop(project.with(&sandbox, "apply --yes").ok())), [0; 4]);
}

#[test]
fn many_changes_of_all_kinds_cost_what_the_plan_says() {
    let (project, sandbox) = (Project::many(40), Sandbox::start());
    project.apply(&sandbox);
    let mut yaml = "messages:\n".to_owned();
    for n in 0..50 {
        let (from, text) = match n {
            0..10 => ("support", "text"),
            10..20 => ("support", "another text"),
            20..30 => ("liz", "text"),
            30..40 => continue,
            _ => ("support", "a new text"),
        };
        yaml += &format!("  m{n:02}: {{ from: {from}, to: ada, text: {text} {n} }}\n");
    }
    project.rewrite(&yaml);
    let planned = project.run("plan --format json").ok().json();
    let spent = cost(&sandbox, || {
        project.with(&sandbox, "apply --yes --allow-deletes all --concurrency 8").ok();
    });
    assert_eq!(spent, [10 + 10, 0, 10, 10 + 10]);
    assert_eq!(planned["summary"]["requests"], spent.iter().sum::<u64>());
    project.is_settled();
}

/// When each delivery was verified.
fn verified(project: &Project) -> BTreeMap<String, String> {
    let listed = project.run("state list --format json").ok().json();
    let all = listed["deliveries"].as_array().expect("a list");
    let word = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    all.iter().map(|d| (word(&d["address"]), word(&d["verified_at"]))).collect()
}

#[test]
fn a_refresh_of_few_requests_verifies_everything_in_turn() {
    const ALL: usize = 10;
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    // One at a time: of those that one run asks for, the oldest is verified first, too.
    project.settings("api: { concurrency: 1 }", &many(ALL, "text"));
    project.apply(&sandbox);
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    let mut known = verified(&project);
    for run in 1_usize..=10 {
        let spent = cost(&sandbox, || {
            // Status 3 would say that it was stopped: it did what it was asked for.
            project.with(&sandbox, "refresh --max-requests 3").ok();
        });
        assert_eq!(spent, [0, 3, 0, 0]);
        let now = verified(&project);
        let asked: Vec<_> = now.iter().filter(|(name, at)| known[*name] != **at).collect();
        assert_eq!(asked.len(), 3, "each request was for another delivery");
        // Nothing that was left alone is older than what was asked for.
        let youngest = asked.iter().map(|(name, _)| &known[*name]).max();
        let others = now.iter().filter(|(name, at)| known[*name] == **at).map(|(_, at)| at);
        assert!(youngest <= others.min(), "run {run}: {known:?}, then {now:?}");
        for (name, _) in asked {
            *times.entry(name.clone()).or_default() += 1;
        }
        let all = (0..ALL).map(|n| times.get(&format!("m{n:02}@{ADA}")).copied().unwrap_or(0));
        let (least, most) = (all.clone().min(), all.max());
        assert!(most <= least.map(|n| n + 1), "one was asked for again too early: {times:?}");
        known = now;
    }
    assert_eq!(times.values().copied().collect::<Vec<_>>(), [3; ALL], "30 requests, 3 for each");
}

#[test]
fn a_refresh_before_a_plan_or_an_apply_costs_one_get_for_each_delivery_asked_for() {
    let (project, sandbox) = (Project::many(5), Sandbox::start());
    project.apply(&sandbox);
    for (args, gets) in
        [("plan --refresh", 5), ("plan --refresh=2", 2), ("apply --yes --refresh=3", 3)]
    {
        let spent = cost(&sandbox, || drop(project.with(&sandbox, args).ok()));
        assert_eq!(spent, [0, gets, 0, 0], "{args}");
    }
}
