//! Answers that never came over a network.

use axum::http::{HeaderName, HeaderValue, Response, StatusCode, response::Builder};

#[cfg(test)]
use super::{Answer, Error, Message, transport::Success};
use super::{
    Operation, client,
    scrub::Scrub,
    transport::{self, Wording},
};
use crate::model::{KnownIds, MessageId, VisitorId};

/// An answer, and what was made of it.
pub(crate) struct FuzzedAnswer {
    operation: Operation,
    head: Builder,
    /// All texts that may be shown.
    pub(crate) shown: Vec<String>,
}

impl FuzzedAnswer {
    pub(crate) fn new(operation: usize, status: u16) -> Option<Self> {
        let status = StatusCode::from_u16(status).ok()?;
        let operation = Operation::ALL[operation % Operation::ALL.len()];
        Some(Self { operation, head: Response::builder().status(status), shown: Vec::new() })
    }

    pub(crate) fn header(&mut self, name: &[u8], value: &[u8]) {
        let pair = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let ((Ok(name), Ok(value)), Some(headers)) = (pair, self.head.headers_mut()) {
            headers.append(name, value);
        }
    }
}

/// Reads an answer as the client does.
pub(crate) async fn read(
    answer: FuzzedAnswer,
    body: Vec<u8>,
    key: &str,
    visitor: &str,
) -> FuzzedAnswer {
    let FuzzedAnswer { operation, head, mut shown } = answer;
    let visitor = VisitorId::parse(visitor).ok();
    let known = KnownIds::default();
    let scrub = Scrub { secrets: vec![key], visitor: visitor.as_ref(), known: &known };
    let mut error = None;
    if let Ok(response) = head.body(body) {
        match transport::read(operation, response.into(), Wording::Api, &scrub, None).await {
            Err(failed) => error = Some(failed),
            Ok(success)
                if operation.method() == "DELETE" || operation == Operation::PingAgentOnline =>
            {
                error = client::nothing(success, operation, &scrub).err();
            }
            Ok(success) => {
                let id = operation.has_id().then(|| MessageId::new("AXCR3k9bpSY7bpuh7"));
                match client::message_in(success, operation, id.as_ref(), &scrub) {
                    Ok(answer) => shown.extend(answer.request_id),
                    Err(failed) => error = Some(failed),
                }
            }
        }
    }
    if let Some(error) = error {
        shown.extend([error.to_string(), format!("{error:?}")]);
        shown.extend(error.hint().map(|hint| hint.to_string()));
        shown.extend(
            [error.code(), error.message(), error.request_id()]
                .into_iter()
                .flatten()
                .map(str::to_owned),
        );
        let _ = (error.is_gone(), error.budget(), error.status());
    }
    FuzzedAnswer { operation, head: Response::builder(), shown }
}

/// What the client makes of an answer that should hold a message.
#[cfg(test)]
pub(crate) async fn message(
    operation: Operation,
    id: Option<&MessageId>,
    response: Response<Vec<u8>>,
) -> Result<Answer<Message>, Error> {
    let (success, known) = (success(operation, response).await?, KnownIds::default());
    client::message_in(success, operation, id, &nobody(&known))
}

/// What the client makes of an answer that should hold nothing.
#[cfg(test)]
pub(crate) async fn nothing(
    operation: Operation,
    response: Response<Vec<u8>>,
) -> Result<Answer<()>, Error> {
    let (success, known) = (success(operation, response).await?, KnownIds::default());
    client::nothing(success, operation, &nobody(&known))
}

#[cfg(test)]
async fn success(operation: Operation, response: Response<Vec<u8>>) -> Result<Success, Error> {
    transport::read(operation, response.into(), Wording::Api, &nobody(&KnownIds::default()), None)
        .await
}

#[cfg(test)]
fn nobody(known: &KnownIds) -> Scrub<'_> {
    Scrub { secrets: Vec::new(), visitor: None, known }
}
