use std::fmt;

use crate::network::Request;

/// One of the nine operations under `/conversations` that this client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `POST /conversations/pushedMessages`
    SendPushedMessage,
    /// `GET /conversations/pushedMessages/{id}`
    GetPushedMessage,
    /// `PUT /conversations/pushedMessages/{id}`
    UpdatePushedMessage,
    /// `DELETE /conversations/pushedMessages/{id}`
    DeletePushedMessage,
    /// `POST /conversations/messages`
    SendAgentMessage,
    /// `GET /conversations/messages/{id}`
    GetAgentMessage,
    /// `PUT /conversations/messages/{id}`
    UpdateAgentMessage,
    /// `DELETE /conversations/messages/{id}`
    DeleteAgentMessage,
    /// `POST /conversations/agentOnlinePing`
    PingAgentOnline,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SendPushedMessage,
        Self::GetPushedMessage,
        Self::UpdatePushedMessage,
        Self::DeletePushedMessage,
        Self::SendAgentMessage,
        Self::GetAgentMessage,
        Self::UpdateAgentMessage,
        Self::DeleteAgentMessage,
        Self::PingAgentOnline,
    ];

    /// The HTTP method.
    pub fn method(self) -> &'static str {
        match self {
            Self::SendPushedMessage | Self::SendAgentMessage | Self::PingAgentOnline => "POST",
            Self::GetPushedMessage | Self::GetAgentMessage => "GET",
            Self::UpdatePushedMessage | Self::UpdateAgentMessage => "PUT",
            Self::DeletePushedMessage | Self::DeleteAgentMessage => "DELETE",
        }
    }

    /// Whether it makes a message: then twice is two messages. All others are the same twice as
    /// once.
    pub fn creates(self) -> bool {
        matches!(self, Self::SendPushedMessage | Self::SendAgentMessage)
    }

    /// The scope of access tokens that allows it. None includes the other.
    pub fn scope(self) -> &'static str {
        match self.method() {
            "GET" => "conversations:read",
            _ => "conversations:write",
        }
    }

    /// What may be repeated of it.
    pub fn request(self) -> Request {
        if self.creates() { Request::Create } else { Request::Idempotent }
    }

    /// The path below the base URL, without the id.
    pub fn collection(self) -> &'static str {
        match self {
            Self::SendPushedMessage
            | Self::GetPushedMessage
            | Self::UpdatePushedMessage
            | Self::DeletePushedMessage => "/conversations/pushedMessages",
            Self::SendAgentMessage
            | Self::GetAgentMessage
            | Self::UpdateAgentMessage
            | Self::DeleteAgentMessage => "/conversations/messages",
            Self::PingAgentOnline => "/conversations/agentOnlinePing",
        }
    }

    /// Whether the path ends in the id of a message.
    pub fn has_id(self) -> bool {
        !matches!(self.method(), "POST")
    }
}

/// Method and path template: `PUT /conversations/pushedMessages/{id}`.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method(), self.collection())?;
        if self.has_id() { f.write_str("/{id}") } else { Ok(()) }
    }
}
