use std::time::Duration;

use httpmock::MockServer;
use pushsync::{
    brevo::{Client, Config, Credentials, Error, ErrorKind, Hint, Operation, key::KeyProblem},
    model::{Content, Kind, MessageId, Sender},
};
use secrecy::SecretString;

use super::{KEY, PARTNER, VISITOR, client, config, id, visitor};

/// What a GET says of an answer like this.
async fn get(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
    let server = MockServer::start_async().await;
    server
        .mock_async(|_, then| {
            let then = headers
                .iter()
                .fold(then.status(status), |then, (name, value)| then.header(*name, *value));
            then.body(body);
        })
        .await;
    client(&server.url("")).get(Kind::Pushed, &id()).await.expect_err("an error")
}

/// What a POST says of an answer like this.
async fn post(config: impl FnOnce(Config) -> Config, status: u16, body: &str) -> Error {
    let server = MockServer::start_async().await;
    server
        .mock_async(|_, then| {
            then.status(status).header("sib-request-id", "req-7").body(body);
        })
        .await;
    Client::new(config(super::config(&server.url(""))))
        .expect("a client")
        .send(Kind::Pushed, &visitor(), &Content { text: "Hello".into(), from: Sender::Random })
        .await
        .expect_err("an error")
}

#[tokio::test]
async fn every_error_of_the_table_has_its_hint() {
    let ip = "We have detected you are using an unrecognised IP address 192.0.2.7. If you \
              performed this action make sure to add the new IP address in this link";
    for (status, code, message, hint) in [
        (401, "unauthorized", "authentication not found in headers", Hint::NoKey),
        (401, "unauthorized", "Key not found", Hint::WrongKey(None)),
        (401, "Unauthorized", ip, Hint::UnrecognisedIp),
        (401, "unauthorized", "API Key is not enabled", Hint::Unauthorized(None)),
        (402, "not_enough_credits", "Upgrade your plan to use REST API", Hint::Plan),
        (403, "permission_denied", "no", Hint::Forbidden),
        (404, "document_not_found", "Message not found", Hint::Gone),
        (429, "anything", "at all", Hint::Wait(None)),
    ] {
        let body = serde_json::json!({ "code": code, "message": message }).to_string();
        let error = get(status, &[("sib-request-id", "req-7")], &body).await;
        assert_eq!(error.hint(), Some(hint), "{message}");
        assert_eq!(error.status(), Some(status));
        assert_eq!((error.code(), error.request_id()), (Some(code), Some("req-7")));
        assert!(error.message().is_some_and(|said| message.starts_with(said)));
        let shown = error.to_string();
        assert!(shown.starts_with(&format!(
            "GET /conversations/pushedMessages/{{id}}: answered {status} {code}: "
        )));
        assert!(shown.ends_with("(request id req-7)"), "{shown}");
        assert!(!hint.to_string().contains('\n'));
    }
    assert_eq!(get(400, &[], r#"{"code":"missing_parameter"}"#).await.hint(), None);
    assert_eq!(get(500, &[], "").await.hint(), None);
}

#[tokio::test]
async fn a_key_that_was_not_found_is_looked_at() {
    for (key, problem) in [
        ("xsmtpsib-0123456789", KeyProblem::Smtp),
        ("xkeysib-****789", KeyProblem::Abbreviated),
        ("\"xkeysib-789\"", KeyProblem::Quoted),
    ] {
        let config =
            |config| Config { credentials: Credentials::Key(SecretString::from(key)), ..config };
        let body = r#"{"message":"Key not found","code":"unauthorized"}"#;
        let error = post(config, 401, body).await;
        assert_eq!(error.hint(), Some(Hint::WrongKey(Some(problem))));
        assert!(!format!("{error:?} {error} {:?}", error.hint()).contains(key));
    }
}

#[tokio::test]
async fn a_used_up_budget_says_when_it_is_renewed() {
    let error = get(
        429,
        &[
            ("x-sib-ratelimit-limit", "100"),
            ("x-sib-ratelimit-remaining", "0"),
            ("x-sib-ratelimit-reset", "42"),
        ],
        "<nothing> known",
    )
    .await;
    assert_eq!(error.hint(), Some(Hint::Wait(Some(Duration::from_secs(42)))));
    assert_eq!(error.budget().and_then(|budget| budget.remaining), Some(0));
    assert!(error.hint().expect("a hint").to_string().contains("42 s"));
}

#[tokio::test]
async fn a_404_is_gone_only_when_the_api_itself_says_so_of_an_id() {
    let ours = [("sib-request-id", "req-1")];
    for (headers, body) in [
        (&[][..], r#"{"code":"DOCUMENT_NOT_FOUND"}"#),
        (&[], "\u{feff}{\"code\":\"document_not_found\",\"message\":\"x\"}"),
        (&ours, r#"{"code":"Document_Not_Found"}"#),
        (&ours, r#"{"message":"Message not found"}"#),
        (&ours, r#"{"code":null}"#),
        (&ours, "{}"),
    ] {
        let error = get(404, headers, body).await;
        assert!(error.is_gone(), "{body}");
        assert_eq!(error.hint(), Some(Hint::Gone));
    }
    for (headers, body) in [
        (&[][..], r#"{"message":"no route"}"#),
        (&[], r#"{"message":"Message not found"}"#),
        (&[], "{}"),
        (&[], ""),
        (&[], "404 page not found"),
        (&[], "[]"),
        (&[("sib-request-id", "")], "{}"),
        (&ours, ""),
        (&ours, "[]"),
        (&ours, r#""document_not_found""#),
        (&ours, r#"{"code":"route_not_found"}"#),
        (&ours, r#"{"code":404}"#),
        (&ours, r#"{"code":"document_not_found""#),
        (&[("content-type", "text/html")], "<h1>Not Found</h1>"),
    ] {
        let error = get(404, headers, body).await;
        assert!(!error.is_gone(), "{body}");
        assert_eq!(error.hint(), Some(Hint::NotFromTheApi));
    }
    let posted = post(|config| config, 404, r#"{"code":"document_not_found"}"#).await;
    assert!(!posted.is_gone());
    assert_eq!(posted.hint(), Some(Hint::WrongPath));
}

#[tokio::test]
async fn an_error_keeps_what_a_body_of_any_shape_says() {
    for (body, code, message) in [
        (r#"{"code":"New_Code","message":"x"}"#, Some("New_Code"), Some("x")),
        (r#"{"code":17,"message":null}"#, Some("17"), None),
        (r#"{"message":"only"}"#, None, Some("only")),
        (r#"{"error":"other"}"#, None, Some(r#"{"error":"other"}"#)),
        (r#"["a"]"#, None, Some(r#"["a"]"#)),
        ("", None, None),
        ("  \n", None, None),
        ("upstream connect error", None, Some("upstream connect error")),
    ] {
        let error = get(500, &[], body).await;
        assert_eq!((error.code(), error.message()), (code, message), "{body}");
        assert_eq!(error.status(), Some(500));
    }
}

#[tokio::test]
async fn a_gateways_page_becomes_a_short_line() {
    let page = format!(
        "<html><head><title>502 Bad Gateway</title><style>p{{}}</style></head>\r\n<body>\u{1b}[2J\
         <h1>502 Bad Gateway</h1>{}</body></html>",
        "<p>very long</p>".repeat(10_000)
    );
    let error = get(502, &[("content-type", "text/html")], &page).await;
    let message = error.message().expect("an excerpt");
    assert!(message.starts_with("502 Bad Gateway [2J 502 Bad Gateway very long"), "{message}");
    assert!(message.chars().count() <= 301, "{}", message.len());
    assert!(!error.to_string().chars().any(char::is_control));
}

#[tokio::test]
async fn secrets_and_visitor_ids_are_hidden_even_if_the_server_echoes_them() {
    let keys = |config| Config { partner_key: Some(SecretString::from(PARTNER)), ..config };
    let echo = format!("{KEY} {PARTNER} {VISITOR}");
    let json = serde_json::json!({ "code": echo, "message": echo }).to_string();
    let other = serde_json::json!({ "echo": echo }).to_string();
    let page = format!("<h1>{echo}</h1>");
    for (status, body) in [(400, &json), (400, &other), (502, &page), (200, &page), (200, &other)] {
        let error = post(keys, status, body).await;
        let shown = format!("{error} {error:?} {error:#?}");
        for secret in [KEY, PARTNER, VISITOR] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("[hidden]") && shown.contains("kZMv…xvg"), "{shown}");
    }
    let server = MockServer::start_async().await;
    server
        .mock_async(|_, then| {
            then.status(400).header("sib-request-id", KEY);
        })
        .await;
    let error = client(&server.url("")).get(Kind::Pushed, &id()).await.expect_err("an error");
    assert_eq!(error.request_id(), Some("[hidden]"));
}

#[tokio::test]
async fn a_visitor_whom_only_the_server_named_is_masked_too() {
    for (status, body) in [
        (200, format!(r#"{{"text":"a","visitorId":"{VISITOR}"}}"#)),
        (200, format!(r#"{{"text":"a","visitorId":"{VISITOR}""#)),
        (500, format!(r#"{{"errors":[{{"visitor_id":"{VISITOR}"}}]}}"#)),
    ] {
        let error = get(status, &[], &body).await;
        assert_eq!(error.status(), Some(status));
        assert!(!format!("{error} {error:?}").contains(VISITOR), "{error}");
    }
}

#[tokio::test]
async fn a_success_without_a_usable_id_is_not_a_success() {
    for (body, said) in [
        ("", "answered 200, but its body is empty"),
        ("{}", "answered 200, but its body holds no message id: {}"),
        (r#"{"id":null}"#, "answered 200, but its body holds no message id: {\"id\":null}"),
        ("<h1>Log in</h1>", "answered 200, but its body is no JSON object: Log in"),
        (r#"{"id":"x"#, "answered 200, but its body is no JSON object"),
    ] {
        let error = post(|config| config, 200, body).await;
        assert_eq!(error.status(), Some(200));
        assert!(matches!(error.kind(), ErrorKind::Unreadable { status: 200, .. }));
        assert_eq!(
            error.to_string(),
            format!("POST /conversations/pushedMessages: {said} (request id req-7)")
        );
    }
    let server = MockServer::start_async().await;
    server
        .mock_async(|_, then| {
            then.status(200).body("<html>Welcome to the hotel's network</html>");
        })
        .await;
    let client = client(&server.url(""));
    let deleted = client.delete(Kind::Agent, &id()).await.expect_err("a page");
    assert!(matches!(deleted.kind(), ErrorKind::Unreadable { .. }));
    let updated = client.update(Kind::Agent, &id(), "x").await.expect_err("a page");
    assert!(matches!(updated.kind(), ErrorKind::Unreadable { .. }));
}

#[tokio::test]
async fn redirects_are_errors_and_never_followed() {
    let elsewhere = MockServer::start_async().await;
    let target = elsewhere
        .mock_async(|_, then| {
            then.status(200).body(r#"{"id":"x"}"#);
        })
        .await;
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url(format!("/login?visitor={VISITOR}"));
        let error = get(status, &[("location", &location)], "").await;
        let origin = elsewhere.url("");
        assert_eq!(
            error.kind(),
            &ErrorKind::Redirect { status, to: Some(origin.trim_end_matches('/').to_owned()) }
        );
        assert_eq!(error.status(), Some(status));
        assert!(error.to_string().contains("not followed"));
        assert!(!error.to_string().contains("visitor="));
    }
    target.assert_calls_async(0).await;
}

#[tokio::test]
async fn an_id_that_no_path_can_hold_is_never_sent() {
    let server = MockServer::start_async().await;
    let mock = server
        .mock_async(|_, then| {
            then.status(204);
        })
        .await;
    let client = client(&server.url("/v3"));
    for id in ["", ".", ".."] {
        let error = client.delete(Kind::Pushed, &MessageId::new(id)).await.expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::NotBuilt { .. }));
        assert_eq!(error.operation(), Operation::DeletePushedMessage);
    }
    mock.assert_calls_async(0).await;
}

#[test]
fn errors_are_small_and_can_cross_threads() {
    fn check<T: std::error::Error + Send + Sync + 'static>() {}
    check::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert!(!format!("{:?}", config("http://localhost:1")).contains(KEY));
}
