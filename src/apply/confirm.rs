use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    ApplyError, Event, Problem, Session, Stop, executor::Executor, identity::check_identity,
    rate_limiter::Permit, request_sender::Undone,
};
use crate::{
    brevo::{self, Message},
    model::{Address, Intent, MessageId, one_line},
    network::Request,
};

/// How far the clocks of the API and of this machine may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// How long after its intent a create may still leave: it waits for the budget at most six times, each time at most two
/// hours (a reset further away is not believed), and then for its answer.
const LATEST: SignedDuration = SignedDuration::from_hours(24);

/// Whether a message was created before the create of this intent can have left.
pub fn is_too_early(intent: &Intent, created: Timestamp) -> bool {
    created.duration_since(intent.at) < -CLOCKS
}

/// Whether a message was created when the create of this intent cannot have been under way any more.
pub fn is_too_late(intent: &Intent, created: Timestamp) -> bool {
    created.duration_since(intent.at) > LATEST
}

/// Whether the API and an event may mean the same time.
pub(super) fn is_about(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs() <= CLOCKS
}

/// What somebody says of a create whose answer was lost: it made this message.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The create.
    pub intent: Intent,
    /// The message.
    pub id: MessageId,
}

/// What the API says of some [`Claim`]s.
#[derive(Debug, Clone, Default)]
pub struct Confirmed {
    /// The messages that are there and may be meant.
    pub found: Vec<(Address, Message)>,
    /// The others, and why.
    pub refused: Vec<(Address, String)>,
    /// How many were not asked about.
    pub remaining: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<Stop>,
    /// What ended it, if that was an answer of the API or the lack of a connection.
    pub fatal: Option<Problem>,
}

/// Asks the API about each message: one request each. The state gets the budget, and nothing else.
///
/// # Errors
///
/// If the state cannot be used.
pub async fn confirm(claims: Vec<Claim>, session: Session) -> Result<Confirmed, ApplyError> {
    let changes = claims.len() as u64;
    let executor = Executor::start(session).await?;
    executor.session.reporter.report(&Event::Started { changes, requests: changes });
    let confirming = Arc::new(Confirming { executor, confirmed: Mutex::default() });
    let work = |claim, permit| Arc::clone(&confirming).ask(claim, permit);
    let left = confirming.executor.carry_out(VecDeque::from(claims), |_| false, work).await?;
    let mut confirmed = mem::take(&mut *confirming.so_far());
    confirmed.remaining += left.len() as u64;
    confirmed.stopped = confirming.executor.stopped(confirmed.remaining);
    confirmed.fatal = confirming.executor.sender.fatal();
    confirming.executor.end(confirmed.stopped).await?;
    Ok(confirmed)
}

struct Confirming {
    executor: Executor,
    confirmed: Mutex<Confirmed>,
}

impl Confirming {
    fn so_far(&self) -> MutexGuard<'_, Confirmed> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(self: Arc<Self>, claim: Claim, permit: Option<Permit>) -> Result<(), ApplyError> {
        let Claim { intent, id } = claim;
        let asked = ask(&self.executor, &intent, &id, permit).await;
        let mut confirmed = self.so_far();
        match asked {
            Asked::Found(found) => confirmed.found.push((intent.address, *found)),
            Asked::Refused(why) | Asked::Unanswered(why) => {
                confirmed.refused.push((intent.address, why));
            }
            Asked::Abandoned => confirmed.remaining += 1,
        }
        Ok(())
    }
}

/// What the API says of one message.
pub(super) enum Asked {
    /// It is there, and this create may have made it.
    Found(Box<Message>),
    /// It is not there, or this create cannot have made it.
    Refused(String),
    /// There was no answer that says anything.
    Unanswered(String),
    /// The run stops.
    Abandoned,
}

/// Asks the API whether a message is there that this create may have made.
pub(super) async fn ask(
    executor: &Executor,
    intent: &Intent,
    id: &MessageId,
    permit: Option<Permit>,
) -> Asked {
    let Executor { session, sender, .. } = executor;
    let get = || session.api.get(intent.kind, id);
    let words = |error: brevo::Error| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    };
    match sender.send(Request::Idempotent, &intent.address, permit, get).await {
        Ok(found) => match check(intent, id, &found) {
            Ok(()) => Asked::Found(Box::new(found)),
            Err(why) => Asked::Refused(why),
        },
        Err(Undone::Refused(error)) if error.is_gone() => Asked::Refused(format!(
            "the API has no message {} ({})",
            one_line(id.as_str()),
            intent.kind
        )),
        Err(Undone::Refused(error)) | Err(Undone::Lost(error)) => Asked::Unanswered(words(error)),
        Err(Undone::Abandoned { .. }) => Asked::Abandoned,
    }
}

/// Refuses a message that this create cannot have made.
fn check(intent: &Intent, id: &MessageId, found: &Message) -> Result<(), String> {
    check_identity(&intent.address, intent.kind, id, found)?;
    match found.created_at {
        Some(created) if is_too_early(intent, created) => Err(format!(
            "message {} was created at {created:.0}, before this one was sent ({:.0})",
            one_line(id.as_str()),
            intent.at
        )),
        _ => Ok(()),
    }
}
