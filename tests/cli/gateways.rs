//! What stands between this machine and the API answers in its place, or wraps its answers.

use serde_json::Value;

use crate::support::{ADA, Answer, Fake, Project, Sandbox, many};

/// The statuses of all deliveries.
fn statuses(project: &Project) -> Vec<String> {
    let list = project.run("state list --format json").ok().json();
    let deliveries = list["deliveries"].as_array().expect("deliveries").clone();
    let status = |delivery: &Value| delivery["status"].as_str().expect("a status").to_owned();
    deliveries.iter().map(status).collect()
}

#[test]
fn a_404_of_a_gateway_marks_nothing_as_gone_and_forgets_no_id() {
    for fault in ["no-route", "empty-not-found", "not-found-page"] {
        let project = Project::many(3);
        let sandbox = Sandbox::with(&format!("--after 3 --fault {fault}"));
        project.apply(&sandbox);
        let applied = statuses(&project);

        let refresh = project.with(&sandbox, "refresh").exits(1);
        refresh.warns(&["answered 404", "is not the API's own", "the state stays as it is"]);
        assert_eq!(statuses(&project), applied, "{fault}");
        project.is_settled();

        let destroy = "apply --yes --destroy --allow-deletes all --format json";
        let destroyed = project.with(&sandbox, destroy).exits(1).json();
        assert_eq!(destroyed["applied"], 0, "{fault}");
        assert_eq!(destroyed["failed"].as_array().map(Vec::len), Some(3), "{fault}");
        assert_eq!(statuses(&project).len(), 3, "{fault}");

        project.rewrite(&many(3, "other"));
        project.with(&sandbox, "apply --yes").exits(1).warns(&["answered 404"]);
        assert!(project.planned("").iter().all(|(action, ..)| action == "update"), "{fault}");
        assert_eq!(sandbox.there().len(), 3);
    }
}

#[test]
fn a_404_is_believed_only_with_the_apis_code_or_its_request_id() {
    for (headers, body, gone) in [
        ("", r#"{"message":"no Route matched with those values"}"#, false),
        ("", r#"{"error":"not found"}"#, false),
        ("", r#"{"code":"not_found","message":"unknown host"}"#, false),
        ("sib-request-id: r-9\r\n", r#"{"code":"route_not_found"}"#, false),
        ("sib-request-id: r-9\r\n", "", false),
        ("x-request-id: r-9\r\n", "{}", false),
        ("sib-request-id: r-9\r\n", r#"{"message":"no such message"}"#, true),
        ("", r#"{"code":"Document_Not_Found"}"#, true),
    ] {
        let project = Project::note("hi");
        let api = Fake::start(move |_, asked| match asked.line.starts_with("POST") {
            true => Answer::created("AXCR3k9bpSY7bpuh7"),
            false => Answer::Is(404, headers.to_owned(), body.to_owned()),
        });
        let with = |args: &str| {
            let run = project.run(args).env("BREVO_BASE_URL", api.base_url());
            run.env("BREVO_API_KEY", "any")
        };
        with("apply --yes").ok();
        with("refresh").exits(i32::from(!gone));
        match gone {
            true => project.plans("resend", "note", "gone"),
            false => project.is_settled(),
        }
    }
}

#[test]
fn answers_that_a_gateway_encodes_are_understood() {
    for fault in ["gzip", "deflate", "bom", "bom,gzip", "bom,deflate"] {
        let project = Project::many(3);
        let sandbox = Sandbox::with(&format!("--fault {fault}"));
        project.apply(&sandbox);
        project.with(&sandbox, "refresh").ok();
        project.is_settled();
        let id = sandbox.created()[0]["id"].as_str().expect("an id").to_owned();
        sandbox.lose("pushed", &id);
        project.with(&sandbox, "refresh").ok();
        project.plans("resend", "m00", "gone");
        assert_eq!(sandbox.created().len(), 3, "{fault}");
    }
}

#[test]
fn a_page_in_the_place_of_a_delete_or_of_an_answer_for_another_message_changes_nothing() {
    for (status, body) in [
        (200, "<html>Please log in</html>"),
        (200, r#"{"login":"https://login.example.com/"}"#),
        (200, r#"{"id":"AnotherMessage"}"#),
    ] {
        let project = Project::note("hi");
        let api = Fake::start(move |_, asked| match asked.line.starts_with("POST") {
            true => Answer::created("AXCR3k9bpSY7bpuh7"),
            false => Answer::json(status, body),
        });
        let with = |args: &str| {
            let run = project.run(args).env("BREVO_BASE_URL", api.base_url());
            run.env("BREVO_API_KEY", "any")
        };
        with("apply --yes").ok();
        with("apply --yes --destroy --max-duration 1s").exits(3);
        project.run(&format!("state show note@{ADA}")).ok().says(&["AXCR3k9bpSY7bpuh7"]);
    }
}
