//! The token endpoint, and what becomes of its tokens.

use std::time::Duration;

use pushsync::{
    brevo::{Client, ClientCredentials, Config, Credentials, TokenUrl},
    model::{BaseUrl, Content, Kind, Sender},
    sandbox::{Fault, Gateway, Options, Running},
};

use super::{Hands, options, raw_with, start, visitor};

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
const ASKED: &str = "grant_type=client_credentials&client_id=a&client_secret=b&scope=conversations%3Aread+conversations%3Awrite";
const PUSHED: &str = "/v3/conversations/pushedMessages";
const MESSAGE: &str = r#"{"visitorId":"kZMv","text":"Hi"}"#;

async fn ask(running: &Running, body: &str) -> (u16, serde_json::Value) {
    let answer = raw_with(running, "POST", "/realms/partner/oauth/token", FORM, body).await;
    (answer.status, answer.json())
}

async fn token(running: &Running, body: &str) -> String {
    let (status, answer) = ask(running, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().expect("a token").to_owned()
}

async fn create(running: &Running, token: &str) -> u16 {
    let headers = format!("authorization: Bearer {token}\r\n");
    raw_with(running, "POST", PUSHED, &headers, MESSAGE).await.status
}

#[tokio::test]
async fn any_client_gets_a_token_that_lives_an_hour_and_costs_nothing() {
    let hands = Hands::new();
    let running = start(Options {
        budget: Some("2/h".parse().expect("a budget")),
        ..Options::in_memory(hands.clock())
    })
    .await;
    let first = token(&running, ASKED).await;
    for path in ["/v3/realms/partner/oauth/token", "/realms/partner/oauth/token"] {
        let answer = raw_with(&running, "POST", path, FORM, ASKED).await;
        assert_eq!((answer.status, answer.header("x-sib-ratelimit-limit")), (200, None));
        assert!(answer.header("sib-request-id").is_some());
        let answer = answer.json();
        assert_eq!(answer["expires_in"], 3600);
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["scope"], "conversations:read conversations:write");
        assert_ne!(answer["access_token"], first.as_str());
    }
    assert_eq!(create(&running, &first).await, 200);
    hands.forward(3599);
    assert_eq!(create(&running, &first).await, 200);
    hands.forward(1);
    assert_eq!(create(&running, &first).await, 401);
    let counts = running.requests();
    assert_eq!((counts.total, counts.tokens["200"]), (3, 3));
    running.stop().await;
}

#[tokio::test]
async fn its_own_tokens_are_checked_and_others_are_as_good_as_keys() {
    let running = start(options()).await;
    assert_eq!(create(&running, "sandbox-token-of-another-one").await, 401);
    for other in ["eyJhbGciOi.x.y", "any"] {
        assert_eq!(create(&running, other).await, 200);
    }
    let scope = |scope: &str| {
        format!("grant_type=client_credentials&client_id=a&client_secret=b&scope={scope}")
    };
    let reads = token(&running, &scope("conversations:read")).await;
    let headers = format!("authorization: bearer {reads}\r\n");
    let refused = raw_with(&running, "POST", PUSHED, &headers, MESSAGE).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "permission_denied"));
    let missing = raw_with(&running, "GET", &format!("{PUSHED}/x"), &headers, "").await;
    assert_eq!(missing.status, 404, "it may read");
    // Without a scope, a token has all of them.
    let all = token(&running, "grant_type=client_credentials&client_id=a&client_secret=b").await;
    assert_eq!(create(&running, &all).await, 200);
    running.stop().await;
}

#[tokio::test]
async fn questions_that_cannot_be_answered_are_refused_in_the_words_of_oauth() {
    let running = start(options()).await;
    for (body, error) in [
        ("", "invalid_request"),
        ("grant_type=client_credentials&client_secret=b", "invalid_request"),
        ("grant_type=client_credentials&client_id=a&client_secret=", "invalid_request"),
        ("client_id=a&client_secret=b", "invalid_request"),
        (
            "grant_type=client_credentials&client_id=a&client_id=b&client_secret=b",
            "invalid_request",
        ),
        ("grant_type=password&client_id=a&client_secret=b", "unsupported_grant_type"),
        (
            "grant_type=client_credentials&client_id=a&client_secret=b&scope=conversations%3Aread+contacts%3Aread",
            "invalid_scope",
        ),
    ] {
        let (status, answer) = ask(&running, body).await;
        assert_eq!((status, &answer["error"]), (400, &error.into()), "{body}");
        assert!(answer["error_description"].as_str().is_some_and(|why| !why.is_empty()));
    }
    let path = "/realms/partner/oauth/token";
    let json = raw_with(&running, "POST", path, "content-type: application/json\r\n", "{}").await;
    assert_eq!((json.status, &json.json()["error"]), (400, &"invalid_request".into()));
    let read = raw_with(&running, "GET", path, "", "").await;
    assert_eq!((read.status, read.header("allow")), (405, Some("POST")));
    running.stop().await;
}

#[tokio::test]
async fn each_refusal_can_be_asked_for() {
    for (fault, status, error) in
        [(Fault::InvalidClient, 401, "invalid_client"), (Fault::InvalidScope, 400, "invalid_scope")]
    {
        let gateway = Gateway { faults: vec![fault], after: 1 };
        let running = start(Options { gateway, ..options() }).await;
        let token = token(&running, ASKED).await;
        assert_eq!(create(&running, &token).await, 200);
        let (found, answer) = ask(&running, ASKED).await;
        assert_eq!((found, &answer["error"]), (status, &error.into()));
        running.stop().await;
    }
    let gateway = Gateway { faults: vec![Fault::ExpiredToken], after: 0 };
    let running = start(Options { gateway, ..options() }).await;
    let token = token(&running, ASKED).await;
    assert_eq!(create(&running, &token).await, 401);
    let with_key = raw_with(&running, "POST", PUSHED, "api-key: x\r\n", MESSAGE).await;
    assert_eq!(with_key.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn our_own_client_gets_its_tokens_here() {
    let hands = Hands::new();
    let running =
        start(Options { token_life: Duration::from_secs(60), ..Options::in_memory(hands.clock()) })
            .await;
    let base_url = BaseUrl::parse(&running.base_url()).expect("a base URL");
    let token_url = TokenUrl::of(&base_url);
    let client = ClientCredentials { id: "a".into(), secret: "b".into(), token_url };
    let client = Client::new(Config {
        base_url,
        credentials: Credentials::Client(client),
        partner_key: None,
        timeout: Duration::from_secs(20),
        user_agent: "pushsync/test".to_owned(),
    })
    .expect("a client");
    let content = Content { text: "Hi".into(), from: Sender::Random };
    let ada = visitor("ada");
    let send = || client.send(Kind::Pushed, &ada, &content);
    send().await.expect("sent");
    // Its clock jumps: the token is over before the client expects it.
    hands.forward(3600);
    assert!(send().await.expect_err("it is over").renews_token());
    send().await.expect("sent");
    assert_eq!((running.messages().len(), running.requests().tokens["200"]), (2, 2));
    running.stop().await;
}
