//! How much is under way at once, and how much of it a death leaves unknown.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::server::*;
use crate::{
    apply::{Outcome, Stop, apply},
    state::{MemoryStore, Meta, StateError, Store, StoreFuture, Wrapped, Wrapper, Write},
};

const CONCURRENCY: usize = 4;
const CREATES: usize = 60;

/// A state whose commits take their time, and which counts them.
struct Slow {
    inner: Arc<MemoryStore>,
    takes: Duration,
    commits: AtomicUsize,
    /// The most intents that were open at any time.
    most: AtomicUsize,
}

impl Wrapper for Slow {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        Box::pin(async move {
            sleep(self.takes).await;
            let meta = self.inner.commit(writes).await?;
            self.commits.fetch_add(1, Ordering::Relaxed);
            let open = self.inner.intents().await?.len();
            self.most.fetch_max(open, Ordering::Relaxed);
            Ok::<_, StateError>(meta)
        })
    }
}

/// Many creates, with commits and requests that take this number of milliseconds.
fn scene(commit: u64, request: u64) -> (Scene, Arc<Wrapped<Slow>>) {
    let mut scene = Scene::new(Server::with_script([]));
    for n in 0..CREATES {
        scene = scene.want(&format!("m{n:02}@v"), &format!("{n:02}"));
    }
    scene.options.concurrency = NonZeroUsize::new(CONCURRENCY).expect("not zero");
    *scene.server.hold.lock().expect("not poisoned") = Some(Duration::from_millis(request));
    let slow = Arc::new(Wrapped(Slow {
        inner: Arc::clone(&scene.store),
        takes: Duration::from_millis(commit),
        commits: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    }));
    (scene, slow)
}

async fn run(scene: &Scene, store: &Arc<Wrapped<Slow>>) -> Outcome {
    let mut session = scene.session();
    session.store = Arc::clone(store) as Arc<dyn Store>;
    apply(scene.plan().await, session).await.expect("the state works")
}

/// Milliseconds that commits and requests take: a state far away, and an API far away.
const SPEEDS: [(u64, u64); 3] = [(10, 5), (3, 300), (0, 0)];

#[tokio::test(start_paused = true)]
async fn deliveries_under_way_share_commits_and_are_never_more_than_the_concurrency() {
    let (scene, store) = scene(10, 5);
    let outcome = run(&scene, &store).await;
    assert_eq!(outcome.applied, CREATES as u64);
    assert!(scene.server.under_way.lock().expect("not poisoned").1 <= CONCURRENCY);
    assert_eq!(store.0.most.load(Ordering::Relaxed), CONCURRENCY, "intents at once");
    // Each alone would take two for each create.
    let commits = store.0.commits.load(Ordering::Relaxed);
    assert!(commits < CREATES * 3 / 2, "{commits} commits for {CREATES} creates");
}

#[tokio::test(start_paused = true)]
async fn requests_leave_in_the_order_of_the_plan() {
    for (commit, request) in SPEEDS {
        let (scene, store) = scene(commit, request);
        run(&scene, &store).await;
        let wanted: Vec<String> = (0..CREATES).map(|n| format!("POST {n:02}")).collect();
        assert_eq!(scene.server.asked(), wanted, "{commit} ms, {request} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_leaves_at_most_as_many_unknown_as_the_concurrency() {
    // At many moments: while intents are made durable, requests are under way, and their answers
    // are recorded.
    for (commit, request) in [(10, 5), (3, 300)] {
        for after in (1..4_000).step_by(97) {
            let (scene, store) = scene(commit, request);
            let _dead = timeout(Duration::from_millis(after), run(&scene, &store)).await;
            let unknown = scene.store.intents().await.expect("readable").len();
            assert!(unknown <= CONCURRENCY, "{unknown} after {after} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_settles_the_intents_whose_request_has_not_left() {
    // At every moment of a few rounds.
    for after in 40..100 {
        let (scene, store) = scene(10, 5);
        let stopper = scene.stopper.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(after)).await;
            stopper.stop(Stop::Signal);
        });
        let outcome = run(&scene, &store).await;
        assert_eq!(outcome.stopped, Some(Stop::Signal));
        let asked = scene.server.asked().len() as u64;
        assert_eq!((outcome.applied, outcome.requests), (asked, asked), "all is recorded");
        assert_eq!(outcome.remaining, CREATES as u64 - asked);
        assert_eq!(scene.store.intents().await.expect("readable"), [], "nothing is unknown");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_settles_the_intents_whose_request_has_not_left() {
    for (commit, request) in [(10, 5), (30, 1), (3, 300)] {
        let (scene, store) = scene(commit, request);
        let dead = [Fate::FailsBefore; CREATES];
        scene.server.script.lock().expect("not poisoned").extend(dead);
        let outcome = run(&scene, &store).await;
        assert_eq!(outcome.stopped, Some(Stop::Outage));
        let asked = scene.server.asked().len();
        assert_eq!((outcome.unknown.len(), outcome.requests), (asked, asked as u64));
        assert_eq!(outcome.remaining, (CREATES - asked) as u64);
        let intents = scene.store.intents().await.expect("readable").len();
        assert_eq!(intents, asked, "what did not leave is not unknown");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_budget_leaves_nothing_unknown() {
    for left in 11..2 * CONCURRENCY as u64 + 12 {
        let (scene, store) = scene(10, 5);
        *scene.server.budget.lock().expect("not poisoned") = Some((CREATES as u64, left));
        let outcome = run(&scene, &store).await;
        assert_eq!(outcome.stopped, Some(Stop::Budget));
        assert_eq!(outcome.applied, left, "as many as the headers said");
        assert_eq!(scene.store.intents().await.expect("readable"), []);
    }
}
