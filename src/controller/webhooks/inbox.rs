//! The last messages that events told of, in bounded memory.
//!
//! An event may come before anybody knows that the answer to its request is lost: so all of them are kept for a while,
//! whatever the state has.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Finding, Sighting, Sightings, findings};
use crate::model::{Intent, MessageId, VisitorId};

/// How many messages are kept. Each has its id, its visitor's id and a few hashes: at most 2,500 bytes, and 300 as a
/// rule.
const MOST_MESSAGES: usize = 10_000;

/// The most bytes of ids that are kept.
const MOST_ID_BYTES: usize = 4 << 20;

/// How often the API is asked about a message that it does not bear out: its answer may lag behind its event.
const MOST_QUESTIONS: u8 = 3;

/// The last messages that events told of, and the deliveries that wait for one.
#[derive(Debug, Default)]
pub struct Inbox(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sightings: Sightings,
    /// In the order in which they came.
    order: VecDeque<MessageId>,
    bytes: usize,
    /// How often the API did not bear a message out.
    refusals: HashMap<MessageId, u8>,
    /// The messages that a cycle has seen as the proof of a delivery.
    offered: BTreeSet<MessageId>,
    /// The deliveries that were unknown at the end of the last cycle.
    unknown: BTreeMap<VisitorId, Vec<Intent>>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what an event says. Returns whether it may settle a delivery that was unknown at the end of the last
    /// cycle, so that a cycle is worth it now.
    pub fn take_in(&self, event: Vec<Sighting>) -> bool {
        let mut kept = self.lock();
        let mut news = BTreeSet::new();
        for sighting in event {
            let (visitor, id) = (sighting.visitor.clone(), sighting.id.clone());
            let count = kept.sightings.len();
            if !kept.sightings.add(sighting) {
                continue;
            }
            if kept.sightings.len() > count {
                kept.bytes += size(&id, &visitor);
                kept.order.push_back(id);
                kept.drop_oldest();
            }
            news.insert(visitor);
        }
        news.iter().any(|visitor| kept.may_settle(visitor))
    }

    /// Takes in which deliveries are unknown at the end of a cycle. Returns whether a message is there that may settle
    /// one of them and that no cycle has seen: its event came while the cycle was under way.
    pub fn unknown(&self, intents: &[Intent]) -> bool {
        let mut kept = self.lock();
        kept.unknown.clear();
        for intent in intents {
            let visitor = intent.address.visitor();
            kept.unknown.entry(visitor).or_default().push(intent.clone());
        }
        let visitors: Vec<_> = kept.unknown.keys().cloned().collect();
        visitors.iter().any(|visitor| kept.may_settle(visitor))
    }

    /// The messages to the visitors of these deliveries.
    pub fn about(&self, intents: &[Intent]) -> Sightings {
        let kept = self.lock();
        let mut about = Sightings::default();
        let visitors: BTreeSet<_> = intents.iter().map(|intent| intent.address.visitor()).collect();
        visitors.iter().for_each(|visitor| about.copy(&kept.sightings, visitor));
        about
    }

    /// A cycle has seen these: no event is needed for them any more.
    pub fn offered(&self, found: &[Finding]) {
        let ids = found.iter().filter_map(|found| Some(found.proof.as_ref().ok()?.id.clone()));
        self.lock().offered.extend(ids);
    }

    /// Whether the API may be asked about a message.
    pub fn may_ask(&self, id: &MessageId) -> bool {
        self.lock().refusals.get(id).is_none_or(|refusals| *refusals < MOST_QUESTIONS)
    }

    /// The API does not bear a message out. It stays: another message with its text is no better proof.
    pub fn refused(&self, id: &MessageId) {
        let mut kept = self.lock();
        if kept.sightings.has(id) {
            let refusals = kept.refusals.entry(id.clone()).or_default();
            *refusals = refusals.saturating_add(1);
        }
    }
}

impl Kept {
    /// Whether a delivery of this visitor has a proof that no cycle has seen. Whether the state knows the message, the
    /// cycle finds out.
    fn may_settle(&self, visitor: &VisitorId) -> bool {
        let Some(intents) = self.unknown.get(visitor) else { return false };
        let found = findings(intents, &self.sightings, |_, _| false);
        let mut proofs = found.iter().filter_map(|found| found.proof.as_ref().ok());
        proofs.any(|proof| !self.offered.contains(&proof.id))
    }

    fn drop_oldest(&mut self) {
        while self.order.len() > MOST_MESSAGES || self.bytes > MOST_ID_BYTES {
            let Some(id) = self.order.pop_front() else { return };
            if let Some(visitor) = self.sightings.remove(&id) {
                self.bytes = self.bytes.saturating_sub(size(&id, &visitor));
            }
            self.refusals.remove(&id);
            self.offered.remove(&id);
        }
    }
}

/// How many bytes of ids a message has.
fn size(id: &MessageId, visitor: &VisitorId) -> usize {
    id.as_str().len() + visitor.as_str().len()
}
