//! A server that does what a script says, a state in memory, and a run over both.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write as _,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::{HeaderValue, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    apply::{
        Event, Options, Outcome, Reporter, RunInfo, Session, Stopper,
        api::{Api, Call},
        apply,
    },
    brevo::{self, ErrorKind, Message, Operation, fuzzing},
    model::{
        Address, BaseUrl, Content, Delivery, Endpoint, Key, Kind, Located, MessageId, OnMissing,
        OnUnknown, Record, Sender, Source, Spec, UnreadableRecord, VisitorId, Window, WindowState,
    },
    plan::{Budget, Declared, Inputs, Plan, Selection, StateRef, plan},
    state::{MemoryStore, Store},
};

pub(super) fn epoch() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

pub(super) fn address(text: &str) -> Address {
    Address::parse(text).expect("a valid address")
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Works,
    NotConnected,
    /// Sent, took no effect, no answer.
    LostRequest,
    /// Sent, took effect, no answer.
    LostAnswer,
    /// 500, without effect.
    FailsBefore,
    /// 500, after the effect.
    FailsAfter,
    /// 429, with the header that says when it may go on.
    Limited,
    /// Answered with this status, without effect.
    Status(u16),
    /// Works, and the headers say that nothing is left, with this reset.
    Spent(&'static str),
    /// 503 with this `Retry-After`, without effect.
    Later(&'static str),
    /// Something on the way answers with this status and body; the request does not arrive.
    Gateway(u16, &'static str),
}

/// What a gateway makes of the body of each answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    #[default]
    Plain,
    Gzip,
    Deflate,
    Marked,
}

impl Encoding {
    fn encoded(self, body: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match self {
            Self::Plain => body.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(body).expect("written");
                encoder.finish().expect("whole")
            }
            Self::Deflate => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(body).expect("written");
                encoder.finish().expect("whole")
            }
            Self::Marked => [b"\xef\xbb\xbf", body].concat(),
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Marked => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
        }
    }
}

/// How a server changes texts. It keeps and shows what `keeps` makes of a text that it gets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rewriting {
    pub(super) keeps: fn(&str) -> String,
    pub(super) tells: Tells,
}

/// The text in the answers to POST and PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// None at all.
    Nothing,
    /// The one that was sent, whatever is kept.
    Sent,
    /// The one that is kept.
    Kept,
    /// The one that was there before, if there was one.
    Before,
}

/// What visitors see, and what was asked.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) script: Mutex<VecDeque<Fate>>,
    pub(super) messages: Mutex<BTreeMap<MessageId, (VisitorId, Kind, String)>>,
    /// How often a text was created for a visitor, ever.
    pub(super) created: Mutex<Vec<(VisitorId, String)>>,
    pub(super) requests: Mutex<Vec<String>>,
    /// Without it texts are kept as they are sent, and answers to POST and PUT have none.
    pub(super) rewriting: Mutex<Option<Rewriting>>,
    pub(super) encoding: Mutex<Encoding>,
    /// Requests left, as the headers tell it; none: no headers.
    pub(super) budget: Mutex<Option<(u64, u64)>>,
    pub(super) under_way: Mutex<(usize, usize)>,
    /// Creates in a row without a usable answer, now and at most.
    pub(super) lost_in_a_row: Mutex<(usize, usize)>,
    /// How long a request takes to have its effect, and how long its answer then takes.
    pub(super) hold: Mutex<Option<Duration>>,
    pub(super) linger: Mutex<Option<Duration>>,
}

impl Server {
    pub(super) fn with_script(fates: impl IntoIterator<Item = Fate>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(fates.into_iter().collect()), ..Self::default() })
    }

    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let messages = self.messages.lock().expect("not poisoned");
        let mut texts: Vec<_> = messages
            .values()
            .map(|(visitor, _, text)| (visitor.as_str().to_owned(), text.clone()))
            .collect();
        texts.sort();
        texts
    }

    /// The text that is kept, and the one that is answered, for one that is sent.
    fn taken(&self, text: &str, before: Option<&str>) -> (String, Option<String>) {
        let sent = text.to_owned();
        match *self.rewriting.lock().expect("not poisoned") {
            None => (sent, None),
            Some(Rewriting { keeps, tells }) => {
                let kept = keeps(text);
                let told = match tells {
                    Tells::Nothing => None,
                    Tells::Sent => Some(sent),
                    Tells::Kept => Some(kept.clone()),
                    Tells::Before => before.map(str::to_owned),
                };
                (kept, told)
            }
        }
    }

    /// Somebody changes the texts of all messages by hand.
    pub(super) fn edit(&self, text: &str) {
        let mut messages = self.messages.lock().expect("not poisoned");
        messages.values_mut().for_each(|(_, _, there)| *there = text.to_owned());
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }

    /// Carries a request out as its fate is. `effect` gives the body of the answer; without one there is no
    /// such message.
    async fn answer(
        &self,
        operation: Operation,
        request: String,
        effect: impl FnOnce(&mut Messages) -> Option<Value>,
    ) -> Result<Response<Vec<u8>>, brevo::Error> {
        {
            let mut under_way = self.under_way.lock().expect("not poisoned");
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
        }
        let hold = *self.hold.lock().expect("not poisoned");
        if let Some(hold) = hold {
            tokio::time::sleep(hold).await;
        }
        self.under_way.lock().expect("not poisoned").0 -= 1;
        self.requests.lock().expect("not poisoned").push(request);
        let fate = self.script.lock().expect("not poisoned").pop_front().unwrap_or(Fate::Works);
        if operation == Operation::SendPushedMessage {
            let mut lost = self.lost_in_a_row.lock().expect("not poisoned");
            match fate {
                Fate::Works | Fate::Spent(_) | Fate::Status(400) => lost.0 = 0,
                Fate::NotConnected | Fate::Limited | Fate::Status(_) => {}
                _ => lost.0 += 1,
            }
            lost.1 = lost.1.max(lost.0);
        }
        let result = {
            let mut messages = self.messages.lock().expect("not poisoned");
            let lost = |why: &str| {
                let kind = ErrorKind::Lost { why: why.to_owned(), timed_out: false };
                Err(brevo::Error::new(operation, kind))
            };
            let carry_out = || match effect(&mut messages) {
                Some(Value::Null) => (204, Value::Null),
                Some(body) => (200, body),
                None => (404, json!({ "code": "document_not_found" })),
            };
            match fate {
                Fate::Works => Ok(self.api(carry_out(), None)),
                Fate::Spent(reset) => Ok(self.api(carry_out(), Some(("100", "0", reset)))),
                Fate::NotConnected => {
                    let why = "connection refused".to_owned();
                    let origin = "http://localhost".to_owned();
                    Err(brevo::Error::new(operation, ErrorKind::NotConnected { origin, why }))
                }
                Fate::LostRequest => lost("timed out"),
                Fate::LostAnswer => {
                    carry_out();
                    lost("connection reset")
                }
                Fate::FailsBefore => Ok(self.api((500, refusal("internal error")), None)),
                Fate::FailsAfter => {
                    carry_out();
                    Ok(self.api((502, refusal("bad gateway")), None))
                }
                Fate::Limited => {
                    let told = Some(("100", "0", "60"));
                    Ok(self.api((429, refusal("too many requests")), told))
                }
                Fate::Status(code) => Ok(self.api((code, refusal("refused")), None)),
                Fate::Later(after) => {
                    let mut answer = response(503, Vec::new());
                    let after = HeaderValue::from_static(after);
                    answer.headers_mut().insert("retry-after", after);
                    Ok(answer)
                }
                Fate::Gateway(status, body) => Ok(response(status, body.as_bytes().to_vec())),
            }
        };
        let linger = *self.linger.lock().expect("not poisoned");
        if let Some(linger) = linger {
            tokio::time::sleep(linger).await;
        }
        result
    }

    /// An answer of the API, as it comes through what encodes it. `told` are its headers of the budget; without
    /// them the server's own budget counts.
    fn api(
        &self,
        (status, body): (u16, Value),
        told: Option<(&str, &str, &str)>,
    ) -> Response<Vec<u8>> {
        let budget = self.budget.lock().expect("not poisoned").as_mut().map(|(limit, left)| {
            *left = left.saturating_sub(1);
            (limit.to_string(), left.to_string(), "1800".to_owned())
        });
        let told = told.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        let encoding = *self.encoding.lock().expect("not poisoned");
        let bytes = match body {
            Value::Null => Vec::new(),
            body => encoding.encoded(body.to_string().as_bytes()),
        };
        let mut response = response(status, bytes);
        let mut header = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value).expect("a header");
            response.headers_mut().insert(name, value);
        };
        header("sib-request-id", "r-1");
        if let Some(name) = encoding.name() {
            header("content-encoding", name);
        }
        if let Some((limit, remaining, reset)) = told.or(budget) {
            header("x-sib-ratelimit-limit", &limit);
            header("x-sib-ratelimit-remaining", &remaining);
            header("x-sib-ratelimit-reset", &reset);
        }
        response
    }
}

type Messages = BTreeMap<MessageId, (VisitorId, Kind, String)>;

fn refusal(message: &str) -> Value {
    json!({ "message": message })
}

fn response(status: u16, body: Vec<u8>) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body).expect("a response")
}

/// A message as an answer tells it.
fn told(id: &MessageId, text: Option<String>) -> Value {
    json!({ "id": id.as_str(), "text": text })
}

impl Api for Server {
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, Message> {
        let (operation, request) = (Operation::SendPushedMessage, format!("POST {}", content.text));
        Box::pin(async move {
            let effect = |messages: &mut Messages| {
                let mut created = self.created.lock().expect("not poisoned");
                created.push((visitor.clone(), content.text.to_string()));
                let id = MessageId::new(format!("m{}", created.len()));
                let (kept, text) = self.taken(&content.text, None);
                messages.insert(id.clone(), (visitor.clone(), kind, kept));
                Some(told(&id, text))
            };
            fuzzing::message(operation, None, self.answer(operation, request, effect).await?).await
        })
    }

    fn update<'a>(&'a self, _: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, Message> {
        let (operation, request) = (Operation::UpdatePushedMessage, format!("PUT {id}"));
        Box::pin(async move {
            let effect = |messages: &mut Messages| {
                let message = messages.get_mut(id)?;
                let (kept, text) = self.taken(text, Some(&message.2));
                message.2 = kept;
                Some(told(id, text))
            };
            let answer = self.answer(operation, request, effect).await?;
            fuzzing::message(operation, Some(id), answer).await
        })
    }

    fn delete<'a>(&'a self, _: Kind, id: &'a MessageId) -> Call<'a, ()> {
        let (operation, request) = (Operation::DeletePushedMessage, format!("DELETE {id}"));
        Box::pin(async move {
            let effect = |messages: &mut Messages| messages.remove(id).map(|_| Value::Null);
            fuzzing::nothing(operation, self.answer(operation, request, effect).await?).await
        })
    }

    fn get<'a>(&'a self, _: Kind, id: &'a MessageId) -> Call<'a, Message> {
        let (operation, request) = (Operation::GetPushedMessage, format!("GET {id}"));
        Box::pin(async move {
            let effect = |messages: &mut Messages| {
                let (visitor, kind, text) = messages.get(id)?;
                let mut message = told(id, Some(text.clone()));
                message["visitorId"] = visitor.as_str().into();
                message["isPushed"] = (*kind == Kind::Pushed).into();
                Some(message)
            };
            let answer = self.answer(operation, request, effect).await?;
            fuzzing::message(operation, Some(id), answer).await
        })
    }
}

/// Collects events.
#[derive(Default)]
pub(super) struct Log(pub(super) Mutex<Vec<Event>>);

impl Reporter for Log {
    fn report(&self, event: &Event) {
        self.0.lock().expect("not poisoned").push(event.clone());
    }
}

/// A state, a server, and the deliveries that are wanted.
pub(super) struct Scene {
    pub(super) store: Arc<MemoryStore>,
    pub(super) server: Arc<Server>,
    pub(super) wanted: Vec<(String, String, Sender)>,
    /// When messages should exist, by their keys; always, if nothing is said.
    pub(super) windows: BTreeMap<String, Window>,
    pub(super) options: Options,
    pub(super) stopper: Stopper,
    pub(super) log: Arc<Log>,
    /// How far the clock of this machine is ahead.
    pub(super) ahead: Arc<Mutex<SignedDuration>>,
}

impl Scene {
    pub(super) fn new(server: Arc<Server>) -> Self {
        let store = MemoryStore::new("default", Uuid::nil(), epoch()).expect("an empty state");
        let start = tokio::time::Instant::now();
        let ahead = Arc::<Mutex<SignedDuration>>::default();
        let jumped = Arc::clone(&ahead);
        Self {
            store: Arc::new(store),
            server,
            wanted: Vec::new(),
            windows: BTreeMap::new(),
            options: Options {
                concurrency: NonZeroUsize::MIN,
                requests_per_hour: 1_000,
                max_requests: None,
                max_duration: None,
                max_wait: Duration::from_secs(300),
                seed: 1,
                // The virtual clock of the test's runtime.
                clock: Arc::new(move || {
                    epoch() + start.elapsed() + *jumped.lock().expect("not poisoned")
                }),
            },
            stopper: Stopper::default(),
            log: Arc::default(),
            ahead,
        }
    }

    pub(super) fn want(mut self, address: &str, text: &str) -> Self {
        self.wanted.push((address.to_owned(), text.to_owned(), Sender::Random));
        self
    }

    pub(super) async fn records(&self) -> Vec<Record> {
        use std::ops::Bound::Unbounded;
        let page = self.store.page(Unbounded, Unbounded, 1000).await.expect("readable");
        page.records().expect("readable")
    }

    pub(super) async fn plan(&self) -> Plan {
        let now = (self.options.clock)();
        let mut wanted: Vec<Delivery> = self
            .wanted
            .iter()
            .map(|(name, text, sender)| {
                let address = address(name);
                let window = self.windows.get(address.key_str()).copied().unwrap_or_default();
                let spec = Spec {
                    key: address.key(),
                    kind: Kind::Pushed,
                    sender: sender.clone(),
                    protect: None,
                    window,
                    on_missing: OnMissing::Resend,
                    on_leave: Default::default(),
                    on_unknown: OnUnknown::Hold,
                    priority: 0,
                    source: Source::fixed("pushsync.yaml", 1),
                };
                Delivery {
                    address,
                    spec: Arc::new(spec),
                    text: text.as_str().into(),
                    language: None,
                }
            })
            .collect();
        wanted.sort_by(|a, b| a.address.cmp(&b.address));
        let declared: BTreeMap<Key, Declared> = wanted
            .iter()
            .map(|delivery| {
                let window = delivery.spec.window;
                let declared = Declared {
                    presence: window.state(now),
                    window,
                    protect: None,
                    on_leave: Default::default(),
                    guards: Default::default(),
                };
                (delivery.spec.key.clone(), declared)
            })
            .collect();
        wanted.retain(|delivery| !matches!(delivery.spec.window.state(now), WindowState::Over(_)));
        let meta = self.store.meta().await.expect("readable");
        let inputs = Inputs {
            environment: "default".to_owned(),
            api: Endpoint::At(BaseUrl::brevo()),
            as_of: now,
            state: StateRef { lineage: Some(meta.lineage), serial: meta.serial },
            declared,
            secrets: Default::default(),
            imports: Vec::new(),
            removed: BTreeMap::new(),
            moved: BTreeMap::new(),
            approvals: self.store.approvals().await.expect("readable"),
            recheck: Default::default(),
            intents: self.store.intents().await.expect("readable"),
            selection: Selection::default(),
            destroy: false,
            budget: Budget::at(now, meta.budget.as_ref(), 1_000),
            keep_unchanged: false,
            most_bytes: u64::MAX,
        };
        let records = self
            .records()
            .await
            .into_iter()
            .map(|record| Located { record: record.into(), moved_from: None, blocked: false })
            .map(Ok::<_, UnreadableRecord>);
        plan(inputs, wanted.into_iter().map(Ok), records).expect("a plan")
    }

    pub(super) async fn apply(&self) -> Outcome {
        let plan = self.plan().await;
        self.apply_plan(plan).await
    }

    pub(super) fn session(&self) -> Session {
        let info = RunInfo {
            id: Uuid::from_u128(7),
            command: "apply".to_owned(),
            commit: None,
            dirty: false,
            files: None,
        };
        Session {
            store: self.store.clone(),
            api: self.server.clone(),
            api_url: Some(BaseUrl::brevo()),
            options: self.options.clone(),
            info,
            reporter: self.log.clone(),
            stopper: self.stopper.clone(),
        }
    }

    pub(super) async fn apply_plan(&self, plan: Plan) -> Outcome {
        let session = self.session();
        apply(plan, session).await.expect("the state works")
    }
}
