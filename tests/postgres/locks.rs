//! One writer at a time.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use pushsync::state::{self, LockHolder, OpenOptions, StateError};

use super::{
    cluster::{refusal, server},
    process::Writer,
    support::*,
};

/// How often two race.
const RACES: usize = 200;

#[test]
fn a_second_process_is_told_who_holds_the_lock_in_the_words_of_the_other_stores() {
    let database = server!().database();
    let _first = database.open().expect("opens");
    let here = refusal(database.open());
    let folder = tempfile::tempdir().expect("a folder");
    let _other = open(folder.path()).expect("opens");
    let there = refusal(open(folder.path()));
    let name = folder.path().display().to_string();
    assert!(here.contains("`pushsync apply` (process 4242 on ci-runner, since 2026-"), "{here}");
    assert_eq!(here, there.replace(&name, &place(&database.url())));
}

fn place(url: &str) -> String {
    let Err(StateError::NotFound { location: place, .. }) = state::open(OpenOptions {
        target: state::StateTarget::Postgres(url.into()),
        mode: state::Mode::MustExist,
        environment: "nowhere".into(),
        ..options("".as_ref())
    }) else {
        panic!("it should not be there")
    };
    place
}

#[test]
fn a_note_that_a_dead_session_left_is_not_shown() {
    let database = server!().database();
    drop(database.open().expect("opens"));
    assert_eq!(database.admin("SELECT * FROM pushsync_locks").len(), 0);
    database.admin(
        "CREATE FUNCTION deface() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             NEW.backend := 1; RETURN NEW;
         END $$;
         CREATE TRIGGER deface BEFORE INSERT ON pushsync_locks FOR EACH ROW \
             EXECUTE FUNCTION deface()",
    );
    let _holder = database.open().expect("opens");
    assert_eq!(database.admin("SELECT backend FROM pushsync_locks"), [["1"]]);
    let said = refusal(database.open());
    assert!(said.contains("is in use by another process"), "{said}");
}

#[test]
fn the_lock_is_waited_for_as_long_as_asked() {
    let database = server!().database();
    let first = database.open().expect("opens");
    let options = OpenOptions { lock_timeout: Duration::from_secs(120), ..database.options() };
    let start = Instant::now();
    thread::scope(|scope| {
        let second = scope.spawn(|| state::open(options).map(drop));
        // It asks, and is told to wait.
        while database.statements().iter().filter(|s| s.contains("try_advisory")).count() < 3 {
            assert!(start.elapsed() < Duration::from_secs(60), "nobody asks");
            thread::sleep(Duration::from_millis(10));
        }
        assert!(!second.is_finished());
        drop(first);
        second.join().expect("ends").expect("gets it");
    });
}

#[test]
fn environments_and_schemas_do_not_wait_for_each_other() {
    let database = server!().database();
    let _default = database.open().expect("opens");
    let staging = OpenOptions { environment: "staging".into(), ..database.options() };
    let _staging = state::open(staging).expect("opens");
    // As long a name as that of the other.
    database.admin("CREATE SCHEMA others");
    let url = format!("{}?options=-csearch_path%3Dothers", database.url());
    let location = state::StateTarget::Postgres(url.into());
    let _other =
        state::open(OpenOptions { target: location, ..database.options() }).expect("opens");
    assert!(matches!(database.open(), Err(StateError::Locked { .. })));
}

#[test]
fn users_with_different_search_paths_share_the_lock_of_the_tables_they_share() {
    let database = server!().database();
    let _default = database.open().expect("opens");
    database.admin("CREATE SCHEMA other");
    let url = format!("{}?options=-csearch_path%3Dother,public", database.url());
    let location = state::StateTarget::Postgres(url.into());
    let second = state::open(OpenOptions { target: location, ..database.options() });
    assert!(matches!(second, Err(StateError::Locked { .. })));
}

#[test]
fn a_process_that_is_refused_gives_the_lock_back() {
    let database = server!().database();
    let right = Some(key("correct horse battery"));
    drop(state::open(OpenOptions { key: right.clone(), ..database.options() }).expect("opens"));
    for _ in 0..20 {
        let wrong = Some(key("another passphrase 1"));
        let error = state::open(OpenOptions { key: wrong, ..database.options() });
        assert!(matches!(error, Err(StateError::WrongKey { .. })), "{error:?}");
        let error = state::open(database.options());
        assert!(matches!(error, Err(StateError::Encrypted { .. })), "{error:?}");
    }
    drop(state::open(OpenOptions { key: right, ..database.options() }).expect("opens"));
}

#[test]
fn exactly_one_of_two_threads_gets_the_lock_each_time() {
    let database = server!().database();
    let barrier = Barrier::new(2);
    let race = |pid: u32| {
        let mut outcomes = Vec::new();
        for _ in 0..RACES {
            let options = database.options();
            let options = OpenOptions { holder: LockHolder { pid, ..options.holder }, ..options };
            barrier.wait();
            let store = state::open(options);
            barrier.wait();
            // No panic here: the other would wait for ever.
            outcomes.push(match &store {
                Ok(_) => Ok(None),
                Err(StateError::Locked { holder, .. }) => Ok(Some(holder.as_ref().map(|h| h.pid))),
                Err(error) => Err(error.to_string()),
            });
        }
        outcomes
    };
    let (ones, others) = thread::scope(|scope| {
        let other = scope.spawn(|| race(2));
        (race(1), other.join().expect("ends"))
    });
    for (one, other) in ones.into_iter().zip(others) {
        match (one, other) {
            (Ok(None), Ok(Some(holder))) => assert_eq!(holder.unwrap_or(1), 1),
            (Ok(Some(holder)), Ok(None)) => assert_eq!(holder.unwrap_or(2), 2),
            both => panic!("not exactly one: {both:?}"),
        }
    }
}

#[test]
fn exactly_one_of_two_processes_gets_the_lock_each_time() {
    let database = server!().database();
    let mut both = [Writer::start(&database), Writer::start(&database)];
    for _ in 0..RACES {
        for writer in &mut both {
            writer.tell("open");
        }
        let said = both.each_mut().map(Writer::hear);
        let won = said.iter().filter(|said| *said == "open").count();
        let told = said.iter().filter(|said| said.contains("is in use by")).count();
        assert_eq!((won, told), (1, 1), "{said:?}");
        for writer in &mut both {
            writer.tell("close");
            assert_eq!(writer.hear(), "closed");
        }
    }
}

#[test]
fn the_lock_of_a_process_that_was_killed_is_free() {
    let database = server!().database();
    let mut writer = Writer::start(&database);
    writer.tell("open");
    assert_eq!(writer.hear(), "open");
    assert!(matches!(database.open(), Err(StateError::Locked { .. })));
    writer.kill();
    let options = OpenOptions { lock_timeout: Duration::from_secs(60), ..database.options() };
    let store = state::open(options).expect("is free soon");
    // Its note is gone as well, or replaced.
    let notes = database.admin("SELECT holder->>'pid' FROM pushsync_locks");
    assert_eq!(notes, [["4242"]]);
    drop(store);
}
