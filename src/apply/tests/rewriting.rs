//! Servers that change texts: what they do is not restored for ever, what people do is.

use std::sync::Arc;

use super::server::*;
use crate::{
    apply::{Oldest, Refreshed, refresh, resolution},
    model::{Content, Drift, MessageId, Record, Sender, TextThere},
    plan::Selection,
    state::{Store, Write},
};

const TELLS: [Tells; 3] = [Tells::Kept, Tells::Nothing, Tells::Sent];

/// How many restores it takes at most until a server that tells this of its texts is understood.
fn restores(tells: Tells) -> usize {
    match tells {
        Tells::Kept => 0,
        Tells::Nothing | Tells::Before => 1,
        Tells::Sent => 3,
    }
}

fn server(keeps: fn(&str) -> String, tells: Tells) -> Arc<Server> {
    let server = Server::with_script([]);
    *server.rewriting.lock().expect("not poisoned") = Some(Rewriting { keeps, tells });
    server
}

async fn look(scene: &Scene) -> Refreshed {
    refresh(&Selection::default(), Oldest::default(), scene.session())
        .await
        .expect("the state works")
}

/// `apply --refresh`: how many PUTs it sends.
async fn put(scene: &Scene) -> usize {
    look(scene).await;
    let before = scene.server.asked().len();
    assert_eq!(scene.apply().await.exit_status(), 0);
    let asked = scene.server.asked();
    assert!(asked[before..].iter().all(|request| request.starts_with("PUT")), "{asked:?}");
    asked.len() - before
}

/// `apply --refresh`, again and again: how many PUTs until none is sent any more.
async fn puts_until_settled(scene: &Scene) -> usize {
    let mut all = 0;
    for _ in 0..9 {
        match put(scene).await {
            0 => break,
            puts => all += puts,
        }
    }
    look(scene).await;
    assert!(scene.plan().await.is_empty());
    all
}

async fn only_record(scene: &Scene) -> Record {
    scene.records().await.remove(0)
}

fn kept(text: &str) -> Option<TextThere> {
    Some(TextThere::Whole(text.into()))
}

#[tokio::test(start_paused = true)]
async fn what_a_server_does_to_a_text_is_not_restored_for_ever_and_an_edit_is_restored_once() {
    for tells in TELLS {
        let keeps = |text: &str| text.trim().replace('&', "&amp;");
        let scene = Scene::new(server(keeps, tells)).want("a@v", "  this & that");
        let outcome = scene.apply().await;
        assert_eq!(outcome.rewritten.messages, u64::from(tells == Tells::Kept), "{tells:?}");
        assert_eq!(puts_until_settled(&scene).await, restores(tells), "{tells:?}");
        let record = only_record(&scene).await;
        assert_eq!(record.answered_text, kept("this &amp; that"), "{tells:?}");
        assert_eq!(*record.content.text, *"  this & that", "the plan compares with what was sent");

        for edit in ["by hand", "by another hand", "by hand"] {
            scene.server.edit(edit);
            let found = look(&scene).await;
            assert_eq!(found.changed, [address("a@v")], "{tells:?}");
            let outcome = scene.apply().await;
            assert_eq!((outcome.applied, outcome.requests), (1, 1), "{tells:?}");
            assert_eq!(puts_until_settled(&scene).await, 0, "{tells:?}");
            assert_eq!(scene.server.texts()[0].1, "this &amp; that");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_text_of_a_message_is_learned_anew() {
    for tells in TELLS {
        let mut scene = Scene::new(server(|text| text.to_uppercase(), tells)).want("a@v", "one");
        scene.apply().await;
        puts_until_settled(&scene).await;
        scene.wanted[0].1 = "two".to_owned();
        assert_eq!(scene.apply().await.requests, 1);
        if tells == Tells::Nothing {
            let record = only_record(&scene).await;
            assert_eq!((record.answered_text, record.restored), (None, None));
        }
        assert_eq!(puts_until_settled(&scene).await, restores(tells), "{tells:?}");
        assert_eq!(only_record(&scene).await.answered_text, kept("TWO"));
        // The old text is not there by the server's doing any more.
        scene.server.edit("ONE");
        assert_eq!(look(&scene).await.changed.len(), 1, "{tells:?}");
        assert_eq!(puts_until_settled(&scene).await, 1, "{tells:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_the_same_text_again_is_overruled_each_time() {
    for tells in [Some(Tells::Kept), Some(Tells::Sent), Some(Tells::Nothing), None] {
        let server = Server::with_script([]);
        let rewriting = tells.map(|tells| Rewriting { keeps: str::to_owned, tells });
        *server.rewriting.lock().expect("not poisoned") = rewriting;
        let scene = Scene::new(server).want("a@v", "as it should be");
        scene.apply().await;
        for _ in 0..9 {
            scene.server.edit("the same edit");
            assert_eq!(puts_until_settled(&scene).await, 1, "{tells:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_edit_before_each_look_is_taken_for_the_servers_doing_after_three_restores() {
    let keeps = server(str::to_owned, Tells::Kept);
    let scene = Scene::new(keeps).want("a@v", "as it should be");
    scene.apply().await;
    for puts in [1, 1, 1, 0, 0] {
        scene.server.edit("the same edit");
        assert_eq!(put(&scene).await, puts);
    }
    let record = only_record(&scene).await;
    assert_eq!((record.answered_text, record.restored), (kept("the same edit"), None));
    // Any other is restored as ever.
    scene.server.edit("another edit");
    assert_eq!(puts_until_settled(&scene).await, 1);
}

/// As a database does that gives back what it replaces.
#[tokio::test(start_paused = true)]
async fn an_answer_with_the_text_from_before_hides_no_edit_once_the_new_text_was_seen() {
    let mut scene = Scene::new(server(str::to_owned, Tells::Before)).want("a@v", "one");
    scene.apply().await;
    scene.wanted[0].1 = "two".to_owned();
    scene.apply().await;
    assert_eq!(only_record(&scene).await.answered_text, kept("one"));
    assert_eq!(puts_until_settled(&scene).await, 0);
    assert_eq!(only_record(&scene).await.answered_text, None);
    for edit in ["one", "by hand", "by hand", "one"] {
        scene.server.edit(edit);
        assert_eq!(puts_until_settled(&scene).await, 1, "{edit}");
        assert_eq!(scene.server.texts()[0].1, "two");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_changes_texts_and_answers_the_one_from_before_is_understood() {
    let mut scene = Scene::new(server(str::to_uppercase, Tells::Before)).want("a@v", "one");
    scene.apply().await;
    assert_eq!(puts_until_settled(&scene).await, 1);
    scene.wanted[0].1 = "two".to_owned();
    scene.apply().await;
    assert_eq!(puts_until_settled(&scene).await, 1);
    scene.server.edit("by hand");
    assert!(puts_until_settled(&scene).await <= 2);
    assert_eq!(scene.server.texts()[0].1, "TWO");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_says_once_that_the_server_changes_a_text() {
    let scene = Scene::new(server(str::to_uppercase, Tells::Nothing)).want("a@v", "one");
    scene.apply().await;
    assert_eq!(put(&scene).await, 1);
    let found = look(&scene).await;
    assert_eq!((found.rewritten.messages, found.rewritten.first), (1, Some(address("a@v"))));
    assert_eq!(found.changed, []);
    assert_eq!(look(&scene).await.rewritten.messages, 0);
}

#[tokio::test(start_paused = true)]
async fn line_breaks_at_the_end_that_an_api_adds_are_no_difference() {
    for end in ["\n", "\r\n", "\r\n\n"] {
        let ends: fn(&str) -> String = match end {
            "\n" => |text| format!("{text}\n"),
            "\r\n" => |text| format!("{text}\r\n"),
            _ => |text| format!("{text}\r\n\n"),
        };
        let scene = Scene::new(server(ends, Tells::Kept)).want("a@v", "one");
        assert_eq!(scene.apply().await.rewritten.messages, 0);
        assert_eq!(puts_until_settled(&scene).await, 0);
        assert_eq!(only_record(&scene).await.answered_text, None);
    }
    // A blank is one.
    let scene = Scene::new(server(|text| format!("{text} \n"), Tells::Kept)).want("a@v", "one");
    assert_eq!(scene.apply().await.rewritten.messages, 1);
    assert_eq!(puts_until_settled(&scene).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_and_an_update_keep_what_was_answered() {
    let mut scene = Scene::new(server(str::to_uppercase, Tells::Kept)).want("a@v", "one");
    scene.apply().await;
    scene.wanted[0].2 = Sender::Group("g".to_owned());
    let outcome = scene.apply().await;
    assert_eq!((outcome.requests, outcome.rewritten.messages), (2, 1));
    assert_eq!(only_record(&scene).await.answered_text, kept("ONE"));
    assert_eq!(puts_until_settled(&scene).await, 0);
    // A text that is kept as it is.
    scene.wanted[0].1 = "TWO".to_owned();
    assert_eq!(scene.apply().await.rewritten.messages, 0);
    assert_eq!(only_record(&scene).await.answered_text, None);
    assert_eq!(puts_until_settled(&scene).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_answer_was_lost_ends_after_at_most_one_restore_more() {
    for fate in [Fate::LostAnswer, Fate::FailsAfter, Fate::LostRequest, Fate::FailsBefore] {
        for tells in TELLS {
            let mut scene = Scene::new(server(str::to_uppercase, tells)).want("a@v", "one");
            scene.apply().await;
            puts_until_settled(&scene).await;
            scene.wanted[0].1 = "two".to_owned();
            *scene.server.script.lock().expect("not poisoned") = [fate; 6].into();
            assert_eq!(scene.apply().await.exit_status(), 1);
            // The update comes again: the server shows neither of the two texts that were sent.
            let puts = puts_until_settled(&scene).await;
            assert!(puts <= 1 + restores(tells), "{fate:?} {tells:?}: {puts}");
            assert_eq!(scene.server.texts()[0].1, "TWO");
            assert_eq!(only_record(&scene).await.answered_text, kept("TWO"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restore_whose_answer_was_lost_is_no_drift_where_the_servers_text_is_known() {
    let scene = Scene::new(server(str::to_uppercase, Tells::Kept)).want("a@v", "one");
    scene.apply().await;
    scene.server.edit("by hand");
    look(&scene).await;
    *scene.server.script.lock().expect("not poisoned") = [Fate::LostAnswer; 6].into();
    assert_eq!(scene.apply().await.exit_status(), 1);
    assert_eq!(puts_until_settled(&scene).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_was_taken_back_costs_no_update_where_the_servers_text_is_known() {
    let mut scene = Scene::new(server(str::to_uppercase, Tells::Kept)).want("a@v", "one");
    scene.apply().await;
    let wanted = std::mem::take(&mut scene.wanted);
    *scene.server.script.lock().expect("not poisoned") = [Fate::LostRequest; 6].into();
    assert_eq!(scene.apply().await.exit_status(), 1);
    scene.wanted = wanted;
    let before = scene.server.asked().len();
    assert_eq!(scene.apply().await.exit_status(), 0);
    assert_eq!(scene.server.asked()[before..], ["GET m1"]);
    assert_eq!(only_record(&scene).await.answered_text, kept("ONE"));
    assert_eq!(puts_until_settled(&scene).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_resolved_is_restored_once_at_most() {
    for tells in TELLS {
        let scene = Scene::new(server(str::to_uppercase, tells)).want("a@v", "one");
        *scene.server.script.lock().expect("not poisoned") = [Fate::LostAnswer].into();
        assert_eq!(scene.apply().await.exit_status(), 4);
        let intent = scene.store.intents().await.expect("readable").remove(0);
        let now = (scene.options.clock)();
        let writes = resolution(intent, Some(MessageId::new("m1")), None, now);
        scene.store.commit(writes).await.expect("writable");
        // An agent may have edited it meanwhile: it is drift.
        assert_eq!(look(&scene).await.changed, [address("a@v")]);
        let puts = puts_until_settled(&scene).await;
        assert_eq!(puts, restores(tells).max(1), "{tells:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_far_longer_than_the_text_is_kept_as_a_digest() {
    let scene = Scene::new(server(|text| text.repeat(300_000), Tells::Kept)).want("a@v", "one");
    assert_eq!(scene.apply().await.rewritten.messages, 1);
    let record = only_record(&scene).await;
    assert!(matches!(record.answered_text, Some(TextThere::Digest(_))));
    assert!(serde_json::to_vec(&record).expect("JSON").len() < 1024);
    assert_eq!(puts_until_settled(&scene).await, 0);
    scene.server.edit("by hand");
    assert_eq!(puts_until_settled(&scene).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_rename_takes_along_what_was_answered() {
    let scene = Scene::new(server(str::to_uppercase, Tells::Kept)).want("a@v", "one");
    scene.apply().await;
    let record = only_record(&scene).await;
    let moved = Record { address: address("b@v"), ..record.clone() };
    let writes = vec![Write::Remove(record.address), Write::Put(Box::new(moved))];
    scene.store.commit(writes).await.expect("writable");
    assert_eq!(look(&scene).await.changed, []);
}

#[test]
fn drift_that_is_found_with_an_unfinished_update_is_that_of_the_text_which_is_there() {
    let now = epoch();
    let record = Record {
        address: address("a@v"),
        kind: crate::model::Kind::Pushed,
        id: MessageId::new("m1"),
        content: Content { text: "one".into(), from: Sender::Random },
        answered_text: kept("ONE"),
        restored: None,
        protect: false,
        created_at: now,
        updated_at: now,
        verified_at: now,
        drift: None,
        superseded: None,
        intent: Some(crate::model::ChangeIntent::Update { text: "two".into(), at: now }),
    };
    let seen = |text: &str| record.clone().seen(Some(text), now);
    // It took effect, and the server keeps this text as it is.
    let two = seen("two");
    assert_eq!((&*two.content.text, two.answered_text, two.drift), ("two", None, None));
    // It took no effect.
    for (there, answered) in [("one", None), ("ONE", kept("ONE"))] {
        let one = seen(there);
        assert_eq!((&*one.content.text, one.answered_text, one.drift), ("one", answered, None));
    }
    // It may have taken effect: what is wanted is sent once more.
    let other = seen("TWO");
    assert_eq!(other.drift, Some(Drift::Text("TWO".into())));
    assert_eq!(*other.content.text, *"one");
    let again = other.sent(Content { text: "two".into(), from: Sender::Random }, Some("TWO"), now);
    assert_eq!((again.answered_text, again.restored), (kept("TWO"), None));
}
