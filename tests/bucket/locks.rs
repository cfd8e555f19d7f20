//! The lock: who gets it, who keeps it, and who may take it away.

use std::time::Duration;

use jiff::Timestamp;
use pushsync::state::{self, OpenOptions, StateError, Store, bucket};

use super::{
    proxy::{Fate, Proxy},
    server::server,
    support::*,
};

/// The time on this machine, which is also that of the server.
pub(crate) fn server_time() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).expect("in range")
}

fn refused(store: &dyn Store, name: &str) -> String {
    let result = runtime().block_on(async { store.commit(vec![put(name, "x")]).await });
    result.expect_err("is refused").to_string()
}

#[test]
fn a_second_writer_is_told_who_holds_the_state_and_until_when() {
    let place = server!().place();
    let first = state::open(place.options_of(77, 0)).expect("opens");
    let error = state::open(place.options_of(78, 1)).expect_err("is locked");
    let StateError::Locked { holder: Some(holder), until: Some(until), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(holder.pid, 77);
    // The lease runs from when it was taken or prolonged last, by the server's clock and not by the holder's.
    let now = server_time();
    let left = until.duration_since(now).as_secs();
    assert!((30..=61).contains(&left), "{until} at {now}");
    let said = error.to_string();
    for part in
        ["in use by `pushsync apply` (process 77 on ci-runner", "until 20", "--lock-timeout"]
    {
        assert!(said.contains(part), "{said}");
    }
    drop(first);
    state::open(place.options_of(78, 2)).expect("is free");
}

#[test]
fn a_process_that_waits_gets_the_lock_when_it_is_given_back() {
    let place = server!().place();
    let first = place.open().expect("opens");
    let patient = OpenOptions { lock_timeout: Duration::from_secs(60), ..place.options() };
    let second = std::thread::spawn(move || state::open(patient).map(drop));
    commit(&*first, vec![put("a@v", "x")]);
    std::thread::sleep(Duration::from_millis(700));
    commit(&*first, vec![put("b@v", "x")]);
    drop(first);
    second.join().expect("ends").expect("opens");
}

#[test]
fn a_lease_that_ran_out_is_taken_over_and_its_old_holder_writes_nothing_more() {
    let server = server!();
    let place = server.place().with(|limits| limits.lease = Duration::from_secs(3));
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let dead = state::open(place.through(proxy.address).options_of(77, 0)).expect("opens");
    commit(&*dead, vec![put("a@v", "before")]);
    // Its machine goes to sleep.
    proxy.cut();
    let second = loop {
        match state::open(place.options_of(78, 0)) {
            Ok(store) => break store,
            Err(error) => assert!(matches!(error, StateError::Locked { .. }), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    // And wakes up.
    proxy.decide(|_| Fate::Pass);
    commit(&*second, vec![put("b@v", "second")]);
    let lost =
        runtime().block_on(dead.confirm_lock()).expect_err("nothing may be sent").to_string();
    for part in [
        "its lock was taken over by `pushsync apply` (process 78 ",
        "which holds it now",
        "run again",
    ] {
        assert!(lost.contains(part), "{lost}");
    }
    let said = refused(&*dead, "c@v");
    assert!(said.contains("its lock was taken over by"), "{said}");
    drop(dead);
    // What the first did when it was closed did not take the lock from the second.
    let locked = state::open(place.options_of(79, 121)).expect_err("is locked");
    let StateError::Locked { holder: Some(holder), .. } = &locked else { panic!("{locked}") };
    assert_eq!(holder.pid, 78);
    commit(&*second, vec![put("d@v", "second")]);
    drop(second);
    let names: Vec<_> = scan(&*place.open().expect("opens")).expect("reads");
    let names: Vec<_> = names.iter().map(|located| located.address.as_str()).collect();
    assert_eq!(names, ["a@v", "b@v", "d@v"]);
}

#[test]
fn a_lock_is_prolonged_while_nobody_calls() {
    let place = server!().place().with(|limits| limits.lease = Duration::from_millis(1500));
    let store = state::open(place.options_of(77, 0)).expect("opens");
    commit(&*store, vec![put("a@v", "x")]);
    let first = bucket::holder(&place.bucket(), "default").expect("answers").expect("is held");
    std::thread::sleep(Duration::from_secs(4));
    let later = bucket::holder(&place.bucket(), "default").expect("answers").expect("is held");
    assert!(later.until > first.until, "{later:?} follows {first:?}");
    // By its own clock, the next one comes long after the first lease.
    let second = state::open(place.options_of(78, 4)).expect_err("is locked");
    assert!(matches!(second, StateError::Locked { .. }), "{second}");
    commit(&*store, vec![put("b@v", "x")]);
}

#[test]
fn a_lock_that_stands_still_is_stale_whatever_its_holders_clock_said() {
    let server = server!();
    let place = server.place().with(|limits| limits.lease = Duration::from_secs(2));
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    // A clock that is ten days ahead.
    let ahead = state::open(place.through(proxy.address).options_of(77, 864_000)).expect("opens");
    proxy.cut();
    let options = place.options_of(78, 0);
    let patient = OpenOptions { lock_timeout: Duration::from_secs(60), ..options };
    let second = state::open(patient).expect("is taken over");
    commit(&*second, vec![put("a@v", "x")]);
    drop(second);
    drop(ahead);
}

#[test]
fn breaking_a_lock_says_whose_it_was_and_stops_the_holder() {
    let place = server!().place();
    assert_eq!(bucket::unlock(&place.bucket(), "default").expect("answers"), None);
    let first = state::open(place.options_of(77, 0)).expect("opens");
    commit(&*first, vec![put("a@v", "x")]);
    let broken = bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    assert_eq!(broken.holder.map(|holder| holder.pid), Some(77));
    assert!(broken.until.is_some());
    assert_eq!(bucket::unlock(&place.bucket(), "default").expect("answers"), None);
    let second = state::open(place.options_of(78, 1)).expect("is free");
    commit(&*second, vec![put("b@v", "x")]);
    let said = refused(&*first, "c@v");
    assert!(said.contains("another process has written"), "{said}");
    assert!(refused(&*first, "c@v").contains("could not be written before"));
    drop((first, second));
    assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 2);
}

#[test]
fn a_holder_whose_lock_was_broken_notices_when_it_prolongs_it() {
    let place = server!().place().with(|limits| limits.lease = Duration::from_millis(1500));
    let store = place.open().expect("opens");
    bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    std::thread::sleep(Duration::from_secs(2));
    let said = refused(&*store, "a@v");
    assert!(said.contains("its lock was broken"), "{said}");
    assert_eq!(place.names_in("segments/"), [""; 0]);
}

#[test]
fn a_lock_that_cannot_be_read_is_somebodys_and_can_be_broken() {
    let place = server!().place();
    drop(place.open().expect("opens"));
    place.put("lock.json", b"\x00 what is this");
    let error = place.open().expect_err("is locked");
    assert!(matches!(error, StateError::Locked { holder: None, .. }), "{error}");
    let broken = bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    assert_eq!(broken, bucket::HeldLock { holder: None, until: None });
    place.open().expect("opens");
}

/// The machine slept, everything went on without it, and the segments that it would have met are
/// gone: the number that it uses next is free.
#[test]
fn a_commit_under_a_number_that_was_cleared_away_is_not_acknowledged() {
    let server = server!();
    let place = server.place().with(|limits| limits.grace = Duration::ZERO);
    // It does not hear the server's time, so that it cannot rely on its lease.
    let proxy = Proxy::stripping(server.address, &["date"], |_| Fate::Pass);
    let sleeper = state::open(place.through(proxy.address).options_of(77, 0)).expect("opens");
    commit(&*sleeper, vec![put("a@v", "x")]);
    bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    for n in 0..3 {
        let other = state::open(place.options_of(78, n)).expect("opens");
        commit(&*other, vec![put("b@v", &"x".repeat(9000))]);
        commit(&*other, vec![put("c@v", &"y".repeat(9000))]);
        drop(other);
        // By the server's clock, which counts in seconds, its objects are older than nothing.
        std::thread::sleep(Duration::from_millis(1100));
    }
    assert!(!place.names().contains(&"segments/00000000000000000002".to_owned()));
    let said = refused(&*sleeper, "d@v");
    assert!(said.contains("its lock was"), "{said}");
    drop(sleeper);
    assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 3);
}

/// It was cut off after its last commit, and is closed when others have gone on.
#[test]
fn a_writer_that_comes_back_does_not_move_the_head_back() {
    let place = server!().place();
    let first = state::open(place.options_of(77, 0)).expect("opens");
    commit(&*first, vec![put("a@v", "x")]);
    bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    for n in 0..3 {
        let other = state::open(place.options_of(78, n)).expect("opens");
        commit(&*other, vec![put("b@v", &"x".repeat(9000 * (n as usize + 1)))]);
    }
    let head = |place: &super::place::Place| {
        let head: serde_json::Value =
            serde_json::from_slice(&place.get("head.json")).expect("is JSON");
        let number =
            |path| head.pointer(path).and_then(serde_json::Value::as_u64).expect("is there");
        (number("/head/snapshot/sequence"), number("/head/last/sequence"))
    };
    let before = head(&place);
    assert_eq!(before.1, 4);
    drop(first);
    assert_eq!(head(&place), before);
    assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 2);
}
