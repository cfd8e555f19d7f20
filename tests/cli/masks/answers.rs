//! What the API answers may quote ids, also of other visitors.

use super::{IDS, leak};
use crate::support::{Answer, Fake, Project};

/// Bodies that name a visitor, in forms that a server may give it.
fn bodies(id: &str) -> Vec<String> {
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let plain: String = id
        .bytes()
        .map(|b| match b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect();
    let pad = "x ".repeat(140);
    vec![
        format!(r#"{{"code":"invalid_parameter","message":"visitor {id} is unknown"}}"#),
        format!(r#"{{"code":"{id}","message":"no"}}"#),
        format!(r#"{{"code":"bad","message":"{}"}}"#, id.to_uppercase().replace("SS", "ß")),
        format!(r#"{{"code":"bad","message":"/visitors/{plain}/messages"}}"#),
        format!(r#"{{"code":"bad","message":"{pad}{id}"}}"#),
        format!(r#"{{"code":"bad","message":"{pad}1234567{id} {id}"}}"#),
        format!(r#"{{"visitorId":"{id}","visitors":["{id}"],"visitor":{{"name":"{id}"}}}}"#),
        format!(r#"[{{"text":"{id}"}}]"#),
        format!("<html><title>{id}</title><body>no visitor {id}</body></html>"),
        format!("visitor {id}: {encoded}"),
        format!(r#"{{"message":{{"visitor":"{id}"}},"errors":["{id}"]}}"#),
    ]
}

/// What the commands of an apply show, against a server that answers so to all but what is `good`.
fn told(project: &Project, status: u16, body: &str, id: &str, good: &'static str) -> String {
    let (body, id) = (body.to_owned(), id.to_owned());
    let server = Fake::start(move |_, asked| {
        if !good.is_empty() && asked.line.starts_with(good) {
            return Answer::created("AXCR3k9bpSY7bpuh7");
        }
        let head = format!("content-type: application/json\r\nsib-request-id: {id}\r\n");
        let head = if id.is_ascii() { head } else { String::new() };
        Answer::Is(status, head, body.clone())
    });
    let mut all = String::new();
    // Another server stands for the same API.
    if project.join("state").exists() {
        project.run(&format!("state set-api {}", server.base_url())).ok();
    }
    for args in
        ["apply --yes -vv", "apply --yes --log-format json -vv --allow-deletes all", "refresh -vv"]
    {
        let ran = project
            .run(args)
            .env("BREVO_BASE_URL", server.base_url())
            .env("BREVO_API_KEY", "any")
            .wait();
        all.push_str(&ran.err);
        all.push_str(&ran.out);
    }
    all
}

#[test]
fn answers_to_creates_show_no_visitor() {
    for (at, id) in IDS.iter().enumerate() {
        for (number, body) in bodies(id).iter().enumerate() {
            if number % IDS.len() != at && at != 0 {
                continue;
            }
            let project = Project::new(&format!(
                "messages: {{ note: {{ from: support, to: {{ visitor: \"{id}\" }}, text: hi }} }}"
            ));
            let status = [400, 404, 422][number % 3];
            let all = told(&project, status, body, id, "");
            assert!(all.contains("answered"), "{all}");
            assert_eq!(leak(&all, id), None, "{body}\n{all}");
        }
    }
}

#[test]
fn answers_to_updates_deletes_and_reads_show_no_visitor() {
    for (at, id) in IDS.iter().enumerate() {
        for (number, body) in bodies(id).iter().enumerate() {
            if number % IDS.len() != at && at != 0 {
                continue;
            }
            let yaml = |text: &str| {
                format!(
                    "messages: {{ note: {{ from: support, to: {{ visitors: [\"{id}\"] }}, text: {text} }} }}"
                )
            };
            let project = Project::new(&yaml("hi"));
            let made = told(&project, 400, body, id, "POST ");
            assert_eq!(leak(&made, id), None, "{body}\n{made}");
            project.rewrite(&yaml("other"));
            let all = told(&project, 400, body, id, "");
            assert!(all.contains("answered"), "{all}");
            assert_eq!(leak(&all, id), None, "PUT and GET: {body}\n{all}");
            project.rewrite("messages: {}");
            let all = told(&project, 400, body, id, "");
            assert!(all.contains("answered"), "{all}");
            assert_eq!(leak(&all, id), None, "DELETE: {body}\n{all}");
        }
    }
}

#[test]
fn an_answer_may_quote_a_visitor_of_another_message() {
    let (id, other) = (IDS[5], IDS[3]);
    let project = Project::new(&format!(
        "messages: {{ note: {{ from: support, to: {{ visitor: {id} }}, text: hi }},\n\
         \x20 more: {{ from: support, to: {{ visitor: {other} }}, text: hi }} }}"
    ));
    let body = format!(r#"{{"code":"bad","message":"{id} is {other}"}}"#);
    let all = told(&project, 400, &body, "x", "");
    assert_eq!((leak(&all, id), leak(&all, other)), (None, None), "{all}");
}
