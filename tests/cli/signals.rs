//! Ctrl-C, SIGTERM, SIGKILL.

use std::collections::BTreeSet;

use crate::support::{Project, Sandbox, Waiting, until};

const MESSAGES: usize = 12;

fn slow() -> (Project, Sandbox) {
    (Project::many(MESSAGES), Sandbox::with("--latency 400ms"))
}

/// Every message is there exactly once.
fn each_once(sandbox: &Sandbox) {
    let texts: BTreeSet<_> = sandbox.there().into_iter().map(|(_, _, text)| text).collect();
    assert_eq!((texts.len(), sandbox.created().len()), (MESSAGES, MESSAGES));
}

#[test]
fn an_interrupted_run_awaits_what_is_under_way_and_the_next_completes_it() {
    for signal in ["INT", "TERM"] {
        let (project, sandbox) = slow();
        let running = project.with(&sandbox, "apply --yes --format json").start();
        until("three messages were created", || sandbox.created().len() >= 3);
        running.signal(signal);
        let ran = running.exits(3);
        let document = ran.json();
        ran.warns(&[
            "stopping: requests under way are awaited",
            "run this again to go on: pushsync apply",
        ]);
        assert_eq!(document["stopped"], "signal");
        assert_eq!(document["unknown"], serde_json::json!([]));
        let applied = document["applied"].as_u64().expect("a number");
        assert_eq!(applied, sandbox.created().len() as u64, "all that was sent is recorded");
        assert_eq!(document["remaining"], MESSAGES as u64 - applied);
        assert!(applied < MESSAGES as u64);
        project.apply(&sandbox);
        each_once(&sandbox);
    }
}

#[test]
fn a_second_signal_stops_at_once_and_what_was_under_way_is_unknown() {
    let (project, sandbox) = (Project::many(MESSAGES), Sandbox::with("--latency 30s"));
    let running = project.with(&sandbox, "apply --yes").start();
    until("a request is under way", || !sandbox.created().is_empty());
    running.signal("INT");
    // Both must be seen: the system merges signals that wait.
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.signal("INT");
    let ran = running.wait();
    assert_eq!(ran.status, 4, "{ran:?}");
    ran.warns(&["stopped at once", "state resolve"]);
    let planned = project.planned("");
    let unknown = planned.iter().filter(|(action, ..)| action == "unknown").count();
    assert_eq!(unknown, sandbox.created().len());
    assert_eq!(planned.len(), MESSAGES);
}

#[test]
fn a_killed_run_leaves_unknown_only_what_was_under_way() {
    let (project, sandbox) = slow();
    let running = project.with(&sandbox, "apply --yes").start();
    until("some were created", || sandbox.created().len() >= 6);
    running.signal("KILL");
    running.wait();
    let planned = project.planned("");
    let count = |wanted: &str| planned.iter().filter(|(action, ..)| action == wanted).count();
    let (unknown, create) = (count("unknown"), count("create"));
    assert!((1..=4).contains(&unknown), "as many as may be under way at once: {planned:?}");
    assert_eq!(planned.len(), unknown + create);
    // The history has what it had done, with the ids that the state has.
    let run = project.run("state history --format json").ok().json()["runs"][0].clone();
    assert_eq!(run["stopped"], "killed");
    let ids = |list: &serde_json::Value| {
        let all = list.as_array().expect("a list").iter();
        let all = all.filter_map(|entry| entry["id"].as_str().map(str::to_owned));
        all.collect::<std::collections::BTreeSet<_>>()
    };
    let state = project.run("state list --format json").ok().json();
    let (there, told) = (ids(&state["deliveries"]), ids(&run["changes"]));
    assert!(!there.is_empty() && there.is_subset(&told), "{there:?} {told:?}");
    // What was not begun is sent by the next run; what is unknown is not.
    project.with(&sandbox, "apply --yes").exits(4);
    assert!(sandbox.created().len() <= MESSAGES, "nothing twice");
    assert_eq!(project.planned("").len(), unknown);
}

#[test]
fn presence_and_the_sandbox_end_well_when_they_are_told_to() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    let running = project.with(&sandbox, "presence --from liz").start();
    until("the agent is online", || sandbox.total() == 1);
    running.signal("INT");
    running.exits(0).says(&["1 ping answered"]);
    let serving = project.run("sandbox --port 0").start();
    until("it runs", || std::path::Path::new(&format!("/proc/{}", serving.id())).exists());
    std::thread::sleep(std::time::Duration::from_millis(500));
    serving.signal("TERM");
    serving.exits(0).says(&["listening on http://127.0.0.1:"]);
}
