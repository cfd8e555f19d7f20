//! An outage ends a run before much is unknown, and single failures end nothing.

use std::num::NonZeroUsize;

use super::server::*;
use crate::{
    apply::{Oldest, Stop, refresh},
    plan::Selection,
    state::Store,
};

fn many(count: usize, fates: impl IntoIterator<Item = Fate>, concurrency: usize) -> Scene {
    let mut scene = Scene::new(Server::with_script(fates));
    for n in 0..count {
        scene = scene.want(&format!("m{n:03}@v"), &format!("{n:03}"));
    }
    scene.options.concurrency = NonZeroUsize::new(concurrency).expect("not zero");
    scene
}

const FAILURES: [Fate; 4] =
    [Fate::FailsBefore, Fate::FailsAfter, Fate::LostRequest, Fate::LostAnswer];

#[tokio::test(start_paused = true)]
async fn at_most_five_creates_and_those_under_way_are_unknown() {
    for concurrency in [1, 4, 16] {
        for after in [0, 1, 7] {
            let fates = vec![Fate::Works; after];
            let failing = FAILURES.into_iter().cycle().take(200);
            let scene = many(100, fates.into_iter().chain(failing), concurrency);
            let outcome = scene.apply().await;
            assert_eq!((outcome.stopped, outcome.exit_status()), (Some(Stop::Outage), 4));
            let unknown = outcome.unknown.len();
            assert!((5..=4 + concurrency).contains(&unknown), "{unknown} at {concurrency}");
            assert_eq!(outcome.applied as usize, after);
            assert_eq!(outcome.remaining as usize, 100 - after - unknown);
            assert_eq!(scene.store.intents().await.expect("readable").len(), unknown);
            let runs = scene.store.runs(1).await.expect("readable");
            assert_eq!(runs[0].stopped.as_deref(), Some("outage"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_among_answers_and_refusals_stop_nothing() {
    for between in [Fate::Works, Fate::Status(400)] {
        let four_in_a_row = [&FAILURES[..], &[between]].concat();
        let scene = many(50, four_in_a_row.into_iter().cycle().take(50), 1);
        let outcome = scene.apply().await;
        assert_eq!((outcome.stopped, outcome.remaining), (None, 0), "{between:?}");
        assert_eq!(outcome.unknown.len(), 40);
    }
}

#[tokio::test(start_paused = true)]
async fn five_updates_in_a_row_without_an_answer_stop_the_run_before_the_others_are_tried() {
    let mut scene = many(300, [], 4);
    assert_eq!(scene.apply().await.applied, 300);
    for (_, text, _) in &mut scene.wanted {
        text.push('!');
    }
    let dead = std::iter::repeat_n(Fate::FailsBefore, 10_000);
    scene.server.script.lock().expect("not poisoned").extend(dead);
    let began = (scene.options.clock)();
    let outcome = scene.apply().await;
    assert_eq!((outcome.stopped, outcome.exit_status()), (Some(Stop::Outage), 1));
    assert!((5..9).contains(&outcome.failed.len()), "{}", outcome.failed.len());
    assert!(outcome.remaining > 290);
    // Two rounds of repeats, and not 75.
    let took = (scene.options.clock)().duration_since(began).as_secs();
    assert!(took < 120, "{took} s");
    // They are made sure of later.
    scene.server.script.lock().expect("not poisoned").clear();
    scene.stopper = Default::default();
    let outcome = scene.apply().await;
    assert_eq!((outcome.applied, outcome.exit_status()), (300, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_an_api_that_is_out_stops_and_changes_nothing() {
    let scene = many(60, [], 4);
    scene.apply().await;
    let before = scene.records().await;
    let dead = std::iter::repeat_n(Fate::LostAnswer, 10_000);
    scene.server.script.lock().expect("not poisoned").extend(dead);
    let found =
        refresh(&Selection::default(), Oldest::default(), scene.session()).await.expect("it works");
    assert_eq!((found.stopped, found.exit_status()), (Some(Stop::Outage), 1));
    assert_eq!((found.verified, found.gone.len(), found.changed.len()), (0, 0, 0));
    assert_eq!(scene.records().await, before);
}
