use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which of the API's two families of messages a delivery belongs to.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An automated message: `/conversations/pushedMessages`.
    #[default]
    Pushed,
    /// A message written as an agent: `/conversations/messages`.
    Agent,
}

impl Kind {
    /// The word in YAML and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// On whose behalf a message is sent. Fixed when the message is created: the API changes only
/// texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Nobody is named; the API picks an agent. Only for [`Kind::Pushed`].
    #[default]
    Random,
    /// A random agent of this group (`groupId`). Only for [`Kind::Pushed`].
    Group(String),
    /// This agent (`agentId`).
    Agent {
        /// The agent's id.
        id: String,
        /// A mark on the message (`receivedFrom`). Only for [`Kind::Agent`].
        received_from: Option<String>,
    },
    /// An agent named by e-mail. Only for [`Kind::Agent`]; an unknown address makes Brevo create
    /// a dummy agent (its specification of `agentOnlinePing` says so).
    Helpdesk {
        /// `agentEmail`
        email: String,
        /// `agentName`
        name: String,
        /// `receivedFrom`
        received_from: String,
    },
}

impl Sender {
    /// What it is, and its ids and names: two senders with the same fields are the same.
    pub(crate) fn fields(&self) -> [Option<&str>; 4] {
        match self {
            Self::Random => [Some("random"), None, None, None],
            Self::Group(id) => [Some("group"), Some(id), None, None],
            Self::Agent { id, received_from } => {
                [Some("agent"), Some(id), received_from.as_deref(), None]
            }
            Self::Helpdesk { email, name, received_from } => {
                [Some("email"), Some(email), Some(name), Some(received_from)]
            }
        }
    }

    /// The bytes of its ids and names.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Random => 0,
            Self::Group(id) => id.len(),
            Self::Agent { id, received_from } => {
                id.len() + received_from.as_ref().map_or(0, String::len)
            }
            Self::Helpdesk { email, name, received_from } => {
                email.len() + name.len() + received_from.len()
            }
        }
    }
}

/// The flat form of a [`Sender`] in plans, records and exports.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlatSender {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    received_from: Option<String>,
}

impl Serialize for Sender {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut flat =
            FlatSender { group: None, agent: None, email: None, name: None, received_from: None };
        match self.clone() {
            Self::Random => {}
            Self::Group(id) => flat.group = Some(id),
            Self::Agent { id, received_from } => {
                flat.agent = Some(id);
                flat.received_from = received_from;
            }
            Self::Helpdesk { email, name, received_from } => {
                flat.email = Some(email);
                flat.name = Some(name);
                flat.received_from = Some(received_from);
            }
        }
        flat.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sender {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let FlatSender { group, agent, email, name, received_from } =
            FlatSender::deserialize(deserializer)?;
        match (group, agent, email, name, received_from) {
            (None, None, None, None, None) => Ok(Self::Random),
            (Some(id), None, None, None, None) => Ok(Self::Group(id)),
            (None, Some(id), None, None, received_from) => Ok(Self::Agent { id, received_from }),
            (None, None, Some(email), Some(name), Some(received_from)) => {
                Ok(Self::Helpdesk { email, name, received_from })
            }
            _ => Err(serde::de::Error::custom(
                "a sender is nothing, a group, an agent, or email + name + received_from",
            )),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("a random agent"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::Agent { id, received_from: None } => write!(f, "agent {id}"),
            Self::Agent { id, received_from: Some(mark) } => {
                write!(f, "agent {id} (received_from {mark})")
            }
            Self::Helpdesk { email, name, received_from } => {
                write!(f, "{name} <{email}> (received_from {received_from})")
            }
        }
    }
}

/// What a visitor sees of a delivery, and what decides between update and replace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The text, without line breaks at its end. Shared: an audience often gets one text.
    pub text: Arc<str>,
    /// On whose behalf.
    pub from: Sender,
}
