//! An apply of many creates against the sandbox, on any store.

use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pushsync::{
    apply::{Options, RunInfo, Session, Silent, Stopper, apply},
    brevo::{Client, Config, Credentials},
    model::{Address, BaseUrl, Content, Endpoint, Kind, Sender, Target},
    plan::{Budget, Change, Operation, Plan, Reason, ReviewStatus, Selection, StateRef, Summary},
    sandbox::{self, Running, Sandbox},
    state::{
        Access, CloseErrors, LockHolder, Meta, Mode, OpenOptions, StateTarget, Store, StoreFuture,
        Wrapped, Wrapper, Write,
    },
};
use uuid::Uuid;

pub(crate) async fn server() -> Running {
    let options = sandbox::Options::in_memory(Arc::new(Timestamp::now));
    Sandbox::start(options).await.expect("the sandbox starts")
}

pub(crate) fn folder(path: &Path) -> OpenOptions {
    OpenOptions {
        target: StateTarget::Folder(path.into()),
        environment: "default".into(),
        mode: Mode::CreateIfAbsent,
        access: Access::Write,
        holder: LockHolder {
            pid: std::process::id(),
            host: "here".into(),
            command: "bench".into(),
            since: Timestamp::now(),
        },
        lock_timeout: Duration::ZERO,
        new_lineage: Uuid::from_u128(1),
        now: Timestamp::now(),
        key: None,
        close_errors: CloseErrors::default(),
    }
}

/// Applies this number of creates; how long that took, and with how many commits.
pub(crate) async fn creates(
    store: Box<dyn Store>,
    server: &Running,
    count: usize,
    concurrency: usize,
) -> (Duration, u64) {
    let store = Arc::new(Wrapped(Counting { inner: store, commits: AtomicU64::new(0) }));
    let client = Client::new(Config {
        base_url: BaseUrl::parse(&server.base_url()).expect("a URL"),
        credentials: Credentials::Key("any".to_owned().into()),
        partner_key: None,
        timeout: Duration::from_secs(30),
        user_agent: "bench".into(),
    })
    .expect("a client");
    let session = Session {
        store: store.clone(),
        api: Arc::new(client),
        api_url: None,
        options: Options {
            concurrency: NonZeroUsize::new(concurrency).expect("not zero"),
            requests_per_hour: u64::MAX,
            max_requests: None,
            max_duration: None,
            max_wait: Duration::ZERO,
            seed: 1,
            clock: Arc::new(Timestamp::now),
        },
        info: RunInfo {
            id: Uuid::from_u128(2),
            command: "apply".into(),
            commit: None,
            dirty: false,
            files: None,
        },
        reporter: Arc::new(Silent),
        stopper: Stopper::default(),
    };
    let start = Instant::now();
    let outcome = apply(plan(count), session).await.expect("the state works");
    let took = start.elapsed();
    assert_eq!(outcome.applied, count as u64);
    (took, store.0.commits.load(Ordering::Relaxed))
}

fn plan(count: usize) -> Plan {
    let changes: Vec<Change> = (0..count)
        .map(|n| Change {
            address: Address::parse(&format!("hello@visitor-{n}")).expect("valid"),
            kind: Kind::Pushed,
            reason: Reason::New,
            priority: 0,
            protect: false,
            target: Target::Unmanaged,
            review: ReviewStatus::Covered,
            language: None,
            source: None,
            operation: Operation::Create {
                after: Content { text: format!("Hello, {n}!").into(), from: Sender::Random },
            },
        })
        .collect();
    let now = Timestamp::now();
    Plan {
        environment: "default".into(),
        api: Endpoint::At(BaseUrl::brevo()),
        as_of: now,
        state: StateRef { lineage: None, serial: 0 },
        selection: Selection::default(),
        destroy: false,
        managed: 0,
        desired: count as u64,
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
        location: String::new(),
    }
}

/// Counts commits; each costs the same few fsyncs, however many writes it holds.
struct Counting {
    inner: Box<dyn Store>,
    commits: AtomicU64,
}

impl Wrapper for Counting {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.inner.commit(writes)
    }
}
