//! Rollouts that take several runs: what was approved is carried out by `apply --resume`, and nothing else is,
//! whatever is reviewed and merged meanwhile.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Project, Run, Sandbox};

/// Visitors of the audience `all`.
const ALL: usize = 9;

/// A project with the audience `all` and these messages.
fn project(messages: &str) -> Project {
    let project = Project::empty();
    write(&project, messages);
    project
}

/// Writes the messages anew, as a merge does.
fn write(project: &Project, messages: &str) {
    let visitors: Vec<_> = (0..ALL).map(visitor).collect();
    let all = format!("all: {{ visitors: [{}] }}", visitors.join(", "));
    let yaml = format!("version: 1\naudiences: {{ {all} }}\nmessages: {{ {messages} }}\n");
    project.file("pushsync.yaml", yaml);
}

fn visitor(n: usize) -> String {
    format!("visitor{n:02}XvRt8npAu3H6qd57w2Hv6nh6r")
}

fn plan(project: &Project, sandbox: &Sandbox) -> Value {
    project.with(sandbox, "plan --format json").ok().json()
}

fn review(project: &Project, sandbox: &Sandbox) -> String {
    plan(project, sandbox)["review"].as_str().expect("a digest").to_owned()
}

/// How many messages with each text are there.
fn texts(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let mut texts = BTreeMap::new();
    for (_, _, text) in sandbox.there() {
        *texts.entry(text).or_default() += 1;
    }
    texts
}

fn holds(sandbox: &Sandbox, expected: &[(&str, usize)]) {
    let expected = expected.iter().map(|(text, count)| ((*text).to_owned(), *count));
    assert_eq!(texts(sandbox), expected.collect());
}

fn reviewed(project: &Project, sandbox: &Sandbox, digest: &str, bounds: &str) -> Run {
    project.with(sandbox, &format!("apply --reviewed {digest} {bounds}"))
}

fn resume(project: &Project, sandbox: &Sandbox, bounds: &str) -> Run {
    project.with(sandbox, &format!("apply --resume {bounds}"))
}

/// In a run of which the clock is ahead by this number of days.
fn in_days(run: Run, days: i64) -> Run {
    run.env("PUSHSYNC_CLOCK_AHEAD", (days * 24 * 3600).to_string())
}

/// An instant in this number of days, as YAML has it.
fn days_from_now(days: i64) -> String {
    (crate::budget::now() + jiff::SignedDuration::from_hours(24 * days)).to_string()
}

#[test]
fn a_second_request_in_the_middle_of_a_rollout_keeps_its_review_and_is_applied() {
    let (one, two) = ("launch: { to: all, text: Launch }", "news: { to: all, text: News }");
    let (project, sandbox) = (project(one), Sandbox::start());
    let first = review(&project, &sandbox);
    reviewed(&project, &sandbox, &first, "--max-requests 3").exits(3);
    // The second request is reviewed while the first rollout goes on.
    write(&project, &format!("{one}, {two}"));
    let second = review(&project, &sandbox);
    assert_ne!(second, first);
    write(&project, one);
    resume(&project, &sandbox, "--max-requests 2").exits(3);
    holds(&sandbox, &[("Launch", 5)]);
    write(&project, &format!("{one}, {two}"));
    assert_eq!(review(&project, &sandbox), second);
    let shown = plan(&project, &sandbox);
    assert_eq!(shown["summary"]["approved"], 4);
    // A scheduled run between the merge and its apply sends nothing that is not approved.
    let told = resume(&project, &sandbox, "--max-requests 1 --format json").exits(3).json();
    assert_eq!((&told["applied"], &told["unapproved"]), (&1.into(), &9.into()));
    holds(&sandbox, &[("Launch", 6)]);
    // What the first one asked for is under way; what the second one asks for is approved now.
    reviewed(&project, &sandbox, &second, "--max-requests 5").exits(3);
    resume(&project, &sandbox, "").ok();
    holds(&sandbox, &[("Launch", 9), ("News", 9)]);
    resume(&project, &sandbox, "").ok();
    assert!(
        project.run("state approvals --format json").ok().json()["approvals"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
}

#[test]
fn a_text_that_changes_in_the_middle_of_a_rollout_is_reviewed_once_and_reaches_everybody_once() {
    let (project, sandbox) = (project("launch: { to: all, text: Frist }"), Sandbox::start());
    let first = review(&project, &sandbox);
    reviewed(&project, &sandbox, &first, "--max-requests 4").exits(3);
    write(&project, "launch: { to: all, text: First }");
    let second = review(&project, &sandbox);
    // More of the first is sent while the second is reviewed: that changes nothing of it.
    write(&project, "launch: { to: all, text: Frist }");
    resume(&project, &sandbox, "--max-requests 2").exits(3);
    write(&project, "launch: { to: all, text: First }");
    assert_eq!(review(&project, &sandbox), second);
    // Until it is approved, neither text is sent.
    let told = resume(&project, &sandbox, "").ok();
    told.warns(&["3 approvals of launch end", "nobody has agreed"]);
    holds(&sandbox, &[("Frist", 6)]);
    assert_eq!(review(&project, &sandbox), second);
    reviewed(&project, &sandbox, &second, "").ok();
    holds(&sandbox, &[("First", 9)]);
    assert_eq!(sandbox.created().len(), 9);
}

#[test]
fn an_approved_window_opens_and_closes_by_resume_alone() {
    let (from, until) = (days_from_now(7), days_from_now(20));
    let message = |text| {
        format!("sale: {{ to: all, text: {text}, active: {{ from: {from}, until: {until} }} }}")
    };
    let (project, sandbox) = (project(&message("Sale")), Sandbox::start());
    let shown = plan(&project, &sandbox);
    let later = &shown["later"][0];
    assert_eq!((&later["key"], &later["visitors"]), (&"sale".into(), &9.into()));
    assert_eq!(shown["changes"].as_array().map(Vec::len), Some(0));
    let digest = review(&project, &sandbox);
    reviewed(&project, &sandbox, &digest, "").ok();
    resume(&project, &sandbox, "").ok();
    holds(&sandbox, &[]);
    // The review does not change when the window opens; a text that nobody has reviewed is not sent.
    write(&project, &message("Sole"));
    in_days(resume(&project, &sandbox, ""), 8).ok().warns(&["9 deliveries are left out"]);
    holds(&sandbox, &[]);
    write(&project, &message("Sale"));
    let digest = review(&project, &sandbox);
    reviewed(&project, &sandbox, &digest, "").ok();
    in_days(resume(&project, &sandbox, "--max-requests 4"), 8).exits(3);
    in_days(resume(&project, &sandbox, ""), 9).ok();
    holds(&sandbox, &[("Sale", 9)]);
    in_days(resume(&project, &sandbox, ""), 19).ok();
    holds(&sandbox, &[("Sale", 9)]);
    // Nine of nine go: that is what was said.
    in_days(resume(&project, &sandbox, ""), 21).ok();
    holds(&sandbox, &[]);
    assert_eq!(sandbox.created().len(), 9);
}

#[test]
fn a_reviewed_revert_of_a_launch_is_applied_in_the_middle_of_its_rollout() {
    let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
    let launch = review(&project, &sandbox);
    reviewed(&project, &sandbox, &launch, "--max-requests 7").exits(3);
    write(&project, "");
    let revert = review(&project, &sandbox);
    write(&project, "launch: { to: all, text: Launch }");
    resume(&project, &sandbox, "--max-requests 1").exits(3);
    write(&project, "");
    assert_eq!(review(&project, &sandbox), revert);
    // Without a review it may be a mistake.
    project.with(&sandbox, "apply --yes").exits(1).warns(&["all would be deleted"]);
    reviewed(&project, &sandbox, &revert, "--max-requests 3").exits(3);
    resume(&project, &sandbox, "").ok();
    holds(&sandbox, &[]);
    assert_eq!(sandbox.created().len(), 8);
}

#[test]
fn an_edited_file_that_nobody_reviewed_is_neither_applied_nor_resumed() {
    let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
    let launch = review(&project, &sandbox);
    write(&project, "launch: { to: all, text: Lunch }, more: { to: all, text: More }");
    reviewed(&project, &sandbox, &launch, "")
        .exits(1)
        .warns(&["otherwise: launch (9 deliveries)", "new: more (9 deliveries)"]);
    write(&project, "launch: { to: all, text: Launch }");
    reviewed(&project, &sandbox, &launch, "--max-requests 2").exits(3);
    let before = sandbox.total();
    write(&project, "launch: { to: all, text: Lunch }");
    resume(&project, &sandbox, "").ok().warns(&["7 approvals of launch end"]);
    assert_eq!(sandbox.total(), before);
    // Its approval is gone for good.
    write(&project, "launch: { to: all, text: Launch }");
    resume(&project, &sandbox, "").ok().warns(&["7 deliveries are left out"]);
    assert_eq!(sandbox.total(), before);
}

#[test]
fn three_merges_in_a_row_are_applied_each_by_its_own_review() {
    let (project, sandbox) = (project(""), Sandbox::start());
    let messages = ["one", "two", "three"].map(|key| format!("{key}: {{ to: all, text: {key} }}"));
    // Each request is reviewed on its own branch, before any of them is merged.
    let reviews = messages.clone().map(|message| {
        write(&project, &message);
        review(&project, &sandbox)
    });
    for (merged, digest) in reviews.iter().enumerate() {
        write(&project, &messages[..=merged].join(", "));
        reviewed(&project, &sandbox, digest, "--max-requests 2").exits(3);
    }
    // The same job, run again, goes on.
    reviewed(&project, &sandbox, &reviews[2], "--max-requests 4").exits(3);
    resume(&project, &sandbox, "").ok();
    holds(&sandbox, &[("one", 9), ("three", 9), ("two", 9)]);
    assert_eq!(sandbox.created().len(), 27);
}

#[test]
fn a_request_that_was_planned_while_an_earlier_merge_waited_for_its_apply_is_applied() {
    let old = "old: { to: all, text: Old }";
    let (project, sandbox) = (project(old), Sandbox::start());
    // An older rollout goes on all the time.
    let first = review(&project, &sandbox);
    reviewed(&project, &sandbox, &first, "--max-requests 1").exits(3);
    let merged = format!("{old}, one: {{ to: all, text: One, priority: 1 }}");
    write(&project, &merged);
    let one = review(&project, &sandbox);
    // The first is merged, and its job waits. The second is planned on top of it.
    let both = format!("{merged}, two: {{ to: all, text: Two }}");
    write(&project, &both);
    let two = review(&project, &sandbox);
    write(&project, &merged);
    reviewed(&project, &sandbox, &one, "--max-requests 4").exits(3);
    resume(&project, &sandbox, "--max-requests 7").exits(3);
    write(&project, &both);
    reviewed(&project, &sandbox, &two, "--max-requests 2").exits(3);
    resume(&project, &sandbox, "").ok();
    holds(&sandbox, &[("Old", 9), ("One", 9), ("Two", 9)]);
    // What nobody reviewed is refused all the same.
    write(&project, &format!("{merged}, two: {{ to: all, text: Tow }}"));
    reviewed(&project, &sandbox, &two, "").exits(1).warns(&["otherwise: two"]);
}

#[test]
fn without_its_state_nothing_is_approved_and_nothing_is_sent() {
    let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
    let launch = review(&project, &sandbox);
    reviewed(&project, &sandbox, &launch, "--max-requests 4").exits(3);
    std::fs::remove_dir_all(project.join("state")).expect("removed");
    let before = sandbox.total();
    resume(&project, &sandbox, "").exits(1).warns(&["pushsync.lock"]);
    // Nor without the file that names it.
    std::fs::remove_file(project.join("pushsync.lock")).expect("removed");
    resume(&project, &sandbox, "").ok().warns(&["nothing is approved"]);
    let told = resume(&project, &sandbox, "--format json").ok().json();
    assert_eq!(told["applied"], 0);
    assert_eq!(sandbox.total(), before);
}

#[test]
fn anyone_who_agrees_at_once_agrees_to_the_whole_rollout() {
    // `--yes`, and a saved plan.
    for saved in [false, true] {
        let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
        let from = days_from_now(3);
        write(
            &project,
            &format!(
                "launch: {{ to: all, text: Launch }}, later: {{ to: all, text: Later, active: {{ from: {from} }} }}"
            ),
        );
        let command = if saved { "apply plan.json" } else { "apply --yes" };
        project.with(&sandbox, "plan --out plan.json").ok();
        let stopped = project.with(&sandbox, &format!("{command} --max-requests 2")).exits(3);
        stopped.warns(&["pushsync apply --resume"]);
        resume(&project, &sandbox, "").ok();
        holds(&sandbox, &[("Launch", 9)]);
        in_days(resume(&project, &sandbox, ""), 4).ok();
        holds(&sandbox, &[("Later", 9), ("Launch", 9)].map(|pair| pair));
    }
}

#[test]
fn nothing_is_sent_again_that_somebody_takes_out_of_the_state() {
    let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
    let launch = review(&project, &sandbox);
    reviewed(&project, &sandbox, &launch, "--max-requests 4").exits(3);
    let list = project.run("state list --format json").ok().json();
    let sent = list["deliveries"][0]["address"].as_str().expect("an address").to_owned();
    project.run(&format!("state rm {sent}")).ok();
    resume(&project, &sandbox, "").ok().warns(&["1 delivery is left out"]);
    holds(&sandbox, &[("Launch", 9)]);
    assert_eq!(sandbox.created().len(), 9);
}

#[test]
fn what_somebody_deletes_on_the_other_side_is_sent_again_without_a_new_review() {
    let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
    let launch = review(&project, &sandbox);
    reviewed(&project, &sandbox, &launch, "").ok();
    let list = project.run("state list --format json").ok().json();
    let id = list["deliveries"][0]["id"].as_str().expect("an id").to_owned();
    sandbox.lose("pushed", &id);
    resume(&project, &sandbox, "--refresh").ok().says(&["1 change"]);
    holds(&sandbox, &[("Launch", 9)]);
}

#[test]
fn a_resume_between_the_merge_of_a_revert_and_its_apply_keeps_the_review_of_the_revert() {
    let launch = "launch: { to: all, text: Launch }";
    for revert in ["", "launch: { to: all, text: Launched }"] {
        let (project, sandbox) = (project(launch), Sandbox::start());
        let digest = review(&project, &sandbox);
        reviewed(&project, &sandbox, &digest, "--max-requests 4").exits(3);
        write(&project, revert);
        let digest = review(&project, &sandbox);
        for _ in 0..2 {
            resume(&project, &sandbox, "").ok();
            assert_eq!(review(&project, &sandbox), digest);
        }
        // What has lapsed is approved by no manifest.
        write(&project, launch);
        resume(&project, &sandbox, "").ok();
        assert_eq!(texts(&sandbox).get("Launch"), Some(&4));
        write(&project, revert);
        reviewed(&project, &sandbox, &digest, "").ok();
        assert_eq!(texts(&sandbox).get("Launch"), None);
    }
}

#[test]
fn a_wrong_digest_is_refused_also_where_nothing_is_left_to_review() {
    let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
    let launch = review(&project, &sandbox);
    reviewed(&project, &sandbox, &launch, "--max-requests 4").exits(3);
    let before = sandbox.total();
    let wrong = "ab".repeat(32);
    reviewed(&project, &sandbox, &wrong, "").exits(1).warns(&["pushsync apply --resume"]);
    assert_eq!(sandbox.total(), before);
    // The same job, run again.
    reviewed(&project, &sandbox, &launch, "--max-requests 2").exits(3);
    reviewed(&project, &sandbox, &launch, "").ok();
    holds(&sandbox, &[("Launch", 9)]);
    // Once all is done, there is nothing to agree to.
    reviewed(&project, &sandbox, &launch, "").ok();
    reviewed(&project, &sandbox, &wrong, "").ok();
}

#[test]
fn a_message_that_is_taken_out_while_its_window_closes_keeps_the_review_of_that() {
    let until = days_from_now(5);
    let sale = format!("sale: {{ to: all, text: Sale, active: {{ until: {until} }} }}");
    let (project, sandbox) = (project(&sale), Sandbox::start());
    let digest = review(&project, &sandbox);
    reviewed(&project, &sandbox, &digest, "").ok();
    write(&project, "news: { to: all, text: News }");
    let digest = review(&project, &sandbox);
    write(&project, &sale);
    in_days(resume(&project, &sandbox, ""), 6).ok();
    holds(&sandbox, &[]);
    write(&project, "news: { to: all, text: News }");
    reviewed(&project, &sandbox, &digest, "").ok();
    holds(&sandbox, &[("News", 9)]);
}

#[test]
fn an_old_commit_is_not_applied_again_by_its_old_review() {
    let launch = "launch: { to: all, text: Launch }";
    let (project, sandbox) = (project(launch), Sandbox::start());
    project.file(".gitignore", "/state\n/pushsync.lock\n");
    let commit = |message: &str| {
        project.git("add .");
        project.git(&format!("commit -qm {message}"));
        project.git("rev-parse HEAD")
    };
    project.git("init -q");
    let first = commit("launch");
    let launched = review(&project, &sandbox);
    reviewed(&project, &sandbox, &launched, "").ok();
    write(&project, "");
    let second = commit("revert");
    let reverted = review(&project, &sandbox);
    reviewed(&project, &sandbox, &reverted, "").ok();
    project.git(&format!("checkout -q {first}"));
    let words = [&*first, "comes before", &*second];
    reviewed(&project, &sandbox, &launched, "").exits(1).warns(&words);
    holds(&sandbox, &[]);
    // A new review of the same text is another matter.
    project.git(&format!("checkout -q {second}"));
    write(&project, launch);
    commit("again");
    reviewed(&project, &sandbox, &review(&project, &sandbox), "").ok();
    holds(&sandbox, &[("Launch", 9)]);
}

#[test]
fn a_running_deletion_is_stopped_by_a_review_that_leaves_what_is_there() {
    let (project, sandbox) = (project("launch: { to: all, text: Launch }"), Sandbox::start());
    let launch = review(&project, &sandbox);
    reviewed(&project, &sandbox, &launch, "").ok();
    let removed = |delete: bool| {
        write(&project, "");
        let yaml = project.read("pushsync.yaml");
        let entry = format!("removed: [ {{ key: launch, delete: {delete} }} ]\n");
        project.file("pushsync.yaml", format!("{yaml}{entry}"));
    };
    removed(true);
    let delete = review(&project, &sandbox);
    reviewed(&project, &sandbox, &delete, "--max-requests 2").exits(3);
    removed(false);
    let leave = review(&project, &sandbox);
    removed(true);
    resume(&project, &sandbox, "--max-requests 3").exits(3);
    removed(false);
    reviewed(&project, &sandbox, &leave, "").ok();
    resume(&project, &sandbox, "").ok();
    holds(&sandbox, &[("Launch", 4)]);
    assert_eq!(
        project.run("state list --format json").ok().json()["deliveries"],
        Value::Array(vec![])
    );
}
