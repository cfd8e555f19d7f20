//! Events in any order, doubled, forged or missing: nothing is sent twice, and no message is adopted that is not ours.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{faults::process, server::*};
use crate::{
    apply::{
        Session, Settled,
        api::{Api, Call},
        apply, settle,
    },
    brevo::Message,
    controller::webhooks::{Sightings, find, read},
    model::{Address, Content, Kind, MessageId, Sender, VisitorId},
    state::{Store, Write},
};

/// Each of them gets `a` and `b`, which have the same text, and `c`.
const VISITORS: [&str; 3] = ["ada", "ben", "cleo"];
const MESSAGES: [(&str, &str); 3] = [("a", "hi"), ("b", "hi"), ("c", "ho")];

/// A server that knows which delivery each POST was for: its sender is a group with that name.
struct Witness {
    server: Arc<Server>,
    clock: crate::apply::Clock,
    made: Mutex<HashMap<MessageId, (String, Timestamp)>>,
}

impl Api for Witness {
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, Message> {
        Box::pin(async move {
            let count = || self.server.created.lock().expect("not poisoned").len();
            let before = count();
            let answer = self.server.create(kind, visitor, content).await;
            if count() > before {
                let Sender::Group(group) = &content.from else { panic!("of a group") };
                let (address, _) = group.split_once('#').expect("an address");
                let id = MessageId::new(format!("m{}", count()));
                let made = (address.to_owned(), (self.clock)());
                self.made.lock().expect("not poisoned").insert(id, made);
            }
            answer
        })
    }

    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, Message> {
        self.server.update(kind, id, text)
    }

    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()> {
        self.server.delete(kind, id)
    }

    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Message> {
        self.server.get(kind, id)
    }
}

/// How an event comes.
#[derive(Debug, Clone, Copy)]
enum Form {
    Whole,
    Twice,
    /// Without these fields.
    Without(&'static str),
    /// With all messages that the visitor got until then.
    Transcript,
}

#[derive(Debug, Clone)]
enum Step {
    Apply(Vec<Fate>),
    Settle(Vec<Fate>),
    /// The event of a message that was created comes.
    Event(Index, Form),
    /// Somebody makes up an event: of a message that exists or not.
    Forge {
        id: Index,
        visitor: usize,
        text: usize,
    },
    /// An agent writes the same text by hand; its event comes.
    ByHand {
        visitor: usize,
        text: usize,
    },
    /// An agent deletes a message.
    Deleted(Index),
    /// `state rm`
    Forget(Index),
    /// The manifest drops a delivery, or takes it back.
    Toggle(usize),
    /// The manifest gives a delivery another sender.
    Sender(usize),
    Later(i64),
    /// The process ends, and with it what it knew of events.
    Restart,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = proptest::sample::select(vec![
        Fate::Works,
        Fate::LostRequest,
        Fate::LostAnswer,
        Fate::LostAnswer,
        Fate::FailsAfter,
        Fate::Limited,
        Fate::Status(400),
    ]);
    proptest::collection::vec(fate, 0..9)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let form = proptest::sample::select(vec![
        Form::Whole,
        Form::Whole,
        Form::Twice,
        Form::Without("text"),
        Form::Without("createdAt"),
        Form::Without("isPushed"),
        Form::Transcript,
    ]);
    let step = prop_oneof![
        3 => fates().prop_map(Step::Apply),
        3 => fates().prop_map(Step::Settle),
        8 => (any::<Index>(), form).prop_map(|(which, form)| Step::Event(which, form)),
        2 => (any::<Index>(), 0..3_usize, 0..2_usize)
            .prop_map(|(id, visitor, text)| Step::Forge { id, visitor, text }),
        1 => (0..3_usize, 0..2_usize).prop_map(|(visitor, text)| Step::ByHand { visitor, text }),
        1 => any::<Index>().prop_map(Step::Deleted),
        1 => any::<Index>().prop_map(Step::Forget),
        1 => (0..9_usize).prop_map(Step::Toggle),
        1 => (0..9_usize).prop_map(Step::Sender),
        2 => proptest::sample::select(vec![1, 30, 3_600, 90_000]).prop_map(Step::Later),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

struct World {
    scene: Scene,
    witness: Arc<Witness>,
    sightings: Sightings,
    /// All deliveries, and whether the manifest has them.
    deliveries: Vec<(String, String, Sender, bool)>,
    /// How often each may be created.
    allowed: BTreeMap<String, usize>,
    runs: u128,
    by_hand: usize,
}

const TEXTS: [&str; 2] = ["hi", "ho"];

impl World {
    fn new() -> Self {
        let scene = process(async { Scene::new(Server::with_script(Vec::new())) });
        let clock = Arc::clone(&scene.options.clock);
        let made = Mutex::default();
        let witness = Arc::new(Witness { server: Arc::clone(&scene.server), clock, made });
        let of = |(key, text): (&str, &str), visitor: &str| {
            let address = format!("{key}@{visitor}");
            let sender = Sender::Group(format!("{address}#0"));
            (address, text.to_owned(), sender, true)
        };
        let deliveries: Vec<_> = VISITORS
            .iter()
            .flat_map(|visitor| MESSAGES.iter().map(move |message| of(*message, visitor)))
            .collect();
        let allowed = deliveries.iter().map(|(address, ..)| (address.clone(), 1)).collect();
        let sightings = Sightings::default();
        Self { scene, witness, sightings, deliveries, allowed, runs: 0, by_hand: 0 }
    }

    fn session(&mut self, fates: Vec<Fate>) -> Session {
        *self.scene.server.script.lock().expect("not poisoned") = fates.into();
        self.scene.stopper = Default::default();
        self.runs += 1;
        let mut session = self.scene.session();
        session.info.id = Uuid::from_u128(self.runs);
        session.api = self.witness.clone();
        session
    }

    fn apply(&mut self, fates: Vec<Fate>) {
        let wanted = self.deliveries.iter().filter(|(.., wanted)| *wanted);
        self.scene.wanted = wanted
            .map(|(address, text, sender, _)| (address.clone(), text.clone(), sender.clone()))
            .collect();
        let session = self.session(fates);
        process(async {
            let plan = self.scene.plan().await;
            apply(plan, session).await.expect("the state works");
        });
    }

    fn settle(&mut self, fates: Vec<Fate>) -> Settled {
        let session = self.session(fates);
        process(async {
            let intents = session.store.intents().await.expect("readable");
            let found = find(&*session.store, &intents, &self.sightings).await.expect("readable");
            let proofs = found.into_iter().filter_map(|found| found.proof.ok()).collect();
            settle(proofs, session).await.expect("the state works")
        })
    }

    fn hears(&mut self, visitor: &str, messages: &[Value]) {
        let event = json!({
            "eventName": "conversationTranscript",
            "visitor": { "id": visitor },
            "messages": messages,
        });
        let event = read(event.to_string().as_bytes()).expect("an event");
        event.into_iter().for_each(|sighting| _ = self.sightings.add(sighting));
    }

    /// What an event tells of a message that was created.
    fn told(&self, id: &MessageId) -> (String, Value) {
        let made = self.witness.made.lock().expect("not poisoned");
        let (address, at) = &made[id];
        let (_, text, ..) =
            self.deliveries.iter().find(|(one, ..)| one == address).expect("a delivery");
        let message = json!({
            "id": id, "type": "agent", "text": text, "isPushed": true,
            "createdAt": at.as_millisecond(),
        });
        (address.split_once('@').expect("a visitor").1.to_owned(), message)
    }

    fn made(&self) -> Vec<MessageId> {
        let mut made: Vec<_> =
            self.witness.made.lock().expect("not poisoned").keys().cloned().collect();
        made.sort();
        made
    }

    fn event(&mut self, id: &MessageId, form: Form) {
        let (visitor, mut message) = self.told(id);
        match form {
            Form::Whole => self.hears(&visitor, &[message]),
            Form::Twice => self.hears(&visitor, &[message.clone(), message]),
            Form::Without(name) => {
                message.as_object_mut().expect("fields").remove(name);
                self.hears(&visitor, &[message]);
            }
            Form::Transcript => {
                let all: Vec<_> = self.made().iter().map(|id| self.told(id)).collect();
                let of = all.into_iter().filter(|(one, _)| *one == visitor);
                let of: Vec<_> = of.map(|(_, message)| message).collect();
                self.hears(&visitor, &of);
            }
        }
    }

    fn step(&mut self, step: Step) {
        let now = (self.scene.options.clock)();
        match step {
            Step::Apply(fates) => self.apply(fates),
            Step::Settle(fates) => _ = self.settle(fates),
            Step::Event(which, form) => {
                let made = self.made();
                if !made.is_empty() {
                    self.event(which.get(&made), form);
                }
            }
            Step::Forge { id, visitor, text } => {
                let mut ids: Vec<_> = self
                    .scene
                    .server
                    .messages
                    .lock()
                    .expect("not poisoned")
                    .keys()
                    .cloned()
                    .collect();
                ids.push(MessageId::new("nosuchmessage"));
                let message = json!({
                    "id": id.get(&ids), "type": "agent", "text": TEXTS[text], "isPushed": true,
                    "createdAt": now.as_millisecond(),
                });
                self.hears(VISITORS[visitor], &[message]);
            }
            Step::ByHand { visitor, text } => {
                self.by_hand += 1;
                let id = MessageId::new(format!("h{}", self.by_hand));
                let to = VisitorId::parse(VISITORS[visitor]).expect("an id");
                let there = (to, Kind::Agent, TEXTS[text].to_owned());
                self.scene.server.messages.lock().expect("not poisoned").insert(id.clone(), there);
                let message = json!({
                    "id": id, "type": "agent", "text": TEXTS[text],
                    "createdAt": now.as_millisecond(),
                });
                self.hears(VISITORS[visitor], &[message]);
            }
            Step::Deleted(which) => {
                let mut there = self.scene.server.messages.lock().expect("not poisoned");
                let ids: Vec<_> = there.keys().cloned().collect();
                if !ids.is_empty() {
                    there.remove(which.get(&ids));
                }
            }
            Step::Forget(which) => process(async {
                let records = self.scene.records().await;
                if !records.is_empty() {
                    let address = which.get(&records).address.clone();
                    *self.allowed.get_mut(address.as_str()).expect("known") += 1;
                    let forgotten = vec![Write::Remove(address)];
                    self.scene.store.commit(forgotten).await.expect("writable");
                }
            }),
            Step::Toggle(which) => {
                let (address, .., wanted) = &mut self.deliveries[which];
                *wanted = !*wanted;
                if *wanted {
                    *self.allowed.get_mut(address).expect("known") += 1;
                }
            }
            Step::Sender(which) => {
                let (address, _, sender, _) = &mut self.deliveries[which];
                *self.allowed.get_mut(address).expect("known") += 1;
                *sender = Sender::Group(format!("{address}#{}", self.runs));
            }
            Step::Later(seconds) => {
                let mut ahead = self.scene.ahead.lock().expect("not poisoned");
                *ahead += SignedDuration::from_secs(seconds);
            }
            Step::Restart => self.sightings = Sightings::default(),
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let made = self.witness.made.lock().expect("not poisoned");
        for record in process(self.scene.records()) {
            let by = made.get(&record.id).map(|(address, _)| address.as_str());
            prop_assert_eq!(by, Some(record.address.as_str()), "adopted {}", record.id);
            if let Some(old) = &record.superseded {
                let by = made.get(&old.id).map(|(address, _)| address.as_str());
                prop_assert_eq!(by, Some(record.address.as_str()));
            }
        }
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for (address, _) in made.values() {
            *times.entry(address).or_default() += 1;
        }
        for (address, times) in times {
            prop_assert!(times <= self.allowed[address], "{} was sent {} times", address, times);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn events_in_any_order_doubled_forged_or_missing_send_nothing_twice_and_adopt_nothing_of_others(
        steps in steps(),
    ) {
        let mut world = World::new();
        for step in steps {
            let said = format!("{step:?}");
            world.step(step);
            world.check().map_err(|error| TestCaseError::fail(format!("{said}: {error}")))?;
        }
    }
}

#[test]
fn all_that_was_lost_is_settled_by_its_events_where_no_other_delivery_has_the_text() {
    let mut world = World::new();
    let wanted = |address: &str| !address.starts_with("b@");
    world.deliveries.iter_mut().for_each(|(address, .., is_wanted)| *is_wanted = wanted(address));
    world.apply(vec![
        Fate::LostAnswer,
        Fate::Works,
        Fate::LostAnswer,
        Fate::Works,
        Fate::FailsAfter,
    ]);
    let unknown = |world: &World| process(world.scene.store.intents()).expect("readable").len();
    assert_eq!(unknown(&world), 3);
    for id in world.made() {
        world.event(&id, Form::Transcript);
    }
    let before = world.scene.server.asked().len();
    let settled = world.settle(Vec::new());
    assert_eq!((settled.settled.len(), settled.requests, unknown(&world)), (3, 3, 0));
    let asked = &world.scene.server.asked()[before..];
    assert!(asked.iter().all(|request| request.starts_with("GET ")), "{asked:?}");
    world.check().expect("all are ours");
    world.apply(Vec::new());
    assert_eq!(world.scene.server.asked().len(), before + 3, "nothing is left to do");
}

#[test]
fn two_deliveries_of_one_text_are_settled_only_once_one_of_them_is_known() {
    let mut world = World::new();
    world
        .deliveries
        .iter_mut()
        .for_each(|(address, .., wanted)| *wanted = address.ends_with("ada"));
    world.apply(vec![Fate::LostAnswer, Fate::LostAnswer]);
    for id in world.made() {
        world.event(&id, Form::Whole);
    }
    assert!(world.settle(Vec::new()).settled.is_empty());
    let address = Address::parse("a@ada").expect("an address");
    let intents = process(world.scene.store.intents()).expect("readable");
    let intent = intents.into_iter().find(|intent| intent.address == address).expect("unknown");
    let writes = crate::apply::resolution(intent, Some(MessageId::new("m1")), None, epoch());
    process(world.scene.store.commit(writes)).expect("writable");
    let settled = world.settle(Vec::new()).settled;
    assert_eq!(settled, [(Address::parse("b@ada").expect("an address"), MessageId::new("m2"))]);
    world.check().expect("all are ours");
}
