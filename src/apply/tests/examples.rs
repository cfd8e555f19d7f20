use std::{num::NonZeroUsize, time::Duration};

use super::server::*;
use crate::{
    apply::{Event, Oldest, Stop, refresh},
    model::{BudgetNote, Drift, MessageId, Sender},
    plan::Selection,
    state::{Store, Write},
};

#[tokio::test(start_paused = true)]
async fn an_applied_plan_leaves_nothing_to_do() {
    let mut scene = Scene::new(Server::with_script([])).want("a@v", "one").want("b@v", "two");
    let outcome = scene.apply().await;
    assert_eq!((outcome.applied, outcome.requests, outcome.exit_status()), (2, 2, 0));
    assert!(scene.plan().await.is_empty());
    assert_eq!(scene.server.asked(), ["POST one", "POST two"]);

    scene.wanted = vec![("a@v".into(), "eins".into(), Sender::Random)];
    let outcome = scene.apply().await;
    assert_eq!((outcome.applied, outcome.requests), (2, 2));
    assert_eq!(scene.server.texts(), [("v".to_owned(), "eins".to_owned())]);
    assert!(scene.plan().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_is_lost_is_never_sent_again_by_itself() {
    for fate in [Fate::LostAnswer, Fate::LostRequest, Fate::FailsBefore, Fate::FailsAfter] {
        let scene = Scene::new(Server::with_script([fate])).want("a@v", "one");
        let outcome = scene.apply().await;
        assert_eq!(outcome.unknown, [address("a@v")], "{fate:?}");
        assert_eq!(outcome.exit_status(), 4);
        for _ in 0..2 {
            let again = scene.apply().await;
            assert_eq!(again.exit_status(), 4);
            assert_eq!(scene.server.asked().len(), 1, "{fate:?}");
        }
        let intents = scene.store.intents().await.expect("readable");
        assert!(intents[0].trouble.is_some(), "the note says what happened");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_certainly_took_no_effect_is_repeated() {
    let scene = Scene::new(Server::with_script([
        Fate::NotConnected,
        Fate::NotConnected,
        Fate::Limited,
        Fate::Works,
    ]))
    .want("a@v", "one");
    let outcome = scene.apply().await;
    // What never left this machine costs nothing of the budget.
    assert_eq!((outcome.applied, outcome.requests, outcome.exit_status()), (1, 2, 0));
    assert_eq!(scene.server.texts().len(), 1);
    let events = scene.log.0.lock().expect("not poisoned");
    assert!(events.iter().any(|event| matches!(event, Event::Waiting { .. })), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn updates_and_deletes_are_repeated_five_times_at_most() {
    let server = Server::with_script([]);
    let mut scene = Scene::new(server.clone()).want("a@v", "one");
    scene.apply().await;
    scene.wanted[0].1 = "two".to_owned();
    *server.script.lock().expect("not poisoned") =
        [Fate::FailsBefore, Fate::LostAnswer, Fate::LostRequest].into();
    assert_eq!(scene.apply().await.exit_status(), 0);
    assert_eq!(scene.server.texts(), [("v".to_owned(), "two".to_owned())]);

    scene.wanted[0].1 = "three".to_owned();
    *server.script.lock().expect("not poisoned") = [Fate::FailsBefore; 20].into();
    let outcome = scene.apply().await;
    assert_eq!((outcome.failed.len(), outcome.requests, outcome.exit_status()), (1, 6, 1));
    assert_eq!(outcome.failed[0].action, "update");
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_does_not_stop_the_others() {
    let scene =
        Scene::new(Server::with_script([Fate::Status(400)])).want("a@v", "one").want("b@v", "two");
    let outcome = scene.apply().await;
    assert_eq!((outcome.applied, outcome.failed.len(), outcome.exit_status()), (1, 1, 1));
    assert_eq!(scene.store.intents().await.expect("readable"), [], "it is not unknown");
    assert_eq!(scene.plan().await.summary.create, 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_key_stops_the_run_at_once() {
    for status in [401, 402, 403] {
        let scene = Scene::new(Server::with_script([Fate::Status(status)]))
            .want("a@v", "one")
            .want("b@v", "two");
        let outcome = scene.apply().await;
        assert_eq!(outcome.stopped, Some(Stop::Fatal));
        assert_eq!(outcome.exit_status(), 1);
        assert_eq!((outcome.remaining, scene.server.asked().len()), (1, 1));
        assert!(outcome.fatal.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_nobody_can_reach_stops_the_run() {
    let scene = Scene::new(Server::with_script([Fate::NotConnected; 30]))
        .want("a@v", "one")
        .want("b@v", "two");
    let outcome = scene.apply().await;
    assert_eq!(outcome.stopped, Some(Stop::Fatal));
    assert_eq!(scene.server.asked().len(), 6, "one request and five repetitions, not for each");
    assert_eq!(scene.store.intents().await.expect("readable"), []);
}

#[tokio::test(start_paused = true)]
async fn a_replace_posts_the_new_one_before_it_deletes_the_old_one() {
    let server = Server::with_script([]);
    let mut scene = Scene::new(server.clone()).want("a@v", "one");
    scene.apply().await;
    scene.wanted[0].2 = Sender::Group("g".to_owned());
    assert_eq!(scene.apply().await.requests, 2);
    assert_eq!(scene.server.asked(), ["POST one", "POST one", "DELETE m1"]);

    scene.wanted[0].2 = Sender::Group("h".to_owned());
    *server.script.lock().expect("not poisoned") = [Fate::Works, Fate::Status(400)].into();
    assert_eq!(scene.apply().await.exit_status(), 1);
    let record = &scene.records().await[0];
    assert_eq!(record.id, MessageId::new("m3"));
    assert_eq!(record.superseded.as_ref().map(|old| old.id.as_str()), Some("m2"));
    let outcome = scene.apply().await;
    assert_eq!((outcome.applied, outcome.requests), (1, 1), "it goes on where it stopped");
    assert_eq!(scene.server.texts().len(), 1);
    assert!(scene.plan().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_gone_is_recorded_as_gone() {
    let server = Server::with_script([]);
    let mut scene = Scene::new(server.clone()).want("a@v", "one").want("b@v", "x");
    scene.apply().await;
    server.messages.lock().expect("not poisoned").clear();
    scene.wanted = vec![("a@v".into(), "two".into(), Sender::Random)];
    let outcome = scene.apply().await;
    assert_eq!(outcome.applied, 1, "a delete answered 404 is done");
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(scene.records().await[0].drift, Some(Drift::Gone));
    assert_eq!(scene.plan().await.summary.resend, 1);
    assert_eq!(scene.apply().await.exit_status(), 0);
    assert_eq!(scene.server.texts(), [("v".to_owned(), "two".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_the_headers_is_never_overshot() {
    let server = Server::with_script([]);
    *server.budget.lock().expect("not poisoned") = Some((10, 10));
    *server.hold.lock().expect("not poisoned") = Some(Duration::from_secs(1));
    let mut scene = Scene::new(server);
    for n in 0..30 {
        scene = scene.want(&format!("m{n}@v"), "text");
    }
    scene.options.concurrency = NonZeroUsize::new(8).expect("not zero");
    let outcome = scene.apply().await;
    assert_eq!(outcome.stopped, Some(Stop::Budget));
    assert_eq!((outcome.applied, outcome.remaining, outcome.requests), (10, 20, 10));
    assert_eq!(outcome.exit_status(), 3);
    assert_eq!(scene.store.intents().await.expect("readable"), []);

    let note = scene.store.meta().await.expect("readable").budget.expect("remembered");
    assert_eq!((note.limit, note.remaining), (10, 0));
    let mut again = scene;
    again.stopper = Default::default();
    let outcome = again.apply().await;
    assert_eq!((outcome.requests, outcome.exit_status()), (0, 3), "the state remembers it");
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_for_the_budget_is_slept_through() {
    let mut scene = Scene::new(Server::with_script([])).want("a@v", "one");
    let now = (scene.options.clock)();
    let note = BudgetNote {
        limit: 100,
        remaining: 0,
        resets_at: now + Duration::from_secs(200),
        retry_at: None,
        seen_at: now,
        assumed: false,
    };
    scene.store.commit(vec![Write::Budget(note)]).await.expect("writable");
    scene.options.max_wait = Duration::from_secs(100);
    assert_eq!(scene.apply().await.exit_status(), 3);
    scene.stopper = Default::default();
    scene.options.max_wait = Duration::from_secs(300);
    assert_eq!(scene.apply().await.exit_status(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_bounded_by_requests_and_by_time() {
    let mut scene =
        Scene::new(Server::with_script([])).want("a@v", "1").want("b@v", "2").want("c@v", "3");
    scene.options.max_requests = Some(2);
    let outcome = scene.apply().await;
    assert_eq!((outcome.applied, outcome.remaining, outcome.exit_status()), (2, 1, 3));

    scene.stopper = Default::default();
    scene.options.max_requests = None;
    scene.options.max_duration = Some(Duration::ZERO);
    let outcome = scene.apply().await;
    assert_eq!((outcome.stopped, outcome.requests), (Some(Stop::Duration), 0));
}

#[tokio::test(start_paused = true)]
async fn a_signal_lets_requests_under_way_finish() {
    let server = Server::with_script([]);
    *server.hold.lock().expect("not poisoned") = Some(Duration::from_secs(10));
    let mut scene = Scene::new(server);
    for n in 0..6 {
        scene = scene.want(&format!("m{n}@v"), "text");
    }
    scene.options.concurrency = NonZeroUsize::new(2).expect("not zero");
    let stopper = scene.stopper.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(15)).await;
        stopper.stop(Stop::Signal);
    });
    let outcome = scene.apply().await;
    assert_eq!(outcome.stopped, Some(Stop::Signal));
    // The first one went alone, then two together.
    assert_eq!((outcome.applied, outcome.remaining), (3, 3));
    assert_eq!(scene.records().await.len(), 3);
    assert_eq!(scene.store.intents().await.expect("readable"), []);
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_what_was_asked_for() {
    let server = Server::with_script([]);
    *server.hold.lock().expect("not poisoned") = Some(Duration::from_secs(1));
    let mut scene = Scene::new(server);
    for n in 0..20 {
        scene = scene.want(&format!("m{n}@v"), "text");
    }
    scene.options.concurrency = NonZeroUsize::new(4).expect("not zero");
    scene.apply().await;
    assert_eq!(scene.server.under_way.lock().expect("not poisoned").1, 4);
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_beyond_the_number_of_changes_is_that_number() {
    let server = Server::with_script([]);
    *server.hold.lock().expect("not poisoned") = Some(Duration::from_secs(1));
    let mut scene = Scene::new(server).want("a@v", "one").want("b@v", "two");
    scene.options.concurrency = NonZeroUsize::MAX;
    let outcome = scene.apply().await;
    assert_eq!((outcome.applied, outcome.requests), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_in_the_history() {
    let scene = Scene::new(Server::with_script([Fate::Works, Fate::Status(400)]))
        .want("a@v", "one")
        .want("b@v", "two");
    scene.apply().await;
    let runs = scene.store.runs(10).await.expect("readable");
    assert_eq!(runs.len(), 1);
    let outcomes: Vec<_> =
        runs[0].changes.iter().map(|c| (c.address.as_str(), c.outcome.as_str())).collect();
    assert_eq!(outcomes, [("a@v", "done"), ("b@v", "failed")]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_asks_for_the_least_recently_verified_first_and_records_drift() {
    let server = Server::with_script([]);
    let mut scene = Scene::new(server.clone());
    *server.hold.lock().expect("not poisoned") = Some(Duration::from_secs(1));
    for name in ["b@v", "a@v", "c@v"] {
        scene = scene.want(name, name);
        scene.apply().await;
    }
    server.messages.lock().expect("not poisoned").remove(&MessageId::new("m1"));
    if let Some(message) =
        server.messages.lock().expect("not poisoned").get_mut(&MessageId::new("m2"))
    {
        message.2 = "changed by hand".to_owned();
    }
    let found =
        refresh(&Selection::default(), Oldest { most: Some(2), before: None }, scene.session())
            .await
            .expect("the state works");
    assert_eq!(scene.server.asked()[3..], ["GET m1", "GET m2"]);
    assert_eq!((found.verified, found.remaining, found.requests), (2, 1, 2));
    assert_eq!((found.gone, found.changed), (vec![address("b@v")], vec![address("a@v")]));
    let plan = scene.plan().await;
    assert_eq!((plan.summary.resend, plan.summary.restore, plan.summary.unchanged), (1, 1, 1));

    let found =
        refresh(&Selection::default(), Oldest { most: Some(1), before: None }, scene.session())
            .await
            .expect("the state works");
    assert_eq!(scene.server.asked()[5..], ["GET m3"], "each in its turn");
    assert_eq!(found.exit_status(), 0);
    scene.apply().await;
    assert!(scene.plan().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_a_clock_verified_that_was_ahead_has_its_turn_too() {
    let mut scene = Scene::new(Server::with_script([]));
    for name in ["a@v", "b@v", "c@v"] {
        scene = scene.want(name, name);
    }
    scene.apply().await;
    let mut ahead = scene.records().await.swap_remove(1);
    ahead.verified_at += jiff::SignedDuration::from_hours(400 * 24);
    scene.store.commit(vec![Write::Put(Box::new(ahead))]).await.expect("writable");
    for turn in ["GET m2", "GET m1", "GET m3", "GET m2"] {
        tokio::time::advance(Duration::from_secs(1)).await;
        let found =
            refresh(&Selection::default(), Oldest { most: Some(1), before: None }, scene.session())
                .await;
        assert_eq!(found.expect("the state works").verified, 1);
        assert_eq!(scene.server.asked().last().map(String::as_str), Some(turn));
    }
}

/// A message that was sent, and a run that wanted something else of it and met these fates.
async fn disturbed(wanted: &[(&str, &str)], fates: &[Fate]) -> Scene {
    let server = Server::with_script([]);
    let mut scene = Scene::new(server.clone()).want("a@v", "Good");
    scene.apply().await;
    scene.wanted = wanted
        .iter()
        .map(|(address, text)| ((*address).to_owned(), (*text).to_owned(), Sender::Random))
        .collect();
    *server.script.lock().expect("not poisoned") = fates.iter().copied().collect();
    scene.apply().await;
    server.script.lock().expect("not poisoned").clear();
    server.requests.lock().expect("not poisoned").clear();
    scene.stopper = Default::default();
    scene
}

/// Whatever the other attempts did, one of them may have had its effect.
const UNSURE: [&[Fate]; 6] = [
    &[Fate::LostAnswer; 6],
    &[Fate::LostRequest; 6],
    &[Fate::FailsAfter; 6],
    &[Fate::FailsBefore, Fate::Status(400)],
    &[Fate::LostAnswer, Fate::Status(403)],
    &[
        Fate::FailsAfter,
        Fate::NotConnected,
        Fate::NotConnected,
        Fate::NotConnected,
        Fate::NotConnected,
        Fate::NotConnected,
    ],
];

#[tokio::test(start_paused = true)]
async fn an_update_without_outcome_is_put_right_with_one_request_if_it_is_taken_back() {
    for fates in UNSURE {
        let mut scene = disturbed(&[("a@v", "BAD")], fates).await;
        scene.wanted[0].1 = "Good".to_owned();
        assert_eq!(scene.plan().await.summary.restore, 1, "{fates:?}");
        assert_eq!(scene.apply().await.exit_status(), 0);
        assert_eq!(scene.server.asked(), ["PUT m1"], "{fates:?}");
        assert_eq!(scene.server.texts(), [("v".to_owned(), "Good".to_owned())]);
        assert!(scene.plan().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_stays_unfinished_twice_is_still_made_sure_of() {
    let mut scene = disturbed(&[("a@v", "BAD")], &[Fate::LostAnswer; 6]).await;
    scene.wanted[0].1 = "Good".to_owned();
    *scene.server.script.lock().expect("not poisoned") = [Fate::LostRequest; 6].into();
    assert_eq!(scene.apply().await.exit_status(), 1);
    let plan = scene.plan().await;
    assert_eq!(plan.summary.restore, 1);
    let before = plan.changes[0].before().map(|content| content.text.to_string());
    assert_eq!(before.as_deref(), Some("BAD"), "the plan shows what the visitor may see");
    assert_eq!(scene.apply().await.exit_status(), 0);
    assert_eq!(scene.server.texts(), [("v".to_owned(), "Good".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_without_outcome_is_asked_for_if_the_message_is_wanted_again() {
    for fates in UNSURE {
        for text in ["Good", "Better"] {
            let mut scene = disturbed(&[], fates).await;
            let there = !scene.server.texts().is_empty();
            scene.wanted = vec![("a@v".to_owned(), text.to_owned(), Sender::Random)];
            assert_eq!(scene.plan().await.summary.restore, 1, "{fates:?}");
            assert_eq!(scene.apply().await.exit_status(), 0, "{fates:?}");
            let then = match (there, text) {
                (true, "Good") => None,
                (true, _) => Some("PUT m1".to_owned()),
                (false, _) => Some(format!("POST {text}")),
            };
            let expected: Vec<_> = ["GET m1".to_owned()].into_iter().chain(then).collect();
            assert_eq!(scene.server.asked(), expected, "{fates:?}");
            assert_eq!(scene.server.texts(), [("v".to_owned(), text.to_owned())]);
            assert!(scene.plan().await.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_without_outcome_is_sent_again_if_the_message_is_still_unwanted() {
    for fates in UNSURE {
        let scene = disturbed(&[], fates).await;
        assert_eq!(scene.apply().await.exit_status(), 0);
        assert_eq!(scene.server.asked(), ["DELETE m1"]);
        assert_eq!(scene.server.texts(), []);
        assert!(scene.plan().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_certainly_took_no_effect_leaves_nothing_to_make_sure_of() {
    let refused: [&[Fate]; 3] =
        [&[Fate::Status(400)], &[Fate::Status(401)], &[Fate::NotConnected; 6]];
    for fates in refused {
        for wanted in [&[("a@v", "BAD")][..], &[]] {
            let mut scene = disturbed(wanted, fates).await;
            scene.wanted = vec![("a@v".to_owned(), "Good".to_owned(), Sender::Random)];
            // The other text is approved no longer.
            assert!(scene.plan().await.changes.is_empty(), "{fates:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_finds_out_what_became_of_an_update_or_a_delete() {
    for fates in UNSURE {
        for wanted in [&[("a@v", "BAD")][..], &[]] {
            let mut scene = disturbed(wanted, fates).await;
            refresh(&Selection::default(), Oldest::default(), scene.session())
                .await
                .expect("refreshed");
            let (there, records) = (scene.server.texts(), scene.records().await);
            assert!(records.iter().all(|record| record.intent.is_none()), "{fates:?}");
            assert!(records.iter().all(|record| record.drift.is_none()), "{fates:?}");
            assert_eq!(records.len(), there.len());
            // What it found is what the plan compares with.
            scene.wanted = there
                .iter()
                .map(|(_, text)| ("a@v".into(), text.clone(), Sender::Random))
                .collect();
            assert!(scene.plan().await.changes.is_empty(), "{fates:?} {wanted:?}");
        }
    }
}
