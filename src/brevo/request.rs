use serde::Serialize;

use crate::model::{Content, Kind, Sender, VisitorId};

/// A sender that requests of a kind cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of kind {kind} cannot be sent from {what}; {instead}")]
pub struct SenderMismatch {
    /// The kind of the message.
    pub kind: Kind,
    what: &'static str,
    instead: &'static str,
}

impl SenderMismatch {
    /// Fails if `sender` cannot send messages of this kind. Those of [`Kind::Agent`] can be
    /// pinged online, too.
    ///
    /// # Errors
    ///
    /// If the API does not take such a sender for them.
    pub fn check(kind: Kind, sender: &Sender) -> Result<(), Self> {
        Body::sender(kind, sender).map(drop)
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
    /// A message to be sent.
    pub(super) fn message(
        kind: Kind,
        visitor: &'a VisitorId,
        Content { text, from }: &'a Content,
    ) -> Result<Self, SenderMismatch> {
        let sender = Self::sender(kind, from)?;
        Ok(Self { visitor_id: Some(visitor.as_str()), text: Some(text), ..sender })
    }

    /// On whose behalf. Of `agentId` and `groupId` the API takes one or neither for an automated
    /// message; its answer does not name the group. If the organisation has no agent with an
    /// e-mail address, Brevo **creates a dummy agent** (its specification of `agentOnlinePing`
    /// says so).
    pub(super) fn sender(kind: Kind, sender: &'a Sender) -> Result<Self, SenderMismatch> {
        let mismatch = |what| SenderMismatch {
            kind,
            what,
            instead: match kind {
                Kind::Pushed => "name an agent or a group, or nobody",
                Kind::Agent => "name an agent, or email, name and received_from",
            },
        };
        match (kind, sender) {
            (Kind::Pushed, Sender::Random) => Ok(Self::default()),
            (Kind::Pushed, Sender::Group(id)) => Ok(Self { group_id: Some(id), ..Self::default() }),
            (Kind::Pushed, Sender::Agent { received_from: Some(_), .. }) => {
                Err(mismatch("an agent with `received_from`"))
            }
            (Kind::Pushed, Sender::Helpdesk { .. }) => Err(mismatch("an e-mail address")),
            (Kind::Agent, Sender::Random) => Err(mismatch("a random agent")),
            (Kind::Agent, Sender::Group(_)) => Err(mismatch("a group")),
            (Kind::Pushed | Kind::Agent, Sender::Agent { id, received_from }) => Ok(Self {
                agent_id: Some(id),
                received_from: received_from.as_deref(),
                ..Self::default()
            }),
            (Kind::Agent, Sender::Helpdesk { email, name, received_from }) => Ok(Self {
                agent_email: Some(email),
                agent_name: Some(name),
                received_from: Some(received_from),
                ..Self::default()
            }),
        }
    }

    /// A new text.
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
        for (sender, pushed, as_agent) in [
            (Sender::Random, true, false),
            (Sender::Group("g".into()), true, false),
            (agent(None), true, true),
            (agent(Some("crm")), false, true),
            (helpdesk(), false, true),
        ] {
            assert_eq!(SenderMismatch::check(Kind::Pushed, &sender).is_ok(), pushed, "{sender}");
            assert_eq!(SenderMismatch::check(Kind::Agent, &sender).is_ok(), as_agent, "{sender}");
        }
        let mismatch = SenderMismatch::check(Kind::Agent, &Sender::Group("g".into()));
        assert_eq!(
            mismatch.expect_err("no group").to_string(),
            "a message of kind agent cannot be sent from a group; name an agent, or email, name and received_from"
        );
    }
}
