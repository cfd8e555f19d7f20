use std::time::Duration;

use httpmock::{Mock, MockServer};
use pushsync::{
    brevo::{
        BudgetReading, Client, Config, ConfigError, Credentials, ErrorKind, Message,
        key::KeyProblem,
    },
    model::{Content, Kind, MessageId, Sender},
};
use secrecy::SecretString;

use super::{KEY, PARTNER, VISITOR, client, config, id, visitor};

const ANSWER: &str = r#"{"id":"AXCR3k9bpSY7bpuh7","type":"agent","text":"Hello","html":"Hello",
    "visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","agentId":"d9nKoegKSjmCtyK78",
    "agentName":"Liz","createdAt":1470222622433,"isPushed":true,"madeUp":{"a":[1]}}"#;

/// A mock that answers only if method, path, headers and body are exactly these.
async fn expect<'a>(
    server: &'a MockServer,
    (method, path, body): (&'static str, &'static str, &'static str),
    (status, answer): (u16, &'static str),
) -> Mock<'a> {
    server
        .mock_async(|when, then| {
            let when = when
                .method(method)
                .path(path)
                .header("api-key", KEY)
                .header("accept", "application/json")
                .header("user-agent", "pushsync/test")
                .header_missing("partner-key")
                .header_missing("authorization");
            if body.is_empty() {
                when.header_missing("content-type").is_true(|request| request.body().is_empty());
            } else {
                when.header("content-type", "application/json").body(body);
            }
            then.status(status)
                .header("sib-request-id", "req-1")
                .header("x-sib-ratelimit-limit", "100")
                .header("x-sib-ratelimit-remaining", "88")
                .header("x-sib-ratelimit-reset", "1200")
                .body(answer);
        })
        .await
}

fn check_headers(request_id: Option<&str>, budget: Option<BudgetReading>) {
    assert_eq!(request_id, Some("req-1"));
    assert_eq!(
        budget,
        Some(BudgetReading {
            limit: Some(100),
            remaining: Some(88),
            reset: Some(Duration::from_secs(1200)),
            retry_after: None,
        })
    );
}

fn check_message(message: &Message) {
    assert_eq!(message.id, id());
    assert_eq!(message.text.as_deref(), Some("Hello"));
    assert_eq!(message.agent_name.as_deref(), Some("Liz"));
    assert_eq!(message.is_pushed, Some(true));
    assert_eq!(message.created_at.map(|at| at.as_millisecond()), Some(1_470_222_622_433));
    assert!(!format!("{message:?}").contains(VISITOR));
}

#[tokio::test]
async fn a_pushed_message_is_sent_from_nobody_an_agent_or_a_group() {
    for (from, body) in [
        (Sender::Random, r#"{"visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","text":"Hel\"lo\n…"}"#),
        (
            Sender::Agent { id: "d9n".into(), received_from: None },
            r#"{"visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","text":"Hel\"lo\n…","agentId":"d9n"}"#,
        ),
        (
            Sender::Group("PjR".into()),
            r#"{"visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","text":"Hel\"lo\n…","groupId":"PjR"}"#,
        ),
    ] {
        let server = MockServer::start_async().await;
        let request = ("POST", "/v3/conversations/pushedMessages", body);
        let mock = expect(&server, request, (200, ANSWER)).await;
        let sent = client(&server.url("/v3/"))
            .send(Kind::Pushed, &visitor(), &Content { text: "Hel\"lo\n…".into(), from })
            .await
            .expect("an answer");
        check_message(&sent.body);
        check_headers(sent.request_id.as_deref(), sent.budget);
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn an_agents_message_is_sent_by_id_or_by_email() {
    for (from, body) in [
        (
            Sender::Agent { id: "d9n".into(), received_from: None },
            r#"{"visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","text":"Hi","agentId":"d9n"}"#,
        ),
        (
            Sender::Agent { id: "d9n".into(), received_from: Some("crm".into()) },
            r#"{"visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","text":"Hi","agentId":"d9n","receivedFrom":"crm"}"#,
        ),
        (
            Sender::Helpdesk {
                email: "liz@getwear.com".into(),
                name: "Liz".into(),
                received_from: "crm".into(),
            },
            r#"{"visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","text":"Hi","agentEmail":"liz@getwear.com","agentName":"Liz","receivedFrom":"crm"}"#,
        ),
    ] {
        let server = MockServer::start_async().await;
        let request = ("POST", "/conversations/messages", body);
        let mock = expect(&server, request, (200, ANSWER)).await;
        let message = Content { text: "Hi".into(), from };
        let sent = client(&server.url(""))
            .send(Kind::Agent, &visitor(), &message)
            .await
            .expect("an answer");
        check_message(&sent.body);
        check_headers(sent.request_id.as_deref(), sent.budget);
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn messages_of_both_kinds_are_read_changed_and_deleted_by_id() {
    for (kind, path) in [
        (Kind::Pushed, "/conversations/pushedMessages/AXCR3k9bpSY7bpuh7"),
        (Kind::Agent, "/conversations/messages/AXCR3k9bpSY7bpuh7"),
    ] {
        let server = MockServer::start_async().await;
        let client = client(&server.url(""));

        let mock = expect(&server, ("GET", path, ""), (200, ANSWER)).await;
        let got = client.get(kind, &id()).await.expect("an answer");
        check_message(&got.body);
        check_headers(got.request_id.as_deref(), got.budget);
        mock.assert_async().await;

        let mock = expect(&server, ("PUT", path, r#"{"text":"New"}"#), (200, ANSWER)).await;
        let changed = client.update(kind, &id(), "New").await.expect("an answer");
        check_message(&changed.body);
        check_headers(changed.request_id.as_deref(), changed.budget);
        mock.assert_async().await;

        let mock = expect(&server, ("DELETE", path, ""), (204, "")).await;
        let deleted = client.delete(kind, &id()).await.expect("an answer");
        check_headers(deleted.request_id.as_deref(), deleted.budget);
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn an_agent_is_pinged_by_id_or_by_email() {
    for (agent, body) in [
        (Sender::Agent { id: "d9n".into(), received_from: None }, r#"{"agentId":"d9n"}"#),
        (
            Sender::Helpdesk {
                email: "liz@getwear.com".into(),
                name: "Liz".into(),
                received_from: "crm".into(),
            },
            r#"{"agentEmail":"liz@getwear.com","agentName":"Liz","receivedFrom":"crm"}"#,
        ),
    ] {
        let server = MockServer::start_async().await;
        let request = ("POST", "/conversations/agentOnlinePing", body);
        let mock = expect(&server, request, (201, "")).await;
        let pinged = client(&server.url("")).ping_agent_online(&agent).await.expect("an answer");
        check_headers(pinged.request_id.as_deref(), pinged.budget);
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn a_partner_key_is_sent_in_its_own_header() {
    let server = MockServer::start_async().await;
    let mock = server
        .mock_async(|when, then| {
            when.method("GET").header("api-key", KEY).header("partner-key", PARTNER);
            then.status(200).body(ANSWER);
        })
        .await;
    let config =
        Config { partner_key: Some(SecretString::from(PARTNER)), ..config(&server.url("")) };
    assert!(!format!("{config:?}").contains(PARTNER) && !format!("{config:?}").contains(KEY));
    let client = Client::new(config).expect("a client");
    assert!(!format!("{client:?}").contains(PARTNER) && !format!("{client:?}").contains(KEY));
    client.get(Kind::Pushed, &id()).await.expect("an answer");
    mock.assert_async().await;
}

#[tokio::test]
async fn an_answer_without_headers_is_an_answer() {
    let server = MockServer::start_async().await;
    server
        .mock_async(|_, then| {
            then.status(200)
                .header("x-sib-ratelimit-remaining", "many")
                .header("x-sib-ratelimit-reset", "soon")
                .header("sib-request-id", " \t ")
                .body(r#"{"id":"x","createdAt":"2026","text":7}"#);
        })
        .await;
    let got = client(&server.url("")).get(Kind::Agent, &id()).await.expect("an answer");
    assert_eq!((got.request_id, got.budget), (None, None));
    assert_eq!((got.body.id.as_str(), got.body.created_at, got.body.text), ("x", None, None));
}

#[tokio::test]
async fn an_update_may_be_answered_without_a_body() {
    let server = MockServer::start_async().await;
    server
        .mock_async(|when, then| {
            when.method("PUT");
            then.status(204);
        })
        .await;
    let got = client(&server.url("")).update(Kind::Pushed, &id(), "x").await.expect("an answer");
    assert_eq!((got.body.id, got.body.text), (id(), None));
}

#[tokio::test]
async fn an_id_that_could_be_more_than_one_segment_of_the_path_is_in_no_request() {
    for id in ["../messages/x", "a b\n", "%2e%2e", "a\\b", ".", "..", ""] {
        let client = client("http://127.0.0.1:9");
        let error = client.delete(Kind::Pushed, &MessageId::new(id)).await.expect_err(id);
        assert!(matches!(error.kind(), ErrorKind::NotBuilt { .. }), "{id}: {error}");
    }
}

#[tokio::test]
async fn an_id_is_one_segment_of_the_path() {
    for (id, encoded) in [("a?b#c", "a%3Fb%23c"), ("é", "%C3%A9"), ("...", "...")] {
        let server = MockServer::start_async().await;
        let path = format!("/conversations/pushedMessages/{encoded}");
        let mock = server
            .mock_async(|when, then| {
                // The path as it was on the wire.
                when.is_true(move |request| request.uri().path() == path);
                then.status(204);
            })
            .await;
        let client = client(&server.url(""));
        client.delete(Kind::Pushed, &MessageId::new(id)).await.expect(id);
        mock.assert_async().await;
    }
}

#[test]
fn keys_and_agents_that_no_header_can_hold_are_refused_before_anything_is_sent() {
    let with = |key: &str| {
        let base = config("https://api.brevo.com/v3");
        Client::new(Config { credentials: Credentials::Key(SecretString::from(key)), ..base }).err()
    };
    assert_eq!(with(""), Some(ConfigError::ApiKey(KeyProblem::Empty)));
    assert_eq!(with(" "), Some(ConfigError::ApiKey(KeyProblem::Empty)));
    assert_eq!(with("xkeysib-1\n"), Some(ConfigError::ApiKey(KeyProblem::Space)));
    assert_eq!(with("xkey\nsib"), Some(ConfigError::ApiKey(KeyProblem::Character)));
    assert!(!with("xkey\nsib").expect("an error").to_string().contains("sib\""));
    let partner = Client::new(Config {
        partner_key: Some(SecretString::from("a\rb")),
        ..config("http://localhost:1")
    });
    assert_eq!(partner.err(), Some(ConfigError::PartnerKey(KeyProblem::Character)));
    let agent = Client::new(Config { user_agent: "a\nb".into(), ..config("http://localhost:1") });
    assert_eq!(agent.err(), Some(ConfigError::UserAgent("a\nb".into())));
}

#[tokio::test]
async fn a_sender_that_a_kind_cannot_have_is_refused_and_nothing_is_sent() {
    let server = MockServer::start_async().await;
    let mock = server.mock_async(|_, then| _ = then.status(200).body(ANSWER)).await;
    let client = client(&server.url(""));
    let group = Sender::Group("PjR".into());
    let content = Content { text: "Hi".into(), from: group.clone() };
    for error in [
        client.send(Kind::Agent, &visitor(), &content).await.expect_err("no such sender"),
        client.ping_agent_online(&group).await.expect_err("no such agent"),
    ] {
        assert!(matches!(error.kind(), ErrorKind::NotBuilt { .. }), "{error}");
    }
    mock.assert_calls_async(0).await;
}
