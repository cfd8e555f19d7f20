//! What the API refuses, and servers that misbehave.

use crate::support::{ADA, Answer, Fake, Project, Sandbox};

fn with_fake(project: &Project, fake: &Fake, args: &str) -> crate::support::Run {
    project.run(args).env("BREVO_BASE_URL", fake.base_url()).env("BREVO_API_KEY", "xkeysib-secret")
}

#[test]
fn one_refused_message_does_not_stop_the_others() {
    let project = Project::many(4);
    let fake = Fake::start(|n, asked| {
        if asked.body.contains("text 1") {
            Answer::Is(
                400,
                "content-type: application/json\r\nsib-request-id: req-7\r\n".to_owned(),
                r#"{"code":"invalid_parameter","message":"Visitor not found"}"#.to_owned(),
            )
        } else {
            Answer::created(&format!("id{n}"))
        }
    });
    let ran = with_fake(&project, &fake, "apply --yes").exits(1);
    ran.says(&["3 changes in 4 requests, 1 failed"])
        .warns(&["create m01@", "400", "invalid_parameter", "Visitor not found", "req-7"])
        .never_says(&[ADA]);
    let document = with_fake(&project, &fake, "apply --yes --format json").exits(1).json();
    assert_eq!(document["applied"], 0);
    let failed = &document["failed"].as_array().expect("a list")[..];
    let [failed] = failed else { panic!("{failed:?}") };
    assert_eq!(failed["address"], format!("m01@{ADA}"));
    assert_eq!((&failed["action"], &failed["status"]), (&"create".into(), &400.into()));
    assert_eq!(
        (&failed["code"], &failed["request_id"]),
        (&"invalid_parameter".into(), &"req-7".into())
    );
    assert!(
        failed["message"].as_str().is_some_and(|message| message.contains("Visitor not found"))
    );
    // Only the refused one was tried again.
    assert_eq!(fake.asked().len(), 5);
    project.plans("create", "m01", "new");
}

#[test]
fn answers_that_no_further_request_would_change_stop_the_run_with_what_to_do() {
    let cases = [
        (401, r#"{"code":"unauthorized","message":"Key not found"}"#, "xkeysib-"),
        (
            401,
            r#"{"code":"unauthorized","message":"We have detected you are using an unrecognised IP address 1.2.3.4"}"#,
            "Authorised IPs",
        ),
        (
            402,
            r#"{"code":"not_enough_credits","message":"Upgrade your plan to use REST API"}"#,
            "plan",
        ),
        (403, r#"{"code":"permission_denied","message":"no"}"#, "permission"),
    ];
    for (status, body, hint) in cases {
        let project = Project::many(6);
        let fake = Fake::start(move |_, _| Answer::json(status, body));
        let ran = with_fake(&project, &fake, "apply --yes --concurrency 1").exits(1);
        ran.warns(&[&status.to_string(), hint]);
        assert_eq!(fake.asked().len(), 1, "{status}");
        let document =
            with_fake(&project, &fake, "apply --yes --concurrency 1 --format json").exits(1);
        let document = document.json();
        assert_eq!(document["stopped"], "fatal");
        assert_eq!(document["applied"], 0);
        let left = document["remaining"].as_u64().expect("a number");
        let failed = document["failed"].as_array().expect("a list").len() as u64;
        assert_eq!(left + failed, 6);
        assert_eq!(project.planned("").len(), 6, "nothing is unknown, nothing was done");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_and_nothing_is_unknown() {
    let project = Project::note("hi");
    let ran = project
        .run("apply --yes --max-duration 1s")
        .env("BREVO_BASE_URL", "http://127.0.0.1:1/v3")
        .env("BREVO_API_KEY", "any")
        .wait();
    assert!(ran.status == 1 || ran.status == 3, "{ran:?}");
    ran.warns(&["http://127.0.0.1:1"]).never_says(&[ADA]);
    project.plans("create", "note", "new");
}

#[test]
fn a_gateway_that_speaks_html_makes_a_create_unknown_and_is_not_quoted_raw() {
    let project = Project::note("hi");
    let fake = Fake::start(|_, _| {
        let page = "<html>\u{1b}[31m<h1>Bad gateway</h1></html>";
        Answer::Is(502, "content-type: text/html\r\n".to_owned(), page.to_owned())
    });
    let ran = with_fake(&project, &fake, "apply --yes").exits(4);
    ran.warns(&["note@", "502", "state resolve"]).never_says(&["\u{1b}"]);
    assert_eq!(fake.asked().len(), 1, "a create is never repeated after a 5xx");
    project.plans("unknown", "note", "lost-answer");
}

#[test]
fn an_answer_that_cannot_be_read_makes_a_create_unknown() {
    for body in ["", "{", "[]", "{}", r#"{"id":""}"#, r#"{"id":null}"#] {
        let project = Project::note("hi");
        let fake = Fake::start(move |_, _| Answer::json(200, body));
        with_fake(&project, &fake, "apply --yes").exits(4);
        assert_eq!(fake.asked().len(), 1, "{body:?}");
        project.plans("unknown", "note", "lost-answer");
    }
}

#[test]
fn an_update_is_repeated_and_a_create_is_not() {
    let project = Project::note("one");
    let fake = Fake::start(|n, asked| match (n, asked.line.starts_with("PUT")) {
        (1, true) => Answer::json(503, r#"{"code":"x","message":"later"}"#),
        _ => Answer::created("m1"),
    });
    with_fake(&project, &fake, "apply --yes").ok();
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    with_fake(&project, &fake, "apply --yes").ok();
    let lines: Vec<_> = fake.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        lines,
        [
            "POST /v3/conversations/pushedMessages HTTP/1.1",
            "PUT /v3/conversations/pushedMessages/m1 HTTP/1.1",
            "PUT /v3/conversations/pushedMessages/m1 HTTP/1.1",
        ]
    );
    assert_eq!(fake.asked()[2].body, r#"{"text":"two"}"#);
}

#[test]
fn a_redirect_is_not_followed() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    let to = sandbox.base_url();
    let fake = Fake::start(move |_, _| {
        let location = format!("location: {to}/conversations/pushedMessages\r\n");
        Answer::Is(307, location, String::new())
    });
    let ran = with_fake(&project, &fake, "apply --yes").wait();
    assert_ne!(ran.status, 0);
    assert_eq!((sandbox.total(), fake.asked().len()), (0, 1));
}

#[test]
fn an_id_from_the_api_is_data() {
    let project = Project::note("hi");
    let fake = Fake::start(|n, _| match n {
        // One that no request could name is no id.
        0 => Answer::json(200, r#"{"id":"a/../../b?c=\u001b[31m"}"#),
        1 => Answer::json(200, r#"{"id":"..b?c=#d&e"}"#),
        _ => Answer::Is(204, String::new(), String::new()),
    });
    with_fake(&project, &fake, "apply --yes -v").exits(4).never_says(&["\u{1b}"]);
    project.run(&format!("state resolve note@{ADA} --not-sent")).ok();
    with_fake(&project, &fake, "apply --yes -v").ok().never_says(&["\u{1b}"]);
    project.run("state list").ok().never_says(&["\u{1b}"]);
    project.run("plan --show-unchanged").ok().never_says(&["\u{1b}"]);
    with_fake(&project, &fake, "apply --yes --destroy").ok();
    let line = fake.asked()[2].line.clone();
    assert!(
        line.starts_with("DELETE /v3/conversations/pushedMessages/..b%3Fc%3D%23d%26e "),
        "{line}"
    );
}
