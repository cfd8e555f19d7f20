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
