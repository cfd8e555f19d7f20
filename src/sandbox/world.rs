use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids;
use crate::model::Kind;

/// A message that was ever created in a sandbox, deleted or not.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxMessage {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// Who gets it.
    pub visitor_id: String,
    /// Its text now, or when it was deleted.
    pub text: String,
    /// The agent whose name it shows.
    pub agent_id: String,
    /// That name.
    pub agent_name: String,
    /// The group that was asked for. The API never tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The mark that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_from: Option<String>,
    /// When it was created (JSON: milliseconds).
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When its text was last changed.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub updated_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub deleted_at: Option<Timestamp>,
}

impl SandboxMessage {
    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// As the API shows it (`ConversationsMessage`).
    pub(super) fn to_api(&self) -> Value {
        let mut object = json!({
            "id": self.id,
            "type": "agent",
            "text": self.text,
            "html": html(&self.text),
            "visitorId": self.visitor_id,
            "agentId": self.agent_id,
            "agentName": self.agent_name,
            "createdAt": self.created_at.as_millisecond(),
        });
        if self.kind == Kind::Pushed {
            object["isPushed"] = true.into();
        }
        if let Some(mark) = &self.received_from {
            object["receivedFrom"] = mark.as_str().into();
        }
        object
    }
}

/// Shows everything but the visitor's id.
impl fmt::Debug for SandboxMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, text, agent_id, created_at, updated_at, deleted_at, .. } = self;
        f.debug_struct("SandboxMessage")
            .field("id", id)
            .field("kind", kind)
            .field("text", text)
            .field("agent_id", agent_id)
            .field("created_at", created_at)
            .field("updated_at", updated_at)
            .field("deleted_at", deleted_at)
            .finish_non_exhaustive()
    }
}

/// The text as a chat shows it: escaped, with line breaks.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br>"),
            '\r' => {}
            other => out.push(other),
        }
    }
    out
}

/// An agent who exists because a message or a ping named an e-mail address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DummyAgent {
    pub(super) email: String,
    pub(super) id: String,
    pub(super) name: String,
}

/// One change of a world: a line of the journal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JournalEntry {
    /// A message is there; after a compaction with all that happened to it since.
    Message(Box<SandboxMessage>),
    /// Its text is changed.
    Text {
        id: String,
        text: String,
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// It is deleted.
    Deleted {
        id: String,
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A dummy agent is made, or has a new name.
    Agent(DummyAgent),
    /// A request was taken from the budget.
    Window(super::quota::Window),
}

/// All messages and dummy agents.
#[derive(Default)]
pub(super) struct World {
    messages: Vec<SandboxMessage>,
    by_id: HashMap<String, usize>,
    /// By e-mail address.
    agents: BTreeMap<String, DummyAgent>,
}

impl World {
    /// Every message ever created, in that order.
    pub(super) fn messages(&self) -> &[SandboxMessage] {
        &self.messages
    }

    pub(super) fn agents(&self) -> impl ExactSizeIterator<Item = &DummyAgent> {
        self.agents.values()
    }

    /// A message that is there.
    pub(super) fn message(&self, id: &str) -> Option<&SandboxMessage> {
        self.by_id.get(id).map(|at| &self.messages[*at]).filter(|message| !message.is_deleted())
    }

    pub(super) fn agent(&self, email: &str) -> Option<&DummyAgent> {
        self.agents.get(email)
    }

    /// An id that no message has. Made from the time too: a sandbox whose data was thrown away
    /// does not give the old ids to other messages.
    pub(super) fn free_id(&self, now: Timestamp, visitor: &str) -> String {
        let mut count = self.messages.len() as u64;
        loop {
            let time = now.as_millisecond().to_le_bytes();
            let id = ids::id(&[b"message", &time, &count.to_le_bytes(), visitor.as_bytes()]);
            if !self.by_id.contains_key(&id) {
                return id;
            }
            count += 1;
        }
    }

    /// Takes a change over. One of an unknown message is ignored.
    pub(super) fn apply(&mut self, entry: JournalEntry) {
        match entry {
            JournalEntry::Message(message) => match self.by_id.get(&message.id) {
                Some(at) => self.messages[*at] = *message,
                None => {
                    self.by_id.insert(message.id.clone(), self.messages.len());
                    self.messages.push(*message);
                }
            },
            JournalEntry::Text { id, text, at } => {
                if let Some(place) = self.by_id.get(&id) {
                    let message = &mut self.messages[*place];
                    message.text = text;
                    message.updated_at = Some(at);
                }
            }
            JournalEntry::Deleted { id, at } => {
                if let Some(place) = self.by_id.get(&id) {
                    self.messages[*place].deleted_at = Some(at);
                }
            }
            JournalEntry::Agent(agent) => {
                self.agents.insert(agent.email.clone(), agent);
            }
            // Kept by the quota, not here.
            JournalEntry::Window(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped_and_keeps_line_breaks() {
        assert_eq!(
            html("a <b> & \"c\" 'd'\r\ne"),
            "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;<br>e"
        );
    }
}
