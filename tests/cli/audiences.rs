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
