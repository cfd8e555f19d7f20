//! Reads one event of Brevo Conversations, as the work of a stranger.

use serde_json::{Map, Value};

use super::Sighting;
use crate::model::VisitorId;

/// The longest event, in bytes. A transcript has all messages of a conversation.
pub const MOST_BYTES: usize = 1 << 20;

/// The most messages of an event. An event with more is left out whole: a part of it would prove less than it seems.
const MOST_MESSAGES: usize = 5_000;

/// Why an event cannot be read. No part of the event is in the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEvent {
    /// More than [`MOST_BYTES`].
    #[error("an event has at most {MOST_BYTES} bytes, and this one has {0}")]
    TooLong(usize),
    /// It is not JSON, or too deeply nested.
    #[error("it is not JSON (column {0})")]
    NotJson(usize),
    /// It is JSON of another kind.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// It has more messages than are read.
    #[error("an event has at most {MOST_MESSAGES} messages, and this one has {0}")]
    TooManyMessages(usize),
}

/// What an event says of messages. Events of other names say nothing, and fields that are missing, unknown or
/// of another type are left out.
///
/// # Errors
///
/// If it is not an event at all, or larger than any that is needed.
pub fn read(bytes: &[u8]) -> Result<Vec<Sighting>, UnreadableEvent> {
    if bytes.len() > MOST_BYTES {
        return Err(UnreadableEvent::TooLong(bytes.len()));
    }
    let event: Value =
        serde_json::from_slice(bytes).map_err(|error| UnreadableEvent::NotJson(error.column()))?;
    let Value::Object(event) = event else { return Err(UnreadableEvent::NotAnObject) };
    let text = |object: &Map<String, Value>, name: &str| {
        object.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let name = text(&event, "eventName");
    if !matches!(name.as_deref(), Some("conversationFragment" | "conversationTranscript")) {
        return Ok(Vec::new());
    }
    let visitor = event.get("visitor").and_then(Value::as_object);
    let visitor = visitor.and_then(|visitor| text(visitor, "id"));
    let Some(visitor) = visitor.and_then(|id| VisitorId::parse(&id).ok()) else {
        return Ok(Vec::new());
    };
    let Some(messages) = event.get("messages").and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    if messages.len() > MOST_MESSAGES {
        return Err(UnreadableEvent::TooManyMessages(messages.len()));
    }
    let messages = messages.iter().filter_map(Value::as_object);
    Ok(messages.filter_map(|message| Sighting::read(message, &visitor)).collect())
}
