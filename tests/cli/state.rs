//! `state …`, damage, and two processes at once.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{ADA, BEN, Project, Sandbox, Waiting, until};

fn applied() -> (Project, Sandbox) {
    let project = Project::new(
        "messages:\n  b: { from: support, to: team, text: for all }\n  a: { from: liz, to: ada, text: for Ada }",
    );
    let sandbox = Sandbox::start();
    project.apply(&sandbox);
    (project, sandbox)
}

#[test]
fn what_was_sent_can_be_listed_and_looked_at() {
    let (project, _sandbox) = applied();
    let list = project.run("state list").ok();
    let keys: Vec<_> = list.out.lines().map(|line| &line[..2]).collect();
    assert_eq!(keys, ["a@", "b@", "b@"]);
    assert_eq!(project.run("state list a").ok().out.lines().count(), 1);
    assert_eq!(project.run(&format!("state list b@{BEN}")).ok().out.lines().count(), 1);
    let json = project.run("state list --format json").ok().json();
    let deliveries = json["deliveries"].as_array().expect("a list");
    assert_eq!(deliveries.len(), 3);
    assert_eq!(deliveries[0]["address"], format!("a@{ADA}"));
    assert_eq!(deliveries[0]["text"], "for Ada");
    assert_eq!(deliveries[0]["status"], "ok");
    project.run(&format!("state show a@{ADA}")).ok().says(&["for Ada", "agent d9nKoegKSjmCtyK78"]);
    let one = project.run(&format!("state show a@{ADA} --format json")).ok().json();
    assert_eq!(one["id"], deliveries[0]["id"]);
    project.run(&format!("state show nope@{ADA}")).exits(1).warns(&["the state has no nope@"]);
}

#[test]
fn what_is_forgotten_stays_there_and_is_sent_again_if_wanted() {
    let (project, sandbox) = applied();
    let before = sandbox.total();
    project.run(&format!("state rm a@{ADA} b@{BEN}")).ok().never_says(&[ADA, BEN]);
    assert_eq!(sandbox.total(), before);
    assert_eq!(project.planned("").len(), 2);
    project.run(&format!("state rm a@{ADA}")).exits(1);
    // All or nothing.
    project.run(&format!("state rm b@{ADA} a@{ADA}")).exits(1);
    project.run(&format!("state show b@{ADA}")).ok();
}

#[test]
fn a_delivery_can_be_renamed_but_not_change_hands() {
    let (project, sandbox) = applied();
    let before = sandbox.total();
    project.run(&format!("state mv a@{ADA} c@{BEN}")).exits(1).warns(&["cannot change hands"]);
    project.run(&format!("state mv a@{ADA} b@{ADA}")).exits(1).warns(&["already"]);
    project.run(&format!("state mv z@{ADA} y@{ADA}")).exits(1);
    project.run(&format!("state mv a@{ADA} c@{ADA}")).ok();
    project.rewrite(
        "messages:\n  b: { from: support, to: team, text: for all }\n  c: { from: liz, to: ada, text: for Ada }",
    );
    project.is_settled();
    assert_eq!(sandbox.total(), before);
}

#[test]
fn an_export_is_private_sorted_the_same_each_time_and_can_be_read_back() {
    let (project, sandbox) = applied();
    project.run("state export one.jsonl").ok();
    let mode = fs::metadata(project.join("one.jsonl")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let export = project.read("one.jsonl");
    assert_eq!(project.run("state export").ok().out, export);
    let addresses: Vec<String> = export
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .filter_map(|line| Some(line["record"]["address"].as_str()?.to_owned()))
        .collect();
    assert_eq!(addresses, [format!("a@{ADA}"), format!("b@{ADA}"), format!("b@{BEN}")]);
    // Not into a state that has something.
    project.run("state import one.jsonl").exits(1).warns(&["empty"]);
    // Into an empty one: nothing is left to do, and nothing was sent for it.
    let before = sandbox.total();
    project.run("state import one.jsonl --state copy").ok();
    project.run("plan --state copy --detailed-exitcode").exits(0);
    project.run("state import - --state piped").stdin(export.clone()).ok();
    project.run("plan --state piped --detailed-exitcode").exits(0);
    assert_eq!(sandbox.total(), before);
    // What is torn or changed is refused whole.
    let torn = export.lines().take(2).collect::<Vec<_>>().join("\n");
    project.file("torn.jsonl", torn);
    project.run("state import torn.jsonl --state t1").exits(1);
    project.file("changed.jsonl", export.replace("for Ada", "for Eve"));
    project.run("state import changed.jsonl --state t2").exits(1);
    project.file("other.jsonl", "hello\n");
    project.run("state import other.jsonl --state t3").exits(1);
    project.run("state import missing.jsonl --state t4").exits(1).warns(&["missing.jsonl"]);
    for state in ["t1", "t2", "t3"] {
        let ran = project.run(&format!("state list --state {state}")).wait();
        assert_eq!(ran.out, "", "nothing half-read: {state}");
    }
    // An export of another environment is not taken for this one's.
    let ran = project.run("state import one.jsonl --sandbox --state sand").wait();
    assert_eq!(ran.status, 1, "{ran:?}");
}

#[test]
fn the_files_of_the_state_are_private() {
    let (project, _sandbox) = applied();
    let mut folders = vec![project.join("state")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let mode = fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}

#[test]
fn verify_is_content_with_a_good_store_and_a_damaged_one_is_never_taken_for_empty() {
    let (project, sandbox) = applied();
    project.run("state verify").ok().says(&["3 records", "all is well"]);
    let before = sandbox.total();
    let database = project.join("state/sled/db");
    let good = fs::read(&database).expect("the store");
    let len = good.len();
    let mut flipped = good.clone();
    let used = good.iter().rposition(|byte| *byte != 0).expect("something is in it");
    for byte in &mut flipped[used / 4..used / 2] {
        *byte ^= 0x55;
    }
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("half", good[..len / 2].to_vec()),
        ("zeros", vec![0; len]),
        ("flipped", flipped),
    ] {
        fs::write(&database, &bytes).expect("writable");
        for args in ["plan", "state list", "apply --yes", "state verify", "state export"] {
            let ran = project.with(&sandbox, args).wait();
            if ran.status == 0 {
                // It may not have read the damaged bytes; then all is as it was.
                assert!(!ran.out.contains("to create"), "{what}: {args}: {ran:?}");
            } else {
                assert_eq!(ran.status, 1, "{what}: {args}: {ran:?}");
                assert!(
                    ran.err.contains("error:") && !ran.err.contains("panicked"),
                    "{what}: {args}: {ran:?}"
                );
            }
        }
        assert_eq!(sandbox.total(), before, "{what}");
    }
    fs::remove_dir_all(project.join("state/sled")).expect("removable");
    project.with(&sandbox, "apply --yes").exits(1);
    assert_eq!(sandbox.total(), before);
}

#[test]
fn history_says_what_was_done_when_and_by_which_commit() {
    let (project, sandbox) = applied();
    project.rewrite(
        "messages:\n  b: { from: support, to: team, text: new }\n  a: { from: liz, to: ada, text: for Ada }",
    );
    project.apply(&sandbox);
    let history = project.run("state history --format json").ok().json();
    let runs = history["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["changes"][0]["action"], "update", "the newest first");
    assert_eq!(runs[1]["changes"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        project.run("state history --limit 1 --format json").ok().json()["runs"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    project.run("state history a").ok().says(&["create a@", "done"]).never_says(&["update", "b@"]);
    // With a repository.
    project.git("init -q");
    project.git("add pushsync.yaml");
    project.git("commit -qm x");
    project.rewrite(
        "messages:\n  b: { from: support, to: team, text: newer }\n  a: { from: liz, to: ada, text: for Ada }",
    );
    project.apply(&sandbox);
    let run = project.run("state history --limit 1 --format json").ok().json()["runs"][0].clone();
    assert_eq!(run["commit"].as_str().map(str::len), Some(40));
    assert_eq!(run["dirty"], true);
    project.run("state history --limit 1").ok().says(&["with changes"]);
}

#[test]
fn a_second_process_is_told_who_holds_the_state_or_waits() {
    let (project, sandbox) = (Project::many(8), Sandbox::with("--latency 500ms"));
    let first = project.with(&sandbox, "apply --yes").start();
    until("it is at work", || !sandbox.created().is_empty());
    for args in ["apply --yes", "refresh", "state rm m00@x"] {
        let ran = project.with(&sandbox, args).exits(1);
        ran.warns(&["`pushsync apply`", &format!("process {}", first.id()), " on ", "since "]);
    }
    let second = project.with(&sandbox, "apply --yes --lock-timeout 1m").start();
    first.exits(0);
    second.exits(0).says(&["No changes"]);
    assert_eq!(sandbox.created().len(), 8);
}

#[test]
fn plans_at_the_same_time_do_not_hinder_each_other() {
    let (project, _sandbox) = applied();
    let plans: Vec<_> = (0..6).map(|_| project.run("plan --detailed-exitcode").start()).collect();
    for plan in plans {
        plan.exits(0);
    }
}
