//! Clocks that are wrong: they block nothing, and say nothing of an order.

use std::time::Duration;

use jiff::SignedDuration;
use pushsync::{
    model::BudgetNote,
    state::{self, Access, CloseErrors, LockHolder, Mode, OpenOptions, Run, StateTarget, Write},
};

use crate::{
    budget::now,
    support::{Project, Sandbox},
};

/// Writes something into the state of a project, as a run with another clock does.
fn write(project: &Project, write: Write) {
    let holder = LockHolder {
        pid: std::process::id(),
        host: "this one".to_owned(),
        command: "a test".to_owned(),
        since: now(),
    };
    let options = OpenOptions {
        target: StateTarget::Folder(project.join("state")),
        environment: "default".to_owned(),
        mode: Mode::MustExist,
        access: Access::Write,
        holder,
        lock_timeout: Duration::ZERO,
        new_lineage: uuid::Uuid::nil(),
        now: now(),
        key: None,
        close_errors: CloseErrors::default(),
    };
    let store = state::open(options).expect("it opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(store.commit(vec![write])).expect("it commits");
}

#[test]
fn what_a_clock_said_that_was_ahead_blocks_nothing() {
    let hours = |hours: i64| SignedDuration::from_hours(hours);
    let days = 400 * 24;
    for (seen, resets, blocks) in [
        (days, days + 1, false),
        (days, 1, false),
        (1, 1, false),
        (-30, 30 * 24, false),
        (-days, days, false),
        (0, 30 * 24, true),
        (0, 1, true),
    ] {
        let (project, sandbox) = (Project::many(2), Sandbox::start());
        project.with(&sandbox, "apply --yes --target m00").ok();
        let (seen_at, resets_at) = (now() + hours(seen), now() + hours(resets));
        let known = BudgetNote {
            limit: 100,
            remaining: 0,
            resets_at,
            retry_at: None,
            seen_at,
            assumed: false,
        };
        write(&project, Write::Budget(known));
        let plan = project.run("plan --format json").ok().json();
        assert_eq!(plan["budget"]["fits"], !blocks, "{seen} h, {resets} h");
        let ran = project.with(&sandbox, "apply --yes").exits(if blocks { 3 } else { 0 });
        if blocks {
            ran.warns(&["only the state says so", "pushsync state forget-budget"]);
            assert!(plan["budget"]["resets_in_s"].as_u64().is_some_and(|left| left <= 3600));
        }
    }
}

#[test]
fn the_last_run_is_the_one_that_was_written_last() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    project.with(&sandbox, "apply --yes --target m00").ok();
    let started_at = now() + SignedDuration::from_hours(400 * 24);
    let ahead = Run {
        id: uuid::Uuid::from_u128(7),
        number: 2,
        command: "apply".to_owned(),
        started_at,
        ended_at: started_at,
        commit: None,
        dirty: false,
        files: None,
        requests: 7,
        approved: 0,
        stopped: Some("budget".to_owned()),
        changes: Vec::new(),
    };
    write(&project, Write::Run(Box::new(ahead)));
    project.with(&sandbox, "apply --yes --target m01").ok();
    let requests = |project: &Project| -> Vec<u64> {
        let history = project.run("state history --format json").ok().json();
        let runs = history["runs"].as_array().expect("runs").clone();
        runs.iter().map(|run| run["requests"].as_u64().expect("a number")).collect()
    };
    assert_eq!(requests(&project), [1, 7, 1]);
    project.run("state export backup.jsonl").ok();
    let again = Project::many(3);
    again.file("backup.jsonl", project.read("backup.jsonl"));
    again.run("state import backup.jsonl").ok();
    again.with(&sandbox, "refresh").ok();
    assert_eq!(requests(&again), [2, 1, 7, 1]);
}
