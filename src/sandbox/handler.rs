//! The API itself: one request after the other, in one order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    Clock, Counts, Fault, Faults, Gateway, SandboxMessage, ids,
    journal::{Journal, Replay},
    normalise::{Rule, normalised},
    quota::Quota,
    reply::Reply,
    request::{self, Fields, Route},
    tokens::{self, Shown, TokenRequest, Tokens},
    world::{DummyAgent, JournalEntry, World},
};
use crate::{
    brevo::{BudgetReading, Operation},
    chats::ChangeNotifier,
    model::{Kind, Sender},
};

/// A request, as far as it matters.
pub(super) struct ApiRequest<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) shown: Shown,
    /// `None` if it was too long, or broke off.
    pub(super) body: Option<&'a [u8]>,
}

/// What the server does with it.
pub(super) struct HandledRequest {
    pub(super) request_id: String,
    pub(super) reply: Reply,
    pub(super) budget: Option<BudgetReading>,
    pub(super) at: Timestamp,
    /// The connection is closed instead of an answer.
    pub(super) dropped: bool,
    /// What becomes of the answer on its way.
    pub(super) wrapped: Vec<Fault>,
}

pub(super) struct Handler {
    pub(super) notifier: Arc<ChangeNotifier>,
    clock: Clock,
    faults: Faults,
    gateway: Gateway,
    inner: Mutex<Inner>,
}

struct Inner {
    notifier: Arc<ChangeNotifier>,
    world: World,
    storage: Storage,
    quota: Quota,
    counts: Counts,
    random: fastrand::Rng,
    normalise: Vec<Rule>,
    tokens: Tokens,
    pings: BTreeMap<String, Timestamp>,
    /// Takes each message that is created, if somebody wants to hear of them.
    events: Option<UnboundedSender<SandboxMessage>>,
}

/// Where what happens is written down.
enum Storage {
    Memory,
    File(Journal),
    Closed,
}

/// Drawn for every request to an operation, so that they depend on nothing but their order.
struct DrawnFaults {
    fail: bool,
    before: bool,
    drop: bool,
}

impl Handler {
    pub(super) fn new(
        clock: Clock,
        (faults, gateway, normalise): (Faults, Gateway, Vec<Rule>),
        token_life: std::time::Duration,
        budget: Option<super::Budget>,
        journal: Option<Journal>,
        replay: Replay,
        events: Option<UnboundedSender<SandboxMessage>>,
    ) -> Self {
        let notifier = Arc::<ChangeNotifier>::default();
        let inner = Inner {
            notifier: Arc::clone(&notifier),
            world: replay.world,
            storage: journal.map_or(Storage::Memory, Storage::File),
            quota: Quota::new(budget, replay.window),
            counts: Counts::default(),
            random: fastrand::Rng::with_seed(faults.seed),
            normalise,
            tokens: Tokens::new(token_life, faults.seed),
            pings: BTreeMap::new(),
            events,
        };
        Self { notifier, clock, faults, gateway, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn latency(&self) -> std::time::Duration {
        self.faults.latency
    }

    pub(super) fn messages(&self) -> Vec<SandboxMessage> {
        self.lock().world.messages().to_vec()
    }

    pub(super) fn pings(&self) -> BTreeMap<String, Timestamp> {
        self.lock().pings.clone()
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Lets go of the file; what is asked from now on is refused.
    pub(super) fn close(&self) {
        self.lock().storage = Storage::Closed;
    }

    /// The answer for those who look into the sandbox; `None` if the path is the API's.
    pub(super) fn look(&self, method: &str, path: &str) -> Option<Reply> {
        let asked = path.strip_prefix("/_sandbox/")?;
        let body = match asked {
            "messages" => {
                let shown = self.messages();
                Value::Array(shown.iter().map(look_at).collect())
            }
            "requests" => json!(self.counts()),
            _ => return Some(Reply::error(404, "not_found", "the sandbox has no such page")),
        };
        Some(match method {
            "GET" => Reply::json(body),
            _ => Reply {
                allow: Some("GET"),
                ..Reply::error(405, "method_not_allowed", "this can only be read")
            },
        })
    }

    /// The gateway's fault that keeps this request from the API, if there is one.
    pub(super) fn kept_away(&self, method: &str, path: &str) -> Option<Fault> {
        let mut inner = self.lock();
        let faults = self.gateway.faults(inner.counts.total);
        let fault = faults.iter().find(|fault| fault.instead().is_some()).copied()?;
        if tokens::is_path(path) {
            inner.counts.add_token(fault.as_str());
            return Some(fault);
        }
        let operation = request::route(method, path).ok().map(|route| route.operation);
        inner.counts.add(operation, fault.as_str());
        Some(fault)
    }

    /// Gives an access token, or refuses to. It costs nothing.
    pub(super) fn give_token(&self, request: &TokenRequest<'_>) -> HandledRequest {
        let now = (self.clock)();
        let mut inner = self.lock();
        let wrapped = self.gateway.faults(inner.counts.total).to_vec();
        let reply = inner.tokens.give(request, &wrapped, now);
        inner.counts.add_token(&reply.status.to_string());
        let count: u64 = inner.counts.tokens.values().sum();
        let request_id = format!("sandbox-token-{count:08}");
        HandledRequest { request_id, reply, budget: None, at: now, dropped: false, wrapped }
    }

    /// Carries one request out, faults included.
    pub(super) fn handle(&self, request: &ApiRequest<'_>) -> HandledRequest {
        // As fine as the API tells it and the journal keeps it.
        let now = (self.clock)();
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let mut inner = self.lock();
        let route = request::route(request.method, request.path);
        let operation = route.as_ref().ok().map(|route| route.operation);
        let wrapped = self.gateway.faults(inner.counts.total).to_vec();
        let request_id = format!("sandbox-{:08}", inner.counts.total + 1);

        let checked = inner.tokens.check(&request.shown, operation, &wrapped, now);
        let (reply, budget, dropped) = if let Err(refused) = checked {
            (refused, None, false)
        } else {
            match inner.spend(now) {
                Err(Refusal::Budget(reading)) => {
                    (Reply::too_many(reading.reset.unwrap_or_default()), Some(reading), false)
                }
                Err(Refusal::Broken(reply)) => (reply, None, false),
                Ok(reading) => {
                    let (reply, dropped) = match (route, request.body) {
                        (Ok(route), Some(body)) => {
                            let faults = inner.draw(&self.faults);
                            inner.operate(&route, body, now, &faults)
                        }
                        (Ok(_), None) => (Reply::too_long(), false),
                        (Err(reply), _) => (reply, false),
                    };
                    (reply, Some(reading), dropped)
                }
            }
        };
        let status = reply.status.to_string();
        inner.counts.add(operation, if dropped { "dropped" } else { &status });
        HandledRequest { request_id, reply, budget, at: now, dropped, wrapped }
    }
}

/// A message as `/_sandbox/messages` shows it.
fn look_at(message: &SandboxMessage) -> Value {
    let mut value = json!(message);
    value["deleted"] = message.is_deleted().into();
    value
}

enum Refusal {
    Budget(BudgetReading),
    Broken(Reply),
}

impl Inner {
    fn spend(&mut self, now: Timestamp) -> Result<BudgetReading, Refusal> {
        let reading = self.quota.take(now).map_err(Refusal::Budget)?;
        match self.quota.window() {
            Some(window) => {
                self.record(JournalEntry::Window(window)).map_err(Refusal::Broken)?;
                Ok(reading)
            }
            None => Ok(reading),
        }
    }

    fn draw(&mut self, faults: &Faults) -> DrawnFaults {
        // Always three draws.
        let (fail, before, drop) = (self.random.f64(), self.random.bool(), self.random.f64());
        DrawnFaults { fail: fail < faults.fail, before, drop: drop < faults.drop_replies }
    }

    fn operate(
        &mut self,
        route: &Route,
        body: &[u8],
        now: Timestamp,
        faults: &DrawnFaults,
    ) -> (Reply, bool) {
        if faults.fail && faults.before {
            return (Reply::fault("before"), false);
        }
        let reply = self.answer(route, body, now).unwrap_or_else(|refused| refused);
        if faults.fail { (Reply::fault("after"), false) } else { (reply, faults.drop) }
    }

    fn answer(&mut self, route: &Route, body: &[u8], now: Timestamp) -> Result<Reply, Reply> {
        let Route { operation, id } = route;
        match operation {
            Operation::SendPushedMessage => self.send(Kind::Pushed, body, now),
            Operation::SendAgentMessage => self.send(Kind::Agent, body, now),
            Operation::PingAgentOnline => self.ping(body, now),
            Operation::GetPushedMessage => {
                self.of_kind(id, Kind::Pushed).map(|message| Reply::json(message.to_api()))
            }
            Operation::GetAgentMessage => {
                let message = self.world.message(id).ok_or_else(Reply::not_found)?;
                Ok(Reply::json(message.to_api()))
            }
            Operation::UpdatePushedMessage => self.update(id, Kind::Pushed, body, now),
            Operation::UpdateAgentMessage => self.update(id, Kind::Agent, body, now),
            Operation::DeletePushedMessage => self.delete(id, Kind::Pushed, now),
            Operation::DeleteAgentMessage => self.delete(id, Kind::Agent, now),
        }
    }

    fn of_kind(&self, id: &str, kind: Kind) -> Result<&SandboxMessage, Reply> {
        let message = self.world.message(id).filter(|message| message.kind == kind);
        message.ok_or_else(Reply::not_found)
    }

    fn send(&mut self, kind: Kind, body: &[u8], now: Timestamp) -> Result<Reply, Reply> {
        let fields = Fields::read(body)?;
        let visitor_id = fields.required("visitorId")?;
        let text = normalised(&self.normalise, fields.required("text")?);
        let sender = fields.sender(kind)?;
        let group_id = match &sender {
            Sender::Group(group) => Some(group.clone()),
            Sender::Random | Sender::Agent { .. } | Sender::Helpdesk { .. } => None,
        };
        let (agent_id, agent_name, received_from) = self.agent(sender, &visitor_id)?;
        let message = SandboxMessage {
            id: self.world.free_id(now, &visitor_id),
            kind,
            visitor_id,
            text,
            agent_id,
            agent_name,
            group_id,
            received_from,
            created_at: now,
            updated_at: None,
            deleted_at: None,
        };
        let reply = Reply::json(message.to_api());
        self.record(JournalEntry::Message(Box::new(message.clone())))?;
        if let Some(events) = &self.events {
            // It is gone when the sandbox stops.
            let _ = events.send(message);
        }
        Ok(reply)
    }

    fn ping(&mut self, body: &[u8], now: Timestamp) -> Result<Reply, Reply> {
        let agent = Fields::read(body)?.sender(Kind::Agent)?;
        let (id, _, _) = self.agent(agent, "")?;
        self.pings.insert(id, now);
        Ok(Reply::empty(201))
    }

    /// Id, name and mark of the agent whom this visitor meets. An agent who is named by an unknown
    /// e-mail address is made.
    fn agent(
        &mut self,
        sender: Sender,
        visitor: &str,
    ) -> Result<(String, String, Option<String>), Reply> {
        let (id, received_from) = match sender {
            Sender::Random => (ids::agent("", visitor), None),
            Sender::Group(group) => (ids::agent(&group, visitor), None),
            Sender::Agent { id, received_from } => (id, received_from),
            Sender::Helpdesk { email, name, received_from } => {
                let known = self.world.agent(&email);
                let id = known.map_or_else(
                    || ids::id(&[b"email", email.as_bytes()]),
                    |agent| agent.id.clone(),
                );
                if known.is_none_or(|agent| agent.name != name) {
                    let agent = DummyAgent { email, id: id.clone(), name: name.clone() };
                    self.record(JournalEntry::Agent(agent))?;
                }
                return Ok((id, name, Some(received_from)));
            }
        };
        let known = self.world.agents().find(|agent| agent.id == id);
        let name = known.map_or_else(|| ids::name(&id).to_owned(), |agent| agent.name.clone());
        Ok((id, name, received_from))
    }

    fn update(&mut self, id: &str, kind: Kind, body: &[u8], at: Timestamp) -> Result<Reply, Reply> {
        self.of_kind(id, kind)?;
        let text = normalised(&self.normalise, Fields::read(body)?.required("text")?);
        self.record(JournalEntry::Text { id: id.to_owned(), text, at })?;
        self.of_kind(id, kind).map(|message| Reply::json(message.to_api()))
    }

    fn delete(&mut self, id: &str, kind: Kind, at: Timestamp) -> Result<Reply, Reply> {
        self.of_kind(id, kind)?;
        self.record(JournalEntry::Deleted { id: id.to_owned(), at })?;
        Ok(Reply::empty(204))
    }

    /// Writes it down, then lets it happen: what was answered survives the process.
    fn record(&mut self, entry: JournalEntry) -> Result<(), Reply> {
        let written = match &mut self.storage {
            Storage::Memory => Ok(()),
            Storage::File(journal) => journal
                .write(&entry)
                .map_err(|error| format!("the sandbox could not write its data: {error}")),
            Storage::Closed => Err("the sandbox is stopping".to_owned()),
        };
        written.map_err(|why| Reply::error(503, "service_unavailable", why))?;
        let shows = !matches!(entry, JournalEntry::Window(_));
        self.world.apply(entry);
        if shows {
            self.notifier.notify();
        }
        Ok(())
    }
}
