//! Settles deliveries whose answer was lost, by what an event of Brevo says and the API confirms.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{
    ApplyError, Event, Problem, Session, Stop,
    confirm::{Asked, ask, is_about, is_too_late},
    decision,
    executor::Executor,
    rate_limiter::Permit,
    resolution,
};
use crate::{
    brevo::{Message, MessageType},
    model::{Address, Approval, Intent, Kind, MessageId, Sender, one_line},
};

/// What an event says of a create whose answer was lost: it made this message. The event has told the visitor, the kind
/// and the text, and they are those of the create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The create.
    pub intent: Intent,
    /// The message.
    pub id: MessageId,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether the event has told the mark that was sent.
    pub has_mark: bool,
}

/// What became of some [`Proof`]s.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// The deliveries that are settled, and their messages.
    pub settled: Vec<(Address, MessageId)>,
    /// Those whose proof the API does not bear out, and why.
    pub refused: Vec<(Address, MessageId, String)>,
    /// Those of which the API gave no usable answer, and why.
    pub unanswered: Vec<(Address, String)>,
    /// How many were not asked about.
    pub remaining: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<Stop>,
    /// When the API's budget has room again, if it ended early with none left.
    pub resets_at: Option<Timestamp>,
    /// What ended it, if that was an answer of the API or the lack of a connection.
    pub fatal: Option<Problem>,
}

/// Asks the API about each message, one request each, and records those that it bears out: each in the commit that
/// settles its intent, and in the history, so that the decision can be taken back.
///
/// The caller holds the lock of the state, so no request of these creates is under way any more.
///
/// # Errors
///
/// If the state cannot be used.
pub async fn settle(proofs: Vec<Proof>, session: Session) -> Result<Settled, ApplyError> {
    if proofs.is_empty() {
        return Ok(Settled::default());
    }
    let changes = proofs.len() as u64;
    let approvals = session.store.approvals().await?.into_iter();
    let approvals = approvals.map(|approval| (approval.address.clone(), approval)).collect();
    let executor = Executor::start(session).await?;
    executor.session.reporter.report(&Event::Started { changes, requests: changes });
    let settling = Arc::new(Settling { executor, approvals, so_far: Mutex::default() });
    let work = |proof, permit| Arc::clone(&settling).settle_one(proof, permit);
    let left = settling.executor.carry_out(VecDeque::from(proofs), |_| false, work).await?;
    let mut settled = mem::take(&mut *settling.so_far());
    let Executor { sender, .. } = &settling.executor;
    settled.remaining += left.len() as u64;
    settled.stopped = settling.executor.stopped(settled.remaining);
    settled.resets_at = sender.resets_at(settled.stopped);
    settled.requests = sender.sent();
    settled.fatal = sender.fatal();
    settled.settled.sort();
    settled.refused.sort();
    settled.unanswered.sort();
    settling.executor.end(settled.stopped).await?;
    Ok(settled)
}

struct Settling {
    executor: Executor,
    approvals: BTreeMap<Address, Approval>,
    so_far: Mutex<Settled>,
}

impl Settling {
    fn so_far(&self) -> MutexGuard<'_, Settled> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn settle_one(
        self: Arc<Self>,
        proof: Proof,
        permit: Option<Permit>,
    ) -> Result<(), ApplyError> {
        let Proof { intent, id, .. } = &proof;
        let address = intent.address.clone();
        let why = match ask(&self.executor, intent, id, permit).await {
            Asked::Found(found) => match bears_out(&proof, &found) {
                Ok(()) => {
                    self.record(&proof).await?;
                    self.so_far().settled.push((address, proof.id));
                    return Ok(());
                }
                Err(why) => why,
            },
            Asked::Refused(why) => why,
            Asked::Unanswered(why) => {
                self.so_far().unanswered.push((address, why));
                return Ok(());
            }
            Asked::Abandoned => {
                self.so_far().remaining += 1;
                return Ok(());
            }
        };
        self.so_far().refused.push((address, proof.id, why));
        Ok(())
    }

    async fn record(&self, Proof { intent, id, .. }: &Proof) -> Result<(), ApplyError> {
        let Session { store, options, .. } = &self.executor.session;
        let earlier = store.record(&intent.address).await?;
        let approval = self.approvals.get(&intent.address).cloned();
        self.executor.note(decision(
            "settle",
            intent,
            Some(id.clone()),
            earlier.as_ref(),
            approval,
        ));
        let now = (options.clock)();
        self.executor.commit(resolution(intent.clone(), Some(id.clone()), earlier, now)).await
    }
}

/// Whether the API's answer shows by itself that this create made the message. An event may be forged: so the answer has
/// to tell the visitor and the text, and nothing in it may contradict. [`ask`] has compared the visitor and the kind.
fn bears_out(proof: &Proof, found: &Message) -> Result<(), String> {
    let Proof { intent, id, created_at, has_mark } = proof;
    let id = one_line(id.as_str());
    let message = |what: &str| Err(format!("message {id} {what}"));
    if matches!(found.kind, Some(MessageType::Other(_))) {
        return message("is not one of an agent");
    }
    if found.visitor.is_none() {
        return Err(format!("the API does not say whose message {id} is"));
    }
    match found.compared_text() {
        None => return Err(format!("the API does not say which text message {id} has")),
        Some(text) if text != intent.content.text.trim_end_matches(['\n', '\r']) => {
            return message("has another text now");
        }
        Some(_) => {}
    }
    if let Some(created) = found.created_at
        && (!is_about(created, *created_at) || is_too_late(intent, created))
    {
        return message("was created at another time than the event says");
    }
    let (agent, mark) = match &intent.content.from {
        Sender::Random | Sender::Group(_) => (None, None),
        Sender::Agent { id, received_from } => (Some(id), received_from.as_ref()),
        Sender::Helpdesk { received_from, .. } => (None, Some(received_from)),
    };
    if agent.is_some() && found.agent_id.is_some() && agent != found.agent_id.as_ref() {
        return message("is on behalf of another agent");
    }
    match (intent.kind, mark, &found.received_from) {
        (Kind::Pushed, ..) | (Kind::Agent, None, None) => Ok(()),
        (Kind::Agent, sent, Some(there)) if sent == Some(there) => Ok(()),
        (Kind::Agent, Some(_), None) if *has_mark => Ok(()),
        (Kind::Agent, Some(_), None) => {
            message("has no mark (`receivedFrom`), so somebody may have written it by hand")
        }
        (Kind::Agent, _, Some(_)) => message("has another mark (`receivedFrom`)"),
    }
}
