//! When a lock has run out, whatever clocks say; and whether it is still ours before a request leaves.

use std::{thread, time::Duration};

use pushsync::state::{self, OpenOptions, StateError, Store, bucket};

use super::{
    locks::server_time,
    place::Place,
    proxy::{Fate, Proxy},
    server::server,
    support::*,
};

const LEASE: Duration = Duration::from_secs(2);

fn confirm(store: &dyn Store) -> Result<(), StateError> {
    runtime().block_on(store.confirm_lock())
}

/// With a short lease, and without much patience for a server that is cut off.
fn leased(place: &Place) -> Place {
    place.with(|limits| (limits.lease, limits.patience) = (LEASE, Duration::from_secs(2)))
}

/// Waits for it as long as it takes.
fn patient(options: OpenOptions) -> Box<dyn Store> {
    let options = OpenOptions { lock_timeout: Duration::from_secs(120), ..options };
    state::open(options).expect("is taken over in the end")
}

#[test]
fn a_clock_that_is_wrong_by_90_s_neither_loses_a_live_lock_nor_keeps_it_for_ever() {
    let server = server!();
    // What is wrong: the clock of the holder's machine, or the time that it hears from the server.
    let check = |machine: i64, heard: i64| {
        let place = leased(&server.place());
        let proxy = Proxy::start(server.address, |_| Fate::Pass);
        proxy.shift_dates(heard);
        let now = server_time();
        let options = place.through(proxy.address).options_of(77, 0);
        let wrong = now.checked_add(jiff::SignedDuration::from_secs(machine)).expect("in range");
        let holder = state::open(OpenOptions { now: wrong, ..options }).expect("opens");
        // For longer than a lease, others look at it and leave it alone.
        for _ in 0..7 {
            let options = OpenOptions { now: server_time(), ..place.options_of(78, 0) };
            let error = state::open(options).expect_err("is held");
            assert!(matches!(error, StateError::Locked { .. }), "{error}");
            thread::sleep(LEASE / 4);
        }
        confirm(&*holder).expect("it is still its own");
        commit(&*holder, vec![put("a@v", "x")]);
        proxy.cut();
        let next = patient(OpenOptions { now: server_time(), ..place.options_of(78, 0) });
        commit(&*next, vec![put("b@v", "x")]);
        drop(next);
        drop(holder);
    };
    thread::scope(|scope| {
        for (machine, heard) in [(-90, 0), (90, 0), (0, -90), (0, 90)] {
            scope.spawn(move || check(machine, heard));
        }
    });
}

#[test]
fn the_clock_of_who_comes_second_does_not_count_either() {
    let place = server!().place();
    let holder = place.open().expect("opens");
    for seconds in [-864_000, -90, 90, 864_000] {
        let now = server_time().checked_add(jiff::SignedDuration::from_secs(seconds));
        let options = OpenOptions { now: now.expect("in range"), ..place.options_of(78, 0) };
        let error = state::open(options).expect_err("is held");
        assert!(matches!(error, StateError::Locked { .. }), "{error}");
    }
    confirm(&*holder).expect("is held");
}

#[test]
fn a_server_that_tells_no_time_is_told_and_its_locks_are_taken_over_when_they_stand_still() {
    let server = server!();
    let place = leased(&server.place());
    let proxy = Proxy::stripping(server.address, &["date"], |_| Fate::Pass);
    let place = place.through(proxy.address);
    let holder = state::open(place.options_of(77, 0)).expect("opens");
    commit(&*holder, vec![put("a@v", "x")]);
    confirm(&*holder).expect("is held");
    let held = bucket::holder(&place.bucket(), "default").expect("answers").expect("is held");
    assert_eq!(held.until, None);
    thread::sleep(LEASE * 2);
    let said = state::open(place.options_of(78, 0)).expect_err("is held").to_string();
    for part in [
        "in use by `pushsync apply` (process 77",
        "tells no time",
        "--lock-timeout",
        "unlock --force",
    ] {
        assert!(said.contains(part), "{said}");
    }
    proxy.cut();
    let through = Proxy::stripping(server.address, &["date"], |_| Fate::Pass);
    let next = patient(place.through(through.address).options_of(78, 0));
    commit(&*next, vec![put("b@v", "x")]);
    drop(next);
    drop(holder);
}

#[test]
fn a_lock_that_was_just_confirmed_is_not_asked_for_again_and_one_that_is_gone_is_told() {
    let server = server!();
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let place = server.place();
    let store = state::open(place.through(proxy.address).options_of(77, 0)).expect("opens");
    confirm(&*store).expect("is held");
    let before = proxy.asked().len();
    // As many requests as leave at once cost at most one question.
    for _ in 0..200 {
        confirm(&*store).expect("is held");
    }
    let asked = proxy.asked().split_off(before);
    assert!(asked.len() < 20, "{} questions", asked.len());
    assert!(asked.iter().all(|asked| asked.path.ends_with("/lock.json")), "{asked:?}");
    bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    thread::sleep(Duration::from_millis(300));
    let said = confirm(&*store).expect_err("is gone").to_string();
    assert!(said.contains("its lock was broken") && said.contains("nobody holds it now"), "{said}");
    let other = state::open(place.options_of(78, 0)).expect("is free");
    commit(&*other, vec![put("a@v", "x")]);
    drop(other);
    assert_eq!(confirm(&*store).expect_err("is gone").to_string(), said, "it never comes back");
    let commit = runtime().block_on(store.commit(vec![put("b@v", "x")]));
    assert!(commit.is_err());
}

#[test]
fn a_lock_that_cannot_be_asked_for_lets_no_request_leave() {
    let server = server!();
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let place = server.place().with(|limits| {
        limits.patience = Duration::from_secs(1);
        limits.request = Duration::from_millis(500);
    });
    let store = state::open(place.through(proxy.address).options_of(77, 0)).expect("opens");
    for fate in [Fate::Drop { effect: true }, Fate::Answer { status: 503, effect: true }] {
        proxy.decide(move |_| fate);
        thread::sleep(Duration::from_millis(300));
        let said = confirm(&*store).expect_err("nobody knows").to_string();
        assert!(said.contains("run again"), "{said}");
        // As soon as it can be asked for, it is still there.
        proxy.decide(|_| Fate::Pass);
        confirm(&*store).expect("is held");
    }
}
