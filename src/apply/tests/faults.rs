//! Any sequence of faults ends, once somebody looked at the unknown ones, in exactly the wanted
//! messages, each created once.

use std::num::NonZeroUsize;

use proptest::{prelude::*, sample::select};

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

fn run(fates: Vec<Fate>, concurrency: usize) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let rounds = fates.len();
        let mut scene = Scene::new(Server::with_script(fates));
        scene.options.concurrency = NonZeroUsize::new(concurrency).expect("not zero");
        // Each message, and each change of sender, has a text of its own: what is created twice
        // shows.
        for n in 0..4 {
            scene = scene.want(&format!("m{n}@v{}", n % 2), &format!("text {n}"));
        }
        for step in 0..rounds + 8 {
            if step == 2 {
                scene.wanted[0].1 = "text 0, once more".to_owned();
                scene.wanted[1].1 = "text 1, from a group".to_owned();
                scene.wanted[1].2 = Sender::Group("g".to_owned());
                scene.wanted.remove(3);
            }
            scene.apply().await;
            scene.stopper = Default::default();
            resolve(&scene).await;
        }
        let mut wanted: Vec<(String, String)> = scene
            .wanted
            .iter()
            .map(|(name, text, _)| (address(name).visitor_str().to_owned(), text.clone()))
            .collect();
        wanted.sort();
        prop_assert_eq!(scene.server.texts(), wanted);
        prop_assert!(scene.plan().await.is_empty());
        let mut created = scene.server.created.lock().expect("not poisoned").clone();
        let all = created.len();
        created.sort();
        created.dedup();
        prop_assert_eq!(created.len(), all, "something was created twice");
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_faults_end_in_the_wanted_messages_each_created_once(
        fates in fates(), concurrency in 1..5_usize,
    ) {
        run(fates, concurrency)?;
    }
}
