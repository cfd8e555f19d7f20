//! Requests that are merged one right after the other.

use crate::{needs_tools, repository::Repository};

fn messages(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("  {key}: {{ from: support, to: ada, text: {key} }}\n")).collect()
}

/// GitHub keeps one waiting job of a group, and drops the one before it.
#[test]
fn of_three_merges_in_a_row_a_dropped_job_is_run_again_and_then_the_refused_one() {
    needs_tools!();
    // Each is planned on a branch of its own.
    let repository = Repository::new(&messages(&["one"]));
    for (number, key) in [(7, "one"), (8, "two"), (9, "three")] {
        repository.commit(&messages(&[key]));
        repository.pull_request_number(number).ok();
    }
    repository.commit(&messages(&["one"]));
    repository.merged_number(7).ok();
    repository.commit(&messages(&["one", "two"]));
    let dropped = repository.merged_number(8);
    let second = repository.head();
    repository.commit(&messages(&["one", "two", "three"]));
    repository.merged_number(9).exits(1).notes("error", "new: two (1 delivery)");
    let third = repository.head();
    assert_eq!(repository.texts(), ["one"]);

    repository.git(&["checkout", "-q", &second]);
    dropped.ok();
    repository.git(&["checkout", "-q", &third]);
    repository.push().ok();
    let mut texts = repository.texts();
    texts.sort();
    assert_eq!(texts, ["one", "three", "two"]);
    for number in [7, 8, 9] {
        let told = repository.hub.only_on(number, "outcome");
        assert!(told.contains("**1 of 1 sent.**"), "{told}");
    }
}
