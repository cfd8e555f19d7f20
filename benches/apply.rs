//! Creates with the journal on, beside a bare loop of requests against the same server.
//!
//! `cargo bench --bench apply`: prints requests a second, commits, and the ratio. Asserts nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on should stop; its table goes to stdout; it reads the clock"
)]

use std::{
    num::NonZeroUsize,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pushsync::{
    apply::{Options, RunInfo, Session, Silent, Stopper, apply},
    brevo::{BaseUrl, Client, Config},
    model::{Address, Content, Kind, Sender},
    plan::{Budget, Change, Operation, Plan, Reason, Selection, StateRef, Summary},
    sandbox::{self, Running, Sandbox},
    state::{
        self, Access, Amendment, Answer, HostedStore, Intent, Location, LockHolder, Meta, Mode,
        OpenOptions, Page, Record, Run, Store, Verification, Write,
    },
};
use tokio::{runtime::Runtime, task::JoinSet};
use uuid::Uuid;

const CREATES: usize = 2_000;
const CONCURRENCY: usize = 16;
const RUNS: usize = 5;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    println!("{CREATES} creates, {CONCURRENCY} at once, on loopback; medians of {RUNS} runs");
    let bare = median((0..RUNS).map(|_| runtime.block_on(bare())).collect());
    println!("bare loop of requests     {:>9.0} a second", rate(bare));
    let mut commits = 0;
    let ours = median(
        (0..RUNS)
            .map(|_| {
                let (took, n) = runtime.block_on(ours());
                commits = n;
                took
            })
            .collect(),
    );
    println!("apply, with its journal   {:>9.0} a second, {commits} commits", rate(ours));
    println!("ratio                     {:>9.2}   (wanted: at least 0.5)", rate(ours) / rate(bare));
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn rate(took: Duration) -> f64 {
    CREATES as f64 / took.as_secs_f64()
}

async fn server() -> Running {
    let options = sandbox::Options::in_memory(Arc::new(Timestamp::now));
    Sandbox::start(options).await.expect("the sandbox starts")
}

/// What the client and the server reach without anything between.
async fn bare() -> Duration {
    let server = server().await;
    let url = format!("{}/conversations/pushedMessages", server.base_url());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .tcp_nodelay(true)
        .build()
        .expect("a client");
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= CREATES as u64 {
                    return;
                }
                let body = format!("{{\"visitorId\":\"visitor-{n}\",\"text\":\"Hello, {n}!\"}}");
                let answer = client
                    .post(&url)
                    .header("api-key", "any")
                    .header("content-type", "application/json")
                    .body(body)
                    .send()
                    .await
                    .expect("an answer");
                assert!(answer.status().is_success());
                answer.bytes().await.expect("a body");
            }
        });
    }
    workers.join_all().await;
    let took = start.elapsed();
    server.stop().await;
    took
}

/// The same creates as a plan that is applied, and how many commits that took.
async fn ours() -> (Duration, u64) {
    let server = server().await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let store = state::open(OpenOptions {
        location: Location::Folder(folder.path().into()),
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
    })
    .expect("the state opens");
    let store = Arc::new(Counting { inner: store, commits: AtomicU64::new(0) });
    let client = Client::new(Config {
        base_url: BaseUrl::parse(&server.base_url()).expect("a URL"),
        api_key: "any".to_owned().into(),
        partner_key: None,
        timeout: Duration::from_secs(30),
        user_agent: "bench".into(),
    })
    .expect("a client");
    let session = Session {
        store: store.clone(),
        api: Arc::new(client),
        options: Options {
            concurrency: NonZeroUsize::new(CONCURRENCY).expect("not zero"),
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
        },
        reporter: Arc::new(Silent),
        stopper: Stopper::default(),
    };
    let start = Instant::now();
    let outcome = apply(plan(), session).await.expect("the state works");
    let took = start.elapsed();
    assert_eq!(outcome.applied, CREATES as u64);
    server.stop().await;
    (took, store.commits.load(Ordering::Relaxed))
}

fn plan() -> Plan {
    let changes: Vec<Change> = (0..CREATES)
        .map(|n| Change {
            address: Address::parse(&format!("hello@visitor-{n}")).expect("valid"),
            kind: Kind::Pushed,
            reason: Reason::New,
            priority: 0,
            protect: false,
            source: None,
            operation: Operation::Create {
                after: Content { text: format!("Hello, {n}!").into(), from: Sender::Random },
            },
        })
        .collect();
    let now = Timestamp::now();
    Plan {
        environment: "default".into(),
        sandbox: false,
        as_of: now,
        state: StateRef { lineage: None, serial: 0 },
        selection: Selection::default(),
        destroy: false,
        managed: 0,
        desired: CREATES as u64,
        summary: Summary::of(&changes, 0),
        budget: Budget::at(now, None, 100),
        protect: Vec::new(),
        changes,
        unchanged: Vec::new(),
        diagnostics: Vec::new(),
    }
}

/// Counts commits; each costs the same few fsyncs, however many writes it holds.
struct Counting {
    inner: HostedStore,
    commits: AtomicU64,
}

impl Store for Counting {
    fn place(&self) -> &str {
        self.inner.place()
    }

    fn meta(&self) -> Answer<'_, Meta> {
        self.inner.meta()
    }

    fn page<'a>(
        &'a self,
        from: Bound<&'a str>,
        to: Bound<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page> {
        self.inner.page(from, to, limit)
    }

    fn record<'a>(&'a self, address: &'a Address) -> Answer<'a, Option<Record>> {
        self.inner.record(address)
    }

    fn intents(&self) -> Answer<'_, Vec<Intent>> {
        self.inner.intents()
    }

    fn runs(&self, limit: usize) -> Answer<'_, Vec<Run>> {
        self.inner.runs(limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Answer<'_, Meta> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.inner.commit(writes)
    }

    fn amend(&self, amendment: Amendment) -> Answer<'_, Meta> {
        self.inner.amend(amendment)
    }

    fn verify(&self) -> Answer<'_, Verification> {
        self.inner.verify()
    }
}
