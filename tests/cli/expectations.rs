//! What an audience says against a plan that nobody can have meant: another number of deliveries than is expected.

use crate::support::{Project, Sandbox};

const SETTINGS: &str = "safety: { max_deletes: 100% }";

/// A file of users with these numbers.
fn users(numbers: impl IntoIterator<Item = usize>) -> String {
    let row = |n| format!("visitor-number-{n:03},u{n}\n");
    format!("visitor_id,user\n{}", numbers.into_iter().map(row).collect::<String>())
}

/// One message to everyone in `people.csv`, of which this is expected.
fn project(expect: &str, count: usize) -> Project {
    let project = Project::empty();
    declare(&project, expect, "news: { to: people, text: Hi }");
    project.file("people.csv", users(0..count));
    project
}

fn declare(project: &Project, expect: &str, messages: &str) {
    project.file(
        "pushsync.yaml",
        format!(
            "version: 1\n{SETTINGS}\naudiences: {{ people: {{ file: people.csv, expect: {{ {expect} }} }} }}\n\
             messages: {{ {messages} }}\n"
        ),
    );
}

fn review_of(project: &Project, sandbox: &Sandbox) -> String {
    let plan = project.with(sandbox, "plan --format json").wait().json();
    plan["review"].as_str().expect("a review").to_owned()
}

/// Refused with these words, before the first request.
fn refused(project: &Project, sandbox: &Sandbox, args: &str, words: &[&str]) {
    let before = sandbox.total();
    project.with(sandbox, args).exits(1).warns(words);
    assert_eq!(sandbox.total(), before, "{args}");
}

#[test]
fn another_number_of_deliveries_than_expected_is_refused_however_it_is_applied() {
    // A fifth of 30 is 6.
    for (now, numbers) in
        [(23, ["30 deliveries", "would have 23"]), (37, ["30 deliveries", "would have 37"])]
    {
        let (project, sandbox) = (project("change: 20%", 30), Sandbox::start());
        project.apply(&sandbox);
        project.file("people.csv", users(0..now));
        let words = ["`news`", numbers[0], numbers[1], "20%", "--allow-change news"];
        project
            .run("plan")
            .ok()
            .warns(&["apply will refuse"])
            .warns(&words)
            .never_says(&["next: "]);
        for format in ["markdown", "html", "github"] {
            project.run(&format!("plan --format {format}")).ok().says(&["--allow-change news"]);
        }
        let plan = project.with(&sandbox, "plan --format json --out plan.json").ok().json();
        let told = &plan["diagnostics"][0];
        assert_eq!(
            (&told["code"], &told["severity"]),
            (&"unexpected-change".into(), &"error".into())
        );
        let guarded = &plan["guarded"][0];
        assert_eq!((&guarded["before"], &guarded["after"]), (&30.into(), &now.into()));
        refused(&project, &sandbox, "apply --yes", &words);
        refused(
            &project,
            &sandbox,
            &format!("apply --reviewed {}", review_of(&project, &sandbox)),
            &words,
        );
        refused(&project, &sandbox, "apply plan.json", &words);
        refused(&project, &sandbox, "apply --yes --target news", &words);
        refused(&project, &sandbox, "apply --yes --allow-change nwes", &["did you mean `news`?"]);
        project.run("plan --allow-change nwes").exits(1).warns(&["did you mean `news`?"]);
        project
            .with(&sandbox, "plan --allow-change news")
            .ok()
            .warns(&["apply --allow-change news"]);
        project.with(&sandbox, "apply plan.json --allow-change news").ok();
        assert_eq!(sandbox.there().len(), now);
        project.is_settled();
        // Six more or fewer are within it.
        project.file("people.csv", users(0..now - 4));
        project.with(&sandbox, &format!("apply --reviewed {}", review_of(&project, &sandbox))).ok();
        assert_eq!(sandbox.there().len(), now - 4);
    }
}

#[test]
fn a_count_binds_a_text_does_not_and_what_was_never_sent_has_nothing_to_differ_from() {
    let (project, sandbox) = (project("change: 2", 9), Sandbox::start());
    project.apply(&sandbox);
    project.file("people.csv", users(0..12));
    refused(&project, &sandbox, "apply --yes", &["at most 2"]);
    project.file("people.csv", users(0..11));
    project.apply(&sandbox);
    // Another text for a number that stays, and a second message that is new.
    declare(
        &project,
        "change: 0",
        "news: { to: people, text: Hello }, more: { to: people, text: New }",
    );
    project.apply(&sandbox);
    assert_eq!(sandbox.there().len(), 22);
    // A message that is gone, a single delivery, and the end of everything are meant.
    declare(&project, "change: 0", "more: { to: people, text: New }");
    project.apply(&sandbox);
    project.file("people.csv", users(1..11));
    project.with(&sandbox, "apply --yes --target more@visitor-number-000").ok();
    assert_eq!(sandbox.there().len(), 10);
    project.file("people.csv", users(5..11));
    refused(&project, &sandbox, "apply --yes", &["at most 0"]);
    project.with(&sandbox, "apply --yes --destroy").ok();
    assert_eq!(sandbox.there().len(), 0);
}

#[test]
fn a_renamed_message_has_as_many_deliveries_as_before() {
    let (project, sandbox) = (project("change: 10%", 20), Sandbox::start());
    project.apply(&sandbox);
    let renamed =
        "updates: { to: people, text: Hi } }\nmoved: [ { from: news, to: updates } ]\nvars: { a: b";
    declare(&project, "change: 10%", renamed);
    project.file("people.csv", users(0..3));
    refused(&project, &sandbox, "apply --yes", &["`updates`", "20 deliveries", "would have 3"]);
    project.file("people.csv", users(0..19));
    project.apply(&sandbox);
    assert_eq!((sandbox.there().len(), sandbox.counts()[0]), (19, 20));
}

#[test]
fn a_rollout_that_was_agreed_to_goes_on_and_a_file_that_was_cut_meanwhile_ends_no_approval() {
    let (project, sandbox) = (project("change: 10%", 40), Sandbox::start());
    project.with(&sandbox, "apply --yes --max-requests 8").exits(3);
    project.with(&sandbox, "apply --yes --max-requests 8").exits(3);
    project.with(&sandbox, "apply --resume --max-requests 8").exits(3);
    assert_eq!(sandbox.there().len(), 24);
    project.file("people.csv", users(0..20));
    let words = ["40 deliveries", "would have 20"];
    refused(&project, &sandbox, "apply --resume", &words);
    refused(&project, &sandbox, "apply --yes", &words);
    // Nobody has agreed to more: a resumed run sends what was agreed to, and a fresh one refuses all of it.
    project.file("people.csv", users(0..90));
    refused(&project, &sandbox, "apply --yes", &["40 deliveries", "would have 90"]);
    project.with(&sandbox, "apply --resume --max-requests 8").exits(3);
    project.with(&sandbox, "apply --resume").wait();
    assert_eq!(sandbox.there().len(), 40);
    // What leaves by agreement leaves in several runs, too.
    project.file("people.csv", users(0..10));
    project.with(&sandbox, "apply --yes --allow-change news --max-requests 8").exits(3);
    assert_eq!(sandbox.there().len(), 32);
    project.with(&sandbox, "apply --yes --max-requests 8").exits(3);
    project.with(&sandbox, "apply --resume").ok();
    assert_eq!(sandbox.there().len(), 10);
}

#[test]
fn a_failed_expectation_of_rows_refuses_every_plan_before_the_first_request() {
    let (project, sandbox) =
        (project("rows: 5..9, columns: { user: required }", 7), Sandbox::start());
    project.apply(&sandbox);
    project.with(&sandbox, "plan --out plan.json").ok();
    project.file("people.csv", users(0..3));
    let words = ["error[expectation-failed]", "3 visitors", "from 5 to 9", "pushsync.yaml:3:"];
    for args in ["plan", "apply --yes", "apply --resume", "apply plan.json"] {
        refused(&project, &sandbox, args, &words);
    }
    project.file("people.csv", users(0..7).replace(",u4", ","));
    let words = ["error[expectation-failed]", "1 of 7 cells of `user` is missing", "people.csv:6:"];
    refused(&project, &sandbox, "apply --yes", &words);
    project.run("validate").exits(1).says(&["error[expectation-failed]", "people.csv:6:"]);
    let sarif = project.run("validate --format json").exits(1).json();
    assert_eq!(sarif["diagnostics"][0]["code"], "expectation-failed");
    project.run("validate --format github").exits(1).says(&["::error", "expectation-failed"]);
}

#[test]
fn a_failed_expectation_is_let_through_for_the_messages_that_are_named_and_no_others() {
    let (project, sandbox) = (project("rows: 5..9", 7), Sandbox::start());
    project.apply(&sandbox);
    project.file("people.csv", users(0..4));
    let key = "news";
    refused(&project, &sandbox, "apply --yes", &["error[expectation-failed]", "--allow-change"]);
    // Another message of the same audience is not named.
    let yaml = project.read("pushsync.yaml");
    let other = yaml.replace("messages: {", "messages: { other: { to: people, text: Hello },");
    project.file("pushsync.yaml", other);
    let args = format!("apply --yes --allow-change {key}");
    refused(&project, &sandbox, &args, &["error[expectation-failed]"]);
    project.file("pushsync.yaml", yaml);
    let ran = project.with(&sandbox, &args).ok();
    ran.warns(&["warning[expectation-failed]", "4 visitors"]);
    assert_eq!(sandbox.there().len(), 4);
}
