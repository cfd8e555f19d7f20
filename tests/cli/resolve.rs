//! `state resolve`: what people say of unknown deliveries is checked, and can be taken back.

use serde_json::json;

use crate::support::{ADA, BEN, CLEO, Project, Sandbox};

/// A message whose create was lost, and a server that can be asked.
fn lost(yaml: &str) -> (Project, Sandbox) {
    let project = Project::new(yaml);
    project.with(&Sandbox::with("--drop-replies 1"), "apply --yes --concurrency 1").exits(4);
    let honest = Sandbox::start();
    project.run(&format!("state set-api {}", honest.base_url())).ok();
    (project, honest)
}

const NOTE: &str = "messages: { note: { from: support, to: ada, text: hi } }";
const TEAM: &str = "messages: { note: { from: support, to: team, text: hi } }";

/// As an id is shown to others.
fn masked(id: &str) -> String {
    format!("{}…{}", &id[..4], &id[id.len() - 3..])
}

fn unknown(project: &Project) -> Vec<String> {
    let list = project.run("state list --format json").ok().json();
    let all = list["deliveries"].as_array().expect("deliveries").clone();
    let held = all.into_iter().filter(|one| one["status"] == "unknown");
    held.map(|one| one["address"].as_str().expect("an address").to_owned()).collect()
}

#[test]
fn an_id_is_asked_for_before_it_is_believed() {
    let (project, api) = lost(NOTE);
    let note = format!("note@{ADA}");
    let (agent, other) = (api.send("agent", ADA, "hi"), api.send("pushed", BEN, "hi"));
    let resolve = |id: &str| format!("state resolve {note} --sent {id}");
    let unasked = project.run(&resolve("some")).env("BREVO_BASE_URL", api.base_url()).exits(1);
    unasked.warns(&["key", "--unchecked"]);
    for (id, why) in
        [("nosuchmessage", "the API has no message"), (&*agent, "message"), (&*other, "visitor")]
    {
        let sent = api.counts();
        let ran = project.with(&api, &resolve(id)).exits(1);
        ran.warns(&[why, "note@", "nothing was recorded"]).never_says(&[ADA, BEN]);
        assert_eq!(api.counts()[0], sent[0], "nothing is sent");
        assert_eq!(unknown(&project), [&*note]);
    }
    let right = api.send("pushed", ADA, "hi");
    project.with(&api, &resolve(&right)).ok().warns(&[&right]).never_says(&[ADA]);
    project.with(&api, "plan").ok().says(&["No changes"]);
}

#[test]
fn another_text_is_told_and_restored() {
    let (project, api) = lost(NOTE);
    let id = api.send("pushed", ADA, "something else");
    let ran = project.with(&api, &format!("state resolve note@{ADA} --sent {id}")).ok();
    ran.warns(&["another text", "--again"]);
    project.with(&api, "plan").ok().says(&["something", "restore"]);
}

#[test]
fn a_decision_is_taken_back_until_a_request_has_followed() {
    let (project, api) = lost(NOTE);
    let note = format!("note@{ADA}");
    let again = format!("state resolve {note} --again");
    project.run(&again).exits(1).warns(&["is unknown"]);
    project.run(&format!("state resolve {note} --not-sent")).ok();
    assert!(unknown(&project).is_empty());
    project.run(&again).ok().warns(&["unknown again"]).never_says(&[ADA]);
    assert_eq!(unknown(&project), [&*note]);
    // Sent, and taken back by the masked address; then not sent after all.
    let id = api.send("pushed", ADA, "hi");
    project.with(&api, &format!("state resolve {note} --sent {id}")).ok();
    project.with(&api, "refresh").ok();
    project.run(&format!("state resolve note@{} --again", masked(ADA))).ok();
    assert_eq!(unknown(&project), [&*note]);
    project.run(&format!("state resolve {note} --not-sent")).ok();
    project.with(&api, "apply --yes").ok();
    project.run(&again).exits(1).warns(&["followed", "create"]);
    assert!(unknown(&project).is_empty());
}

#[test]
fn an_update_after_a_decision_is_a_request_that_followed() {
    let (project, api) = lost(NOTE);
    let id = api.send("pushed", ADA, "hi");
    project.with(&api, &format!("state resolve note@{ADA} --sent {id}")).ok();
    project.rewrite("messages: { note: { from: support, to: ada, text: other } }");
    project.with(&api, "apply --yes").ok();
    project.run(&format!("state resolve note@{ADA} --again")).exits(1).warns(&["update"]);
    project
        .run(&format!("state resolve note@{BEN} --again"))
        .exits(1)
        .warns(&["nobody has decided"]);
}

#[test]
fn what_was_to_be_replaced_is_back_after_a_decision_is_taken_back() {
    let (project, api) = (Project::new(NOTE), Sandbox::start());
    project.with(&api, "apply --yes").ok();
    let old = api.only_id();
    let lossy = Sandbox::with("--drop-replies 1");
    project.run(&format!("state set-api {}", lossy.base_url())).ok();
    project.rewrite("messages: { note: { from: liz, to: ada, text: hi } }");
    project.with(&lossy, "apply --yes").exits(4);
    project.run(&format!("state set-api {}", api.base_url())).ok();
    let new = api.send("pushed", ADA, "hi");
    project
        .with(&api, &format!("state resolve note@{ADA} --sent {old}"))
        .exits(1)
        .warns(&["replaced"]);
    project.with(&api, &format!("state resolve note@{ADA} --sent {new}")).ok();
    project.run(&format!("state resolve note@{ADA} --again")).ok();
    project.run(&format!("state resolve note@{ADA} --not-sent")).ok();
    let list = project.run("state list --format json").ok().json();
    assert_eq!(list["deliveries"][0]["id"], json!(old));
    project.run("state verify").ok();
}

#[test]
fn what_a_pipe_shows_can_be_typed() {
    let (project, api) = lost(TEAM);
    let plan = project.with(&api, "plan").ok();
    plan.says(&["state resolve"]).never_says(&[ADA, BEN]);
    let list = project.run("state resolve").ok();
    let list = list.says(&[&format!("note@{}", masked(ADA)), &format!("note@{}", masked(BEN))]);
    let number = |of: &str| {
        let line = list.out.lines().find(|line| line.contains(of)).expect("a line");
        line.split_whitespace().next().expect("a number").to_owned()
    };
    let (first, second) = (number(&masked(ADA)), number(&masked(BEN)));
    project.run(&format!("state resolve {first} --not-sent")).ok();
    // A number that is typed twice means no other delivery.
    project.run(&format!("state resolve {first} --not-sent")).exits(1).warns(&["no unknown"]);
    project.run(&format!("state resolve note@{} --not-sent", masked(BEN))).ok();
    project.run(&format!("state resolve {second} --not-sent")).exits(1);
    assert!(unknown(&project).is_empty());
    project.run("state resolve").ok().warns(&["nothing is unknown"]);
    project.with(&api, "apply --yes").ok();
    for command in ["state show", "state list"] {
        let masked = masked(BEN);
        project.run(&format!("{command} note@{masked}")).ok().says(&["note@"]);
    }
    let moved = format!("state mv note@{0} memo@{0}", masked(BEN));
    project.run(&moved).ok().never_says(&[BEN]);
    project.run(&format!("state rm memo@{}", masked(BEN))).ok();
    let plan = project.with(&api, &format!("plan --format json --target note@{}", masked(BEN)));
    let plan = plan.ok().json();
    assert_eq!(plan["changes"][0]["address"], json!(format!("note@{BEN}")));
    assert_eq!(plan["changes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_masked_address_of_two_deliveries_is_refused_with_their_numbers() {
    let twin = format!("{}XX{}", &ADA[..10], &ADA[12..]);
    let (project, api) = lost(&format!(
        "messages: {{ note: {{ from: support, to: {{ visitors: [{ADA}, {twin}] }}, text: hi }} }}"
    ));
    let name = format!("note@{}", masked(ADA));
    let ran = project.run(&format!("state resolve {name} --not-sent")).exits(1);
    let ran = ran.warns(&["2 unknown deliveries look like", "number"]).never_says(&[ADA]);
    assert_eq!(unknown(&project).len(), 2);
    for word in
        ran.err.split([' ', ',', '\n', ':']).filter(|w| w.len() == 6 && w.parse::<u32>().is_ok())
    {
        project.run(&format!("state resolve {word} --not-sent")).ok();
    }
    assert!(unknown(&project).is_empty());
    project.with(&api, "apply --yes").ok();
    let ran = project.run(&format!("state rm {name}")).exits(1);
    ran.warns(&["2 deliveries look like"]).never_says(&[ADA]);
    project.with(&api, &format!("plan --target {name}")).exits(1).warns(&["2 deliveries"]);
}

#[test]
fn many_are_resolved_at_once_or_none() {
    let (project, api) = lost(
        "messages:\n  a: { from: support, to: team, text: hi }\n  b: { from: support, to: ada, text: hi }",
    );
    let id = api.send("pushed", ADA, "hi");
    for (wrong, why) in [
        (format!("a@{ADA},{id}\na@{CLEO},\n"), "decisions.csv:2: "),
        (format!("address,id\na@{ADA}\n"), "decisions.csv:2: a line has two columns"),
        (format!("a@{ADA},\na@{ADA},{id}\n"), "named a second time"),
        (format!("a@{ADA},{id}\nb@{ADA},{id}\n"), "given to two deliveries"),
        (format!("a@{ADA},nosuchmessage\nb@{ADA},\n"), "the API has no message"),
        (format!("{ADA},{id}\n"), "neither an address nor a number"),
        ("address,id\n".to_owned(), "names no delivery"),
    ] {
        project.file("decisions.csv", &wrong);
        let ran = project.with(&api, "state resolve --from decisions.csv").exits(1);
        ran.warns(&[why]).never_says(&[ADA, CLEO]);
        assert_eq!(unknown(&project).len(), 3, "{wrong}");
    }
    project.file("decisions.csv", format!("address,id\na@{ADA},{id}\na@{BEN},\n"));
    let ran = project.with(&api, "state resolve --from decisions.csv").ok();
    ran.warns(&[&id, "was not sent"]).never_says(&[ADA, BEN]);
    assert_eq!(unknown(&project), [format!("b@{ADA}")]);
    project
        .run("state resolve --key a --not-sent")
        .exits(1)
        .warns(&["no delivery of a is unknown"]);
    project.run("state resolve --key b --not-sent").ok();
    project.run("state resolve --all --again").ok();
    assert_eq!(unknown(&project).len(), 3);
    project.run("state resolve --all --not-sent").ok();
    project.run("state resolve --all --not-sent").exits(1).warns(&["nothing to resolve"]);
    let rows = format!("a@{ADA},\n");
    project.run("state resolve --key a --again").ok();
    project.run("state resolve --from -").stdin(rows).ok();
    assert_eq!(unknown(&project), [format!("a@{BEN}")]);
    for wrong in [
        "state resolve --not-sent",
        "state resolve --all",
        "state resolve --all --key a --not-sent",
        "state resolve --all --sent x",
        "state resolve --from decisions.csv --not-sent",
    ] {
        project.run(wrong).exits(1);
    }
}
