//! All that events say of messages, by message and by visitor.

use std::collections::{BTreeSet, HashMap};

use super::Sighting;
use crate::model::{MessageId, VisitorId};

/// What is known of one message.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) sighting: Sighting,
    /// Two events say things of it that cannot both be true, or one contradicts itself.
    pub(super) is_contradicted: bool,
}

/// What events say of messages. The order of the events does not matter, nor how often they come.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    by_id: HashMap<MessageId, Seen>,
    by_visitor: HashMap<VisitorId, BTreeSet<MessageId>>,
}

impl Sightings {
    /// Takes in what an event says of a message; false if that is nothing new.
    pub fn add(&mut self, sighting: Sighting) -> bool {
        if let Some(seen) = self.by_id.get_mut(&sighting.id) {
            let before = seen.clone();
            seen.is_contradicted |= !seen.sighting.agrees_with(&sighting);
            return seen.is_contradicted != before.is_contradicted
                || seen.sighting != before.sighting;
        }
        let ids = self.by_visitor.entry(sighting.visitor.clone()).or_default();
        ids.insert(sighting.id.clone());
        let is_contradicted = sighting.other_visitor;
        self.by_id.insert(sighting.id.clone(), Seen { sighting, is_contradicted });
        true
    }

    /// Forgets a message, and returns its visitor.
    pub(super) fn remove(&mut self, id: &MessageId) -> Option<VisitorId> {
        let Seen { sighting, .. } = self.by_id.remove(id)?;
        if let Some(ids) = self.by_visitor.get_mut(&sighting.visitor) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_visitor.remove(&sighting.visitor);
            }
        }
        Some(sighting.visitor)
    }

    /// Takes in all that others say of the messages to a visitor.
    pub(super) fn copy(&mut self, others: &Self, visitor: &VisitorId) {
        for id in others.by_visitor.get(visitor).into_iter().flatten() {
            let Some(seen) = others.by_id.get(id) else { continue };
            self.by_visitor.entry(visitor.clone()).or_default().insert(id.clone());
            self.by_id.insert(id.clone(), seen.clone());
        }
    }

    /// Whether there is a message of this id.
    pub(super) fn has(&self, id: &MessageId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The messages of agents to a visitor, and those of which some event says that they are.
    pub(super) fn to<'s>(&'s self, visitor: &VisitorId) -> impl Iterator<Item = &'s Seen> {
        let ids = self.by_visitor.get(visitor).into_iter().flatten();
        let seen = ids.filter_map(|id| self.by_id.get(id));
        seen.filter(|seen| seen.sighting.by_agent || seen.is_contradicted)
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
