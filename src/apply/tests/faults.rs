//! Any sequence of faults ends, once somebody looked at the unknown ones, in exactly the wanted
//! messages, each created once.

use std::{num::NonZeroUsize, time::Duration};

use proptest::{prelude::*, sample::select};
use tokio::time::timeout;

use super::server::*;
use crate::{apply::resolution, model::Sender, state::Store};

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

/// A process: when it ends, all of it ends, also what was about to be committed.
fn process<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

fn run(fates: Vec<Fate>, concurrency: usize, deaths: &[Option<u64>]) -> Result<(), TestCaseError> {
    let rounds = fates.len() + deaths.len();
    let mut scene = process(async { Scene::new(Server::with_script(fates)) });
    scene.options.concurrency = NonZeroUsize::new(concurrency).expect("not zero");
    *scene.server.hold.lock().expect("not poisoned") = Some(Duration::from_millis(20));
    *scene.server.linger.lock().expect("not poisoned") = Some(Duration::from_millis(20));
    // Each message, and each change of sender, has a text of its own: what is created twice
    // shows.
    for n in 0..4 {
        scene = scene.want(&format!("m{n}@v{}", n % 2), &format!("text {n}"));
    }
    let mut deaths = deaths.iter();
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
            match deaths.next() {
                Some(Some(after)) => {
                    // Dies in the middle, unless it is faster.
                    let _ = timeout(Duration::from_millis(*after), scene.apply()).await;
                }
                Some(None) | None => drop(scene.apply().await),
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
    fn any_faults_and_deaths_end_in_the_wanted_messages_each_created_once(
        fates in fates(),
        concurrency in 1..5_usize,
        deaths in proptest::collection::vec(proptest::option::of(0..200_u64), 0..8),
    ) {
        run(fates, concurrency, &deaths)?;
    }
}
