use std::{
    collections::{BinaryHeap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{
    ApplyError, Event, Failure, Outcome, Problem, Rewritten, Session, Stop, executor::Executor,
    rate_limiter::Permit, request_sender::Undone,
};
use crate::{
    brevo::Message,
    model::{Address, ChangeIntent, Drift, Record},
    network::Request,
    plan::Selection,
    state::{RunChange, StateError, Store, Write, scan::RecordPages},
};

/// What a refresh found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Deliveries that were asked for and answered.
    pub verified: u64,
    /// Of those, the ones that are gone.
    pub gone: Vec<Address>,
    /// Of those, the ones with another text.
    pub changed: Vec<Address>,
    /// Of those, the ones of which it is known now that the API changes their texts.
    pub rewritten: Rewritten,
    /// Deliveries that could not be asked for.
    pub failed: Vec<Failure>,
    /// Deliveries that were not asked for.
    pub remaining: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<Stop>,
    /// When the API's budget has room again, if the run stopped early with none left.
    pub resets_at: Option<Timestamp>,
    /// What ended it, if that was an answer of the API or the lack of a connection.
    pub fatal: Option<Problem>,
}

impl Refreshed {
    /// The exit status of a command that ended like this.
    pub fn exit_status(&self) -> u8 {
        if matches!(self.stopped, Some(Stop::Fatal | Stop::Outage)) || !self.failed.is_empty() {
            1
        } else if self.stopped.is_some() {
            3
        } else {
            0
        }
    }
}

impl Refreshed {
    /// Counts this refresh as a part of the run that followed it.
    pub fn add_to(self, outcome: &mut Outcome) {
        outcome.requests += self.requests;
        outcome.failed.extend(self.failed);
        outcome.failed.sort_by(|a, b| a.address.cmp(&b.address));
    }
}

/// A run that ended with the refresh before its plan.
impl From<Refreshed> for Outcome {
    fn from(refresh: Refreshed) -> Self {
        let Refreshed { mut failed, remaining, requests, stopped, resets_at, fatal, .. } = refresh;
        failed.sort_by(|a, b| a.address.cmp(&b.address));
        Self { failed, remaining, requests, stopped, resets_at, fatal, ..Self::default() }
    }
}

/// Which of the selected deliveries a refresh asks about; by default, all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oldest {
    /// The largest number of deliveries: those that were verified least recently.
    pub most: Option<u64>,
    /// Only deliveries that were last verified before this time.
    pub before: Option<Timestamp>,
}

/// Asks the API about deliveries, the least recently verified first, and records what differs.
///
/// One request each: a bound on their number lets a small budget verify everything in turn over several runs.
pub async fn refresh(
    selection: &Selection,
    which: Oldest,
    session: Session,
) -> Result<Refreshed, ApplyError> {
    let now = (session.options.clock)();
    let (queue, others) = oldest(&*session.store, selection, which, now).await?;
    if queue.is_empty() {
        return Ok(Refreshed::default());
    }
    let changes = queue.len() as u64;
    let executor = Executor::start(session).await?;
    executor.session.reporter.report(&Event::Started { changes, requests: changes });
    let refresh = Arc::new(Refresh { executor, found: Mutex::default() });
    let work = |address, permit| Arc::clone(&refresh).ask(address, permit);
    let left = refresh.executor.carry_out(queue, |_| false, work).await?;
    let found = refresh.found(left.len() as u64, others);
    refresh.executor.end(found.stopped).await?;
    Ok(found)
}

/// The selected deliveries that were verified least recently, and how many others there are.
async fn oldest(
    store: &dyn Store,
    selection: &Selection,
    Oldest { most, before }: Oldest,
    now: Timestamp,
) -> Result<(VecDeque<Address>, u64), StateError> {
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    // The newest of the oldest on top, to be pushed out by an older one.
    let mut heap: BinaryHeap<(Option<Timestamp>, Address)> = BinaryHeap::new();
    let mut others = 0;
    let mut pages = RecordPages::all(store);
    while let Some(page) = pages.next().await? {
        for record in page.records()? {
            let resting = record.drift == Some(Drift::Forgotten);
            if resting || !selection.contains(&record.address) {
                continue;
            }
            // By a clock that was ahead: nobody knows when.
            let at = Some(record.verified_at).filter(|at| *at <= now);
            if at.zip(before).is_some_and(|(at, before)| at >= before) {
                continue;
            }
            heap.push((at, record.address));
            if heap.len() > most {
                heap.pop();
                others += 1;
            }
        }
    }
    let queue = heap.into_sorted_vec().into_iter().map(|(_, address)| address).collect();
    Ok((queue, others))
}

/// A refresh that is being carried out.
struct Refresh {
    executor: Executor,
    found: Mutex<Refreshed>,
}

impl Refresh {
    fn so_far(&self) -> MutexGuard<'_, Refreshed> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks about one delivery.
    async fn ask(
        self: Arc<Self>,
        address: Address,
        permit: Option<Permit>,
    ) -> Result<(), ApplyError> {
        let Executor { session, sender, .. } = &self.executor;
        let Some(record) = session.store.record(&address).await? else {
            if let Some(permit) = permit {
                permit.unsent();
            }
            return Ok(());
        };
        let get = || session.api.get(record.kind, &record.id);
        let found = match sender.send(Request::Idempotent, &address, permit, get).await {
            Ok(found) => Some(found),
            Err(Undone::Refused(error)) if error.is_gone() => None,
            Err(Undone::Refused(error) | Undone::Lost(error)) => {
                let problem = Problem::Api(error);
                let failure = Failure { address, action: "refresh", problem };
                session.reporter.report(&Event::Failed(failure.clone()));
                self.so_far().failed.push(failure);
                return Ok(());
            }
            Err(Undone::Abandoned { .. }) => {
                self.so_far().remaining += 1;
                return Ok(());
            }
        };
        self.so_far().verified += 1;
        let known = record.answered_text.clone();
        let write = observed(record, found.as_ref(), (session.options.clock)());
        let outcome = match &write {
            Write::Put(record) => match &record.drift {
                Some(Drift::Gone) => {
                    self.so_far().gone.push(address.clone());
                    Some("gone")
                }
                Some(Drift::Text(_)) => {
                    self.so_far().changed.push(address.clone());
                    Some("changed")
                }
                Some(Drift::Forgotten) | None => {
                    if record.answered_text.is_some() && record.answered_text != known {
                        self.so_far().rewritten.add(&address);
                    }
                    None
                }
            },
            _ => Some("deleted"),
        };
        if let Some(outcome) = outcome {
            self.executor.note(RunChange {
                address,
                action: "refresh".to_owned(),
                outcome: outcome.to_owned(),
                id: None,
                error: None,
                decided: None,
            });
        }
        self.executor.commit(vec![write]).await
    }

    /// What was found, if this many were left when it stopped, beside others that it was not to
    /// ask about.
    fn found(&self, left: u64, others: u64) -> Refreshed {
        let mut found = mem::take(&mut *self.so_far());
        found.remaining += left;
        found.stopped = self.executor.stopped(found.remaining);
        found.resets_at = self.executor.sender.resets_at(found.stopped);
        found.remaining += others;
        found.requests = self.executor.sender.sent();
        found.fatal = self.executor.sender.fatal();
        found.gone.sort();
        found.changed.sort();
        found
    }
}

/// What the state says of a message once the API was asked for it. An update or a delete without
/// outcome has one now.
fn observed(record: Record, found: Option<&Message>, now: Timestamp) -> Write {
    let Some(found) = found else {
        if matches!(record.intent, Some(ChangeIntent::Delete { .. })) {
            return Write::Remove(record.address);
        }
        let drift = Some(Drift::Gone);
        return Write::Put(Box::new(Record { drift, intent: None, verified_at: now, ..record }));
    };
    Write::Put(Box::new(record.seen(found.compared_text(), now)))
}
