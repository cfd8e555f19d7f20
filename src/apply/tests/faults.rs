//! Any sequence of faults, with any server and clock, ends, once somebody looked at the unknown ones, in exactly
//! the wanted messages, each created once.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::SignedDuration;
use proptest::{prelude::*, sample::select};
use tokio::time::timeout;

use super::server::*;
use crate::{
    apply::{Oldest, Session, apply, refresh, resolution},
    model::Sender,
    plan::Selection,
    state::{MemoryStore, Meta, StateError, Store, StoreFuture, Wrapped, Wrapper, Write},
};

/// What happens to some requests in a row.
fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = select(vec![
        Fate::Works,
        Fate::Works,
        Fate::NotConnected,
        Fate::LostRequest,
        Fate::LostAnswer,
        Fate::FailsBefore,
        Fate::FailsAfter,
        Fate::Limited,
        Fate::Status(400),
        Fate::Status(401),
        Fate::Spent("120"),
        Fate::Spent("soon"),
        Fate::Spent("1800000060"),
        Fate::Spent("2592000"),
        Fate::Later("3"),
        Fate::Later("1200"),
        Fate::Gateway(404, r#"{"message":"no route"}"#),
        Fate::Gateway(404, ""),
        Fate::Gateway(200, "<html>Please log in</html>"),
        Fate::Gateway(200, r#"{"login":"https://login.example.com/"}"#),
        Fate::Gateway(302, ""),
        Fate::Gateway(503, "<html>503</html>"),
    ]);
    let alone = fate.clone().prop_map(|fate| vec![fate]);
    // An outage, or a gateway that stays.
    let many = (fate, 5..14_usize).prop_map(|(fate, times)| vec![fate; times]);
    let some = prop_oneof![6 => alone, 1 => many];
    proptest::collection::vec(some, 0..30).prop_map(|all| all.concat())
}

/// What the server makes of texts and answers, whatever happens to a request.
fn natures() -> impl Strategy<Value = (Encoding, Option<Rewriting>)> {
    let kept = |keeps| Some(Rewriting { keeps, tells: Tells::Kept });
    let encoding =
        select(vec![Encoding::Plain, Encoding::Gzip, Encoding::Deflate, Encoding::Marked]);
    let rewriting = select(vec![
        None,
        kept(|text| text.trim().to_owned()),
        kept(|text| text.to_uppercase()),
        kept(|text| text.replace(',', "&#44;")),
        kept(|text| text.replace(char::is_whitespace, "\r\n")),
    ]);
    (encoding, rewriting)
}

/// How far the clock is ahead in a run: seconds.
fn clocks() -> impl Strategy<Value = i64> {
    const DAY: i64 = 86_400;
    select(vec![0, 0, 0, 3_700, -3_700, 30 * DAY, 400 * DAY, -400 * DAY])
}

/// What the server keeps of a text.
fn kept(server: &Server, text: &str) -> String {
    let rewriting = *server.rewriting.lock().expect("not poisoned");
    rewriting.map_or_else(|| text.to_owned(), |rewriting| (rewriting.keeps)(text))
}

/// What a person does: looks into the chat, and tells `state resolve` what is there.
pub(super) async fn resolve(scene: &Scene) {
    for intent in scene.store.intents().await.expect("readable") {
        let recorded = scene.store.record(&intent.address).await.expect("readable");
        let sent = kept(&scene.server, &intent.content.text);
        let found = scene
            .server
            .messages
            .lock()
            .expect("not poisoned")
            .iter()
            .find(|(id, (visitor, _, text))| {
                visitor.as_str() == intent.address.visitor_str()
                    && *text == sent
                    && recorded.as_ref().is_none_or(|record| record.id != **id)
            })
            .map(|(id, _)| id.clone());
        let now = (scene.options.clock)();
        let writes = resolution(intent, found, recorded, now);
        scene.store.commit(writes).await.expect("writable");
    }
}

/// A state whose lock goes to somebody else after this number of requests: it takes nothing any more.
struct LosesLock {
    inner: Arc<MemoryStore>,
    requests: AtomicUsize,
}

impl LosesLock {
    fn taken<T: Send + 'static>(&self) -> StoreFuture<'_, T> {
        let error = StateError::unavailable("memory", "somebody else has the lock".to_owned());
        Box::pin(std::future::ready(Err(error)))
    }
}

impl Wrapper for LosesLock {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        match self.requests.load(Ordering::Relaxed) {
            0 => self.taken(),
            _ => self.inner.commit(writes),
        }
    }

    fn confirm_lock(&self) -> StoreFuture<'_, ()> {
        let less = |requests: usize| requests.checked_sub(1);
        match self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(2..) => self.inner.confirm_lock(),
            Ok(_) | Err(_) => self.taken(),
        }
    }
}

/// How a run ends, if not by itself.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Alone,
    /// It dies after this number of milliseconds.
    Dies(u64),
    /// It loses its lock after this number of requests.
    LosesLock(usize),
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        1 => Just(Ending::Alone),
        2 => (0..200_u64).prop_map(Ending::Dies),
        1 => (1..12_usize).prop_map(Ending::LosesLock),
    ]
}

/// A process: when it ends, all of it ends, also what was about to be committed.
pub(super) fn process<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

/// A project whose server and clock are as bad as they get.
#[derive(Debug)]
struct World {
    fates: Vec<Fate>,
    concurrency: usize,
    endings: Vec<Ending>,
    nature: (Encoding, Option<Rewriting>),
    clocks: Vec<i64>,
}

fn worlds() -> impl Strategy<Value = World> {
    let endings = proptest::collection::vec(endings(), 0..8);
    let clocks = proptest::collection::vec(clocks(), 1..12);
    let parts = (fates(), 1..5_usize, endings, natures(), clocks);
    parts.prop_map(|(fates, concurrency, endings, nature, clocks)| World {
        fates,
        concurrency,
        endings,
        nature,
        clocks,
    })
}

fn run(world: World) -> Result<(), TestCaseError> {
    let World { fates, concurrency, endings, nature: (encoding, rewriting), clocks } = world;
    let mut scene = process(async { Scene::new(Server::with_script(fates)) });
    scene.options.concurrency = NonZeroUsize::new(concurrency).expect("not zero");
    let server = Arc::clone(&scene.server);
    *server.hold.lock().expect("not poisoned") = Some(Duration::from_millis(20));
    *server.linger.lock().expect("not poisoned") = Some(Duration::from_millis(20));
    *server.encoding.lock().expect("not poisoned") = encoding;
    *server.rewriting.lock().expect("not poisoned") = rewriting;
    // Each message, and each change of sender, has a text of its own: what is created twice
    // shows.
    for n in 0..4 {
        scene = scene.want(&format!("m{n}@v{}", n % 2), &format!(" text {n}, and more"));
    }
    // Enough for an outage in the middle.
    for n in 0..8 {
        scene = scene.want(&format!("n{n}@w{n}"), &format!("note {n}"));
    }
    let (mut endings, mut clocks) = (endings.into_iter(), clocks.into_iter().cycle());
    // Once nothing goes wrong any more, a few runs bring it to its end.
    let mut quiet = 0;
    for step in 0..400 {
        if step == 2 {
            scene.wanted[0].1 = "text 0, once more".to_owned();
            scene.wanted[1].1 = "text 1, from a group".to_owned();
            scene.wanted[1].2 = Sender::Group("g".to_owned());
            scene.wanted.remove(3);
        }
        // Somebody takes the edits back, whatever became of them.
        if step == 4 {
            scene.wanted[0].1 = " text 0, and more".to_owned();
            scene = scene.want("m3@v1", " text 3, and more");
        }
        let calm = server.script.lock().expect("not poisoned").is_empty();
        let bad = !calm || endings.len() > 0;
        quiet = if bad || step < 6 { 0 } else { quiet + 1 };
        if quiet > 10 {
            break;
        }
        // Each run is two hours after the one before, as far as its clock is right.
        let wrong = if quiet > 0 { 0 } else { clocks.next().unwrap_or(0) };
        let now = SignedDuration::from_hours(2 * step) + SignedDuration::from_secs(wrong);
        *scene.ahead.lock().expect("not poisoned") = now;
        *server.lost_in_a_row.lock().expect("not poisoned") = (0, 0);
        process(async {
            match endings.next().unwrap_or(Ending::Alone) {
                Ending::Dies(after) => {
                    // In the middle, unless it is faster.
                    let _ = timeout(Duration::from_millis(after), scene.apply()).await;
                }
                Ending::LosesLock(requests) => {
                    let store = LosesLock { inner: scene.store.clone(), requests: requests.into() };
                    let session = Session { store: Arc::new(Wrapped(store)), ..scene.session() };
                    let sent = server.asked().len();
                    let _ended = apply(scene.plan().await, session).await;
                    let sent = server.asked().len() - sent;
                    assert!(sent < requests, "{sent} requests left under {requests} locks");
                }
                Ending::Alone => {
                    let outcome = scene.apply().await;
                    let well = outcome.unknown.is_empty() && outcome.failed.is_empty();
                    assert!(!calm || well, "{outcome:?}");
                }
            }
        });
        let (_, lost) = *server.lost_in_a_row.lock().expect("not poisoned");
        prop_assert!(lost < 5 + concurrency, "{} creates in a row were lost", lost);
        scene.stopper = Default::default();
        process(resolve(&scene));
        if step % 3 == 0 {
            process(async {
                let session = scene.session();
                refresh(&Selection::default(), Oldest::default(), session)
                    .await
                    .expect("the state works");
            });
            scene.stopper = Default::default();
        }
    }
    let mut wanted: Vec<(String, String)> = scene
        .wanted
        .iter()
        .map(|(name, text, _)| (address(name).visitor_str().to_owned(), kept(&server, text)))
        .collect();
    wanted.sort();
    prop_assert_eq!(server.texts(), wanted);
    // Neither what the state says nor what the API shows leaves anything to do.
    process(async {
        let session = scene.session();
        refresh(&Selection::default(), Oldest::default(), session).await.expect("the state works");
    });
    let plan = process(scene.plan());
    prop_assert!(plan.is_empty(), "{:?}", plan.changes);
    let mut created = server.created.lock().expect("not poisoned").clone();
    let all = created.len();
    created.sort();
    // It was deleted once, and wanted again.
    let text_3 = " text 3, and more";
    let again = created.iter().filter(|(_, text)| text == text_3).count().saturating_sub(1);
    created.dedup();
    prop_assert!(again <= 1 && created.len() + again == all, "something was created twice");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn any_faults_deaths_and_lost_locks_end_in_the_wanted_messages_each_created_once(
        world in worlds(),
    ) {
        run(world)?;
    }
}
