//! `plan` on pull requests.

use crate::{
    action::KEY,
    needs_tools,
    repository::{ADA, Repository, note},
};

#[test]
fn a_pull_request_gets_one_comment_that_is_updated_in_place() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let done =
        repository.pull_request().ok().sums_up(&["### pushsync plan for `default`", "+ one"]);
    assert_eq!(done.output("changes"), "1");
    assert_eq!(done.output("requests"), "1");
    assert_eq!(done.output("status"), "0");
    assert!(done.output("summary").contains(r#""create":1"#), "{done:?}");
    let comment = repository.hub.only("comment");
    assert!(comment.contains(&format!("changes={} -->", done.output("digest"))), "{comment}");
    assert!(
        comment.contains("+ one")
            && comment.contains("[This job](https://github.example/acme/chat/actions/runs/42)")
    );
    assert!(!comment.contains(ADA), "visitors are masked");
    assert!(done.output("comment-url").starts_with("https://github.example/comments/"));

    repository.commit(&note("two"));
    let again = repository.pull_request().ok();
    let comment = repository.hub.only("comment");
    assert!(comment.contains("+ two") && !comment.contains("+ one"), "{comment}");
    assert_ne!(again.output("digest"), done.output("digest"));
    assert_eq!(repository.sandbox.total(), 0, "a plan makes no request");
    again.notes("notice", "create note@");
}

#[test]
fn a_plan_sees_no_key_and_no_token() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    // Not even one that a manifest asks for by name.
    let done = repository.pull_request().env("BREVO_API_KEY", KEY).ok();
    assert!(!done.seen.contains(KEY), "{}", done.seen);
    done.notes("warning", "A plan needs none");
}

#[test]
fn nothing_to_do_updates_a_comment_and_makes_none() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.by_hand("apply --yes");
    repository.pull_request().ok().sums_up(&["No changes"]);
    assert!(repository.hub.ours("comment").is_empty());

    repository.commit(&note("two"));
    repository.pull_request().ok();
    assert!(repository.hub.only("comment").contains("update"));
    repository.commit(&note("one"));
    repository.pull_request().ok();
    assert!(repository.hub.only("comment").contains("No changes"));
}

#[test]
fn another_environment_and_another_folder_have_comments_of_their_own() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.file("eu/pushsync.yaml", &format!("version: 1\naudiences: {{ ada: {{ visitors: [{ADA}] }} }}\nmessages:\n  note: {{ to: ada, text: europe }}\n"));
    for _ in 0..2 {
        repository.pull_request().ok();
        repository.pull_request().input("environment", "staging").ok();
        repository.pull_request().input("directory", "eu").ok();
    }
    let comments = repository.hub.ours("comment");
    assert_eq!(comments.len(), 3, "{comments:#?}");
    assert!(comments[1].contains("for `staging`") && comments[2].contains("+ europe"));
}

#[test]
fn a_project_that_is_not_valid_is_annotated_and_told() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().ok();
    repository.commit("  note: { from: suport, to: ada, text: one }");
    let done = repository
        .pull_request()
        .exits(1)
        .notes("error", "file=pushsync.yaml,line=8")
        .sums_up(&["the project is not valid", "did you mean"]);
    assert_eq!(done.output("status"), "1");
    let comment = repository.hub.only("comment");
    assert!(
        comment.contains("the project is not valid") && !comment.contains("changes="),
        "{comment}"
    );
}

#[test]
fn a_plan_that_fails_says_why_in_the_comment() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.file("a-file", "no folder");
    let state = repository.path().join("a-file").display().to_string();
    let done = repository.pull_request().input("state", state).exits(1);
    let comment = repository.hub.only("comment");
    assert!(comment.contains("failed") && comment.contains("```text\nerror: "), "{comment}");
    done.notes("error", "a-file").sums_up(&["a-file"]);
}

#[test]
fn a_job_that_newer_commits_have_overtaken_does_not_comment() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let job = repository.pull_request();
    repository.hub.world().pulls[0]["head"]["sha"] = "f".repeat(40).into();
    job.ok().notes("notice", "newer commits").sums_up(&["+ one"]);
    assert!(repository.hub.ours("comment").is_empty());
}

#[test]
fn comments_can_be_turned_off() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().input("comment", "false").ok().sums_up(&["+ one"]);
    assert_eq!(repository.hub.count("POST "), 0);
    repository
        .pull_request()
        .input("comment", "perhaps")
        .exits(1)
        .notes("error", "neither true nor false");
}

#[test]
fn a_request_that_an_audience_speaks_against_fails_and_says_what_to_do() {
    needs_tools!();
    let news = "audiences: { all: { file: ../all.csv, expect: { change: 10% } } }\n\
                messages: { news: { to: all, text: one } }\n";
    let rows = |count: usize| {
        let row = |n| format!("visitor-of-the-kit-{n:03}\n");
        format!("visitor_id\n{}", (0..count).map(row).collect::<String>())
    };
    let repository = Repository::new(&note("one"));
    repository.file("messages/news.yaml", news);
    repository.file("all.csv", &rows(10));
    repository.by_hand("apply --yes");
    let sent = repository.sandbox.total();
    repository.file("all.csv", &rows(14));
    repository.commit(&note("one"));
    let done = repository.pull_request().exits(1);
    done.notes("error", "`news` has 10 deliveries, and would have 14");
    let comment = repository.hub.only("comment");
    for words in [
        "apply` will refuse",
        "change `expect:` of the audience in this request",
        "`allow-change: news`",
    ] {
        assert!(comment.contains(words), "{words}: {comment}");
    }
    repository.pull_request().input("allow-change", "news").ok();
    // After the merge, the job that applies says the same, unless it is let through.
    repository.push().input("fresh", "true").exits(1);
    assert_eq!(repository.sandbox.total(), sent);
    repository.push().input("fresh", "true").input("allow-change", "note").exits(1);
    repository.push().input("fresh", "true").input("allow-change", "news").ok();
    assert_eq!(repository.sandbox.total(), sent + 4);
}
