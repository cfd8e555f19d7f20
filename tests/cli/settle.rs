//! `state settle`: what events of Brevo prove about unknown deliveries, once the API has confirmed it.

use serde_json::{Value, json};

use crate::support::{ADA, BEN, Project, Sandbox};

const NOTE: &str = "messages: { note: { from: support, to: ada, text: hi } }";
const TEAM: &str = "messages: { note: { from: support, to: team, text: hi } }";

/// A message whose create was lost, and a server that can be asked.
fn lost(yaml: &str) -> (Project, Sandbox) {
    let project = Project::new(yaml);
    project.with(&Sandbox::with("--drop-replies 1"), "apply --yes --concurrency 1").exits(4);
    let honest = Sandbox::start();
    project.run(&format!("state set-api {}", honest.base_url())).ok();
    (project, honest)
}

/// The event of a message that the sandbox has.
fn event(api: &Sandbox, id: &str) -> Value {
    let all = api.created();
    let found = all.iter().find(|message| message["id"] == id).expect("the message");
    let message = json!({
        "id": id, "type": "agent", "text": found["text"], "createdAt": found["createdAt"],
        "isPushed": found["kind"] == "pushed", "agentId": found["agentId"],
    });
    about(found["visitorId"].as_str().expect("an id"), &[message])
}

/// An event about a visitor, with these messages.
fn about(visitor: &str, messages: &[Value]) -> Value {
    json!({
        "eventName": "conversationFragment", "conversationId": "c", "messages": messages,
        "agents": [], "visitor": { "id": visitor, "threadId": "t", "contactAttributes": { "a": 1 } },
    })
}

/// A message of an agent as no server has it.
fn forged(id: &str, text: &str, created_at: &Value) -> Value {
    json!({ "id": id, "type": "agent", "text": text, "isPushed": true, "createdAt": created_at })
}

fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

#[test]
fn what_an_event_proves_and_the_api_confirms_is_settled_with_one_request() {
    let (project, api) = lost(TEAM);
    let (ada, ben) = (api.send("pushed", ADA, "hi"), api.send("pushed", BEN, "hi"));
    let other = api.send("agent", ADA, "hi");
    let before = api.counts();
    project
        .file("events.jsonl", lines(&[event(&api, &other), event(&api, &ada), event(&api, &ada)]));
    let ran = project.with(&api, "state settle events.jsonl").ok();
    ran.says(&["note@", &ada, "still unknown", "no message of an agent"]).never_says(&[ADA, BEN]);
    let after = api.counts();
    assert_eq!([after[0] - before[0], after[2] - before[2]], [0, 0], "nothing is sent or changed");
    assert_eq!(api.answered("200") - 3, 1, "one GET");
    let list = project.run("state list --format json").ok().json();
    assert_eq!(
        [&list["deliveries"][0]["id"], &list["deliveries"][1]["status"]],
        [&json!(ada), &json!("unknown")]
    );
    // The others can be settled from stdin, and nothing is left.
    let run = project.with(&api, "state settle - --format json");
    let said = run.stdin(lines(&[event(&api, &ben)])).ok().json();
    assert_eq!(said["settled"], json!([{ "address": format!("note@{BEN}"), "id": ben }]));
    assert_eq!(said["unknown"], json!([]));
    project.with(&api, "plan --detailed-exitcode").ok().says(&["No changes"]);
    project.with(&api, "state settle events.jsonl").ok().warns(&["nothing is unknown"]);
    project.run("state verify").ok();
    let history = project.run("state history --format json").ok().out;
    assert!(history.contains("\"settle\"") && history.contains(&ada), "{history}");
}

#[test]
fn what_is_settled_wrongly_is_taken_back_and_not_settled_again_by_the_same_message() {
    let (project, api) = lost(NOTE);
    let id = api.send("pushed", ADA, "hi");
    project.file("events.jsonl", lines(&[event(&api, &id)]));
    project.with(&api, "state settle events.jsonl").ok().says(&["settled", &id]);
    project.run(&format!("state resolve note@{ADA} --again")).ok();
    project
        .with(&api, "state settle events.jsonl")
        .ok()
        .says(&["still unknown", "known to the state"]);
    project.run(&format!("state resolve note@{ADA} --sent {id} --unchecked")).ok();
}

#[test]
fn what_the_events_do_not_prove_stays_unknown_and_the_reason_is_told() {
    let (project, api) = lost(
        "messages:\n  note: { from: liz, to: ada, text: hi }\n  same: { from: liz, to: ben, text: hi }\n  twin: { from: liz, to: ben, text: hi }",
    );
    let id = api.send("pushed", ADA, "hi");
    let right = event(&api, &id);
    let created = right["messages"][0]["createdAt"].clone();
    let with = |name: &str, value: Value| {
        let mut event = right.clone();
        event["messages"][0][name] = value;
        event
    };
    let both = about(ADA, &[right["messages"][0].clone(), forged("other", "hi", &created)]);
    let before = api.total();
    for (events, why) in [
        (vec![with("text", json!("ho"))], "has another text"),
        (vec![with("isPushed", json!(false))], "of the other kind"),
        (vec![with("createdAt", json!(1_000))], "created before"),
        (vec![with("createdAt", Value::Null)], "do not say when"),
        (vec![with("visitorId", json!(BEN))], "contradicting"),
        (vec![right.clone(), with("text", json!("ho"))], "contradicting"),
        (vec![with("type", json!("visitor"))], "no message of an agent"),
        (vec![with("agentId", json!("anna"))], "another agent"),
        (vec![both], "2 messages fit"),
        (vec![about(BEN, &[forged("ben", "hi", &created)])], "2 unknown deliveries"),
    ] {
        project.file("events.jsonl", lines(&events));
        let ran = project.with(&api, "state settle events.jsonl").ok();
        ran.says(&["still unknown", why]).never_says(&[ADA, BEN]);
        assert_eq!(api.total(), before, "nothing is asked: {why}");
    }
}

#[test]
fn a_forged_event_settles_nothing() {
    let (project, api) = lost(NOTE);
    let created = event(&api, &api.send("pushed", ADA, "ho"))["messages"][0]["createdAt"].clone();
    let to_ben = api.send("pushed", BEN, "hi");
    let other_text = api.send("pushed", ADA, "another text");
    let by_hand = api.send("agent", ADA, "hi");
    for (id, why) in [
        ("nosuchmessage", "the API has no message nosuchmessage"),
        (&*to_ben, "another visitor"),
        (&*other_text, "another text"),
        (&*by_hand, "the API has no message"),
    ] {
        project.file("events.jsonl", lines(&[about(ADA, &[forged(id, "hi", &created)])]));
        let ran = project.with(&api, "state settle events.jsonl").ok();
        ran.says(&["still unknown", why]).never_says(&[ADA, BEN]);
    }
    project.run("state show note@adaM…xvg").ok().says(&["unknown"]);
}

#[test]
fn a_line_that_cannot_be_read_is_told_with_its_place_and_stops_no_other() {
    let (project, api) = lost(NOTE);
    let right = event(&api, &api.send("pushed", ADA, "hi"));
    let deep = "[".repeat(200);
    let long = format!("{{\"eventName\":\"{}\"}}", "x".repeat(1 << 20));
    project.file(
        "events.jsonl",
        format!("\u{feff}{{\"eventName\":\"conversationStarted\"}}\r\n\n{ADA}\n{deep}\n[]\n{long}\n{right}"),
    );
    let ran = project.with(&api, "state settle events.jsonl").ok();
    ran.says(&["settled"])
        .warns(&[
            "events.jsonl:3: it is not JSON",
            "events.jsonl:4: it is not JSON",
            "events.jsonl:5: it is not a JSON object",
            "events.jsonl:6: an event has at most",
        ])
        .never_says(&[ADA]);
    project
        .with(&api, "state settle nosuch.jsonl")
        .exits(1)
        .warns(&["could not read nosuch.jsonl"]);
}

#[test]
fn without_a_key_or_a_budget_nothing_is_settled_and_it_can_be_run_again() {
    let (project, api) = lost(NOTE);
    let id = api.send("pushed", ADA, "hi");
    project.file("events.jsonl", lines(&[event(&api, &id)]));
    let unasked = project.run("state settle events.jsonl").env("BREVO_BASE_URL", api.base_url());
    unasked.exits(1).warns(&["no API key"]);
    for (server, status, why) in
        [("--fault no-route", 1, "404"), ("--limit 0/h", 3, "the API was not asked")]
    {
        let server = Sandbox::with(server);
        project.run(&format!("state set-api {}", server.base_url())).ok();
        let ran = project.with(&server, "state settle events.jsonl").exits(status);
        ran.says(&["still unknown", why]).never_says(&[ADA]);
    }
    project.run(&format!("state set-api {}", api.base_url())).ok();
    project.with(&api, "state settle events.jsonl").ok().says(&["settled"]);
}

#[test]
fn a_replace_that_is_settled_deletes_the_old_message_next() {
    let (project, api) = (Project::new(NOTE), Sandbox::start());
    project.with(&api, "apply --yes").ok();
    let old = api.only_id();
    let lossy = Sandbox::with("--drop-replies 1");
    project.run(&format!("state set-api {}", lossy.base_url())).ok();
    project.rewrite("messages: { note: { from: liz, to: ada, text: hi } }");
    project.with(&lossy, "apply --yes").exits(4);
    project.run(&format!("state set-api {}", api.base_url())).ok();
    project.file("events.jsonl", lines(&[event(&api, &old)]));
    project.with(&api, "state settle events.jsonl").ok().says(&["still unknown"]);
    let new = api.send("pushed", ADA, "hi");
    let mut made = event(&api, &new);
    made["messages"][0].as_object_mut().expect("fields").remove("agentId");
    project.file("events.jsonl", lines(&[event(&api, &old), made]));
    project.with(&api, "state settle events.jsonl").wait();
    let list = project.run("state list --format json").ok().json();
    assert_eq!(list["deliveries"].as_array().map(Vec::len), Some(1));
}
