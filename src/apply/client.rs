//! The real API behind the seam.

use super::api::{Api, Call, Found, Problem, Reach, Reading, Reply};
use crate::{
    brevo::{
        self, AgentIdentity, Answer, BudgetReading, Client, ErrorKind, MessageType,
        NewAgentMessage, NewPushedMessage, PushedFrom, SenderMismatch,
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
        Box::pin(async move {
            let Content { text, from } = content;
            let answer = match kind {
                Kind::Pushed => {
                    let from = PushedFrom::try_from(from).map_err(unsendable)?;
                    self.send_pushed_message(&NewPushedMessage { visitor, text, from }).await
                }
                Kind::Agent => {
                    let from = AgentIdentity::try_from(from).map_err(unsendable)?;
                    self.send_agent_message(&NewAgentMessage { visitor, text, from }).await
                }
            };
            into_reply(answer, |message| message.id)
        })
    }

    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let answer = match kind {
                Kind::Pushed => self.update_pushed_message(id, text).await,
                Kind::Agent => self.update_agent_message(id, text).await,
            };
            into_reply(answer, drop)
        })
    }

    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()> {
        Box::pin(async move {
            let answer = match kind {
                Kind::Pushed => self.delete_pushed_message(id).await,
                Kind::Agent => self.delete_agent_message(id).await,
            };
            into_reply(answer, drop)
        })
    }

    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Found> {
        Box::pin(async move {
            let answer = match kind {
                Kind::Pushed => self.get_pushed_message(id).await,
                Kind::Agent => self.get_agent_message(id).await,
            };
            into_reply(answer, |message| Found {
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
            code: error.code().map(str::to_owned),
            message: error.to_string(),
            hint: error.hint().map(|hint| hint.to_string()),
            request_id: error.request_id().map(str::to_owned),
            budget: error.budget().map(Reading::from),
        }
    }
}

/// The manifest's checks let no such sender through; a plan made elsewhere might.
fn unsendable(mismatch: SenderMismatch) -> Problem {
    Problem {
        reach: Reach::NotBuilt,
        code: None,
        message: mismatch.to_string(),
        hint: None,
        request_id: None,
        budget: None,
    }
}
