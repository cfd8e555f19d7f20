use std::sync::Arc;

use jiff::Timestamp;

use super::{
    ApplyError, Problem, Session,
    request_sender::{RequestSender, Undone},
};
use crate::{
    model::{Kind, MessageId},
    state::{Write, scan::RecordPages},
};

/// A message that no API has: its own word that it is not there is an answer.
const NO_MESSAGE: &str = "pushsync-probe";

/// What came of a [`probe`].
#[derive(Debug)]
pub struct Probed {
    /// How it ended.
    pub ended: ProbeEnd,
    /// Requests that were sent.
    pub requests: u64,
    /// When the budget has room again, if it has none.
    pub resets_at: Option<Timestamp>,
}

/// Whether the API answers.
#[derive(Debug)]
pub enum ProbeEnd {
    /// It does.
    Answers,
    /// It does not.
    NoAnswer(Problem),
    /// The run was stopped, or the budget has no room: nobody knows.
    Stopped,
}

/// Asks the API for one message, to see whether it answers: one that the state has, or one that nobody has. Reading
/// changes nothing, so this may be repeated where a create may not.
///
/// # Errors
///
/// If the state cannot be used.
pub async fn probe(session: Session) -> Result<Probed, ApplyError> {
    let Session { store, api, options, reporter, stopper, .. } = session;
    let known = store.meta().await?.budget;
    let mut pages = RecordPages::all(&*store);
    let first = match pages.next().await? {
        Some(page) => page.records()?.into_iter().next(),
        None => None,
    };
    let (kind, id) = match first {
        Some(record) => (record.kind, record.id),
        None => (
            Kind::Pushed,
            MessageId::parse(NO_MESSAGE).map_err(|error| ApplyError::Worker(error.to_string()))?,
        ),
    };
    let held = Some(Arc::clone(&store));
    let stopped = stopper.clone();
    let sender = RequestSender::new(known, &options, reporter, stopper, held);
    let sent = sender.send_uncounted(None, None, || api.get(kind, &id)).await;
    if let Some(note) = sender.budget() {
        store.commit(vec![Write::Budget(note)]).await?;
    }
    if let Some(error) = sender.lock_lost() {
        return Err(ApplyError::State(error));
    }
    let requests = sender.sent();
    let ended = match sent {
        Ok(_) => ProbeEnd::Answers,
        Err(Undone::Refused(error)) if error.is_gone() => ProbeEnd::Answers,
        Err(Undone::Refused(error) | Undone::Lost(error)) => {
            ProbeEnd::NoAnswer(Problem::Api(error))
        }
        Err(Undone::Abandoned { .. }) => match sender.fatal() {
            Some(problem) => ProbeEnd::NoAnswer(problem),
            None => ProbeEnd::Stopped,
        },
    };
    let resets_at = sender.resets_at(stopped.reason());
    Ok(Probed { ended, requests, resets_at })
}
