//! How many requests things cost.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use pushsync::{
    apply::{Options, RunInfo, Session, Silent, Stopper, apply},
    brevo::{Client, Config, Credentials},
    model::{Address, BaseUrl, Content, Endpoint, Kind, Sender, Target, Window},
    plan::{Budget, Change, Operation, Plan, Reason, ReviewStatus, Selection, StateRef, Summary},
    sandbox::{self, Sandbox},
};
use uuid::Uuid;

use super::{
    proxy::{Fate, Proxy},
    server::server,
    support::*,
};

const CREATES: usize = 1_000;

fn plan() -> Plan {
    let create = |n: usize| {
        let after = Content { text: format!("Hello, {n}!").into(), from: Sender::Random };
        Change {
            address: address(&format!("hello@visitor-{n}")),
            kind: Kind::Pushed,
            reason: Reason::New,
            priority: 0,
            protect: false,
            target: Target::present(Kind::Pushed, &after, Window::default()),
            review: ReviewStatus::ToReview,
            language: None,
            source: None,
            operation: Operation::Create { after },
        }
    };
    let changes: Vec<Change> = (0..CREATES).map(create).collect();
    Plan {
        environment: "default".into(),
        api: Endpoint::At(BaseUrl::brevo()),
        commit: None,
        as_of: time(0),
        state: StateRef { lineage: None, serial: 0 },
        location: String::new(),
        selection: Selection::default(),
        destroy: false,
        managed: 0,
        desired: CREATES as u64,
        summary: Summary::of(&changes, 0),
        budget: Budget::at(time(0), None, 100),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_creates_cost_far_fewer_puts() {
    let server = server!();
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let place = server.place().through(proxy.address);
    let api = Sandbox::start(sandbox::Options::in_memory(Arc::new(|| time(0)))).await;
    let api = api.expect("the sandbox starts");
    let client = Client::new(Config {
        base_url: BaseUrl::parse(&api.base_url()).expect("a URL"),
        credentials: Credentials::Key("any".to_owned().into()),
        partner_key: None,
        timeout: Duration::from_secs(30),
        user_agent: "test".into(),
    });
    let store: Arc<dyn pushsync::state::Store> = Arc::from(place.open().expect("opens"));
    let session = Session {
        store: store.clone(),
        api: Arc::new(client.expect("a client")),
        api_url: None,
        options: Options {
            concurrency: NonZeroUsize::new(16).expect("not zero"),
            requests_per_hour: u64::MAX,
            max_requests: None,
            max_duration: None,
            max_wait: Duration::ZERO,
            seed: 1,
            clock: Arc::new(|| time(0)),
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
    let outcome = apply(plan(), session).await.expect("the state works");
    assert_eq!(outcome.applied, CREATES as u64);
    // The run's own tasks let go of it.
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
    tokio::task::spawn_blocking(move || drop(store)).await.expect("is closed");
    // How often the lock is confirmed depends on how long it takes.
    let confirmed = proxy.count("PUT", "lock.json");
    let (puts, all) = (proxy.count("PUT", "") - confirmed, proxy.asked().len() - confirmed);
    println!("{puts} puts, {all} requests, and {confirmed} puts of the lock");
    assert!(puts < 250, "{puts} puts for {CREATES} creates");
    assert!(all < puts + 40, "{all} requests, {puts} of them puts");
    api.stop().await;
    let records: std::collections::BTreeSet<Address> = tokio::task::spawn_blocking(move || {
        let store = place.open().expect("opens");
        scan(&*store).expect("reads").into_iter().map(|located| located.address).collect()
    })
    .await
    .expect("reads");
    assert_eq!(records.len(), CREATES);
}

#[test]
fn a_commit_is_one_put_and_reading_asks_nobody() {
    let server = server!();
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let store = server.place().through(proxy.address).open().expect("opens");
    commit(&*store, vec![put("a@v", "one")]);
    let before = proxy.asked().len();
    for n in 0..20 {
        commit(&*store, vec![put("a@v", &format!("text {n}")), log(n)]);
    }
    let asked = proxy.asked().split_off(before);
    assert_eq!(asked.len(), 20);
    assert!(asked.iter().all(|asked| asked.method == "PUT" && asked.path.contains("/segments/")));
    assert!(asked.iter().all(|asked| asked.head.to_ascii_lowercase().contains("if-none-match: *")));
    contents(&*store).expect("reads");
    assert_eq!(proxy.asked().len(), before + 20);
}
