//! Any sequence of faults ends, once somebody looked at the unknown ones, in exactly the wanted
//! messages, each created once.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proptest::{prelude::*, sample::select};
use tokio::time::timeout;

use super::server::*;
use crate::{
    apply::{Session, apply, resolution},
    model::Sender,
    state::{MemoryStore, Meta, StateError, Store, StoreFuture, Wrapped, Wrapper, Write},
};

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
    ]);
    proptest::collection::vec(fate, 0..40)
}

/// What a person does: looks into the chat, and tells `state resolve` what is there.
async fn resolve(scene: &Scene) {
    for intent in scene.store.intents().await.expect("readable") {
        let recorded = scene.store.record(&intent.address).await.expect("readable");
        let found = scene
            .server
            .messages
            .lock()
            .expect("not poisoned")
            .iter()
            .find(|(id, (visitor, _, text))| {
                visitor.as_str() == intent.address.visitor_str()
                    && **text == *intent.content.text
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
fn process<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

fn run(fates: Vec<Fate>, concurrency: usize, endings: &[Ending]) -> Result<(), TestCaseError> {
    let rounds = fates.len() + endings.len();
    let mut scene = process(async { Scene::new(Server::with_script(fates)) });
    scene.options.concurrency = NonZeroUsize::new(concurrency).expect("not zero");
    *scene.server.hold.lock().expect("not poisoned") = Some(Duration::from_millis(20));
    *scene.server.linger.lock().expect("not poisoned") = Some(Duration::from_millis(20));
    // Each message, and each change of sender, has a text of its own: what is created twice
    // shows.
    for n in 0..4 {
        scene = scene.want(&format!("m{n}@v{}", n % 2), &format!("text {n}"));
    }
    let mut endings = endings.iter();
    for step in 0..rounds + 8 {
        if step == 2 {
            scene.wanted[0].1 = "text 0, once more".to_owned();
            scene.wanted[1].1 = "text 1, from a group".to_owned();
            scene.wanted[1].2 = Sender::Group("g".to_owned());
            scene.wanted.remove(3);
        }
        // Somebody takes the edits back, whatever became of them.
        if step == 4 {
            scene.wanted[0].1 = "text 0".to_owned();
            scene = scene.want("m3@v1", "text 3");
        }
        process(async {
            match endings.next().copied().unwrap_or(Ending::Alone) {
                Ending::Dies(after) => {
                    // In the middle, unless it is faster.
                    let _ = timeout(Duration::from_millis(after), scene.apply()).await;
                }
                Ending::LosesLock(requests) => {
                    let store = LosesLock { inner: scene.store.clone(), requests: requests.into() };
                    let session = Session { store: Arc::new(Wrapped(store)), ..scene.session() };
                    let sent = scene.server.asked().len();
                    let _ended = apply(scene.plan().await, session).await;
                    let sent = scene.server.asked().len() - sent;
                    assert!(sent < requests, "{sent} requests left under {requests} locks");
                }
                Ending::Alone => drop(scene.apply().await),
            }
        });
        scene.stopper = Default::default();
        process(resolve(&scene));
    }
    let mut wanted: Vec<(String, String)> = scene
        .wanted
        .iter()
        .map(|(name, text, _)| (address(name).visitor_str().to_owned(), text.clone()))
        .collect();
    wanted.sort();
    prop_assert_eq!(scene.server.texts(), wanted);
    prop_assert!(process(scene.plan()).is_empty());
    let mut created = scene.server.created.lock().expect("not poisoned").clone();
    let all = created.len();
    created.sort();
    // It was deleted once, and wanted again.
    let again = created.iter().filter(|(_, text)| text == "text 3").count().saturating_sub(1);
    created.dedup();
    prop_assert!(again <= 1 && created.len() + again == all, "something was created twice");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_faults_deaths_and_lost_locks_end_in_the_wanted_messages_each_created_once(
        fates in fates(),
        concurrency in 1..5_usize,
        endings in proptest::collection::vec(endings(), 0..8),
    ) {
        run(fates, concurrency, &endings)?;
    }
}
