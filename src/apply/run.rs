use std::{
    collections::{HashMap, VecDeque},
    mem,
    num::NonZeroUsize,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Mutex as AsyncMutex, task::JoinSet};
use uuid::Uuid;

use super::{
    Clock, Event, Failure, Outcome, Reporter, Session, Stop, Stopper,
    api::Api,
    chronicle::Chronicle,
    delivery::{self, Delivery, End, Step},
    journal::Journal,
    line::{Line, Ready, Sent},
    repeat::Method,
};
use crate::{
    model::{Address, Key, Record, VisitorId},
    plan::{Change, Operation, Plan},
    state::{
        RunChange, StateError, Store, Write,
        unrecorded::{CreateOutcome, UnrecordedOutcome},
    },
};

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The state could not be read or written. What was under way is noted as intents.
    #[error(transparent)]
    State(#[from] Arc<StateError>),
    /// A part of the run ended without a word: a defect of this program.
    #[error("a worker of the run died: {0}")]
    Worker(String),
}

impl From<StateError> for ApplyError {
    fn from(error: StateError) -> Self {
        Self::State(Arc::new(error))
    }
}

/// How many changes are carried out at once, for each request that may be under way: while the
/// answer to one is made durable, the next one can be sent.
const AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Carries `plan` out.
///
/// The caller holds the state's lock, and has made sure that the plan was made from this state.
/// Changes begin in the order of the plan; changes of one delivery follow each other. No more
/// requests are under way at once than the options say, and no more than twice as many
/// changes have begun and are not recorded yet: that is what a kill can leave unknown.
pub async fn apply(plan: Plan, session: Session) -> Result<Outcome, ApplyError> {
    if plan.is_empty() {
        return Ok(Outcome::default());
    }
    let Session { store, api, api_url, options, info, reporter, stopper } = session;
    let meta = store.meta().await?;
    let line = Line::new(meta.budget, &options, Arc::clone(&reporter), stopper.clone());
    let run = info.id;
    let chronicle = Arc::new(Chronicle::new(info, Arc::clone(&options.clock), api_url, &line));
    let along = Arc::clone(&chronicle);
    let journal =
        Journal::start(Arc::clone(&store), Arc::clone(&line.tempo), move || along.so_far());
    reporter.report(&Event::Started {
        changes: plan.changes.len() as u64,
        requests: plan.summary.requests,
    });
    for mark in &plan.protect {
        remember_protection(&*store, &mark.key, mark.protect).await?;
    }
    let queue = units(plan.changes);
    // No more than have something to do.
    let workers = options.concurrency.saturating_mul(AT_ONCE).get().min(queue.len());
    let crew = Arc::new(Crew {
        queue: Mutex::new(queue),
        turn: AsyncMutex::new(()),
        outcome: Mutex::new(Outcome::default()),
        store: Arc::clone(&store),
        api,
        journal: journal.clone(),
        chronicle: Arc::clone(&chronicle),
        line,
        clock: Arc::clone(&options.clock),
        run,
        lineage: meta.lineage,
    });
    let announced = announce_stop(stopper.clone(), reporter);
    let worked = work_together(workers, &stopper, || {
        let crew = Arc::clone(&crew);
        async move { crew.work().await }
    })
    .await;
    announced.abort();
    worked?;
    let outcome = crew.finish();
    journal.commit(chronicle.end(outcome.stopped)).await?;
    Ok(outcome)
}

/// Runs so many workers until all have ended; the first error stops the run and is returned.
pub(super) async fn work_together<W>(
    workers: usize,
    stopper: &Stopper,
    worker: impl Fn() -> W,
) -> Result<(), ApplyError>
where
    W: Future<Output = Result<(), ApplyError>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        tasks.spawn(worker());
    }
    let mut result = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.map_err(|error| ApplyError::Worker(error.to_string())).flatten();
        if ended.is_err() {
            stopper.stop(Stop::Fatal);
            result = result.and(ended);
        }
    }
    result
}

/// Tells the reporter once that the run is stopping.
fn announce_stop(stopper: Stopper, reporter: Arc<dyn Reporter>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let reason = stopper.stopped().await;
        reporter.report(&Event::Stopping(reason));
    })
}

/// Changes of one delivery stay together, at the place of the first of them.
fn units(changes: Vec<Change>) -> VecDeque<Vec<Change>> {
    let mut units: VecDeque<Vec<Change>> = VecDeque::with_capacity(changes.len());
    let mut places: HashMap<Address, usize> = HashMap::new();
    for change in changes {
        match places.get(&change.address) {
            Some(&place) => units[place].push(change),
            None => {
                places.insert(change.address.clone(), units.len());
                units.push_back(vec![change]);
            }
        }
    }
    units
}

async fn remember_protection(
    store: &dyn Store,
    key: &Key,
    protect: bool,
) -> Result<(), StateError> {
    const PAGE: usize = 1024;
    // 'A' follows '@': the end of the message's deliveries.
    let end = format!("{key}A");
    let mut from = Bound::Included(format!("{key}@"));
    loop {
        let page =
            store.page(from.as_ref().map(String::as_str), Bound::Excluded(&end), PAGE).await?;
        let records = page.records()?;
        let whole = records.len() == PAGE;
        let last = records.last().map(|record| record.address.as_str().to_owned());
        let writes: Vec<Write> = records
            .into_iter()
            .filter(|record| record.protect != protect)
            .map(|record| Write::Put(Box::new(Record { protect, ..record })))
            .collect();
        if !writes.is_empty() {
            store.commit(writes).await?;
        }
        match last {
            Some(last) if whole => from = Bound::Excluded(last),
            _ => return Ok(()),
        }
    }
}

/// Everything that the workers of a run share.
struct Crew {
    queue: Mutex<VecDeque<Vec<Change>>>,
    /// Whose turn it is to begin: the budget goes to the changes in the order of the plan.
    turn: AsyncMutex<()>,
    outcome: Mutex<Outcome>,
    store: Arc<dyn Store>,
    api: Arc<dyn Api>,
    journal: Journal,
    chronicle: Arc<Chronicle>,
    line: Line,
    clock: Clock,
    run: Uuid,
    lineage: Uuid,
}

impl Crew {
    async fn work(&self) -> Result<(), ApplyError> {
        loop {
            let turn = self.turn.lock().await;
            let Some(unit) = self.take() else { return Ok(()) };
            let mut unit = unit.into_iter();
            let Some(first) = unit.next() else { continue };
            let ready = self.ready(&first).await;
            drop(turn);
            self.carry_out(first, ready).await?;
            for change in unit {
                let ready = self.ready(&change).await;
                self.carry_out(change, ready).await?;
            }
        }
    }

    /// Waits until the change may begin; `None` if the run stops.
    ///
    /// This comes before its intent: waiting for the budget must not leave one behind.
    async fn ready(&self, change: &Change) -> Option<Ready<'_>> {
        if matches!(
            change.operation,
            Operation::Forget { .. } | Operation::Move { .. } | Operation::Unknown { .. }
        ) {
            return Some(Ready::default());
        }
        let permit = self.line.permit().await.ok()?;
        let place = if self.line.tempo.is_ahead() { None } else { self.line.place().await };
        if self.line.is_cut() {
            permit.unsent();
            return None;
        }
        Some(Ready { permit: Some(permit), place })
    }

    fn take(&self) -> Option<Vec<Change>> {
        if self.line.stopper.reason().is_some() {
            return None;
        }
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self) -> Outcome {
        let left: usize =
            self.queue.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Vec::len).sum();
        let mut outcome = mem::take(&mut *self.outcome());
        outcome.remaining += left as u64;
        outcome.requests = self.line.pacer.sent();
        outcome.stopped = self.line.stopper.reason();
        outcome.fatal = self.line.fatal();
        // Workers end in any order; what is told does not.
        outcome.unknown.sort();
        outcome.failed.sort_by(|a, b| a.address.cmp(&b.address));
        // A stop that came when everything was done stopped nothing.
        if outcome.remaining == 0 && outcome.stopped != Some(Stop::Fatal) {
            outcome.stopped = None;
        }
        outcome
    }

    async fn carry_out<'s>(
        &'s self,
        change: Change,
        ready: Option<Ready<'s>>,
    ) -> Result<(), ApplyError> {
        let Some(mut ready) = ready else {
            self.ended(&change, End::Abandoned);
            return Ok(());
        };
        let record = self.record_of(&change).await?;
        let visitor = change.address.visitor();
        let mut delivery = Delivery::new(change, record, self.run);
        let mut step = delivery.start((self.clock)());
        let mut noted = false;
        loop {
            let event = match step {
                Step::End(end) => {
                    if !noted {
                        self.note(delivery.change(), &end);
                    }
                    self.ended(delivery.change(), end);
                    return Ok(());
                }
                Step::Commit(writes) => {
                    if let Some(end) = delivery.ending() {
                        self.note(delivery.change(), end);
                        noted = true;
                    }
                    self.commit(writes, delivery.intends()).await?;
                    delivery::Event::Committed
                }
                Step::Post(content) => {
                    self.post(delivery.change(), &visitor, &content, mem::take(&mut ready)).await
                }
                Step::Put(id, content) => {
                    let kind = delivery.change().kind;
                    let put = || self.api.update(kind, &id, &content.text);
                    into_event(
                        self.line
                            .send(
                                Some(&delivery.change().address),
                                Method::Put,
                                mem::take(&mut ready),
                                put,
                            )
                            .await,
                        |()| delivery::Event::Done,
                    )
                }
                Step::Delete(old) => {
                    let delete = || self.api.delete(old.kind, &old.id);
                    into_event(
                        self.line
                            .send(
                                Some(&delivery.change().address),
                                Method::Delete,
                                mem::take(&mut ready),
                                delete,
                            )
                            .await,
                        |()| delivery::Event::Done,
                    )
                }
                Step::Get(id) => {
                    let kind = delivery.change().kind;
                    let get = || self.api.get(kind, &id);
                    into_event(
                        self.line
                            .send(
                                Some(&delivery.change().address),
                                Method::Get,
                                mem::take(&mut ready),
                                get,
                            )
                            .await,
                        delivery::Event::Found,
                    )
                }
            };
            step = delivery.next(event, (self.clock)());
        }
    }

    /// What the state has for the change. Creates have nothing to look up.
    async fn record_of(&self, change: &Change) -> Result<Option<Record>, StateError> {
        match &change.operation {
            Operation::Create { .. }
            | Operation::Adopt { .. }
            | Operation::Delete { .. }
            | Operation::Unknown { .. } => Ok(None),
            Operation::Move { from, .. } => self.store.record(from).await,
            Operation::Update { .. }
            | Operation::Restore { .. }
            | Operation::Replace { .. }
            | Operation::FinishReplace { .. }
            | Operation::Resend { .. }
            | Operation::Forget { .. } => self.store.record(&change.address).await,
        }
    }

    /// `intends`: the writes are those before a request, which leaves only if they are durable.
    async fn commit(&self, writes: Vec<Write>, intends: bool) -> Result<(), ApplyError> {
        let outcome = outcome_of(&writes, intends);
        let result = self.journal.commit(writes).await;
        if let (Err(_), Some(outcome)) = (&result, outcome) {
            let (lineage, run) = (self.lineage, self.run);
            let outcome = UnrecordedOutcome { lineage, run, create: outcome };
            self.line.reporter.report(&Event::Unrecorded(outcome));
        }
        Ok(result?)
    }

    async fn post(
        &self,
        change: &Change,
        visitor: &VisitorId,
        content: &crate::model::Content,
        ready: Ready<'_>,
    ) -> delivery::Event {
        let create = || self.api.create(change.kind, visitor, content);
        let address = Some(&change.address);
        let sent = self.line.send(address, Method::Post, ready, create).await;
        into_event(sent, delivery::Event::Created)
    }

    /// What the history says of this end.
    fn note(&self, change: &Change, end: &End) {
        let (outcome, id, error) = match end {
            End::Applied(id) => ("done", id.clone(), None),
            End::Failed(problem) => ("failed", None, Some(problem.to_string())),
            End::Unknown(problem) => ("unknown", None, Some(problem.to_string())),
            End::Abandoned | End::Held => return,
        };
        self.chronicle.note(RunChange {
            address: change.address.clone(),
            action: change.action().as_str().to_owned(),
            outcome: outcome.to_owned(),
            id,
            error,
        });
    }

    fn ended(&self, change: &Change, end: End) {
        let event = {
            let mut outcome = self.outcome();
            match end {
                End::Applied(id) => {
                    outcome.applied += 1;
                    let (address, action) = (change.address.clone(), change.action());
                    Some(Event::Applied { address, action, id })
                }
                End::Failed(problem) => {
                    let failure = Failure::new(change, problem);
                    outcome.failed.push(failure.clone());
                    Some(Event::Failed(failure))
                }
                End::Unknown(problem) => {
                    outcome.unknown.push(change.address.clone());
                    Some(Event::Unknown(Failure::new(change, problem)))
                }
                End::Abandoned => {
                    outcome.remaining += 1;
                    None
                }
                End::Held => {
                    outcome.unknown.push(change.address.clone());
                    None
                }
            }
        };
        if let Some(event) = event {
            self.line.reporter.report(&event);
        }
    }
}

/// What became of a create, if these writes say so.
fn outcome_of(writes: &[Write], intends: bool) -> Option<CreateOutcome> {
    if intends {
        // The commit may have been carried out, and only its answer be lost.
        return writes.iter().find_map(|write| match write {
            Write::Intend(intent) => Some(CreateOutcome::NotSent(intent.address.clone())),
            _ => None,
        });
    }
    let settled = writes.iter().find_map(|write| match write {
        Write::Settle(address) => Some(address),
        _ => None,
    })?;
    let record = writes.iter().find_map(|write| match write {
        Write::Put(record) if record.address == *settled => Some(record),
        _ => None,
    });
    Some(match record {
        Some(record) => CreateOutcome::Sent(record.clone()),
        None => CreateOutcome::NotSent(settled.clone()),
    })
}

fn into_event<T>(sent: Sent<T>, answered: impl FnOnce(T) -> delivery::Event) -> delivery::Event {
    match sent {
        Sent::Answered(value) => answered(value),
        Sent::Refused(problem) => delivery::Event::Refused(problem),
        Sent::Lost(problem) => delivery::Event::Lost(problem),
        Sent::Abandoned => delivery::Event::Abandoned,
    }
}
