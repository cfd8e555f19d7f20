//! What one event says of one message.

use blake3::Hash;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    brevo::{Message, MessageType},
    model::{MessageId, VisitorId},
};

/// What one event says of one message. Texts and names are kept as hashes: they are only compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The message.
    pub id: MessageId,
    /// Who gets it.
    pub visitor: VisitorId,
    /// Whether an agent wrote it. Messages of others are kept, because an event may say the contrary of one.
    pub(super) by_agent: bool,
    /// The event is about one visitor, and the message names another.
    pub(super) other_visitor: bool,
    /// Its text, as it is compared.
    pub(super) text: Option<Hash>,
    /// Whether it is an automated message: a message that does not say so is none. `None` if that cannot be read.
    pub(super) is_pushed: Option<bool>,
    /// When it was created.
    pub(super) created_at: Option<Timestamp>,
    /// The agent's id.
    pub(super) agent: Option<Hash>,
    /// The mark that was given when it was sent.
    pub(super) mark: Option<Hash>,
}

/// How a text is kept.
pub(super) fn hash(text: &str) -> Hash {
    blake3::hash(text.as_bytes())
}

impl Sighting {
    /// Reads a message in an event about this visitor; `None` if it does not say who wrote it, or if nothing could name
    /// it.
    pub(super) fn read(object: &Map<String, Value>, visitor: &VisitorId) -> Option<Self> {
        let message = Message::in_event(object)?;
        let by_agent = *message.kind.as_ref()? == MessageType::Agent;
        let other_visitor = match object.get("visitorId") {
            None | Some(Value::Null) => false,
            Some(named) => named.as_str() != Some(visitor.as_str()),
        };
        let is_pushed = match object.get("isPushed") {
            None | Some(Value::Null) => Some(false),
            Some(said) => said.as_bool(),
        };
        Some(Self {
            visitor: visitor.clone(),
            by_agent,
            other_visitor,
            text: message.compared_text().map(hash),
            is_pushed,
            created_at: message.created_at,
            agent: message.agent_id.as_deref().map(hash),
            mark: message.received_from.as_deref().map(hash),
            id: message.id,
        })
    }

    /// Takes in what another event says of the same message; false if the two cannot both be true.
    pub(super) fn agrees_with(&mut self, other: &Self) -> bool {
        let Self { id, visitor, by_agent, other_visitor, text, is_pushed, created_at, agent, mark } =
            other;
        let same = self.id == *id
            && self.visitor == *visitor
            && self.by_agent == *by_agent
            && !self.other_visitor
            && !other_visitor
            && self.is_pushed == *is_pushed;
        // No short cut: each of them takes in what the other event says.
        let told = [
            same_or_told(&mut self.text, text),
            same_or_told(&mut self.created_at, created_at),
            same_or_told(&mut self.agent, agent),
            same_or_told(&mut self.mark, mark),
        ];
        same && told.into_iter().all(|told| told)
    }
}

/// Whether nothing is said twice and differently.
fn same_or_told<T: Clone + PartialEq>(here: &mut Option<T>, there: &Option<T>) -> bool {
    match (&*here, there) {
        (Some(here), Some(there)) => here == there,
        (None, Some(_)) => {
            here.clone_from(there);
            true
        }
        (_, None) => true,
    }
}
