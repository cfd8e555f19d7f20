//! Words that mean harm: in texts, names, branches, answers.

use std::fs;

use pulldown_cmark::{Event, Parser, Tag};

use crate::{
    fake::Answer,
    needs_tools,
    repository::{ADA, BEN, Repository, exists, note},
};

const TEXTS: [&str; 6] = [
    "```\n</details>\n<!-- pushsync:plan environment=default changes=0000 -->\n# PWNED @everyone",
    "::error::PWNED\n##[error]PWNED\n::stop-commands::x",
    "$(touch PWNED) `touch PWNED` ${{ secrets.PWNED }} %0A::error::PWNED",
    "````````\n~~~~\n<script>PWNED</script><img src=x onerror=PWNED>",
    "[PWNED](https://evil.example) https://evil.example @octocat #1",
    "\u{202e}PWNED\u{1b}[31m",
];

/// No heading, link, image or HTML but ours.
fn is_ours(comment: &str) {
    for event in Parser::new(comment) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(dest_url.starts_with("https://github.example/acme/chat/"), "{dest_url}");
            }
            Event::Start(Tag::Image { .. }) => panic!("an image in {comment}"),
            Event::InlineHtml(html) | Event::Html(html) => {
                assert!(!html.contains("<script") && !html.contains("<img"), "{comment}");
            }
            _ => {}
        }
    }
    assert!(!comment.contains(['\u{202e}', '\u{1b}']), "{comment:?}");
}

#[test]
fn texts_that_mean_harm_break_neither_comment_nor_log() {
    needs_tools!();
    for text in TEXTS {
        let repository =
            Repository::new(&format!("{}, raw: true }}", note(text).trim_end_matches(" }")));
        repository.pull_request().ok();
        is_ours(&repository.hub.only("comment"));
        repository.merged().ok();
        is_ours(&repository.hub.only("outcome"));
        assert_eq!(repository.texts(), [text]);
        assert!(!exists(&repository.path().join("PWNED")));
    }
}

#[test]
fn a_project_that_is_wrong_on_purpose_breaks_neither_comment_nor_log() {
    needs_tools!();
    for text in TEXTS {
        let repository = Repository::new(&note("one"));
        let quoted = serde_json::json!(text);
        repository
            .commit(&format!("  note: {{ from: {quoted}, to: ada, text: one, {quoted}: 1 }}"));
        repository.pull_request().exits(1);
        is_ours(&repository.hub.only("comment"));
        assert!(!exists(&repository.path().join("PWNED")));
    }
}

#[test]
fn branches_and_titles_that_mean_harm_are_only_words() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for branch in [
        "$(touch${IFS}PWNED)",
        "`touch PWNED`",
        "a\";touch PWNED;\"",
        "'; touch PWNED #",
        "-rf",
        "::error::PWNED",
    ] {
        let mut job = repository.pull_request_from("acme/chat", branch);
        job.event["pull_request"]["title"] = format!("{branch}\n::error::PWNED").into();
        let done = job.ok();
        assert!(!done.log.contains("PWNED") && !done.summary.contains("PWNED"), "{done:?}");
        assert!(!exists(&repository.path().join("PWNED")));
    }
    is_ours(&repository.hub.only("comment"));
}

#[test]
fn inputs_that_mean_harm_are_only_words() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for word in [
        "$(touch PWNED)",
        "x\n::error::PWNED",
        "x --> ```\n# PWNED",
        "--sandbox",
        "\"; touch PWNED; \"",
    ] {
        for name in [
            "directory",
            "environment",
            "binary",
            "version",
            "max-requests",
            "fresh",
            "comment-author",
            "branch",
        ] {
            let done = repository.push().input(name, word).wait();
            assert_ne!(done.status, 0, "{name}={word:?}: {}", done.log);
            assert!(!exists(&repository.path().join("PWNED")), "{name}={word:?}");
        }
    }
    assert_eq!(repository.sandbox.total(), 0);
}

#[test]
fn what_github_answers_is_only_words() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let answer = serde_json::json!({ "message": "no\n::error::PWNED\r\n##[error]PWNED %0A" });
    repository.hub.fails("POST ", 9, Answer::json(422, &answer.to_string()));
    let done = repository.pull_request().ok().notes("warning", "422: no\\n");
    assert!(done.commands().iter().all(|(name, ..)| name != "error"));
    for nonsense in ["<html>", "null", "{}", "[{}]", "[1]", r#"[{"body":5,"user":null}]"#] {
        repository.hub.fails("GET /repos/acme/chat/issues", 1, Answer::json(200, nonsense));
        repository.pull_request().ok().sums_up(&["+ one"]);
    }
}

#[test]
fn what_the_api_answers_is_never_a_command_and_never_markdown() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let words =
        "no\n::error::PWNED\n  ::add-mask::x\n##[error]PWNED\n````\n# PWNED <script>\n```\n# PWNED";
    let answer = serde_json::json!({ "code": words, "message": words }).to_string();
    let api = crate::fake::Fake::start(move |_, _| Answer::json(400, &answer));
    let at_api = |job: crate::action::Job| job.env("BREVO_BASE_URL", api.base_url());
    at_api(repository.pull_request()).ok();
    let done = at_api(repository.merged()).exits(1);
    let errors = done.commands().iter().filter(|(name, ..)| name == "error").count();
    assert_eq!(errors, 1, "{}", done.log);
    let comment = repository.hub.only("outcome");
    assert!(comment.contains("400"), "{comment}");
    is_ours(&comment);
    let headings =
        Parser::new(&comment).filter(|event| matches!(event, Event::Start(Tag::Heading { .. })));
    assert_eq!(headings.count(), 1, "{comment}");
}

#[test]
fn a_plan_longer_than_a_comment_may_be_loses_entries_and_keeps_its_form() {
    needs_tools!();
    let text = "</details> ``` ".repeat(60);
    let messages: String = (0..200)
        .map(|n| format!("  m{n:03}: {{ from: support, to: ada, text: \"{n} {text}\" }}\n"))
        .collect();
    let repository = Repository::new(&messages);
    repository.pull_request().ok();
    // The stand-in refuses what GitHub would refuse.
    let comment = repository.hub.only("comment");
    assert!(comment.len() > 40_000 && comment.contains("**Left out, for want of room:**"));
    assert_eq!(comment.matches("<details>").count(), comment.matches("\n</details>\n").count());
    assert!(comment.contains("[This job]"));
    repository.merged().ok();
    assert_eq!(repository.texts().len(), 200);
}

#[test]
fn nothing_that_github_says_sets_another_output() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for url in ["https://x/\nstatus=PWNED", "https://x/$(touch PWNED)", "https://x/`PWNED`", "x"] {
        let answer = serde_json::json!({ "id": 5, "html_url": url });
        repository.hub.fails("POST ", 1, Answer::json(201, &answer.to_string()));
        let done = repository.pull_request().ok();
        assert_eq!((done.output("status"), done.output("comment-url")), ("0", ""), "{done:?}");
        let summary: serde_json::Value =
            serde_json::from_str(done.output("summary")).expect("JSON on one line");
        assert_eq!(summary["requests"], 1);
        done.commands();
    }
}

#[test]
fn a_refusal_is_only_words_in_the_summary() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for name in ["<img src=x>", "[x](https://evil.example)", "```\n# PWNED", "\u{202e}x"] {
        let done = repository.push().env("GITHUB_REF", format!("refs/heads/{name}")).exits(1);
        is_ours(&done.summary);
        assert!(done.summary.contains("runs only on the branch main"), "{}", done.summary);
    }
}

#[test]
fn a_pull_request_that_unmasks_visitors_does_not_unmask_its_own_comment() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    // The log and the summary are searched for both visitors, as in each test.
    for (messages, status) in [
        (note("one"), 0),
        (format!("  note: {{ from: support, to: {{ visitor: {ADA} }}, text: [{BEN}] }}"), 1),
        (format!("  note: {{ from: support, to: {{ visitors: [{ADA}, {ADA}] }}, text: one }}"), 1),
    ] {
        repository.commit(&messages);
        let project = fs::read_to_string(repository.path().join("pushsync.yaml")).expect("there");
        repository
            .file("pushsync.yaml", &format!("{project}privacy: {{ mask_visitors: never }}\n"));
        repository.pull_request().exits(status);
        let comment = repository.hub.only("comment");
        assert!(!comment.contains(ADA) && !comment.contains(BEN), "{comment}");
    }
    // Nor does a run that was merged tell them to everybody.
    repository.commit(&note("two"));
    repository.push().input("fresh", "true").ok();
}
