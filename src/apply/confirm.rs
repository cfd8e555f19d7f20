use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::SignedDuration;

use super::{
    ApplyError, Event, Problem, Session, Stop, executor::Executor, identity::check_identity,
    rate_limiter::Permit, request_sender::Undone,
};
use crate::{
    brevo::Message,
    model::{Address, Intent, MessageId, one_line},
    network::Request,
};

/// How far the clocks of the API and of this machine may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

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
        let Executor { session, sender, .. } = &self.executor;
        let get = || session.api.get(intent.kind, &id);
        let answer = sender.send(Request::Idempotent, &intent.address, permit, get).await;
        let checked = match answer {
            Ok(found) => check(&intent, &id, &found).map(|()| found),
            Err(Undone::Refused(error)) if error.is_gone() => {
                Err(format!("the API has no message {} ({})", one_line(id.as_str()), intent.kind))
            }
            Err(Undone::Refused(error) | Undone::Lost(error)) => Err(match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            }),
            Err(Undone::Abandoned { .. }) => {
                self.so_far().remaining += 1;
                return Ok(());
            }
        };
        let mut confirmed = self.so_far();
        match checked {
            Ok(found) => confirmed.found.push((intent.address, found)),
            Err(why) => confirmed.refused.push((intent.address, why)),
        }
        Ok(())
    }
}

/// Refuses a message that this create cannot have made.
fn check(intent: &Intent, id: &MessageId, found: &Message) -> Result<(), String> {
    check_identity(&intent.address, intent.kind, id, found)?;
    match found.created_at {
        Some(created) if created < intent.at - CLOCKS => Err(format!(
            "message {} was created at {created:.0}, before this one was sent ({:.0})",
            one_line(id.as_str()),
            intent.at
        )),
        _ => Ok(()),
    }
}
