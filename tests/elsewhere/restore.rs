//! Older states of a bucket, and locks that were left behind.

use crate::{
    bucket,
    moving::Reaching,
    support::{Project, Sandbox},
};

#[test]
fn an_older_snapshot_is_listed_and_brought_back() {
    let Some(server) = bucket::server::get() else { return };
    let place = server.place();
    let state = format!("s3://{}/{}", place.bucket, place.prefix);
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    let run = |args: &str| project.with(&sandbox, args).at(&state).reaching(&place);
    run("apply --yes").ok();
    // Snapshots are made when enough has been written, and before one is brought back.
    let list = || run("state restore --format json").ok().json()["snapshots"].clone();
    let first = list()[0]["name"].as_str().expect("a name").to_owned();
    run("state restore").ok().says(&[&first]).warns(&["state restore NAME"]);
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    run("apply --yes").ok();
    let said = run("state restore").arg(&first).ok();
    assert!(said.err.contains("read the plan before you apply it"), "{}", said.err);
    assert!(list().as_array().expect("a list").len() >= 2, "what was there is kept");
    run("state verify").ok().says(&["all is well"]);
    // What was there became a snapshot before.
    let serial = |one: &serde_json::Value| one["serial"].as_u64().expect("a number");
    let all = list();
    let mut all: Vec<_> = all.as_array().expect("a list").iter().collect();
    all.sort_by_key(|one| std::cmp::Reverse(serial(one)));
    let left = all[1]["name"].as_str().expect("a name").to_owned();
    run("state restore").arg(&left).ok();
    run("plan --detailed-exitcode").exits(0);
    run("state restore").arg("00-nonsense").exits(1).warns(&["00-nonsense"]);
}

#[test]
fn a_lock_that_a_killed_run_left_is_told_and_broken_only_by_force() {
    let Some(server) = bucket::server::get() else { return };
    let place = server.place();
    let state = format!("s3://{}/{}", place.bucket, place.prefix);
    let (project, sandbox) = (Project::many(8), Sandbox::with("--latency 300ms"));
    let run = |args: &str| project.with(&sandbox, args).at(&state).reaching(&place);
    let running = run("apply --yes --concurrency 1").start();
    crate::support::until("it has begun", || !sandbox.created().is_empty());
    running.signal("KILL");
    running.wait();
    run("apply --yes").exits(1).warns(&["in use by", "--lock-timeout"]);
    // Who looks does not need the lock.
    run("plan").exits(0);
    run("state unlock").exits(1).warns(&["is held by", "its lease runs until", "--force"]);
    let broken = run("state unlock --force").ok();
    assert!(broken.err.contains("broke the lock of"), "{}", broken.err);
    run("state unlock").ok().warns(&["nobody holds"]);
    let applied = run("apply --yes").wait();
    assert!([0, 4].contains(&applied.status), "{}", applied.err);
    assert!(sandbox.created().len() <= 8, "nothing twice");
}

#[test]
fn other_stores_say_why_there_is_nothing_to_break_or_to_bring_back() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.apply(&sandbox);
    project.run("state unlock --force").exits(1).warns(&["goes with its process"]);
    project.run("state restore").ok().warns(&["there is no automatic export yet"]);
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    project.apply(&sandbox);
    project.run("state restore").ok().says(&["backups"]).warns(&["1 export", "state import FILE"]);
    project
        .run("plan --state mysql://me:secret@h/d")
        .exits(1)
        .warns(&["no store for mysql"])
        .never_says(&["secret"]);
}
