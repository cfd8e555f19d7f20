//! `apply` on merges, and `resume` on a schedule.

use crate::{
    needs_tools,
    repository::{ADA, Repository, many, note, pull},
};

#[test]
fn what_was_reviewed_is_applied_when_it_is_merged() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().ok();
    let done = repository.merged().ok().sums_up(&[
        "### pushsync apply for `default`",
        "**Done.** 1 change in 1 request.",
        "**1 of 1 sent.**",
    ]);
    assert_eq!(
        (done.output("applied"), done.output("remaining"), done.output("status")),
        ("1", "0", "0")
    );
    assert_eq!(repository.texts(), ["one"]);
    assert!(repository.hub.only("outcome").contains("**Done.**"));
    assert!(repository.hub.only("comment").contains("+ one"), "the reviewed plan stays");
}

#[test]
fn what_differs_from_the_review_is_refused_until_it_is_to_be_fresh() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().ok();
    // After the plan, somebody edits the file.
    repository.commit(&note("two"));
    repository
        .merged()
        .exits(1)
        .notes("error", "not the one that was reviewed")
        .sums_up(&["fresh: true", "note"]);
    assert!(repository.hub.only("outcome").contains("not the one that was reviewed"));
    assert!(repository.texts().is_empty(), "nothing was done");
    repository.push().input("fresh", "true").ok();
    assert_eq!(repository.texts(), ["two"]);
    assert!(repository.hub.only("outcome").contains("**Done.**"));
}

#[test]
fn what_nobody_reviewed_is_refused_and_nothing_to_do_is_fine() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository
        .push()
        .exits(1)
        .notes("error", "no merged request ends in commit")
        .sums_up(&["fresh: true"]);
    // A pull request whose plan failed last.
    repository.pull_request().ok();
    repository
        .pull_request()
        .input("state", repository.path().join("pushsync.yaml").display().to_string())
        .exits(1);
    repository.merged().exits(1).notes("error", "the last plan of request 7 failed");
    assert!(repository.texts().is_empty());

    repository.by_hand("apply --yes");
    repository.hub.world().comments.clear();
    repository.merged().ok().notes("notice", "nothing is to be reviewed");
    assert!(repository.hub.ours("outcome").is_empty());
}

#[test]
fn a_review_that_cannot_be_looked_up_does_not_count() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().ok();
    repository.hub.fails("GET ", 99, crate::fake::Answer::json(503, "{}"));
    repository.merged().exits(1).notes("error", "could not be looked up (503)");
    assert!(repository.texts().is_empty());
}

#[test]
fn the_review_of_another_environment_does_not_count() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().input("environment", "staging").ok();
    repository.merged().exits(1).notes("error", "has no plan for the environment default");
    repository.push().input("environment", "staging").ok();
    assert_eq!(repository.texts(), ["one"]);
}

#[test]
fn the_review_for_another_branch_does_not_count() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().ok();
    let merged = Some("2026-01-01T00:00:00Z");
    let job = repository.merged();
    let head = repository.head();
    let mut other_repository = pull(7, merged, &head, "main");
    other_repository["base"]["repo"]["full_name"] = "mallory/chat".into();
    let mut nowhere = pull(7, merged, &head, "main");
    nowhere["base"] = serde_json::Value::Null;
    for found in [
        pull(7, merged, &head, "release"),
        pull(7, merged, &head, "MAIN"),
        pull(7, merged, &head, "feature/main"),
        pull(7, merged, &head, "refs/heads/main"),
        other_repository,
        nowhere,
    ] {
        repository.hub.world().pulls = vec![found];
        repository.push().exits(1).notes("error", "no merged request ends in commit");
        // Nor is what a run did told there.
        repository.scheduled().ok();
    }
    assert!(repository.texts().is_empty() && repository.hub.ours("outcome").is_empty());
    // Of several, that of this branch is taken, though a later one has the same commit.
    repository.hub.world().pulls = vec![
        pull(8, merged, &head, "release"),
        pull(7, merged, &head, "main"),
        pull(9, merged, &head, "release"),
    ];
    job.ok();
    assert_eq!(repository.texts(), ["one"]);
    // A branch that is named so is compared as a word.
    let job = repository.push().input("branch", "a\" or true or \"").input("fresh", "true");
    repository.hub.world().pulls = vec![pull(7, merged, &head, "main")];
    job.env("GITHUB_REF", "refs/heads/a\" or true or \"").ok();
    assert_eq!(repository.hub.ours("outcome").len(), 1);
}

#[test]
fn two_comments_with_different_plans_are_no_review() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let digest = repository.pull_request().ok().output("digest").to_owned();
    let ours = repository.hub.only("comment");
    for other in [ours.replace(&digest, &"a".repeat(64)), ours.replace("changes=", "changed=")] {
        repository.hub.world().comments.truncate(1);
        repository.hub.write(crate::hub::BOT, &other);
        repository.hub.write(crate::hub::BOT, &ours);
        repository.merged().exits(1).notes("error", "comments with different plans");
    }
    assert!(repository.texts().is_empty());
    repository.hub.world().comments.truncate(1);
    repository.hub.write(crate::hub::BOT, &ours);
    repository.merged().ok();
    assert_eq!(repository.texts(), ["one"]);
}

#[test]
fn a_run_that_stops_early_is_resumed_on_the_schedule_until_it_is_done() {
    needs_tools!();
    let repository = Repository::new(&many(5));
    repository.pull_request().ok();
    let first =
        repository.merged().input("max-requests", "2").ok().notes("notice", "stopped early");
    assert_eq!((first.output("status"), first.output("stopped")), ("3", "budget"));
    assert_eq!((first.output("applied"), first.output("remaining")), ("2", "3"));
    assert!(repository.hub.only("outcome").contains("3 changes remain"));

    let second =
        repository.scheduled().input("max-requests", "2").input("fail-on-stop", "true").exits(3);
    assert_eq!(second.output("status"), "3");
    repository.scheduled().ok().sums_up(&["**Done.** 1 change in 1 request."]);
    assert_eq!(repository.texts().len(), 5);
    let outcome = repository.hub.only("outcome");
    let rows: Vec<_> = outcome.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(rows.len(), 3, "{outcome}");
    assert!(
        rows[0].ends_with("| 2 | 0 | 0 | 3 | 2 |") && rows[2].ends_with("| 1 | 0 | 0 | 0 | 1 |"),
        "{outcome}"
    );

    let before = repository.sandbox.total();
    repository.scheduled().ok().notes("notice", "nothing to resume");
    assert_eq!(repository.sandbox.total(), before);
    assert_eq!(repository.hub.only("outcome"), outcome);
}

#[test]
fn what_the_manifest_no_longer_says_is_not_resumed_and_its_comment_says_so() {
    needs_tools!();
    let repository = Repository::new(&many(3));
    repository.pull_request().ok();
    repository.merged().input("max-requests", "1").ok();
    repository.commit(&note("other"));
    repository.scheduled().ok();
    assert_eq!(repository.texts().len(), 1);
    let outcome = repository.hub.only("outcome");
    assert!(outcome.contains("**1 of 3 sent, 2 replaced by a later change.**"), "{outcome}");
}

#[test]
fn an_unknown_delivery_fails_the_job_with_what_to_do() {
    needs_tools!();
    let repository = Repository::with(&note("one"), "--drop-replies 1 --seed 3");
    repository.pull_request().ok();
    let done = repository.merged().exits(4).notes("error", "state resolve").sums_up(&[
        "1 delivery is unknown",
        "state resolve",
        "`note@adaM…xvg`",
    ]);
    assert_eq!((done.output("unknown"), done.output("status")), ("1", "4"));
    let outcome = repository.hub.only("outcome");
    assert!(outcome.contains("`note@adaM…xvg`") && !outcome.contains(ADA), "{outcome}");
    assert!(outcome.contains("**0 of 1 sent.** 1 is unknown, and needs a decision."), "{outcome}");
    assert!(!outcome.contains("with the next run"), "{outcome}");
}

#[test]
fn failed_changes_fail_the_job_and_are_told_with_what_was_answered() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.by_hand("apply --yes");
    repository.sandbox.lose("pushed", &repository.sandbox.only_id());
    repository.commit(&note("two"));
    repository.pull_request().ok();
    let done = repository.merged().exits(1).notes("error", "not everything was applied");
    assert_eq!(done.output("failed"), "1");
    let outcome = repository.hub.only("outcome");
    assert!(outcome.contains("- `note@adaM…xvg` update: 404"), "{outcome}");
}

#[test]
fn a_job_that_is_cancelled_stops_in_good_order() {
    needs_tools!();
    let all = [("INT", 2), ("HUP", 1), ("TERM", 15)];
    for (signal, _) in
        all.into_iter().filter(|(_, number)| !crate::ignored_signals::is_ignored(*number))
    {
        let repository = Repository::with(&many(40), "--latency 200ms");
        let running = repository.push().input("fresh", "true").start();
        while repository.sandbox.total() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        running.signal(signal);
        let done = running.wait();
        assert_eq!(
            (done.status, done.output("stopped"), done.output("unknown")),
            (0, "signal", "0"),
            "{signal}: {}",
            done.log
        );
        assert!(repository.texts().len() < 40);
        repository.scheduled().ok();
        assert_eq!(repository.texts().len(), 40);
    }
}

#[test]
fn bounds_reach_the_program_as_they_were_given_and_as_nothing_else() {
    needs_tools!();
    let repository = Repository::new(&many(2));
    let bad = repository.push().input("fresh", "true").input("max-requests", "1 --sandbox");
    bad.exits(1).notes("error", "1 --sandbox");
    assert_eq!(repository.sandbox.total(), 0);
    let job = repository
        .push()
        .input("fresh", "true")
        .input("allow-deletes", "all")
        .input("allow-resends", "3")
        .input("max-requests", "1");
    job.input("max-duration", "5m").input("max-wait", "1s").input("lock-timeout", "2s").ok();
    assert_eq!(repository.sandbox.total(), 1);
}
