//! The same operations for those who have a [`Kind`] at hand.

use super::request::Body;
use super::{
    AgentIdentity, Answer, Client, Error, ErrorKind, Message, NewAgentMessage, NewPushedMessage,
    Operation, PushedFrom, SenderMismatch,
};
use crate::model::{Content, Kind, MessageId, VisitorId};

impl Client {
    /// Sends a message of this kind.
    ///
    /// A sender that messages of this kind cannot have is an [`ErrorKind::NotBuilt`]: nothing is
    /// sent.
    pub async fn send(
        &self,
        kind: Kind,
        visitor: &VisitorId,
        content: &Content,
    ) -> Result<Answer<Message>, Error> {
        let (operation, body) = create(kind, visitor, content)?;
        self.message(operation, None, Some(body), Some(visitor)).await
    }

    /// Sends a message of this kind, and reads no more of the answer than its id.
    pub(crate) async fn create(
        &self,
        kind: Kind,
        visitor: &VisitorId,
        content: &Content,
    ) -> Result<Answer<MessageId>, Error> {
        let (operation, body) = create(kind, visitor, content)?;
        self.id(operation, body, visitor).await
    }

    /// Reads a message of this kind. With [`Kind::Agent`] it may turn out to be another's.
    pub async fn get(&self, kind: Kind, id: &MessageId) -> Result<Answer<Message>, Error> {
        match kind {
            Kind::Pushed => self.get_pushed_message(id).await,
            Kind::Agent => self.get_agent_message(id).await,
        }
    }

    /// Changes the text of a message of this kind.
    pub async fn update(
        &self,
        kind: Kind,
        id: &MessageId,
        text: &str,
    ) -> Result<Answer<Message>, Error> {
        match kind {
            Kind::Pushed => self.update_pushed_message(id, text).await,
            Kind::Agent => self.update_agent_message(id, text).await,
        }
    }

    /// Deletes a message of this kind.
    pub async fn delete(&self, kind: Kind, id: &MessageId) -> Result<Answer<()>, Error> {
        match kind {
            Kind::Pushed => self.delete_pushed_message(id).await,
            Kind::Agent => self.delete_agent_message(id).await,
        }
    }
}

/// How a message of this kind is sent.
fn create<'a>(
    kind: Kind,
    visitor: &'a VisitorId,
    content: &'a Content,
) -> Result<(Operation, Body<'a>), Error> {
    let Content { text, from } = content;
    let misfit = |operation| {
        move |error: SenderMismatch| {
            Error::new(operation, ErrorKind::NotBuilt { why: error.to_string() })
        }
    };
    match kind {
        Kind::Pushed => {
            let operation = Operation::SendPushedMessage;
            let from = PushedFrom::try_from(from).map_err(misfit(operation))?;
            Ok((operation, Body::pushed(&NewPushedMessage { visitor, text, from })))
        }
        Kind::Agent => {
            let operation = Operation::SendAgentMessage;
            let from = AgentIdentity::try_from(from).map_err(misfit(operation))?;
            Ok((operation, Body::agent(&NewAgentMessage { visitor, text, from })))
        }
    }
}
