//! A rollout that takes several runs, and what is merged meanwhile.

use crate::{
    needs_tools,
    repository::{Repository, many, note},
};

/// Five messages are merged in request 7, and two of them are sent.
fn under_way() -> Repository {
    let repository = Repository::new(&many(5));
    repository.pull_request_number(7).ok();
    repository.merged_number(7).input("max-requests", "2").ok();
    repository
}

#[test]
fn the_comment_of_a_request_tells_its_rollout_until_it_is_done() {
    needs_tools!();
    let repository = under_way();
    let told = repository.hub.only_on(7, "outcome");
    assert!(told.contains("**2 of 5 sent, done"), "{told}");
    repository.scheduled().input("max-requests", "1").ok().sums_up(&["**3 of 5 sent, done"]);
    assert!(repository.hub.only_on(7, "outcome").contains("**3 of 5 sent, done"));
    repository.scheduled().ok();
    let told = repository.hub.only_on(7, "outcome");
    assert!(told.contains("**5 of 5 sent.**"), "{told}");
    assert_eq!(told.matches("/actions/runs/42) | ").count(), 3, "a row for each run: {told}");
}

#[test]
fn a_second_request_is_applied_during_a_rollout_and_each_comment_tells_its_own() {
    needs_tools!();
    let repository = under_way();
    repository.commit(&format!("{}{}", many(5), note("another")));
    let planned = repository.pull_request_number(8).ok();
    let comment = repository.hub.only_on(8, "comment");
    assert!(comment.contains("+ another"), "{comment}");
    repository.merged_number(8).input("max-requests", "2").ok();
    // What it asks for was not changed by what was sent meanwhile.
    assert!(repository.hub.only_on(8, "comment").contains(planned.output("digest")));
    repository.scheduled().ok();
    assert_eq!(repository.texts().len(), 6);
    let (first, second) =
        (repository.hub.only_on(7, "outcome"), repository.hub.only_on(8, "outcome"));
    assert!(first.contains("**5 of 5 sent.**") && !first.contains("1 of 1"), "{first}");
    assert!(second.contains("**1 of 1 sent.**") && !second.contains("5 of 5"), "{second}");
}

#[test]
fn a_revert_in_the_middle_of_a_rollout_is_applied() {
    needs_tools!();
    let repository = under_way();
    repository.commit(&note("kept"));
    repository.pull_request_number(8).ok();
    repository.merged_number(8).ok();
    assert_eq!(repository.texts(), ["kept"]);
    let told = repository.hub.only_on(7, "outcome");
    assert!(told.contains("**2 of 5 sent, 3 replaced by a later change.**"), "{told}");
    repository.scheduled().ok().notes("notice", "nothing to resume");
}

#[test]
fn a_text_that_changes_in_the_middle_is_sent_once_and_in_its_last_form() {
    needs_tools!();
    let repository = under_way();
    repository.commit(&many(5).replace("text ", "other "));
    repository.pull_request_number(8).ok();
    repository.merged_number(8).input("max-requests", "3").ok();
    repository.scheduled().ok();
    let texts = repository.texts();
    assert!(texts.len() == 5 && texts.iter().all(|text| text.starts_with("other ")), "{texts:?}");
    let told = repository.hub.only_on(8, "outcome");
    assert!(told.contains("**5 of 5 sent.**"), "{told}");
    let first = repository.hub.only_on(7, "outcome");
    assert!(!first.contains("5 of 5 sent"), "{first}");
}

#[test]
fn a_request_that_asks_for_nothing_lets_a_rollout_go_on() {
    needs_tools!();
    let repository = under_way();
    repository.file("README.md", "words");
    repository.git(&["add", "."]);
    repository.git(&["commit", "-q", "-m", "words"]);
    repository.pull_request_number(8).ok();
    repository.merged_number(8).ok().notes("notice", "nothing is to be reviewed");
    assert_eq!(repository.texts().len(), 5);
    assert!(repository.hub.only_on(7, "outcome").contains("**5 of 5 sent.**"));
}

#[test]
fn the_lockfile_that_a_job_made_stands_in_the_comment_until_it_is_committed() {
    needs_tools!();
    let repository = under_way();
    let lock =
        std::fs::read_to_string(repository.path().join("pushsync.lock")).expect("it is there");
    let told = repository.hub.only_on(7, "outcome");
    assert!(told.contains(&format!("```text\n{lock}```")), "{told}");
    assert!(told.contains("Commit this as `pushsync.lock`"), "{told}");
    repository.git(&["add", "."]);
    repository.git(&["commit", "-q", "-m", "the lockfile"]);
    repository.scheduled().ok();
    assert!(!repository.hub.only_on(7, "outcome").contains("lineage:"));
}

#[test]
fn a_rollout_goes_on_without_the_history_of_the_repository() {
    needs_tools!();
    let repository = under_way();
    repository.git(&["checkout", "-q", "--orphan", "other"]);
    repository.git(&["commit", "-q", "-m", "the same files"]);
    repository.scheduled().ok();
    assert_eq!(repository.texts().len(), 5);
    assert!(repository.hub.only_on(7, "outcome").contains("**5 of 5 sent.**"));
}

#[test]
fn a_rollout_that_is_done_says_so_though_the_run_stopped_with_work_for_another() {
    needs_tools!();
    let repository = under_way();
    repository.commit(&format!("{}{}", many(5), note("another")));
    repository.pull_request_number(8).ok();
    repository.merged_number(8).input("max-requests", "0").ok();
    repository.scheduled().input("max-requests", "3").ok();
    let (first, second) =
        (repository.hub.only_on(7, "outcome"), repository.hub.only_on(8, "outcome"));
    let (done, other) = match first.contains("5 of 5 sent") {
        true => (first, second),
        false => (second, first),
    };
    assert!(done.contains("**Done.** Nothing of it is left to do"), "{done}");
    assert!(!done.contains("Stopped early"), "{done}");
    assert!(other.contains("Stopped early") && other.contains("1 change remains"), "{other}");
    repository.scheduled().ok();
    for number in [7, 8] {
        let told = repository.hub.only_on(number, "outcome");
        assert!(told.contains("**Done.**") && !told.contains("Stopped early"), "{told}");
        assert!(told.contains("Each run, with everything that it did"), "{told}");
    }
}

/// Three requests, each with one message more, are merged in a row. The job of the second one is cancelled.
fn three_in_a_row() -> Repository {
    let repository = Repository::new("  base: { from: support, to: ada, text: base }");
    repository.by_hand("apply --yes");
    repository.git(&["add", "."]);
    let messages = |all: &[&str]| {
        let lines =
            all.iter().map(|key| format!("  {key}: {{ from: support, to: ada, text: {key} }}\n"));
        lines.collect::<String>()
    };
    // Each branch begins at the base.
    for (number, key) in [(7, "one"), (8, "two"), (9, "three")] {
        repository.commit(&messages(&["base", key]));
        repository.pull_request_number(number).ok();
    }
    repository.commit(&messages(&["base", "one"]));
    repository.merged_number(7).ok();
    repository.commit(&messages(&["base", "one", "two"]));
    drop(repository.merged_number(8));
    repository.commit(&messages(&["base", "one", "two", "three"]));
    repository
}

#[test]
fn of_three_merges_in_a_row_the_one_whose_job_was_cancelled_is_applied_by_the_next() {
    needs_tools!();
    let repository = three_in_a_row();
    repository.merged_number(9).ok();
    assert_eq!(repository.texts(), ["base", "one", "three", "two"]);
    for number in [8, 9] {
        let told = repository.hub.only_on(number, "outcome");
        assert!(told.contains("**1 of 1 sent.**"), "{number}: {told}");
    }
}

#[test]
fn a_merge_before_this_one_that_nobody_reviewed_refuses_it_and_nothing_is_sent() {
    needs_tools!();
    let repository = three_in_a_row();
    repository.hub.world().comments.retain(|comment| comment.on != 8);
    let done = repository.merged_number(9).exits(1);
    done.notes("error", "not the one that was reviewed").sums_up(&["two"]);
    assert_eq!(repository.texts(), ["base", "one"]);
}

#[test]
fn a_clone_without_the_commits_of_earlier_merges_says_what_to_do() {
    needs_tools!();
    let repository = three_in_a_row();
    let job = repository.merged_number(9);
    // As actions/checkout clones: one commit.
    let head = repository.head();
    std::fs::write(repository.path().join(".git/shallow"), format!("{head}\n")).expect("writable");
    job.exits(1).notes("error", "fetch-depth: 0").sums_up(&["fetch-depth: 0"]);
    assert_eq!(repository.texts(), ["base", "one"]);
}
