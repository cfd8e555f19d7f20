//! After each fault: the command ends with words, the next one works, and each message is there once.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use super::{
    commands::Scene,
    moments,
    shim::{self, Fault, Log},
};
use crate::support::Sandbox;

/// A command on a disk that fails at each of its moments.
fn survives(command: &'static str) {
    let Some(library) = shim::library() else { return };
    let sandbox = Sandbox::start();
    let mut number = 0;
    let mut scene = || {
        number += 1;
        Scene::new(&sandbox, command, number)
    };
    let calls = std::cell::RefCell::new(&mut scene);
    let faults = moments::faults(command, |call| {
        let (log, scene) = (Log::new(), (calls.borrow_mut())());
        let none = Fault { call, mode: "once", at: 0, error: 5 };
        log.on_bad_disk(scene.command(), none, library).exits(0);
        log.total()
    });
    let (mut injected, mut lost, mut longest) = (0, 0, Duration::ZERO);
    let mut statuses = std::collections::BTreeMap::new();
    let mut failures = Vec::new();
    for fault in faults {
        let (log, mut scene) = (Log::new(), scene());
        let start = Instant::now();
        let ran = log.on_bad_disk(scene.command(), fault, library).wait();
        longest = longest.max(start.elapsed());
        injected += usize::from(log.injected());
        *statuses.entry(ran.status).or_insert(0) += 1;
        if ![0, 1, 3, 4].contains(&ran.status) {
            failures.push(format!("{fault:?}: it ended with {}\n{}", ran.status, ran.err));
            continue;
        }
        if ran.status != 0 && ran.err.trim().is_empty() {
            failures.push(format!("{fault:?}: no words"));
        }
        for word in ["damaged", "panicked", "corrupt", "choose another", "defect"] {
            if ran.err.contains(word) {
                failures.push(format!("{fault:?}: it says {word:?}\n{}", ran.err));
            }
        }
        if fault.mode == "lost" {
            lost += scene.next_and_lose(&log);
        }
        if let Err(what) = scene.ends_well() {
            failures
                .push(format!("{fault:?}: {}, then {what}\nit had said\n{}", ran.status, ran.err));
        }
    }
    // Past what the test runner holds back.
    let _ = writeln!(
        std::io::stderr(),
        "{command}: {injected} faults, {lost} writes lost, statuses {statuses:?}, the longest took {longest:?}"
    );
    assert!(failures.is_empty(), "{} of {injected}:\n{}", failures.len(), failures.join("\n\n"));
    assert!(injected > 5, "{injected} faults");
}

#[test]
fn an_apply_that_creates_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("create");
}

#[test]
fn an_apply_that_changes_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("change");
}

#[test]
fn a_refresh_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("refresh");
}

#[test]
fn an_adoption_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("adopt");
}

#[test]
fn a_move_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("moved");
}

#[test]
fn a_resolution_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("resolve");
}

#[test]
fn an_import_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("import");
}

#[test]
fn a_migration_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("migrate");
}

#[test]
fn a_new_key_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("rekey");
}

#[test]
fn a_compaction_on_a_failing_disk_loses_and_repeats_nothing() {
    survives("compact");
}

#[test]
fn a_full_disk_is_told_as_one_at_the_first_opening() {
    let Some(library) = shim::library() else { return };
    let sandbox = Sandbox::start();
    for at in (1..=12).step_by(3) {
        let (log, mut scene) = (Log::new(), Scene::new(&sandbox, "create", 1000 + at));
        let at = u64::try_from(at).expect("is small");
        let full = Fault { call: "write", mode: "on", at, error: 28 };
        log.on_bad_disk(scene.command(), full, library)
            .exits(1)
            .warns(&["No space left on device", "bad-disk", "the disk is full: free space on it"])
            .never_says(&["damaged", "panicked", "--state DIR"]);
        scene.ends_well().unwrap_or_else(|what| panic!("write {at}: {what}"));
    }
}
