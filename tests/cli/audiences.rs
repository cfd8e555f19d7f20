//! Who gets a message, over the life of a project: shares that grow, visitors who leave, many messages that were sent
//! by other means.

use crate::support::{Project, Sandbox};

/// An audience of visitors with these numbers.
fn rows(numbers: impl IntoIterator<Item = usize>) -> String {
    let row = |n| format!("visitor-{n:03}-in-a-file,user-{n}\n");
    format!("visitor_id,user\n{}", numbers.into_iter().map(row).collect::<String>())
}

fn project(messages: &str) -> Project {
    let project = Project::empty();
    project.file("all.csv", rows(0..100));
    declare(&project, messages);
    project
}

fn declare(project: &Project, messages: &str) {
    project.file(
        "pushsync.yaml",
        format!("version: 1\naudiences: {{ all: {{ file: all.csv }} }}\n{messages}\n"),
    );
}

fn visitors(sandbox: &Sandbox) -> Vec<String> {
    let mut visitors: Vec<_> = sandbox.there().into_iter().map(|(_, visitor, _)| visitor).collect();
    visitors.sort();
    visitors
}

fn actions(project: &Project) -> Vec<String> {
    let mut actions: Vec<_> = project.planned("").into_iter().map(|(action, ..)| action).collect();
    actions.sort();
    actions.dedup();
    actions
}

#[test]
fn a_larger_share_only_adds_and_a_smaller_one_only_takes_away() {
    let share = |percent: u8, by: &str| {
        format!(
            "messages: {{ news: {{ to: {{ audience: all, percent: {percent}{by} }}, text: hi }} }}"
        )
    };
    for by in ["", ", by: user", ", salt: own, by: user"] {
        let (project, sandbox) = (project(&share(10, by)), Sandbox::start());
        project.apply(&sandbox);
        let few = visitors(&sandbox);
        assert!((2..=25).contains(&few.len()), "{}", few.len());
        declare(&project, &share(60, by));
        assert_eq!(actions(&project), ["create"]);
        project.apply(&sandbox);
        let many = visitors(&sandbox);
        assert!((40..=80).contains(&many.len()) && few.iter().all(|one| many.contains(one)));
        declare(&project, &share(10, by));
        assert_eq!(actions(&project), ["delete"]);
        project.with(&sandbox, "apply --yes --allow-deletes all").ok();
        assert_eq!(visitors(&sandbox), few);
    }
}

#[test]
fn a_renamed_message_keeps_its_visitors_also_after_the_moved_entry_is_gone() {
    let yaml = "messages: { old: { to: { audience: all, percent: 40 }, text: hi } }";
    let (project, sandbox) = (project(yaml), Sandbox::start());
    project.apply(&sandbox);
    let before = sandbox.total();
    let renamed = |salt: &str, moved: &str| {
        let to = format!("{{ audience: all, percent: 40{salt} }}");
        format!("messages: {{ new: {{ to: {to}, text: hi }} }}\n{moved}")
    };
    declare(&project, &renamed("", "moved: [ { from: old, to: new } ]"));
    assert_eq!(actions(&project), ["move"]);
    project.run("plan").ok().warns(&["salt-of-move", "write `salt: old`"]);
    project.apply(&sandbox);
    // What the warning says is what it takes.
    declare(&project, &renamed(", salt: old", ""));
    assert_eq!(actions(&project), [""; 0]);
    declare(&project, &renamed("", ""));
    assert_eq!(actions(&project), ["create", "delete"]);
    assert_eq!(sandbox.total(), before);
}

#[test]
fn the_message_of_a_visitor_who_leaves_stays_where_it_is_if_that_is_said() {
    let yaml =
        "messages: { hello: { to: all, text: hi, on_leave: keep }, bye: { to: all, text: bye } }";
    let (project, sandbox) = (project(yaml), Sandbox::start());
    project.file("all.csv", rows(0..20));
    project.apply(&sandbox);
    let before = sandbox.counts();
    project.file("all.csv", rows(2..20));
    let mut planned = project.planned("");
    planned.sort();
    let of = |action: &str| planned.iter().filter(|(one, ..)| one == action).count();
    assert_eq!((of("forget"), of("delete"), planned.len()), (2, 2, 4), "{planned:?}");
    project.with(&sandbox, "apply --yes").ok();
    let [posts, gets, puts, deletes] = before;
    assert_eq!(sandbox.counts(), [posts, gets, puts, deletes + 2], "only `bye` was deleted");
    project.is_settled();
    // A window that ends and a message that is removed delete as ever.
    let over =
        "messages: { hello: { to: all, text: hi, on_leave: keep, active: { until: 2020-01-01 } } }";
    declare(&project, &over.replace("2020-01-01", "2020-01-01T00:00:00Z"));
    assert_eq!(actions(&project), ["delete"]);
    // Visitors who come back are new ones, and the plan says so before it sends.
    declare(&project, yaml);
    project.file("all.csv", rows(0..20));
    let planned = project.planned("");
    assert!(planned.iter().all(|(action, ..)| action == "create") && planned.len() == 4);
}

#[test]
fn an_audience_that_shrinks_by_mistake_is_not_let_go_of_unasked() {
    let yaml = "messages: { hello: { to: all, text: hi, on_leave: keep } }";
    let (project, sandbox) = (project(yaml), Sandbox::start());
    project.apply(&sandbox);
    project.file("all.csv", rows(0..50));
    let refused = project.with(&sandbox, "apply --yes").exits(1);
    refused.warns(&["deletes or lets go of 50 of 100 deliveries", "--allow-deletes 50"]);
    project.file("all.csv", "visitor_id,user\n");
    project.with(&sandbox, "apply --yes").exits(1).warns(&["--allow-deletes all"]);
    project.file("all.csv", rows(0..100));
    project.is_settled();
}

#[test]
fn many_messages_that_exist_are_adopted_by_one_file() {
    let (project, sandbox) =
        (project("messages: { hello: { to: all, text: hi } }"), Sandbox::start());
    let row = |n: usize| {
        let visitor = format!("visitor-{n:03}-in-a-file");
        let id = sandbox.send("pushed", &visitor, if n == 3 { "hello" } else { "hi" });
        format!("{visitor},{id}\n")
    };
    let sent: String = (0..100).map(row).collect();
    project.file("sent.csv", format!("visitor_id,message_id\n{sent}"));
    declare(
        &project,
        "messages: { hello: { to: all, text: hi } }\nimport: [ { key: hello, file: sent.csv } ]",
    );
    assert_eq!(actions(&project), ["adopt"]);
    let before = sandbox.counts();
    // The first apply adopts; the one text that differs is corrected by the next.
    project.with(&sandbox, "apply --yes").ok();
    project.apply(&sandbox);
    let [posts, gets, puts, deletes] = before;
    assert_eq!(sandbox.counts(), [posts, gets + 100, puts + 1, deletes]);
    // The file may stay: entries that the state has do nothing, and visitors who leave are no error.
    project.file("all.csv", rows(0..98));
    project.apply(&sandbox);
    let ran = project.run("plan").ok();
    ran.warns(&["import-not-desired", "2 rows of this file are not imported"]);
    // A file of which no row fits is a mistake: its visitors would get the message again.
    let other = sent.replace("visitor-", "user-");
    project.file("sent.csv", format!("visitor_id,message_id\n{other}"));
    project.run("plan").exits(1).warns(&["none of their visitors is in the audience of hello"]);
}

/// A project with a query whose database listens nowhere.
fn asking(timeout: &str) -> Project {
    let project = Project::empty();
    project.file("trial.sql", "SELECT id AS visitor_id FROM users\n");
    let database = "database: \"postgres://127.0.0.1:1/shop\"";
    project.file(
        "pushsync.yaml",
        format!(
            "version: 1\naudiences: {{ trial: {{ query: trial.sql, {database}, timeout: {timeout} }} }}\n\
             messages: {{ note: {{ to: trial, text: hi }} }}\n"
        ),
    );
    project
}

#[test]
fn a_document_of_validate_says_which_query_was_left_out_and_the_project_is_valid() {
    let project = asking("60s");
    let run = project.run("validate --offline --format json").ok();
    let document: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let found = &document["diagnostics"][0];
    assert_eq!(found["code"], "query-left-out", "{document}");
    assert_eq!(found["severity"], "warning", "{document}");
    assert!(found["message"].as_str().is_some_and(|text| text.contains("`trial`")), "{document}");
    assert_eq!(found["file"], "pushsync.yaml", "{document}");
    project.run("validate --offline --format github").ok().says(&["::warning ", "query-left-out"]);
    let run = project.run("validate --offline --format sarif").ok();
    assert!(run.out.contains("query-left-out"), "{}", run.out);
    project.run("validate --offline").ok().says(&["1 query did not run (--offline)"]);
}

#[test]
fn a_database_that_is_not_there_in_a_short_time_is_not_called_a_slow_query() {
    for timeout in ["1s", "2s"] {
        let run = asking(timeout).run("validate").exits(1);
        let said = format!("{}{}", run.out, run.err);
        assert!(said.contains("could not be reached within") && !said.contains("faster"), "{said}");
    }
}

#[test]
fn signs_of_a_cell_that_cannot_be_seen_are_spelled_out_but_in_json() {
    let project = Project::empty();
    project
        .file("all.csv", "visitor_id,name\nkZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg,A\u{202e}da\u{200b}\n");
    declare(&project, "messages: {}");
    let run = project.run("audience show all").ok();
    assert!(run.out.contains("A\\u{202e}da\\u{200b}"), "{}", run.out);
    assert!(!run.out.contains(['\u{202e}', '\u{200b}']), "{}", run.out);
    let run = project.run("audience show all --format json").ok();
    let document: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let row = &document["rows"][0];
    assert!(row.to_string().contains("A\u{202e}da\u{200b}"), "{document}");
}

#[test]
fn a_secret_in_the_place_of_a_name_is_never_shown() {
    let (hex, url) = ("af".repeat(32), "reader:geheim@x");
    let visitor = format!("visitor: {{ column: user, hmac_sha256: {hex} }}");
    for (audience, secret, code) in [
        (format!("file: all.csv, {visitor}"), &hex[..7], "visitor-secret"),
        (format!("query: trial.sql, database: \"{url}\""), "geheim", "bad-database"),
        (format!("query: none.sql, database: \"{url}\""), "geheim", "unreadable"),
        (format!("quary: trial.sql, database: \"{url}\""), "geheim", "unknown-field"),
        (format!("query: [, database: \"{url}\""), "geheim", "error"),
    ] {
        let project = project("");
        project.file("trial.sql", "SELECT 1 AS visitor_id\n");
        project.file("pushsync.yaml", format!("version: 1\naudiences:\n  all: {{ {audience} }}\n"));
        for mask in [" --mask-visitors always", " --mask-visitors never"] {
            for format in ["text", "json", "github", "sarif"] {
                let run = project.run(&format!("validate{mask} --format {format}")).exits(1);
                let said = format!("{}{}", run.out, run.err);
                assert!(!said.contains(secret), "{said}");
                assert!(said.contains(code), "{said}");
            }
        }
    }
}
