//! Events come over HTTP, and are kept in bounded memory.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tower_service::Service;
use uuid::Uuid;

use crate::{
    controller::{
        Live, Metrics,
        webhooks::{Inbox, MOST_BYTES, ParseTokenError, WebhookToken, findings, read, router},
    },
    model::{Address, Content, Intent, Kind, MessageId, Sender},
};

const TOKEN: &str = "pRoxy-5_T0ken.is~Long";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

fn intent(address: &str, text: &str) -> Intent {
    Intent {
        address: Address::parse(address).expect("an address"),
        kind: Kind::Pushed,
        content: Content { text: text.into(), from: Sender::Random },
        protect: false,
        at: now(),
        run: Uuid::from_u128(7),
        again: 0,
        trouble: None,
        request_id: None,
    }
}

fn event(visitor: &str, id: &str, text: &str) -> Vec<u8> {
    let message: Value = json!({
        "id": id, "type": "agent", "text": text, "isPushed": true, "createdAt": now().as_millisecond(),
    });
    let event = json!({
        "eventName": "conversationFragment", "visitor": { "id": visitor }, "messages": [message],
    });
    event.to_string().into_bytes()
}

fn takes_in(inbox: &Inbox, visitor: &str, id: &str, text: &str) -> bool {
    inbox.take_in(read(&event(visitor, id, text)).expect("an event"))
}

struct Served {
    inbox: Arc<Inbox>,
    metrics: Arc<Metrics>,
    wakes: Arc<AtomicUsize>,
    router: Router,
}

fn served() -> Served {
    let (inbox, wakes) = (Arc::new(Inbox::default()), Arc::<AtomicUsize>::default());
    let counts = Arc::clone(&wakes);
    let token = WebhookToken::parse(TOKEN).expect("a token");
    let wake = move || _ = counts.fetch_add(1, Ordering::SeqCst);
    let metrics = Arc::new(Metrics::new(Arc::new(Live::new(now())), Arc::new(now)));
    let router = router(token, Arc::clone(&inbox), Arc::clone(&metrics), wake);
    Served { inbox, metrics, wakes, router }
}

impl Served {
    async fn asked(&mut self, method: Method, path: &str, body: Vec<u8>) -> StatusCode {
        let request = Request::builder().method(method).uri(path).body(Body::from(body));
        let answer = self.router.call(request.expect("a request")).await;
        answer.expect("it always answers").status()
    }

    /// How many messages to this visitor were kept.
    fn kept(&self, visitor: &str) -> usize {
        self.inbox.about(&[intent(&format!("note@{visitor}"), "hi")]).len()
    }

    /// How many events were counted with this outcome.
    fn counted(&self, outcome: &str) -> Option<u64> {
        let begins = format!("pushsync_webhook_events_total{{outcome=\"{outcome}\"}} ");
        self.metrics.text().lines().find_map(|line| line.strip_prefix(&begins)?.parse().ok())
    }

    async fn posted(&mut self, body: Vec<u8>) -> StatusCode {
        self.asked(Method::POST, &format!("/webhooks/brevo/{TOKEN}"), body).await
    }
}

#[tokio::test]
async fn an_event_is_taken_with_the_token_and_the_path_is_not_there_without() {
    let mut served = served();
    assert_eq!(served.posted(event("v", "m1", "hi")).await, StatusCode::NO_CONTENT);
    assert_eq!(served.kept("v"), 1);
    let right = format!("/webhooks/brevo/{TOKEN}");
    for path in [
        "/webhooks/brevo/".to_owned(),
        "/webhooks/brevo".to_owned(),
        "/webhooks/brevo/wrong-token-of-20-ch".to_owned(),
        format!("/webhooks/brevo/{}", TOKEN.to_lowercase()),
        format!("{right}/"),
        format!("{right}x"),
        format!("/webhooks/brevo/{}", &TOKEN[..20]),
        right.replace('~', "%7E"),
        "/webhooks/brevo/%ff".to_owned(),
    ] {
        for method in [Method::POST, Method::GET, Method::PUT] {
            let answer = served.asked(method, &path, event("v", "m2", "hi")).await;
            assert_eq!(answer, StatusCode::NOT_FOUND, "{path}");
        }
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let answer = served.asked(method, &right, Vec::new()).await;
        assert_eq!(answer, StatusCode::METHOD_NOT_ALLOWED);
    }
    let with_query = served.asked(Method::POST, &format!("{right}?a=b"), b"{}".to_vec()).await;
    assert_eq!(with_query, StatusCode::NO_CONTENT);
    assert_eq!(served.kept("v"), 1);
    assert_eq!((served.counted("taken"), served.counted("refused")), (Some(2), Some(18)));
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_counted_and_one_that_is_too_long_is_not_read() {
    let mut served = served();
    assert_eq!(served.posted(b"hello".to_vec()).await, StatusCode::BAD_REQUEST);
    assert_eq!(served.posted(Vec::new()).await, StatusCode::BAD_REQUEST);
    let long = served.posted(vec![b' '; MOST_BYTES + 1]).await;
    assert_eq!(long, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(served.posted(b"{\"novelty\":1}".to_vec()).await, StatusCode::NO_CONTENT);
    assert_eq!((served.counted("unreadable"), served.counted("taken")), (Some(3), Some(1)));
}

#[tokio::test]
async fn only_an_event_that_may_settle_an_unknown_delivery_wakes_and_only_once() {
    let mut served = served();
    served.posted(event("v", "m0", "hi")).await;
    assert_eq!(served.wakes.load(Ordering::SeqCst), 0, "nothing is unknown");
    assert!(!served.inbox.unknown(&[intent("note@w", "hi")]));
    for _ in 0..3 {
        for (visitor, id, text) in [("v", "m1", "hi"), ("w", "m2", "ho"), ("w", "m3", "hi")] {
            served.posted(event(visitor, id, text)).await;
        }
    }
    assert_eq!(served.wakes.load(Ordering::SeqCst), 1);
    // A second message that fits makes it less certain.
    served.posted(event("w", "m4", "hi")).await;
    assert_eq!(served.wakes.load(Ordering::SeqCst), 1);
}

#[test]
fn an_event_that_came_before_its_answer_was_lost_is_kept_and_told_once() {
    let inbox = Inbox::default();
    assert!(!takes_in(&inbox, "v", "m1", "hi"));
    let unknown = [intent("note@v", "hi")];
    assert!(inbox.unknown(&unknown), "a cycle is worth it");
    let found = findings(&unknown, &inbox.about(&unknown), |_, _| false);
    assert_eq!(found[0].proof.as_ref().map(|proof| proof.id.as_str()), Ok("m1"));
    inbox.offered(&found);
    assert!(!inbox.unknown(&unknown), "a cycle has seen it");
    assert!(!takes_in(&inbox, "v", "m1", "hi"), "it is no news");
}

#[test]
fn a_message_that_the_api_does_not_bear_out_is_asked_about_three_times_and_stands_in_the_way() {
    let inbox = Inbox::default();
    let (unknown, id) = ([intent("note@v", "hi")], MessageId::new("m1"));
    takes_in(&inbox, "v", "m1", "hi");
    for _ in 0..3 {
        assert!(inbox.may_ask(&id));
        inbox.refused(&id);
    }
    assert!(!inbox.may_ask(&id));
    takes_in(&inbox, "v", "m2", "hi");
    assert!(findings(&unknown, &inbox.about(&unknown), |_, _| false)[0].proof.is_err());
}

#[test]
fn the_oldest_messages_are_dropped_for_new_ones() {
    let inbox = Inbox::default();
    for n in 0..10_100 {
        takes_in(&inbox, &format!("v{n}"), &format!("m{n}"), "hi");
    }
    let long = "x".repeat(1000);
    let about = |visitor: &str| inbox.about(&[intent(&format!("note@{visitor}"), "hi")]).len();
    assert_eq!((about("v99"), about("v100"), about("v10099")), (0, 1, 1));
    for n in 0..10_000 {
        takes_in(&inbox, "v", &format!("{long}{n}"), "hi");
    }
    assert_eq!(about("v10099"), 0, "bytes count too");
    let kept = about("v");
    assert!((4_000..4_300).contains(&kept), "{kept}");
}

#[test]
fn a_token_is_long_and_fit_for_a_url_and_no_part_of_it_is_ever_shown() {
    let token = WebhookToken::parse(TOKEN).expect("a token");
    assert!(token.is(TOKEN) && !token.is("") && !token.is(&TOKEN[1..]));
    assert!(!format!("{token:?}").contains("T0ken"));
    let refused = |text: &str| WebhookToken::parse(text).expect_err("not a token");
    assert_eq!(refused("short"), ParseTokenError::TooShort(5));
    assert_eq!(refused(&"x".repeat(257)), ParseTokenError::TooLong(257));
    for text in
        ["sixteen/characters", "sixteen characters", "sixteen%20characters", "sechzehn-Zeichen-ü"]
    {
        assert_eq!(refused(text), ParseTokenError::Character, "{text}");
    }
}
