//! `--refresh` before a plan: what could not be verified stops nothing else, and a document ends each apply.

use serde_json::json;

use crate::support::{Answer, Asked, Fake, Project, Run, Sandbox, many};

fn with(project: &Project, fake: &Fake, args: &str) -> Run {
    project.run(args).env("BREVO_BASE_URL", fake.base_url()).env("BREVO_API_KEY", "any")
}

/// An API whose messages are `id0`, `id1`, …; it cannot read `id1`.
fn cannot_read_one(n: usize, asked: &Asked) -> Answer {
    let id = asked.line.split([' ', '/']).rev().nth(2).unwrap_or_default();
    match asked.line.split(' ').next() {
        Some("POST") => Answer::created(&format!("id{n}")),
        Some("GET") if asked.line.contains("/id1 ") => {
            Answer::json(400, r#"{"code":"invalid_parameter","message":"no"}"#)
        }
        _ => Answer::json(200, &format!(r#"{{"id":"{id}"}}"#)),
    }
}

#[test]
fn a_delivery_that_cannot_be_verified_stops_no_other_change() {
    let (project, api) = (Project::many(3), Fake::start(cannot_read_one));
    with(&project, &api, "apply --yes").ok();
    project.rewrite(&many(4, "other"));
    let plan = with(&project, &api, "plan --refresh").exits(1);
    plan.says(&["1 to create", "3 to update"])
        .warns(&["invalid_parameter", "1 delivery could not be verified"]);
    let ran = with(&project, &api, "apply --yes --refresh --format json").exits(1).json();
    assert_eq!((&ran["applied"], &ran["stopped"]), (&json!(4), &json!(null)));
    assert_eq!(ran["failed"][0]["action"], "refresh");
    assert_eq!(ran["failed"].as_array().map(Vec::len), Some(1));
    // Three reads, three updates, one create.
    assert_eq!(ran["requests"], 7);
    // Nothing but the one that cannot be read is left.
    let ran = with(&project, &api, "apply --yes --refresh --format json").exits(1).json();
    assert_eq!((&ran["applied"], &ran["requests"]), (&json!(0), &json!(4)));
}

#[test]
fn an_apply_that_ends_in_its_refresh_says_so_in_its_document_and_names_itself() {
    for (options, status, stopped) in [
        ("--after 6 --fault no-route", 1, json!("outage")),
        ("--after 6 --fault redirect", 1, json!("outage")),
        ("--limit 8/h", 3, json!("budget")),
    ] {
        let (project, sandbox) = (Project::many(6), Sandbox::with(options));
        project.apply(&sandbox);
        project.rewrite(&many(6, "other"));
        let ran = project.with(&sandbox, "apply --yes --refresh --format json").exits(status);
        let ran = ran.warns(&["nothing was planned", "pushsync apply --yes --refresh"]);
        let document = ran.json();
        assert_eq!(document["format"], "pushsync/apply/1", "{options}");
        assert_eq!((&document["applied"], &document["stopped"]), (&json!(0), &stopped));
        assert_eq!(sandbox.counts()[2], 0, "no update was sent");
        project.with(&sandbox, "plan --refresh --format json").exits(status).says(&[]);
    }
}
