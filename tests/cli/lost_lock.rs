//! The lock of a folder vanishes while an apply is under way: a clean-up job removes its file, something writes
//! another one in its place, or the whole folder is moved away and made anew.

use std::fs;

use crate::support::{Project, Ran, Running, Sandbox, many, until};

const CREATES: usize = 60;

/// An apply of many creates, in the middle, and suspended: it lives on for as long as the test wants.
fn in_the_middle(sandbox: &Sandbox, project: &Project) -> Running {
    let before = sandbox.created().len();
    let running = project.with(sandbox, "apply --yes --concurrency 2").start();
    until("the first messages are there", || sandbox.created().len() > before + 5);
    running.signal("STOP");
    running
}

/// A second apply while the first one lives: it is refused. Then the first one goes on.
fn is_refused(sandbox: &Sandbox, project: &Project, first: &Running) {
    project
        .with(sandbox, "apply --yes")
        .exits(1)
        .warns(&["is in use by"])
        .never_says(&["damaged", "panicked"]);
    first.signal("CONT");
}

/// The first apply has stopped with words, and the next one completes it: each message once.
fn ends_well(sandbox: &Sandbox, project: &Project, first: &Ran, says: &str) {
    assert_eq!(first.status, 1, "{}\n{}", first.out, first.err);
    for part in [says, "Nothing more is sent", "everything that was committed is safe"] {
        assert!(first.err.contains(part), "no {part:?} in {}", first.err);
    }
    assert!(sandbox.created().len() < CREATES, "it has stopped sending");
    project.run("state verify").ok();
    project.apply(sandbox);
    once(sandbox);
}

/// Each message was created once, whatever became of it.
fn once(sandbox: &Sandbox) {
    let mut texts: Vec<_> = sandbox
        .created()
        .iter()
        .map(|message| message["text"].as_str().expect("a text").to_owned())
        .collect();
    texts.sort();
    texts.dedup();
    assert_eq!((texts.len(), sandbox.created().len()), (CREATES, CREATES));
}

#[test]
fn a_second_apply_never_gets_a_state_whose_lock_file_was_removed_under_the_first() {
    let sandbox = Sandbox::with("--latency 40ms");
    let project = Project::new(&many(CREATES, "removed"));
    let first = in_the_middle(&sandbox, &project);
    fs::remove_file(project.join("state/pushsync.lock")).expect("is there");
    is_refused(&sandbox, &project, &first);
    ends_well(&sandbox, &project, &first.wait(), "its pushsync.lock was removed or replaced");
}

#[test]
fn a_second_apply_never_gets_a_state_whose_lock_file_was_replaced_under_the_first() {
    let sandbox = Sandbox::with("--latency 40ms");
    let project = Project::new(&many(CREATES, "replaced"));
    let first = in_the_middle(&sandbox, &project);
    project.file("state/other", "not a note");
    fs::rename(project.join("state/other"), project.join("state/pushsync.lock")).expect("replaces");
    is_refused(&sandbox, &project, &first);
    ends_well(&sandbox, &project, &first.wait(), "its pushsync.lock was removed or replaced");
}

#[test]
fn an_apply_of_updates_stops_as_well_when_its_lock_file_is_removed() {
    let sandbox = Sandbox::with("--latency 40ms");
    let project = Project::new(&many(CREATES, "one"));
    project.with(&sandbox, "apply --yes --concurrency 30").ok();
    project.rewrite(&many(CREATES, "two"));
    let changed = || sandbox.there().iter().filter(|(_, _, text)| text.starts_with("two")).count();
    let first = project.with(&sandbox, "apply --yes --concurrency 2").start();
    until("the first updates are there", || changed() > 5);
    first.signal("STOP");
    fs::remove_file(project.join("state/pushsync.lock")).expect("is there");
    is_refused(&sandbox, &project, &first);
    let first = first.wait();
    assert_eq!(first.status, 1, "{}", first.err);
    assert!(first.err.contains("Nothing more is sent"), "{}", first.err);
    assert!(changed() < CREATES, "it has stopped sending");
    project.apply(&sandbox);
    assert_eq!((changed(), sandbox.created().len()), (CREATES, CREATES));
}

#[test]
fn a_second_apply_that_waits_gets_the_state_when_the_first_has_ended() {
    let sandbox = Sandbox::with("--latency 40ms");
    let project = Project::new(&many(CREATES, "waits"));
    let first = in_the_middle(&sandbox, &project);
    fs::remove_file(project.join("state/pushsync.lock")).expect("is there");
    let second = project.with(&sandbox, "apply --yes --lock-timeout 60s").start();
    first.signal("CONT");
    assert_eq!(first.wait().status, 1);
    let second = second.wait();
    assert_eq!(second.status, 0, "{}", second.err);
    once(&sandbox);
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_apply_makes_no_state_where_the_folder_was_moved_away_under_the_first() {
    let sandbox = Sandbox::with("--latency 40ms");
    for made_anew in [false, true] {
        let project = Project::new(&many(CREATES, &format!("moved {made_anew}")));
        let before = sandbox.created().len();
        let first = in_the_middle(&sandbox, &project);
        fs::rename(project.join("state"), project.join("away")).expect("is moved");
        // Otherwise it would miss the state that the file names.
        fs::remove_file(project.join("pushsync.lock")).expect("is there");
        if made_anew {
            fs::create_dir(project.join("state")).expect("is made");
        }
        is_refused(&sandbox, &project, &first);
        let first = first.wait();
        assert_eq!(first.status, 1, "{}", first.err);
        assert!(first.err.contains("its folder was moved, removed or replaced"), "{}", first.err);
        assert!(sandbox.created().len() < before + CREATES, "it has stopped sending");
        // What the words say.
        for entry in fs::read_dir(project.join("state")).into_iter().flatten() {
            let entry = entry.expect("can be read");
            let name = entry.file_name();
            assert!(name.to_string_lossy().starts_with("unrecorded-"), "{name:?}");
            fs::rename(entry.path(), project.join("away").join(name)).expect("is moved");
        }
        let _there = fs::remove_dir(project.join("state"));
        fs::rename(project.join("away"), project.join("state")).expect("is moved back");
        project.run("state verify").ok();
        project.apply(&sandbox);
        assert_eq!(sandbox.created().len(), before + CREATES, "each message once");
    }
}
