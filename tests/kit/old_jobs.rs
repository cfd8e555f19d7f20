//! Jobs of old commits, run again or run late: nothing is turned back.

use crate::{
    needs_tools,
    repository::{Repository, many, note},
};

/// What request 7 sent is taken back by request 8. The commits of both merges.
fn taken_back() -> (Repository, String, String) {
    let repository = Repository::new(&note("kept"));
    repository.by_hand("apply --yes");
    repository.commit(&format!("{}\n{}", note("kept"), many(3)));
    repository.pull_request_number(7).ok();
    repository.merged_number(7).ok();
    let first = repository.head();
    repository.commit(&note("kept"));
    repository.pull_request_number(8).ok();
    repository.merged_number(8).ok();
    assert_eq!(repository.texts(), ["kept"]);
    let second = repository.head();
    (repository, first, second)
}

#[test]
fn a_job_of_an_old_commit_that_is_run_again_is_refused_and_its_story_stays() {
    needs_tools!();
    let (repository, first, second) = taken_back();
    let story = repository.hub.only_on(7, "outcome");
    let before = repository.sandbox.total();
    repository.git(&["checkout", "-q", &first]);
    // What the forge says counts; what it does not know, the clone says.
    for compared in [Some("behind"), Some("diverged"), None, Some("?")] {
        repository.hub.world().compared = compared;
        let done = repository.push().exits(1);
        let last = format!("Commit {} was applied last", &second[..12]);
        let done = done.notes("error", &last).sums_up(&[": nothing was done", &first[..12]]);
        assert_eq!(done.output("status"), "1");
        repository.push().input("fresh", "true").exits(1).notes("error", &last);
    }
    assert_eq!(repository.sandbox.total(), before);
    assert_eq!(repository.texts(), ["kept"]);
    assert_eq!(repository.hub.only_on(7, "outcome"), story);

    // The newest job can be run again.
    repository.git(&["checkout", "-q", &second]);
    repository.push().ok();
    assert_eq!(repository.sandbox.total(), before);
}

#[test]
fn an_earlier_merge_whose_job_comes_after_that_of_a_later_one_is_refused_and_told_so() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.by_hand("apply --yes");
    let mut commits = Vec::new();
    for (number, text) in [(7, "two"), (8, "three")] {
        repository.commit(&note(text));
        repository.pull_request_number(number).ok();
        drop(repository.merged_number(number));
        commits.push(repository.head());
    }
    repository.push().ok();
    assert_eq!(repository.texts(), ["three"]);
    repository.git(&["checkout", "-q", &commits[0]]);
    repository.push().exits(1).notes("error", "is older. The job of the newest commit");
    assert_eq!(repository.texts(), ["three"]);
    assert!(repository.hub.only_on(7, "outcome").contains(&commits[1][..12]));
}

#[test]
fn where_nobody_knows_the_order_of_two_commits_the_job_warns_and_goes_on() {
    needs_tools!();
    let (repository, first, _) = taken_back();
    // As actions/checkout clones: one commit.
    repository.git(&["checkout", "-q", &first]);
    let shallow = repository.path().join(".git/shallow");
    std::fs::write(&shallow, format!("{first}\n")).expect("writable");
    repository.git(&["branch", "-q", "-f", "main", &first]);
    repository.git(&["reflog", "expire", "--expire=now", "--all"]);
    repository.git(&["gc", "-q", "--prune=now"]);
    let job = repository.push().input("fresh", "true").input("token", "");
    job.ok().notes("warning", "turns back what was applied since");
    assert_eq!(repository.texts().len(), 4);
}

#[test]
fn a_job_that_is_run_again_goes_on_though_its_comment_says_something_else_by_now() {
    needs_tools!();
    let repository = Repository::new(&many(4));
    repository.pull_request().ok();
    repository.merged().input("max-requests", "2").ok();
    let comment = repository.hub.only("comment");
    let digest = comment.split("changes=").nth(1).expect("a digest")[..64].to_owned();
    for comment in &mut repository.hub.world().comments {
        comment.body = comment.body.replace(&digest, &"a".repeat(64));
    }
    repository.push().ok();
    assert_eq!(repository.texts().len(), 4);
    let told = repository.hub.only("outcome");
    assert!(told.contains("**Done.**") && told.contains("**4 of 4 sent.**"), "{told}");
}
