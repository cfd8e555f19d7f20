//! One message is that of one delivery: to delete one of two would delete the message of the other.

use serde_json::json;

use crate::support::{ADA, Answer, BEN, Fake, Project, Run, Sandbox};

/// The binary, against a server that answers as it is told.
fn with(project: &Project, fake: &Fake, args: &str) -> Run {
    project.run(args).env("BREVO_BASE_URL", fake.base_url()).env("BREVO_API_KEY", "any")
}

/// The requests of this method.
fn asked(fake: &Fake, method: &str) -> usize {
    fake.asked().iter().filter(|asked| asked.line.starts_with(method)).count()
}

/// The state's deliveries that have this id.
fn having(project: &Project, id: &str) -> usize {
    let list = project.run("state list --format json").ok().json();
    let all = list["deliveries"].as_array().expect("deliveries").clone();
    all.iter().filter(|one| one["id"] == id).count()
}

#[test]
fn answers_with_one_id_for_several_creates_leave_all_but_one_unknown() {
    for concurrency in [1, 4] {
        let project = Project::many(6);
        let fake = Fake::start(|_, _| Answer::created("same"));
        let args = format!("apply --yes --format json --concurrency {concurrency}");
        let ran = with(&project, &fake, &args).exits(4);
        let document = ran.json();
        assert_eq!(document["applied"], 1);
        assert_eq!(document["unknown"].as_array().map(Vec::len), Some(5));
        assert_eq!(asked(&fake, "POST"), 6);
        assert_eq!(having(&project, "same"), 1);
        project.run("state verify").ok().says(&["all is well"]);
        project.run("plan").ok().says(&["? 5 unknown"]);
        let held = document["unknown"][0].as_str().expect("an address").to_owned();
        project.run(&format!("state show {held}")).ok().says(&["message id", "same", "already"]);
        // What the answer said can be said by hand neither.
        project.run(&format!("state resolve {held} --sent same")).exits(1).warns(&[
            "same",
            "already",
            "nothing was recorded",
        ]);
        assert_eq!(having(&project, "same"), 1);
        project.run(&format!("state resolve {held} --sent other --unchecked")).ok();
    }
}

#[test]
fn an_answer_about_another_message_than_the_one_that_was_sent_leaves_the_create_unknown() {
    for (kind, field, words) in [
        ("pushed", json!({ "visitorId": BEN }), "belongs to another visitor"),
        ("agent", json!({ "visitorId": BEN }), "belongs to another visitor"),
        ("pushed", json!({ "type": "visitor" }), "was written by a visitor"),
        ("pushed", json!({ "isPushed": false }), "is not an automated message"),
        ("agent", json!({ "isPushed": true }), "is an automated message"),
    ] {
        let message = |to: &str, text: &str| {
            format!("messages: {{ a: {{ kind: {kind}, from: liz, to: {to}, text: {text} }} }}")
        };
        let project = Project::new(&message("ada", "one"));
        let mut body = json!({ "id": "crm77", "visitorId": ADA, "text": "Your invoice 4711" });
        for (name, value) in field.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let fake = Fake::start(move |_, _| Answer::json(200, &body.to_string()));
        let ran = with(&project, &fake, "apply --yes").exits(4);
        ran.warns(&["crm77", words]).never_says(&[BEN]);
        assert_eq!(having(&project, "crm77"), 0, "{kind}: it is not ours");
        // Nothing goes to that message.
        project.rewrite(&message("ada", "two"));
        with(&project, &fake, "apply --yes").exits(4);
        project.rewrite("messages: {}");
        with(&project, &fake, "apply --yes").wait();
        assert_eq!((asked(&fake, "POST"), fake.asked().len()), (1, 1), "{kind}");
    }
}

#[test]
fn an_answer_with_the_id_of_an_earlier_message_is_unknown_and_deletes_nothing() {
    let project = Project::new("messages: { a: { from: support, to: ada, text: one } }");
    let fake = Fake::start(|_, _| Answer::created("first"));
    with(&project, &fake, "apply --yes").ok();
    project.rewrite("messages:\n  a: { from: support, to: ada, text: one }\n  b: { from: support, to: ben, text: two }");
    with(&project, &fake, "apply --yes").exits(4);
    assert_eq!(having(&project, "first"), 1);
    // The other delivery goes; its message goes, and nothing else does.
    project.rewrite("messages: { a: { from: support, to: ada, text: one } }");
    with(&project, &fake, "apply --yes").exits(4);
    assert_eq!(asked(&fake, "DELETE"), 0);
}

#[test]
fn a_replacement_with_the_id_of_the_message_that_it_replaces_is_unknown() {
    let project = Project::note("hi");
    let fake = Fake::start(|_, _| Answer::created("old"));
    with(&project, &fake, "apply --yes").ok();
    project.rewrite("messages: { note: { from: liz, to: ada, text: hi } }");
    let document = with(&project, &fake, "apply --yes --format json").exits(4).json();
    assert_eq!(document["unknown"], json!([format!("note@{ADA}")]));
    assert_eq!((asked(&fake, "POST"), asked(&fake, "DELETE")), (2, 0));
}

#[test]
fn a_message_of_another_delivery_is_not_adopted_and_not_asked_for() {
    let sandbox = Sandbox::start();
    let project = Project::note("hi");
    project.apply(&sandbox);
    let id = sandbox.only_id();
    let more = "memo: { from: support, to: ada, text: hi }";
    let note = "note: { from: support, to: ada, text: hi }";
    project.rewrite(&format!("messages:\n  {note}\n  {more}"));
    let before = sandbox.counts();
    project
        .with(&sandbox, &format!("import memo@{ADA} {id}"))
        .exits(1)
        .warns(&[&id, "is that of note@", "already"])
        .never_says(&[ADA]);
    project.rewrite(&format!(
        "messages:\n  {note}\n  {more}\nimport: [{{ to: memo@{ADA}, id: {id} }}]"
    ));
    for command in ["plan", "apply --yes"] {
        project
            .with(&sandbox, command)
            .exits(1)
            .warns(&["import-conflict", "memo@", "note@", "pushsync.yaml:"])
            .never_says(&[ADA]);
    }
    // Even if the delivery that has it is to go.
    project.rewrite(&format!("messages:\n  {more}\nimport: [{{ to: memo@{ADA}, id: {id} }}]"));
    project.with(&sandbox, "apply --yes").exits(1);
    assert_eq!(sandbox.counts(), before);
    project.run("state verify").ok();
    // What the help says works.
    project.run(&format!("state rm note@{ADA}")).ok();
    project.with(&sandbox, "apply --yes").ok();
    assert_eq!(having(&project, &id), 1);
}

/// An export with another line for each of its records, as if it had been written so.
fn forged(export: &str, change: impl Fn(&str) -> String) -> String {
    let lines: Vec<&str> = export.lines().collect();
    let (last, lines) = lines.split_last().expect("an end");
    let mut text: String = lines.iter().map(|line| change(line) + "\n").collect();
    let mut end: serde_json::Value = serde_json::from_str(last).expect("JSON");
    end["end"]["checksum"] = json!(blake3::hash(text.as_bytes()).to_hex().as_str());
    text.push_str(&format!("{end}\n"));
    text
}

#[test]
fn an_export_with_one_id_twice_or_an_id_that_no_request_can_name_is_refused_whole() {
    let project = Project::new("messages: { note: { from: support, to: team, text: hi } }");
    let fake = Fake::start(|at, _| Answer::created(&format!("id{at}")));
    with(&project, &fake, "apply --yes").ok();
    let export = project.run("state export").ok().out;
    for (id, why) in
        [("id0", "already"), ("..", "no URL can name it"), ("a/b", "'/'"), ("", "empty")]
    {
        let text = forged(&export, |line| line.replace("\"id1\"", &format!("\"{id}\"")));
        assert_ne!(text, export);
        project.file("forged.jsonl", text);
        let ran = project.run("state import forged.jsonl --state fresh").exits(1);
        ran.warns(&[why, "nothing was recorded"]).never_says(&[ADA, BEN]);
    }
    project.file("same.jsonl", forged(&export, str::to_owned));
    project.run("state import same.jsonl --state fresh").ok();
    project.run("state verify --state fresh").ok();
}

#[test]
fn an_id_that_no_request_can_name_is_refused_wherever_it_comes_from() {
    for id in [".", "..", "a/b", "a\\b", "%2e%2e", "a%20b"] {
        let project = Project::note("hi");
        let answer = Answer::json(200, &json!({ "id": id }).to_string());
        let fake = Fake::start(move |_, _| answer.clone());
        with(&project, &fake, "apply --yes").exits(4).warns(&["no request could name"]);
        assert_eq!(having(&project, id), 0);
        let said = project.run("state resolve").arg(format!("note@{ADA}")).arg("--sent").arg(id);
        said.exits(1).warns(&["a message id"]);
        let said = project.run("import").arg(format!("note@{ADA}")).arg(id);
        said.exits(1).warns(&["a message id"]);
        let quoted = serde_json::to_string(id).expect("a text");
        project.rewrite(&format!(
            "messages: {{ note: {{ from: support, to: ada, text: hi }} }}\nimport: [{{ to: note@{ADA}, id: {quoted} }}]"
        ));
        project.run("validate").exits(1).says(&["bad-import", "a message id"]);
        assert_eq!(fake.asked().len(), 1, "{id}");
    }
}

#[test]
fn a_create_that_is_answered_with_408_is_unknown() {
    let project = Project::note("hi");
    let fake = Fake::start(|_, _| Answer::json(408, r#"{"code":"timeout","message":"slow"}"#));
    with(&project, &fake, "apply --yes").exits(4).warns(&["408"]);
    with(&project, &fake, "apply --yes").exits(4);
    assert_eq!(asked(&fake, "POST"), 1);
}

#[test]
fn a_delivery_that_was_to_be_sent_again_and_was_refused_is_unknown_as_before() {
    let note = |hold: &str| {
        format!("messages: {{ note: {{ from: support, to: ada, text: hi, on_unknown: {hold} }} }}")
    };
    let project = Project::new(&note("resend"));
    let fake = Fake::start(|number, _| match number {
        0 => Answer::json(502, "{}"),
        _ => Answer::json(400, r#"{"code":"invalid_parameter","message":"no"}"#),
    });
    with(&project, &fake, "apply --yes").exits(4);
    let ran = with(&project, &fake, "apply --yes").wait();
    assert_eq!(asked(&fake, "POST"), 2, "{}{}", ran.out, ran.err);
    // The first one may be there.
    let list = project.run("state list --format json").ok().json();
    assert_eq!(list["deliveries"][0]["status"], "unknown", "{list}");
    project.rewrite(&note("hold"));
    with(&project, &fake, "apply --yes").exits(4);
    assert_eq!(asked(&fake, "POST"), 2, "nothing is sent");
}
