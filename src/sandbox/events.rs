//! Posts the events of Brevo Conversations: one for each message of an agent that is created.

use std::time::Duration;

use reqwest::{Client, header};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{SandboxMessage, Webhook, WebhookFault, ids};
use crate::{model::Kind, network};

/// How long the receiver may take for one event.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long an event is late.
const LATE: Duration = Duration::from_secs(2);

/// How long it is waited for events to shuffle, and for how many.
const SHUFFLE: (Duration, usize) = (Duration::from_millis(300), 8);

/// Larger than any event may be.
const HUGE: usize = (1 << 20) + 1;

/// Begins to post events, on the runtime of the caller, until the sender is gone.
pub(super) fn start(hook: Webhook, seed: u64) -> Option<UnboundedSender<SandboxMessage>> {
    let (sender, receiver) = unbounded_channel();
    let url = &hook.url.0;
    let http = network::http_client(url.is_https(), url.is_loopback(), PATIENCE).build().ok()?;
    let random = fastrand::Rng::with_seed(seed);
    tokio::spawn(Emitter { hook, http, random }.run(receiver));
    Some(sender)
}

struct Emitter {
    hook: Webhook,
    http: Client,
    random: fastrand::Rng,
}

impl Emitter {
    fn has(&self, fault: WebhookFault) -> bool {
        self.hook.faults.contains(&fault)
    }

    async fn run(mut self, mut created: UnboundedReceiver<SandboxMessage>) {
        let shuffles = self.has(WebhookFault::Shuffled);
        while let Some(message) = created.recv().await {
            let mut bodies = self.bodies(&message);
            let (pause, most) = SHUFFLE;
            for _ in 1..most {
                let next = match shuffles {
                    true => tokio::time::timeout(pause, created.recv()).await.ok().flatten(),
                    false => None,
                };
                let Some(message) = next else { break };
                bodies.extend(self.bodies(&message));
            }
            if shuffles {
                self.random.shuffle(&mut bodies);
            }
            let (http, url) = (self.http.clone(), self.hook.url.0.as_str().to_owned());
            if self.has(WebhookFault::Late) {
                tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    post_all(&http, &url, bodies).await;
                });
            } else {
                post_all(&http, &url, bodies).await;
            }
        }
    }

    /// What is posted when a message was created.
    fn bodies(&mut self, message: &SandboxMessage) -> Vec<Vec<u8>> {
        // Always two draws, so that the faults do not depend on each other.
        let (is_missing, is_forged) = (self.random.bool(), self.random.bool());
        let mut events = Vec::new();
        if !(self.has(WebhookFault::Missing) && is_missing) {
            events.push(fragment(message));
            if self.has(WebhookFault::Twice) {
                events.push(fragment(message));
            }
        }
        if self.has(WebhookFault::Others) {
            events.extend(others(message));
        }
        let mut bodies: Vec<_> =
            events.iter().map(|event| event.to_string().into_bytes()).collect();
        if self.has(WebhookFault::Hostile) {
            if is_forged {
                bodies.push(fragment(&forged(message)).to_string().into_bytes());
            }
            bodies.push(hostile(&mut self.random, &fragment(message)));
        }
        bodies
    }
}

async fn post_all(http: &Client, url: &str, bodies: Vec<Vec<u8>>) {
    for body in bodies {
        let request = http.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
        // If nobody takes it, the sandbox goes on.
        let _ = request.send().await;
    }
}

/// The event of a message of an agent.
fn fragment(message: &SandboxMessage) -> Value {
    let mut shown = message.to_api();
    if let Some(shown) = shown.as_object_mut() {
        // The event names it once.
        shown.remove("visitorId");
    }
    about(&message.visitor_id, message, vec![shown])
}

/// An event about a visitor.
fn about(visitor: &str, message: &SandboxMessage, messages: Vec<Value>) -> Value {
    json!({
        "eventName": "conversationFragment",
        "conversationId": ids::id(&[b"conversation", visitor.as_bytes()]),
        "messages": messages,
        "agents": [{ "id": message.agent_id, "name": message.agent_name }],
        "visitor": { "id": visitor, "threadId": ids::id(&[b"thread", visitor.as_bytes()]) },
    })
}

/// Events that are true, and of something else.
fn others(message: &SandboxMessage) -> Vec<Value> {
    let SandboxMessage { id, visitor_id, text, created_at, .. } = message;
    let other = |what: &str| ids::id(&[what.as_bytes(), id.as_bytes()]);
    let said = json!({
        "id": other("said"), "type": "visitor", "text": text, "createdAt": created_at.as_millisecond(),
    });
    let stranger =
        SandboxMessage { id: other("stranger"), visitor_id: other("visitor"), ..message.clone() };
    let by_hand = SandboxMessage {
        id: other("by hand"),
        text: "Hello, how can I help you?".to_owned(),
        kind: Kind::Agent,
        ..message.clone()
    };
    let mut started = about(visitor_id, message, vec![said.clone()]);
    started["eventName"] = "conversationStarted".into();
    vec![started, about(visitor_id, message, vec![said]), fragment(&stranger), fragment(&by_hand)]
}

/// A message that does not exist, with the text of one that does.
fn forged(message: &SandboxMessage) -> SandboxMessage {
    SandboxMessage { id: ids::id(&[b"forged", message.id.as_bytes()]), ..message.clone() }
}

/// What somebody posts who means harm.
fn hostile(random: &mut fastrand::Rng, event: &Value) -> Vec<u8> {
    let text = event.to_string();
    match random.u8(0..5) {
        0 => text.as_bytes()[..text.len() / 2].to_vec(),
        1 => [b"{\"a\":".repeat(10_000), b"1".to_vec(), b"}".repeat(10_000)].concat(),
        2 => vec![b' '; HUGE],
        3 => b"{\"eventName\":\"conversationFragment\",\"messages\":7,\"visitor\":[]}".to_vec(),
        _ => (0..64).map(|_| random.u8(..)).collect(),
    }
}
