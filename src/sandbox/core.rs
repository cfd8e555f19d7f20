//! The API itself: one request after the other, in one order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Clock, Counts, Faults, SandboxMessage,
    api::{self, Fields, Route, Team, Who},
    ids,
    journal::{Journal, Replay},
    quota::{Quota, Reading},
    reply::Reply,
    world::{DummyAgent, Happening, World},
};
use crate::{brevo::Operation, chats::ChangeNotifier, model::Kind};

/// A request, as far as it matters.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) has_key: bool,
    /// `None` if it was too long, or broke off.
    pub(super) body: Option<&'a [u8]>,
}

/// What the server does with it.
pub(super) struct Outcome {
    pub(super) request_id: String,
    pub(super) reply: Reply,
    pub(super) budget: Option<Reading>,
    /// The connection is closed instead of an answer.
    pub(super) dropped: bool,
}

pub(super) struct Core {
    pub(super) notifier: Arc<ChangeNotifier>,
    clock: Clock,
    faults: Faults,
    inner: Mutex<Inner>,
}

struct Inner {
    notifier: Arc<ChangeNotifier>,
    world: World,
    journal: Log,
    quota: Quota,
    counts: Counts,
    dice: fastrand::Rng,
    pings: BTreeMap<String, Timestamp>,
}

enum Log {
    Memory,
    File(Journal),
    Closed,
}

/// Drawn for every request to an operation, so that they depend on nothing but their order.
struct Dice {
    fail: bool,
    before: bool,
    drop: bool,
}

impl Core {
    pub(super) fn new(
        clock: Clock,
        faults: Faults,
        budget: Option<super::Budget>,
        journal: Option<Journal>,
        replay: Replay,
    ) -> Self {
        let notifier = Arc::<ChangeNotifier>::default();
        let inner = Inner {
            notifier: Arc::clone(&notifier),
            world: replay.world,
            journal: journal.map_or(Log::Memory, Log::File),
            quota: Quota::new(budget, replay.window),
            counts: Counts::default(),
            dice: fastrand::Rng::with_seed(faults.seed),
            pings: BTreeMap::new(),
        };
        Self { notifier, clock, faults, inner: Mutex::new(inner) }
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
        self.lock().journal = Log::Closed;
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

    /// Carries one request out, faults included.
    pub(super) fn handle(&self, ask: &Ask<'_>) -> Outcome {
        // As fine as the API tells it and the journal keeps it.
        let now = (self.clock)();
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let mut inner = self.lock();
        let route = api::route(ask.method, ask.path);
        let operation = route.as_ref().ok().map(|route| route.operation);
        let request_id = format!("sandbox-{:08}", inner.counts.total + 1);

        let (reply, budget, dropped) = if !ask.has_key {
            (Reply::no_key(), None, false)
        } else {
            match inner.spend(now) {
                Err(Refusal::Budget(reading)) => {
                    (Reply::too_many(reading.reset), Some(reading), false)
                }
                Err(Refusal::Broken(reply)) => (reply, None, false),
                Ok(reading) => {
                    let (reply, dropped) = match (route, ask.body) {
                        (Ok(route), Some(body)) => {
                            let dice = inner.roll(&self.faults);
                            inner.operate(&route, body, now, &dice)
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
        Outcome { request_id, reply, budget, dropped }
    }
}

/// A message as `/_sandbox/messages` shows it.
fn look_at(message: &SandboxMessage) -> Value {
    let mut value = json!(message);
    value["deleted"] = message.is_deleted().into();
    value
}

enum Refusal {
    Budget(Reading),
    Broken(Reply),
}

impl Inner {
    fn spend(&mut self, now: Timestamp) -> Result<Reading, Refusal> {
        let reading = self.quota.take(now).map_err(Refusal::Budget)?;
        match self.quota.window() {
            Some(window) => {
                self.happen(Happening::Window(window)).map_err(Refusal::Broken)?;
                Ok(reading)
            }
            None => Ok(reading),
        }
    }

    fn roll(&mut self, faults: &Faults) -> Dice {
        // Always three draws.
        let (fail, before, drop) = (self.dice.f64(), self.dice.bool(), self.dice.f64());
        Dice { fail: fail < faults.fail, before, drop: drop < faults.drop_replies }
    }

    fn operate(
        &mut self,
        route: &Route,
        body: &[u8],
        now: Timestamp,
        dice: &Dice,
    ) -> (Reply, bool) {
        if dice.fail && dice.before {
            return (Reply::fault("before"), false);
        }
        let reply = self.answer(route, body, now).unwrap_or_else(|refused| refused);
        if dice.fail { (Reply::fault("after"), false) } else { (reply, dice.drop) }
    }

    fn answer(&mut self, route: &Route, body: &[u8], now: Timestamp) -> Result<Reply, Reply> {
        let Route { operation, id } = route;
        match operation {
            Operation::SendPushedMessage => self.send_pushed(&Fields::read(body)?, now),
            Operation::SendAgentMessage => self.send_as_agent(&Fields::read(body)?, now),
            Operation::PingAgentOnline => self.ping(&Fields::read(body)?, now),
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

    fn send_pushed(&mut self, fields: &Fields, now: Timestamp) -> Result<Reply, Reply> {
        let visitor_id = fields.required("visitorId")?;
        let text = fields.required("text")?;
        let (agent_id, group_id) = match fields.team()? {
            Team::All => (ids::agent("", &visitor_id), None),
            Team::Group(group) => (ids::agent(&group, &visitor_id), Some(group)),
            Team::Agent(agent) => (agent, None),
        };
        let agent_name = ids::name(&agent_id).to_owned();
        self.send(SandboxMessage {
            id: self.world.free_id(now, &visitor_id),
            kind: Kind::Pushed,
            visitor_id,
            text,
            agent_id,
            agent_name,
            group_id,
            received_from: None,
            created_at: now,
            updated_at: None,
            deleted_at: None,
        })
    }

    fn send_as_agent(&mut self, fields: &Fields, now: Timestamp) -> Result<Reply, Reply> {
        let visitor_id = fields.required("visitorId")?;
        let text = fields.required("text")?;
        let (agent_id, agent_name, received_from) = self.meet(fields.who()?)?;
        self.send(SandboxMessage {
            id: self.world.free_id(now, &visitor_id),
            kind: Kind::Agent,
            visitor_id,
            text,
            agent_id,
            agent_name,
            group_id: None,
            received_from,
            created_at: now,
            updated_at: None,
            deleted_at: None,
        })
    }

    fn ping(&mut self, fields: &Fields, now: Timestamp) -> Result<Reply, Reply> {
        let (agent, _, _) = self.meet(fields.who()?)?;
        self.pings.insert(agent, now);
        Ok(Reply::empty(201))
    }

    /// Id, name and mark of an agent; one who is named by an unknown e-mail address is made.
    fn meet(&mut self, who: Who) -> Result<(String, String, Option<String>), Reply> {
        match who {
            Who::Id { id, received_from } => {
                let known = self.world.agents().iter().find(|agent| agent.id == id);
                let name =
                    known.map_or_else(|| ids::name(&id).to_owned(), |agent| agent.name.clone());
                Ok((id, name, received_from))
            }
            Who::Email { email, name, received_from } => {
                let known = self.world.agent(&email);
                let id = known.map_or_else(
                    || ids::id(&[b"email", email.as_bytes()]),
                    |agent| agent.id.clone(),
                );
                if known.is_none_or(|agent| agent.name != name) {
                    let agent = DummyAgent { email, id: id.clone(), name: name.clone() };
                    self.happen(Happening::Agent(agent))?;
                }
                Ok((id, name, Some(received_from)))
            }
        }
    }

    fn send(&mut self, message: SandboxMessage) -> Result<Reply, Reply> {
        let reply = Reply::json(message.to_api());
        self.happen(Happening::Message(Box::new(message)))?;
        Ok(reply)
    }

    fn update(&mut self, id: &str, kind: Kind, body: &[u8], at: Timestamp) -> Result<Reply, Reply> {
        self.of_kind(id, kind)?;
        let text = Fields::read(body)?.required("text")?;
        self.happen(Happening::Text { id: id.to_owned(), text, at })?;
        self.of_kind(id, kind).map(|message| Reply::json(message.to_api()))
    }

    fn delete(&mut self, id: &str, kind: Kind, at: Timestamp) -> Result<Reply, Reply> {
        self.of_kind(id, kind)?;
        self.happen(Happening::Deleted { id: id.to_owned(), at })?;
        Ok(Reply::empty(204))
    }

    /// Writes it down, then lets it happen: what was answered survives the process.
    fn happen(&mut self, happening: Happening) -> Result<(), Reply> {
        let written = match &mut self.journal {
            Log::Memory => Ok(()),
            Log::File(journal) => journal
                .write(&happening)
                .map_err(|error| format!("the sandbox could not write its data: {error}")),
            Log::Closed => Err("the sandbox is stopping".to_owned()),
        };
        written.map_err(|why| Reply::error(503, "service_unavailable", why))?;
        let shows = !matches!(happening, Happening::Window(_));
        self.world.happen(happening);
        if shows {
            self.notifier.notify();
        }
        Ok(())
    }
}
