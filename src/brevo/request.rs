use serde::Serialize;

use crate::model::{Kind, Sender, VisitorId};

/// An automated message to be sent: the body of `POST /conversations/pushedMessages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPushedMessage<'a> {
    /// Who gets it.
    pub visitor: &'a VisitorId,
    /// Its text. The API documents no limit of its length and no markup.
    pub text: &'a str,
    /// On whose behalf.
    pub from: PushedFrom<'a>,
}

/// On whose behalf an automated message is sent. The API takes an agent, a group, or neither;
/// what it does with both is undocumented, so both cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushedFrom<'a> {
    /// The API picks an agent.
    Random,
    /// The agent with this id.
    Agent(&'a str),
    /// A random agent of the group with this id. The answer does not name the group.
    Group(&'a str),
}

/// A message to be sent as an agent: the body of `POST /conversations/messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgentMessage<'a> {
    /// Who gets it.
    pub visitor: &'a VisitorId,
    /// Its text.
    pub text: &'a str,
    /// On whose behalf.
    pub from: AgentIdentity<'a>,
}

/// An agent, by id or by e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentIdentity<'a> {
    /// By id.
    Id {
        /// `agentId`
        id: &'a str,
        /// A mark that tells these messages from others; pings take it too.
        received_from: Option<&'a str>,
    },
    /// By e-mail. If the organisation has no agent with this address, Brevo **creates a dummy
    /// agent** (its specification of `agentOnlinePing` says so).
    Email {
        /// `agentEmail`
        email: &'a str,
        /// `agentName`
        name: &'a str,
        /// `receivedFrom`; required together with an e-mail.
        received_from: &'a str,
    },
}

/// A sender that messages of a kind cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of kind {kind} cannot be sent from {what}; {instead}")]
pub struct SenderMismatch {
    /// The kind of the message.
    pub kind: Kind,
    what: &'static str,
    instead: &'static str,
}

impl<'a> TryFrom<&'a Sender> for PushedFrom<'a> {
    type Error = SenderMismatch;

    fn try_from(sender: &'a Sender) -> Result<Self, SenderMismatch> {
        let no = |what| SenderMismatch {
            kind: Kind::Pushed,
            what,
            instead: "name an agent or a group, or nobody",
        };
        match sender {
            Sender::Random => Ok(Self::Random),
            Sender::Group(id) => Ok(Self::Group(id)),
            Sender::Agent { id, received_from: None } => Ok(Self::Agent(id)),
            Sender::Agent { received_from: Some(_), .. } => {
                Err(no("an agent with `received_from`"))
            }
            Sender::Helpdesk { .. } => Err(no("an e-mail address")),
        }
    }
}

impl<'a> TryFrom<&'a Sender> for AgentIdentity<'a> {
    type Error = SenderMismatch;

    fn try_from(sender: &'a Sender) -> Result<Self, SenderMismatch> {
        let no = |what| SenderMismatch {
            kind: Kind::Agent,
            what,
            instead: "name an agent, or email, name and received_from",
        };
        match sender {
            Sender::Random => Err(no("a random agent")),
            Sender::Group(_) => Err(no("a group")),
            Sender::Agent { id, received_from } => {
                Ok(Self::Id { id, received_from: received_from.as_deref() })
            }
            Sender::Helpdesk { email, name, received_from } => {
                Ok(Self::Email { email, name, received_from })
            }
        }
    }
}

/// The JSON of every request: fields that are absent are left out.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    visitor_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_from: Option<&'a str>,
}

impl<'a> Body<'a> {
    pub(super) fn pushed(message: &NewPushedMessage<'a>) -> Self {
        let NewPushedMessage { visitor, text, from } = message;
        let (agent_id, group_id) = match *from {
            PushedFrom::Random => (None, None),
            PushedFrom::Agent(id) => (Some(id), None),
            PushedFrom::Group(id) => (None, Some(id)),
        };
        let visitor_id = Some(visitor.as_str());
        Self { visitor_id, text: Some(text), agent_id, group_id, ..Self::default() }
    }

    pub(super) fn agent(message: &NewAgentMessage<'a>) -> Self {
        let NewAgentMessage { visitor, text, from } = message;
        Self { visitor_id: Some(visitor.as_str()), text: Some(text), ..Self::identity(from) }
    }

    pub(super) fn identity(agent: &AgentIdentity<'a>) -> Self {
        match *agent {
            AgentIdentity::Id { id, received_from } => {
                Self { agent_id: Some(id), received_from, ..Self::default() }
            }
            AgentIdentity::Email { email, name, received_from } => Self {
                agent_email: Some(email),
                agent_name: Some(name),
                received_from: Some(received_from),
                ..Self::default()
            },
        }
    }

    pub(super) fn text(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helpdesk() -> Sender {
        Sender::Helpdesk { email: "a@b.c".into(), name: "A".into(), received_from: "x".into() }
    }

    fn agent(received_from: Option<&str>) -> Sender {
        Sender::Agent { id: "d9n".into(), received_from: received_from.map(str::to_owned) }
    }

    #[test]
    fn every_sender_fits_exactly_the_kinds_that_the_api_takes_it_for() {
        let marked = agent(Some("crm"));
        for (sender, pushed, as_agent) in [
            (&Sender::Random, true, false),
            (&Sender::Group("g".into()), true, false),
            (&agent(None), true, true),
            (&marked, false, true),
            (&helpdesk(), false, true),
        ] {
            assert_eq!(PushedFrom::try_from(sender).is_ok(), pushed, "{sender}");
            assert_eq!(AgentIdentity::try_from(sender).is_ok(), as_agent, "{sender}");
        }
        assert_eq!(
            AgentIdentity::try_from(&Sender::Group("g".into())).expect_err("no group").to_string(),
            "a message of kind agent cannot be sent from a group; name an agent, or email, name and received_from"
        );
    }
}
