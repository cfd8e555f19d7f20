use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::{MessageId, VisitorId};

/// A message as the API describes it (`ConversationsMessage`).
///
/// The specification requires none of its fields, and their types changed over the years: a
/// field that is absent or of another type than expected is `None`. Only the id must be there.
/// Fields that pushsync has no use for are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The id for all further requests.
    pub id: MessageId,
    /// Who wrote it.
    pub kind: Option<MessageType>,
    /// Its text, or the name of the attached file.
    pub text: Option<String>,
    /// The text as HTML, made by the server.
    pub html: Option<String>,
    /// Who gets it.
    pub visitor: Option<VisitorId>,
    /// The agent on whose behalf it was sent; the server's choice if nobody or a group was named.
    pub agent_id: Option<String>,
    /// That agent's name, as visitors see it.
    pub agent_name: Option<String>,
    /// When it was created (milliseconds in the API).
    pub created_at: Option<Timestamp>,
    /// The mark given when it was sent.
    pub received_from: Option<String>,
    /// Whether it was sent as an automated message.
    pub is_pushed: Option<bool>,
}

impl Message {
    /// The text as it is compared with that of a manifest, which has no line breaks at its end.
    pub fn compared_text(&self) -> Option<&str> {
        self.text.as_deref().map(|text| text.trim_end_matches(['\n', '\r']))
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageType {
    /// An agent; automated messages count as theirs.
    Agent,
    /// The visitor.
    Visitor,
    /// A word that the specification of 2026-09 does not know.
    Other(String),
}

/// Why the body of a success is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoMessage {
    Empty,
    NotJson,
    NoId,
    UnusableId,
}

impl NoMessage {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "its body is empty",
            Self::NotJson => "its body is no JSON object",
            Self::NoId => "its body holds no message id",
            Self::UnusableId => "no request could name the message id in its body",
        }
    }
}

impl Message {
    /// Reads the body of a success.
    pub(super) fn parse(body: &[u8]) -> Result<Self, NoMessage> {
        if body.trim_ascii().is_empty() {
            return Err(NoMessage::Empty);
        }
        match serde_json::from_slice::<Map<String, Value>>(body) {
            Ok(object) => Self::from_object(&object),
            // An array would be read as the list of fields below.
            Err(_) if !body.trim_ascii_start().starts_with(b"{") => Err(NoMessage::NotJson),
            // Something in it cannot be decoded (half a surrogate pair, say), but the id is what
            // counts: without it the message could never be found again.
            Err(_) => {
                let OnlyId { id } = serde_json::from_slice(body).map_err(|_| NoMessage::NotJson)?;
                usable_id(&id).map(Self::with_id)
            }
        }
    }

    /// A message of which nothing but the id is known.
    pub fn with_id(id: MessageId) -> Self {
        Self {
            id,
            kind: None,
            text: None,
            html: None,
            visitor: None,
            agent_id: None,
            agent_name: None,
            created_at: None,
            received_from: None,
            is_pushed: None,
        }
    }

    /// Reads a message in an event; `None` if no request could name it.
    pub fn in_event(object: &Map<String, Value>) -> Option<Self> {
        Self::from_object(object).ok()
    }

    fn from_object(object: &Map<String, Value>) -> Result<Self, NoMessage> {
        let id = usable_id(object.get("id").unwrap_or(&Value::Null))?;
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let flag = |name: &str| object.get(name).and_then(Value::as_bool);
        Ok(Self {
            id,
            kind: text("type").map(|word| match word.as_str() {
                "agent" => MessageType::Agent,
                "visitor" => MessageType::Visitor,
                _ => MessageType::Other(word),
            }),
            text: text("text"),
            html: text("html"),
            visitor: text("visitorId").and_then(|id| VisitorId::parse(&id).ok()),
            agent_id: text("agentId"),
            agent_name: text("agentName"),
            created_at: object
                .get("createdAt")
                .and_then(Value::as_i64)
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            received_from: text("receivedFrom"),
            is_pushed: flag("isPushed"),
        })
    }
}

/// An id is a text; a number is taken as well rather than lost.
fn usable_id(value: &Value) -> Result<MessageId, NoMessage> {
    let id = match value {
        Value::String(id) if !id.trim().is_empty() => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return Err(NoMessage::NoId),
    };
    MessageId::parse(&id).map_err(|_| NoMessage::UnusableId)
}

/// The id alone: everything else is skipped without being decoded.
#[derive(Deserialize)]
struct OnlyId {
    #[serde(default)]
    id: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example_is_read_whole() {
        let message = Message::parse(
            br#"{"id":"AXCR3k9bpSY7bpuh7","type":"agent","text":"a","html":"b",
                "visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg","agentId":"d9nKoegKSjmCtyK78",
                "agentName":"Liz","createdAt":1470222622433,"isPushed":true,
                "attachments":[{"name":"a.png","size":3},7],"novelty":{"x":[1]}}"#,
        )
        .expect("a message");
        assert_eq!(message.id.as_str(), "AXCR3k9bpSY7bpuh7");
        assert_eq!(message.kind, Some(MessageType::Agent));
        assert_eq!(message.created_at.map(|t| t.as_millisecond()), Some(1_470_222_622_433));
        assert_eq!(message.is_pushed, Some(true));
        assert_eq!(
            message.visitor.as_ref().map(VisitorId::as_str),
            Some("kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg")
        );
    }

    #[test]
    fn fields_of_another_type_do_not_hide_the_id() {
        let message = Message::parse(
            br#"{"id":"x","type":3,"text":null,"createdAt":"yesterday","isPushed":"true",
                "attachments":{},"visitorId":"","file":[]}"#,
        )
        .expect("a message");
        assert_eq!(message, Message::with_id(MessageId::new("x")));
        let message =
            Message::parse(br#"{"id":12,"createdAt":99999999999999999}"#).expect("a message");
        assert_eq!(message, Message::with_id(MessageId::new("12")));
    }

    #[test]
    fn an_id_is_found_beside_text_that_cannot_be_decoded() {
        for body in [
            br#"{"text":"\ud83d","id":"x"}"#.to_vec(),
            b"{\"text\":\"\xff\",\"id\":\"x\"}".to_vec(),
            format!(r#"{{"deep":{}{},"id":"x"}}"#, "[".repeat(500), "]".repeat(500)).into_bytes(),
        ] {
            assert_eq!(Message::parse(&body), Ok(Message::with_id(MessageId::new("x"))));
        }
    }

    #[test]
    fn a_body_without_an_id_says_what_it_is() {
        assert_eq!(Message::parse(b" \n"), Err(NoMessage::Empty));
        assert_eq!(Message::parse(b"<html>"), Err(NoMessage::NotJson));
        assert_eq!(Message::parse(b"[]"), Err(NoMessage::NotJson));
        assert_eq!(Message::parse(br#"{"id":"x""#), Err(NoMessage::NotJson));
        for body in [r#"{}"#, r#"{"id":""}"#, r#"{"id":null}"#, r#"{"id":{}}"#] {
            assert_eq!(Message::parse(body.as_bytes()), Err(NoMessage::NoId), "{body}");
        }
    }

    #[test]
    fn an_id_that_no_request_could_name_is_no_id() {
        for id in [".", "..", "a/b", "..%2f..", "a b", r"\u0000"] {
            for more in ["", r#""text":"\ud83d","#] {
                let body = format!(r#"{{{more}"id":"{id}"}}"#);
                assert_eq!(Message::parse(body.as_bytes()), Err(NoMessage::UnusableId), "{body}");
            }
        }
    }
}
