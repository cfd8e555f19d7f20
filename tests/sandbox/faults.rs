use std::time::Duration;

use pushsync::{
    brevo::{Client, Config, Credentials, ErrorKind, Operation},
    model::{BaseUrl, Content, Kind, Sender},
    sandbox::{Faults, Options},
};
use secrecy::SecretString;

use super::{bytes, client, options, request, start, visitor};

const N: usize = 200;

/// The outcome of every one of some creates, and how many messages there were after each.
async fn creates(faults: Faults) -> Vec<(Option<u16>, usize)> {
    let running = start(Options { faults, ..options() }).await;
    let client = client(&running);
    let mut seen = Vec::new();
    for n in 0..N {
        let to = visitor(&format!("v{n}"));
        let message = Content { text: "x".into(), from: Sender::Random };
        let status = match client.send(Kind::Pushed, &to, &message).await {
            Ok(_) => Some(200),
            Err(error) if matches!(error.kind(), ErrorKind::NotConnected { .. }) => {
                panic!("{error}")
            }
            Err(error) => error.status(),
        };
        seen.push((status, running.messages().len()));
    }
    let requests = running.requests();
    let count = |wanted| seen.iter().filter(|(status, _)| *status == wanted).count() as u64;
    let told = |outcome| requests.of(Operation::SendPushedMessage, outcome);
    assert_eq!(
        (told("200"), told("500"), told("dropped")),
        (count(Some(200)), count(Some(500)), count(None))
    );
    running.stop().await;
    seen
}

#[tokio::test]
async fn a_seed_gives_the_same_faults_every_time_and_another_gives_others() {
    let faults = Faults { fail: 0.3, drop_replies: 0.3, seed: 7, latency: Duration::from_nanos(1) };
    let one = creates(faults).await;
    assert_eq!(one, creates(faults).await);
    assert_ne!(one, creates(Faults { seed: 8, ..faults }).await);
}

#[tokio::test]
async fn failures_come_half_before_and_half_after_the_effect() {
    let seen = creates(Faults { fail: 0.5, seed: 7, ..Faults::default() }).await;
    let (mut before, mut after, mut there) = (0, 0, 0);
    for (status, now) in seen {
        match (status, now - there) {
            (Some(500), 0) => before += 1,
            (Some(500), 1) => after += 1,
            (Some(200), 1) => {}
            other => panic!("{other:?}"),
        }
        there = now;
    }
    for share in [before, after] {
        assert!((N / 8..=N * 3 / 8).contains(&share), "{before} before, {after} after");
    }
    let all = creates(Faults { fail: 1.0, ..Faults::default() }).await;
    assert!(all.iter().all(|(status, _)| *status == Some(500)));
}

#[tokio::test]
async fn a_dropped_reply_has_its_effect_and_not_one_byte_comes_back() {
    let faults = Faults { drop_replies: 1.0, ..Faults::default() };
    let running = start(Options { faults, ..options() }).await;
    let body = r#"{"visitorId":"v","text":"a"}"#;
    let path = "/v3/conversations/pushedMessages";
    for n in 1..=20 {
        let answer = bytes(&running, &request("POST", path, "api-key: x\r\n", body)).await;
        assert_eq!(answer, b"");
        assert_eq!(running.messages().len(), n);
    }
    // Faults are the API's: what tests look at stays whole.
    let look = bytes(&running, &request("GET", "/_sandbox/requests", "", "")).await;
    assert!(String::from_utf8_lossy(&look).contains(r#""dropped":20"#));
    running.stop().await;
}

#[tokio::test]
async fn dropped_replies_spare_the_other_connections() {
    let faults = Faults { drop_replies: 0.3, seed: 3, ..Faults::default() };
    let seen = creates(faults).await;
    let lost = seen.iter().filter(|(status, _)| status.is_none()).count();
    assert!((N / 6..=N / 2).contains(&lost), "{lost}");
    assert!(seen.iter().enumerate().all(|(n, (_, there))| *there == n + 1));
}

#[tokio::test]
async fn latency_holds_the_answer_back_and_not_the_effect() {
    let faults = Faults { latency: Duration::from_secs(600), ..Faults::default() };
    let running = start(Options { faults, ..options() }).await;
    let hasty = Client::new(Config {
        base_url: BaseUrl::parse(&running.base_url()).expect("a base URL"),
        credentials: Credentials::Key(SecretString::from("any")),
        partner_key: None,
        timeout: Duration::from_millis(1500),
        user_agent: "pushsync/test".to_owned(),
    })
    .expect("a client");
    let to = visitor("v");
    let message = Content { text: "x".into(), from: Sender::Random };
    let error = hasty.send(Kind::Pushed, &to, &message).await.expect_err("too late");
    assert!(matches!(error.kind(), ErrorKind::Lost { .. }));
    assert_eq!(running.messages().len(), 1);
    running.stop().await;
}
