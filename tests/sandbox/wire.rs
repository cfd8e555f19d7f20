use std::net::SocketAddr;

use pushsync::sandbox::{Faults, Options, Sandbox, StartError};
use serde_json::json;

use super::{HOST, START, bytes, options, raw, raw_with, request, start};

#[tokio::test]
async fn answers_have_the_documented_statuses_headers_and_bodies() {
    for prefix in ["/v3", ""] {
        let running = start(options()).await;
        let at = |path: &str| format!("{prefix}/conversations/{path}");

        let body = r#"{"visitorId":"kZMv","text":"Hi","agentId":"d9n","novelty":1}"#;
        let sent = raw(&running, "POST", &at("pushedMessages"), body).await;
        let id = sent.json()["id"].as_str().expect("an id").to_owned();
        let name = sent.json()["agentName"].clone();
        let mut message = json!({
            "id": id, "type": "agent", "text": "Hi", "html": "Hi", "visitorId": "kZMv",
            "agentId": "d9n", "agentName": name, "createdAt": START * 1000, "isPushed": true,
        });
        assert_eq!((sent.status, sent.json()), (200, message.clone()));
        assert_eq!(sent.header("content-type"), Some("application/json"));
        assert!(sent.header("sib-request-id").is_some_and(|id| !id.is_empty()));
        for name in ["limit", "remaining", "reset"] {
            let value = sent.header(&format!("x-sib-ratelimit-{name}")).expect("a header");
            assert!(value.parse::<u64>().expect("a number") >= 1, "{name}: {value}");
        }

        let path = at(&format!("pushedMessages/{id}"));
        let got = raw(&running, "GET", &path, "").await;
        assert_eq!((got.status, got.json()), (200, message.clone()));
        let changed = raw(&running, "PUT", &path, r#"{"text":"a<b"}"#).await;
        message["text"] = "a<b".into();
        message["html"] = "a&lt;b".into();
        assert_eq!((changed.status, changed.json()), (200, message));
        let deleted = raw(&running, "DELETE", &path, "").await;
        assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
        assert_eq!(deleted.header("content-type"), None);
        assert!(deleted.header("sib-request-id").is_some());

        let body = r#"{"visitorId":"kZMv","text":"Hi","agentId":null,"agentEmail":"liz@getwear.com","agentName":"Liz","receivedFrom":"crm"}"#;
        let sent = raw(&running, "POST", &at("messages"), body).await;
        let (id, agent) = (sent.json()["id"].clone(), sent.json()["agentId"].clone());
        let message = json!({
            "id": id, "type": "agent", "text": "Hi", "html": "Hi", "visitorId": "kZMv",
            "agentId": agent, "agentName": "Liz", "createdAt": START * 1000,
            "receivedFrom": "crm",
        });
        assert_eq!((sent.status, sent.json()), (200, message));

        let pinged = raw(&running, "POST", &at("agentOnlinePing"), r#"{"agentId":"d9n"}"#).await;
        assert_eq!((pinged.status, pinged.body.as_str()), (201, ""));
        running.stop().await;
    }
}

#[tokio::test]
async fn requests_that_the_api_would_refuse_are_refused_in_its_shape() {
    let running = start(options()).await;
    let pushed = "/v3/conversations/pushedMessages";
    let agents = "/v3/conversations/messages";
    let ping = "/v3/conversations/agentOnlinePing";
    for (path, body, code) in [
        (pushed, r#"{"text":"a"}"#, "missing_parameter"),
        (pushed, r#"{"visitorId":"v"}"#, "missing_parameter"),
        (pushed, r#"{"visitorId":"v","text":null}"#, "missing_parameter"),
        (pushed, r#"{"visitorId":"v","text":""}"#, "invalid_parameter"),
        (pushed, r#"{"visitorId":"v","text":" \n"}"#, "invalid_parameter"),
        (pushed, r#"{"visitorId":"","text":"a"}"#, "invalid_parameter"),
        (pushed, r#"{"visitorId":7,"text":"a"}"#, "invalid_parameter"),
        (pushed, r#"{"visitorId":"v","text":["a"]}"#, "invalid_parameter"),
        (pushed, r#"{"visitorId":"v","text":"a","agentId":1}"#, "invalid_parameter"),
        (
            pushed,
            r#"{"visitorId":"v","text":"a","agentId":"a","groupId":"g"}"#,
            "invalid_parameter",
        ),
        (pushed, "", "missing_parameter"),
        (pushed, "text=a", "invalid_parameter"),
        (pushed, "[]", "invalid_parameter"),
        (pushed, r#"{"visitorId":"v","text":"a""#, "invalid_parameter"),
        (agents, r#"{"visitorId":"v","text":"a"}"#, "missing_parameter"),
        (agents, r#"{"visitorId":"v","text":"a","groupId":"g"}"#, "missing_parameter"),
        (agents, r#"{"visitorId":"v","text":"a","agentEmail":"a@b.c"}"#, "missing_parameter"),
        (
            agents,
            r#"{"visitorId":"v","text":"a","agentEmail":"a@b.c","agentName":"A"}"#,
            "missing_parameter",
        ),
        (
            agents,
            r#"{"visitorId":"v","text":"a","agentEmail":"a","agentName":"A","receivedFrom":"x"}"#,
            "invalid_parameter",
        ),
        (
            agents,
            r#"{"visitorId":"v","text":"a","agentId":"a","agentEmail":"a@b.c"}"#,
            "invalid_parameter",
        ),
        (ping, "{}", "missing_parameter"),
        (ping, r#"{"agentName":"A","receivedFrom":"x"}"#, "missing_parameter"),
    ] {
        let refused = raw(&running, "POST", path, body).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, code), "{body}");
        assert!(refused.header("x-sib-ratelimit-remaining").is_some());
    }
    assert_eq!(running.messages().len(), 0);

    let body = r#"{"visitorId":"v","text":"a"}"#;
    let id = raw(&running, "POST", pushed, body).await.json()["id"].clone();
    let path = format!("{pushed}/{}", id.as_str().expect("an id"));
    let refused = raw(&running, "PUT", &path, r#"{"text":""}"#).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_parameter"));
    assert_eq!(running.messages()[0].text, "a");
    running.stop().await;
}

#[tokio::test]
async fn paths_methods_and_ids_that_are_not_there_say_so() {
    let running = start(options()).await;
    for (method, path, status, code) in [
        ("GET", "/v3/conversations/pushedMessages/x", 404, "document_not_found"),
        ("PUT", "/conversations/messages/x", 404, "document_not_found"),
        ("DELETE", "/conversations/messages/a%2Fb", 404, "document_not_found"),
        ("GET", "/v3/account", 404, "not_found"),
        ("GET", "/v3", 404, "not_found"),
        ("GET", "/v3/conversations/pushedMessages", 405, "method_not_allowed"),
        ("PATCH", "/v3/conversations/messages/x", 405, "method_not_allowed"),
        ("DELETE", "/v3/conversations/agentOnlinePing", 405, "method_not_allowed"),
    ] {
        let refused = raw(&running, method, path, r#"{"text":"a"}"#).await;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{method} {path}");
        assert_eq!(refused.header("allow").is_some(), status == 405);
        assert!(refused.header("sib-request-id").is_some());
    }
    running.stop().await;
}

#[tokio::test]
async fn without_a_key_nothing_is_done_and_no_budget_is_told() {
    let running = start(options()).await;
    let path = "/v3/conversations/pushedMessages";
    let body = r#"{"visitorId":"v","text":"a"}"#;
    for headers in ["", "api-key:  \r\n", "Authorization: Bearer \r\n", "partner-key: x\r\n"] {
        let refused = raw_with(&running, "POST", path, headers, body).await;
        assert_eq!(refused.status, 401, "{headers}");
        assert_eq!(
            refused.json(),
            json!({"code": "unauthorized", "message": "authentication not found in headers"})
        );
        assert_eq!(refused.header("x-sib-ratelimit-limit"), None);
        assert!(refused.header("sib-request-id").is_some());
    }
    assert_eq!(running.messages().len(), 0);
    for headers in ["API-KEY: x\r\n", "authorization: bearer x\r\n"] {
        assert_eq!(raw_with(&running, "POST", path, headers, body).await.status, 200, "{headers}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_sandbox_answers_to_its_own_hosts_and_not_to_pages_of_another_site() {
    let running = start(options()).await;
    let port = running.address().port();
    let body = r#"{"visitorId":"v","text":"a"}"#;
    let asked = |path: &str, host: &str, more: &str| {
        request("POST", path, &format!("api-key: x\r\n{more}"), body).replace(HOST, host)
    };
    let path = "/v3/conversations/pushedMessages";
    for (request, status) in [
        (asked(path, &format!("127.0.0.1:{port}"), ""), "200"),
        (asked(path, &format!("localhost:{port}"), ""), "200"),
        (asked(path, &format!("[::1]:{port}"), ""), "200"),
        (asked(path, HOST, &format!("origin: http://localhost:{port}\r\n")), "200"),
        (asked(&format!("http://localhost:{port}{path}"), HOST, ""), "200"),
        (asked(path, "rebound.example", ""), "403"),
        (asked(path, &format!("rebound.example:{port}"), ""), "403"),
        (asked(path, "localhost:1", ""), "403"),
        (asked(path, HOST, "host: rebound.example\r\n"), "403"),
        (asked(path, HOST, "origin: https://rebound.example\r\n"), "403"),
        (asked(path, HOST, "origin: null\r\n"), "403"),
        (asked(&format!("http://rebound.example{path}"), HOST, ""), "403"),
        (request("GET", "/", "", "").replace(HOST, "rebound.example"), "403"),
        (request("GET", "/_sandbox/messages", "", "").replace(HOST, "rebound.example"), "403"),
        (request("GET", "/_sandbox/events", "", "").replace(HOST, "rebound.example"), "403"),
    ] {
        let before = running.messages().len();
        let answer = bytes(&running, &request).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        let sent = usize::from(status == "200");
        assert_eq!(running.messages().len(), before + sent, "{request}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_body_beyond_all_measure_is_refused() {
    let running = start(options()).await;
    let body = format!(r#"{{"visitorId":"v","text":"{}"}}"#, "x".repeat(5 << 20));
    let path = "/conversations/pushedMessages";
    let refused = raw(&running, "POST", path, &body).await;
    assert_eq!(refused.status, 413);
    assert_eq!(running.messages().len(), 0);
    running.stop().await;
}

#[tokio::test]
async fn tests_can_look_into_the_sandbox_without_a_key() {
    let running = start(options()).await;
    let path = "/v3/conversations/pushedMessages";
    let body = r#"{"visitorId":"v","text":"a","groupId":"g"}"#;
    let id = raw(&running, "POST", path, body).await.json()["id"].clone();
    let one = format!("{path}/{}", id.as_str().expect("an id"));
    raw(&running, "DELETE", &one, "").await;
    raw_with(&running, "POST", path, "", body).await;
    raw(&running, "GET", "/elsewhere", "").await;

    let messages = raw_with(&running, "GET", "/_sandbox/messages", "", "").await;
    let shown = &messages.json()[0];
    assert_eq!(
        (&shown["id"], &shown["visitorId"], &shown["text"]),
        (&id, &json!("v"), &json!("a"))
    );
    assert_eq!((&shown["deleted"], &shown["kind"]), (&json!(true), &json!("pushed")));
    assert_eq!(shown["createdAt"], json!(START * 1000));
    assert_eq!(shown["deletedAt"], json!(START * 1000));
    assert_eq!(shown["groupId"], json!("g"));

    let requests = raw_with(&running, "GET", "/_sandbox/requests", "", "").await;
    assert_eq!(
        requests.json(),
        json!({ "total": 4, "operations": {
            "POST /conversations/pushedMessages": { "200": 1, "401": 1 },
            "DELETE /conversations/pushedMessages/{id}": { "204": 1 },
            "other": { "404": 1 },
        }})
    );
    assert_eq!(raw_with(&running, "POST", "/_sandbox/messages", "", "").await.status, 405);
    assert_eq!(raw_with(&running, "GET", "/_sandbox/x", "", "").await.status, 404);
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let running = start(options()).await;
    let taken = Sandbox::start(Options { listen: running.address(), ..options() }).await;
    let error = taken.expect_err("the port is taken").to_string();
    assert_eq!(
        error,
        format!(
            "could not listen on {}: another program listens there; choose another port, or 0 for a free one",
            running.address()
        )
    );
    running.stop().await;
    let listen: SocketAddr = "192.0.2.1:0".parse().expect("an address");
    let error = Sandbox::start(Options { listen, ..options() }).await.expect_err("not ours");
    assert!(matches!(error, StartError::Listen { .. }));
    for value in [-0.1, 1.1, f64::NAN] {
        let faults = Faults { fail: value, ..Faults::default() };
        let error = Sandbox::start(Options { faults, ..options() }).await.expect_err("refused");
        assert!(matches!(error, StartError::Probability { name: "fail", .. }));
    }
}
