use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinSet};
use uuid::Uuid;

use super::{
    Event, Failure, Outcome, Reporter, Stop,
    api::{Api, Problem, Reply},
    delivery::{self, Delivery, End, Step},
    journal::Journal,
    pace::{Bounds, Pacer, Permit},
    repeat::{MOST_REPEATS, Method, Verdict, verdict},
};
use crate::{
    model::{Address, Key, VisitorId},
    plan::{Change, Operation, Plan},
    state::{Record, Run, RunChange, StateError, Store, Write},
};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a run goes about it.
#[derive(Clone)]
pub struct Options {
    /// How many deliveries are under way at once.
    pub concurrency: NonZeroUsize,
    /// Requests an hour, until the API says otherwise.
    pub requests_per_hour: u64,
    /// No more requests than this.
    pub max_requests: Option<u64>,
    /// No new request after so long.
    pub max_duration: Option<Duration>,
    /// No sleep for a reset of the budget longer than this.
    pub max_wait: Duration,
    /// For jitter.
    pub seed: u64,
    /// The time.
    pub clock: Clock,
}

/// What the history says of a run beside what it did.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Its id.
    pub id: Uuid,
    /// The command.
    pub command: String,
    /// The manifest's git commit, if any.
    pub commit: Option<String>,
    /// Whether the work tree had other changes.
    pub dirty: bool,
}

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

/// Stops a run in good order: no new request starts, those under way are awaited.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<Option<Stop>>>);

impl Default for Stopper {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Stopper {
    /// Asks for it. The first reason stays.
    pub fn stop(&self, reason: Stop) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        });
    }

    /// Why it was asked for, if it was.
    pub fn reason(&self) -> Option<Stop> {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub async fn stopped(&self) -> Stop {
        let mut receiver = self.0.subscribe();
        match receiver.wait_for(Option::is_some).await.map(|reason| *reason) {
            Ok(Some(stop)) => stop,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// Carries `plan` out.
///
/// The caller holds the state's lock, and has made sure that the plan was made from this state.
/// Changes begin in the order of the plan; changes of one delivery follow each other.
pub async fn apply(
    plan: Plan,
    store: Arc<dyn Store>,
    api: Arc<dyn Api>,
    options: Options,
    info: RunInfo,
    reporter: Arc<dyn Reporter>,
    stopper: Stopper,
) -> Result<Outcome, ApplyError> {
    if plan.is_empty() {
        return Ok(Outcome::default());
    }
    let started_at = (options.clock)();
    let known = store.meta().await?.budget;
    let bounds = Bounds {
        max_requests: options.max_requests,
        deadline: options.max_duration.map(|duration| started_at + duration),
        max_wait: options.max_wait,
    };
    let pacer = Arc::new(Pacer::new(
        known,
        options.requests_per_hour,
        bounds,
        Arc::clone(&options.clock),
        stopper.clone(),
    ));
    let notes = Arc::clone(&pacer);
    let journal = Journal::start(Arc::clone(&store), move || notes.note());
    reporter.report(&Event::Started {
        changes: plan.changes.len() as u64,
        requests: plan.summary.requests,
    });
    for mark in &plan.protect {
        remember_protection(&*store, &mark.key, mark.protect).await?;
    }
    let crew = Arc::new(Crew {
        queue: Mutex::new(units(plan.changes)),
        tally: Mutex::new(Tally::default()),
        store: Arc::clone(&store),
        api,
        journal: journal.clone(),
        pacer: Arc::clone(&pacer),
        reporter: Arc::clone(&reporter),
        stopper: stopper.clone(),
        clock: Arc::clone(&options.clock),
        run: info.id,
        seed: options.seed,
    });
    let announced = announce_stop(stopper.clone(), reporter);
    let mut workers = JoinSet::new();
    for _ in 0..options.concurrency.get() {
        let crew = Arc::clone(&crew);
        workers.spawn(async move { crew.work().await });
    }
    let mut trouble = None;
    while let Some(ended) = workers.join_next().await {
        let result = ended.map_err(|error| ApplyError::Worker(error.to_string())).flatten();
        if let Err(error) = result {
            stopper.stop(Stop::Fatal);
            trouble.get_or_insert(error);
        }
    }
    announced.abort();
    if let Some(error) = trouble {
        return Err(error);
    }
    let (outcome, changes) = crew.finish(&pacer, &stopper);
    let run = Run {
        id: info.id,
        command: info.command,
        started_at,
        ended_at: (options.clock)(),
        commit: info.commit,
        dirty: info.dirty,
        requests: outcome.requests,
        stopped: outcome.stopped.map(|stop| stop.as_str().to_owned()),
        changes,
    };
    journal.commit(vec![Write::Run(Box::new(run))]).await?;
    Ok(outcome)
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
        let whole = page.records.len() == PAGE;
        let last = page.records.last().map(|record| record.address.as_str().to_owned());
        let writes: Vec<Write> = page
            .records
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
    tally: Mutex<Tally>,
    store: Arc<dyn Store>,
    api: Arc<dyn Api>,
    journal: Journal,
    pacer: Arc<Pacer>,
    reporter: Arc<dyn Reporter>,
    stopper: Stopper,
    clock: Clock,
    run: Uuid,
    seed: u64,
}

#[derive(Default)]
struct Tally {
    outcome: Outcome,
    changes: Vec<RunChange>,
}

/// What became of one request and its repetitions.
enum Sent<T> {
    Answered(T),
    Refused(Problem),
    Lost(Problem),
    Abandoned,
}

impl Crew {
    async fn work(&self) -> Result<(), ApplyError> {
        while let Some(unit) = self.take() {
            for change in unit {
                self.carry_out(change).await?;
            }
        }
        Ok(())
    }

    fn take(&self) -> Option<Vec<Change>> {
        if self.stopper.reason().is_some() {
            return None;
        }
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn tally<T>(&self, note: impl FnOnce(&mut Tally) -> T) -> T {
        note(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn finish(&self, pacer: &Pacer, stopper: &Stopper) -> (Outcome, Vec<RunChange>) {
        let left: usize =
            self.queue.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Vec::len).sum();
        self.tally(|tally| {
            let Tally { outcome, changes } = std::mem::take(tally);
            let mut outcome = Outcome {
                remaining: outcome.remaining + left as u64,
                requests: pacer.sent(),
                stopped: stopper.reason(),
                ..outcome
            };
            // Workers end in any order; what is told does not.
            outcome.unknown.sort();
            outcome.failed.sort_by(|a, b| a.address.cmp(&b.address));
            // A stop that came when everything was done stopped nothing.
            if outcome.remaining == 0 && outcome.stopped != Some(Stop::Fatal) {
                outcome.stopped = None;
            }
            (outcome, changes)
        })
    }

    async fn carry_out(&self, change: Change) -> Result<(), ApplyError> {
        let record = self.record_of(&change).await?;
        // Before the intent: waiting for the budget must not leave an intent behind.
        let posts = matches!(
            change.operation,
            Operation::Create { .. } | Operation::Resend { .. } | Operation::Replace { .. }
        );
        let mut permit = None;
        if posts {
            match self.permit().await {
                Ok(granted) => permit = Some(granted),
                Err(_) => {
                    self.ended(&change, End::Abandoned);
                    return Ok(());
                }
            }
        }
        let visitor = change.address.visitor();
        let mut delivery = Delivery::new(change, record, self.run);
        let mut step = delivery.start((self.clock)());
        loop {
            let event = match step {
                Step::End(end) => {
                    self.ended(delivery.change(), end);
                    return Ok(());
                }
                Step::Commit(writes) => {
                    self.commit(writes).await?;
                    delivery::Event::Committed
                }
                Step::Post(content) => {
                    self.post(delivery.change(), &visitor, &content, permit.take()).await
                }
                Step::Put(id, content) => {
                    let kind = delivery.change().kind;
                    let put = || self.api.update(kind, &id, &content.text);
                    into_event(self.send(delivery.change(), Method::Put, None, put).await, |()| {
                        delivery::Event::Done
                    })
                }
                Step::Delete(old) => {
                    let delete = || self.api.delete(old.kind, &old.id);
                    into_event(
                        self.send(delivery.change(), Method::Delete, None, delete).await,
                        |()| delivery::Event::Done,
                    )
                }
                Step::Get(id) => {
                    let kind = delivery.change().kind;
                    let get = || self.api.get(kind, &id);
                    into_event(
                        self.send(delivery.change(), Method::Get, None, get).await,
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

    async fn commit(&self, writes: Vec<Write>) -> Result<(), ApplyError> {
        let created = writes.iter().find_map(|write| match write {
            Write::Put(record) => Some((record.address.clone(), record.id.clone())),
            _ => None,
        });
        let settles = writes.iter().any(|write| matches!(write, Write::Settle(_)));
        let result = self.journal.commit(writes).await;
        if let (Err(_), Some((address, id)), true) = (&result, created, settles) {
            self.reporter.report(&Event::Unrecorded { address, id });
        }
        Ok(result?)
    }

    async fn permit(&self) -> Result<Permit, Stop> {
        self.pacer.permit(|pause| self.reporter.report(&Event::Waiting { pause })).await
    }

    async fn post(
        &self,
        change: &Change,
        visitor: &VisitorId,
        content: &crate::model::Content,
        permit: Option<Permit>,
    ) -> delivery::Event {
        let create = || self.api.create(change.kind, visitor, content);
        into_event(self.send(change, Method::Post, permit, create).await, delivery::Event::Created)
    }

    /// Sends one request, and again as far as the table allows.
    async fn send<'a, T>(
        &'a self,
        change: &Change,
        method: Method,
        mut permit: Option<Permit>,
        call: impl Fn() -> super::api::Call<'a, T>,
    ) -> Sent<T> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(MOST_REPEATS)
            .with_jitter()
            .with_jitter_seed(self.seed ^ u64::from(change.address.as_str().len() as u32))
            .build();
        let mut refusals = 0;
        loop {
            let granted = match permit.take() {
                Some(permit) => permit,
                None => match self.permit().await {
                    Ok(permit) => permit,
                    Err(_) => return Sent::Abandoned,
                },
            };
            let result = call().await;
            let budget = match &result {
                Ok(Reply { budget, .. }) => *budget,
                Err(problem) => problem.budget,
            };
            let refused = result.as_ref().is_err_and(|problem| problem.status() == Some(429));
            granted.answered(budget, refused);
            self.reporter.report(&Event::Requested);
            let problem = match result {
                Ok(reply) => return Sent::Answered(reply.value),
                Err(problem) => problem,
            };
            let verdict = verdict(method, &problem);
            match verdict {
                Verdict::Refused => return Sent::Refused(problem),
                Verdict::Unknown => return Sent::Lost(problem),
                Verdict::Fatal => return self.fatal(problem),
                Verdict::AfterReset => {
                    refusals += 1;
                    if refusals > MOST_REPEATS {
                        self.stopper.stop(Stop::Budget);
                        return Sent::Abandoned;
                    }
                }
                Verdict::AgainOrStop | Verdict::AgainOrFail => {
                    let Some(pause) = pauses.next() else {
                        return if verdict == Verdict::AgainOrStop {
                            self.fatal(problem)
                        } else {
                            Sent::Lost(problem)
                        };
                    };
                    self.reporter.report(&Event::Repeating {
                        address: change.address.clone(),
                        why: problem.message.clone(),
                        pause,
                    });
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        _ = self.stopper.stopped() => {
                            // A POST is only repeated if it certainly took no effect.
                            return Sent::Abandoned;
                        }
                    }
                }
            }
        }
    }

    fn fatal<T>(&self, problem: Problem) -> Sent<T> {
        self.tally(|tally| tally.outcome.fatal.get_or_insert_with(|| problem.clone()).clone());
        self.stopper.stop(Stop::Fatal);
        Sent::Refused(problem)
    }

    fn ended(&self, change: &Change, end: End) {
        let entry = |outcome: &str, id, error| RunChange {
            address: change.address.clone(),
            action: change.action().as_str().to_owned(),
            outcome: outcome.to_owned(),
            id,
            error,
        };
        let event = self.tally(|tally| match end {
            End::Applied(id) => {
                tally.outcome.applied += 1;
                tally.changes.push(entry("done", id.clone(), None));
                let (address, action) = (change.address.clone(), change.action());
                Some(Event::Applied { address, action, id })
            }
            End::Failed(problem) => {
                tally.changes.push(entry("failed", None, Some(problem.to_string())));
                let failure = Failure::new(change, problem);
                tally.outcome.failed.push(failure.clone());
                Some(Event::Failed(failure))
            }
            End::Unknown(problem) => {
                tally.changes.push(entry("unknown", None, Some(problem.to_string())));
                tally.outcome.unknown.push(change.address.clone());
                Some(Event::Unknown(Failure::new(change, problem)))
            }
            End::Abandoned => {
                tally.outcome.remaining += 1;
                None
            }
            End::Held => {
                tally.outcome.unknown.push(change.address.clone());
                None
            }
        });
        if let Some(event) = event {
            self.reporter.report(&event);
        }
    }
}

fn into_event<T>(sent: Sent<T>, answered: impl FnOnce(T) -> delivery::Event) -> delivery::Event {
    match sent {
        Sent::Answered(value) => answered(value),
        Sent::Refused(problem) => delivery::Event::Refused(problem),
        Sent::Lost(problem) => delivery::Event::Lost(problem),
        Sent::Abandoned => delivery::Event::Abandoned,
    }
}
