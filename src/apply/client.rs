//! The real API behind the seam.

use super::api::{Api, Call, Found, Problem, Reach, Reading, Reply};
use crate::{
    brevo::{
        self, AgentIdentity, Answer, BudgetReading, Client, ErrorKind, MessageType, SenderMismatch,
    },
    model::{Content, Kind, MessageId, Sender, VisitorId},
};

impl Api for Client {
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, MessageId> {
        Box::pin(
            async move { into_reply(Self::create(self, kind, visitor, content).await, |id| id) },
        )
    }

    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, ()> {
        Box::pin(async move { into_reply(Self::update(self, kind, id, text).await, drop) })
    }

    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()> {
        Box::pin(async move { into_reply(Self::delete(self, kind, id).await, drop) })
    }

    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Found> {
        Box::pin(async move {
            into_reply(Self::get(self, kind, id).await, |message| Found {
                text: message.text,
                visitor: message.visitor.map(|visitor| visitor.as_str().to_owned()),
                agent: message.agent_id,
                is_pushed: message.is_pushed,
                by_visitor: message.kind == Some(MessageType::Visitor),
            })
        })
    }
}

/// The ping of [`super::keep_online`], for a sender that is one agent.
///
/// # Errors
///
/// If `sender` is a group, or nobody.
pub fn ping<'a>(
    client: &'a Client,
    sender: &'a Sender,
) -> Result<impl Fn() -> Call<'a, ()> + 'a, SenderMismatch> {
    let agent = AgentIdentity::try_from(sender)?;
    Ok(move || -> Call<'a, ()> {
        Box::pin(async move { into_reply(client.ping_agent_online(&agent).await, drop) })
    })
}

fn into_reply<T, U>(
    answer: Result<Answer<T>, brevo::Error>,
    value: impl FnOnce(T) -> U,
) -> Result<Reply<U>, Problem> {
    let Answer { body, request_id, budget } = answer?;
    Ok(Reply { value: value(body), request_id, budget: budget.map(Reading::from) })
}

impl From<BudgetReading> for Reading {
    fn from(reading: BudgetReading) -> Self {
        let BudgetReading { limit, remaining, reset } = reading;
        Self { limit, remaining, resets_in: reset }
    }
}

impl From<brevo::Error> for Problem {
    fn from(error: brevo::Error) -> Self {
        let reach = match (error.kind(), error.reach()) {
            (ErrorKind::Unreadable { .. }, _) => Reach::Unreadable,
            (ErrorKind::NotBuilt { .. }, _) => Reach::NotBuilt,
            (_, brevo::Reach::NotConnected) => Reach::NotConnected,
            (_, brevo::Reach::Sent) => Reach::Sent,
            (_, brevo::Reach::Answered(status)) => Reach::Answered(status),
        };
        Self {
            reach,
            gone: error.is_gone(),
            code: error.code().map(str::to_owned),
            message: error.to_string(),
            hint: error.hint().map(|hint| hint.to_string()),
            request_id: error.request_id().map(str::to_owned),
            budget: error.budget().map(Reading::from),
        }
    }
}
