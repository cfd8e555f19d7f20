//! How long the API's limit makes deliveries take: the real run, with its real budget keeping, on a
//! virtual clock, against an API that counts by the hour.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use pushsync::{
    apply::{
        Clock, Options, RunInfo, Session, Silent, Stopper,
        api::{Api, Call},
        apply, resolution,
    },
    brevo::{Answer, BudgetReading, Error, ErrorKind, Message, Operation as ApiOperation},
    model::{
        Address, BaseUrl, Content, Endpoint, Kind, MessageId, Sender, Target, VisitorId, Window,
    },
    plan::{Budget, Change, Operation, Plan, Reason, ReviewStatus, Selection, StateRef, Summary},
    state::{MemoryStore, Store},
};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Requests that the API accepts in an hour of the clock.
    pub(crate) limit: u64,
    pub(crate) deliveries: u64,
    pub(crate) concurrency: usize,
    /// How long a request takes.
    pub(crate) latency: Duration,
    /// Whether some take a fifth of that and others nearly twice as long, so that they overtake each other.
    pub(crate) jitter: bool,
    pub(crate) max_duration: Option<Duration>,
    pub(crate) max_wait: Duration,
    pub(crate) deaths: Deaths,
}

/// Which runs are killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deaths {
    None,
    /// Each run with this number, after this time; the next one starts an hour after it began.
    Every(u64, Duration),
    /// The same, but the next one starts at once.
    EveryAndAtOnce(u64, Duration),
}

impl Setup {
    /// Four at once, a quarter of a second each, and an `apply` each hour that stops when the budget is spent.
    pub(crate) fn new(limit: u64, deliveries: u64) -> Self {
        Self {
            limit,
            deliveries,
            concurrency: 4,
            latency: Duration::from_millis(250),
            jitter: true,
            max_duration: None,
            max_wait: Duration::from_secs(300),
            deaths: Deaths::None,
        }
    }

    /// How long a run takes to spend half of an hour's budget.
    pub(crate) fn half(&self) -> Duration {
        self.latency.mul_f64(self.limit as f64 / 2.0 / self.concurrency as f64)
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Hours of the clock from the first request to the last, both counted.
    pub(crate) hours: u64,
    pub(crate) runs: u64,
    /// Runs that were killed.
    pub(crate) deaths: u64,
    /// What those had created until then.
    pub(crate) by_the_dead: u64,
    /// The most deliveries that one death left unknown.
    pub(crate) unknown: u64,
    /// Requests that reached the API.
    pub(crate) requests: u64,
    /// Of those, the ones that it refused because its budget was spent.
    pub(crate) refused: u64,
    /// Messages that are there.
    pub(crate) created: u64,
    /// Messages that the state knows.
    pub(crate) recorded: u64,
}

/// Carries all of it out, run after run.
pub(crate) fn simulate(setup: Setup) -> Outcome {
    let server = Arc::new(Hourly::new(setup));
    let now = epoch();
    let store = MemoryStore::new("default", Uuid::nil(), now).unwrap_or_else(|e| panic!("{e}"));
    let store = Arc::new(store);
    let mut outcome = Outcome::default();
    let mut start = now;
    let (mut next, mut open) = (0, Vec::new());
    loop {
        // A run looks at no more than it can send; the plan of all of them begins with the same.
        let most = if setup.max_wait < HOUR { 2 * setup.limit as usize } else { usize::MAX };
        while next < setup.deliveries && open.len() < most {
            open.push(next);
            next += 1;
        }
        if open.is_empty() {
            break;
        }
        outcome.runs += 1;
        let (dies, at_once) = match setup.deaths {
            Deaths::Every(n, after) if outcome.runs.is_multiple_of(n) => (Some(after), false),
            Deaths::EveryAndAtOnce(n, after) if outcome.runs.is_multiple_of(n) => {
                (Some(after), true)
            }
            _ => (None, false),
        };
        let before = server.books().created.len() as u64;
        let took = process(&setup, &server, &store, start, &open, dies);
        if dies.is_some() {
            outcome.deaths += 1;
            outcome.by_the_dead += server.books().created.len() as u64 - before;
        }
        start += if at_once { took } else { took.max(HOUR) };
        outcome.unknown = outcome.unknown.max(resolve(&server, &store, start));
        let books = server.books();
        open.retain(|n| !books.created.contains_key(&visitor(*n)));
    }
    let meta = now_or_never(store.meta()).unwrap_or_else(|e| panic!("{e}"));
    let books = server.books();
    Outcome {
        hours: books.last - books.first.unwrap_or(books.last) + 1,
        requests: books.requests,
        refused: books.refused,
        created: books.created.values().sum(),
        recorded: meta.records,
        ..outcome
    }
}

/// An hour of the clock begins here.
fn epoch() -> Timestamp {
    Timestamp::UNIX_EPOCH + 500_000 * HOUR
}

fn visitor(n: u64) -> String {
    format!("visitor-{n:08}")
}

/// The store in memory never waits.
fn now_or_never<T>(answer: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(answer)
}

/// One run in a runtime of its own, so that nothing of it lives on; how long it took.
fn process(
    setup: &Setup,
    server: &Arc<Hourly>,
    store: &Arc<MemoryStore>,
    began: Timestamp,
    open: &[u64],
    dies: Option<Duration>,
) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(async {
        let start = Instant::now();
        let clock: Clock = Arc::new(move || began + start.elapsed());
        *server.clock.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&clock);
        let session = Session {
            store: store.clone(),
            api: server.clone(),
            api_url: None,
            options: Options {
                concurrency: NonZeroUsize::new(setup.concurrency).unwrap_or(NonZeroUsize::MIN),
                requests_per_hour: 100,
                max_requests: None,
                max_duration: setup.max_duration,
                max_wait: setup.max_wait,
                seed: 1,
                clock,
            },
            info: RunInfo {
                id: Uuid::from_u128(7),
                command: "apply".to_owned(),
                commit: None,
                dirty: false,
                files: None,
            },
            reporter: Arc::new(Silent),
            stopper: Stopper::default(),
        };
        let run = apply(plan(open, began), session);
        match dies {
            Some(after) => drop(timeout(after, run).await),
            None => drop(run.await.unwrap_or_else(|error| panic!("the run failed: {error}"))),
        }
        start.elapsed()
    })
}

/// What a person does after a death: looks what is there, and tells the state. How many were unknown.
fn resolve(server: &Hourly, store: &MemoryStore, now: Timestamp) -> u64 {
    now_or_never(async {
        let intents = store.intents().await.unwrap_or_else(|e| panic!("{e}"));
        let unknown = intents.len() as u64;
        for intent in intents {
            let there = server.books().created.contains_key(intent.address.visitor_str());
            let id = there.then(|| MessageId::new(intent.address.visitor_str()));
            let writes = resolution(intent, id, None, now);
            store.commit(writes).await.unwrap_or_else(|e| panic!("{e}"));
        }
        unknown
    })
}

fn plan(open: &[u64], now: Timestamp) -> Plan {
    let text: Arc<str> = "Hello!".into();
    let after = Content { text, from: Sender::Random };
    let target = Target::present(Kind::Pushed, &after, Window::default());
    let changes: Vec<Change> = open
        .iter()
        .filter_map(|n| Address::parse(&format!("hello@{}", visitor(*n))).ok())
        .map(|address| Change {
            address,
            kind: Kind::Pushed,
            reason: Reason::New,
            priority: 0,
            protect: false,
            target,
            review: ReviewStatus::ToReview,
            language: None,
            source: None,
            operation: Operation::Create { after: after.clone() },
        })
        .collect();
    Plan {
        environment: "default".into(),
        api: Endpoint::At(BaseUrl::brevo()),
        as_of: now,
        state: StateRef { lineage: None, serial: 0 },
        location: String::new(),
        selection: Selection::default(),
        destroy: false,
        managed: 0,
        desired: open.len() as u64,
        commit: None,
        summary: Summary::of(&changes, 0),
        budget: Budget::at(now, None, 100),
        protect: Vec::new(),
        guarded: Vec::new(),
        secrets: Default::default(),
        remember: None,
        changes,
        upcoming: Vec::new(),
        later: Vec::new(),
        withdrawn: Vec::new(),
        finished: Vec::new(),
        unchanged: Vec::new(),
        diagnostics: Vec::new(),
        senders: Default::default(),
    }
}

/// An API that accepts this number of requests in each hour of the clock, and says so in its headers.
struct Hourly {
    limit: u64,
    latency: Duration,
    jitter: bool,
    clock: Mutex<Clock>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    hour: u64,
    used: u64,
    /// The hours of the first and of the last request that was accepted.
    first: Option<u64>,
    last: u64,
    requests: u64,
    refused: u64,
    /// How often, by visitor.
    created: HashMap<String, u64>,
}

impl Hourly {
    fn new(setup: Setup) -> Self {
        let Setup { limit, latency, jitter, .. } = setup;
        let clock: Clock = Arc::new(epoch);
        Self { limit, latency, jitter, clock: Mutex::new(clock), books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a request to this visitor takes until it has its effect, and its answer then.
    fn way(&self, visitor: &str) -> (Duration, Duration) {
        let half = self.latency / 2;
        if !self.jitter {
            return (half, half);
        }
        let hash = visitor.bytes().fold(7_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193).rotate_left(5)
        });
        let part = |bits: u32| half * (2 + bits % 17) / 10;
        (part(hash >> 8), part(hash >> 20))
    }

    fn accept(&self, visitor: &str) -> Result<Answer<Message>, Error> {
        let clock = Arc::clone(&*self.clock.lock().unwrap_or_else(PoisonError::into_inner));
        let seconds = clock().as_second().unsigned_abs();
        let mut books = self.books();
        if books.hour != seconds / 3600 {
            books.hour = seconds / 3600;
            books.used = 0;
        }
        books.requests += 1;
        let accepted = books.used < self.limit;
        if accepted {
            books.used += 1;
            books.last = books.hour;
            books.first.get_or_insert(seconds / 3600);
            *books.created.entry(visitor.to_owned()).or_default() += 1;
        } else {
            books.refused += 1;
        }
        let budget = Some(BudgetReading {
            limit: Some(self.limit),
            remaining: Some(self.limit - books.used),
            reset: Some(Duration::from_secs(3600 - seconds % 3600)),
            retry_after: None,
        });
        if accepted {
            let body = Message::with_id(MessageId::new(visitor));
            return Ok(Answer { body, status: 201, request_id: None, budget });
        }
        let kind = ErrorKind::Status {
            status: 429,
            code: None,
            message: Some("too many requests".to_owned()),
            gone: false,
        };
        Err(Error::new(ApiOperation::SendPushedMessage, kind).with_answer(None, budget))
    }
}

fn not_asked<'a, T>() -> Call<'a, T> {
    Box::pin(async { panic!("the plan has creates only") })
}

impl Api for Hourly {
    fn create<'a>(&'a self, _: Kind, to: &'a VisitorId, _: &'a Content) -> Call<'a, Message> {
        Box::pin(async {
            let (there, back) = self.way(to.as_str());
            sleep(there).await;
            let reply = self.accept(to.as_str());
            sleep(back).await;
            reply
        })
    }

    fn update<'a>(&'a self, _: Kind, _: &'a MessageId, _: &'a str) -> Call<'a, Message> {
        not_asked()
    }

    fn delete<'a>(&'a self, _: Kind, _: &'a MessageId) -> Call<'a, ()> {
        not_asked()
    }

    fn get<'a>(&'a self, _: Kind, _: &'a MessageId) -> Call<'a, Message> {
        not_asked()
    }
}
