//! Older snapshots come back.

use std::time::Duration;

use pushsync::{
    model::{KnownSecrets, SecretFingerprint},
    state::{self, OpenOptions, StateError, Write, bucket},
};

use super::{place::Place, server::server, support::*};

fn names(place: &Place) -> Vec<String> {
    let store = place.open().expect("opens");
    let found = scan(&*store).expect("reads");
    found.iter().map(|located| located.address.as_str().to_owned()).collect()
}

/// Three runs, each with a snapshot at its end: one record, then two, then three.
fn three_runs(place: &Place) {
    let place = place.with(|limits| limits.segments = 1);
    for name in ["a@v", "b@v", "c@v"] {
        let store = place.open().expect("opens");
        commit(&*store, vec![put(name, &"x".repeat(20_000))]);
    }
}

#[test]
fn snapshots_are_listed_with_what_is_in_them() {
    let place = server!().place();
    three_runs(&place);
    let snapshots = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let found: Vec<_> = snapshots.iter().map(|s| (s.sequence, s.serial, s.records)).collect();
    assert_eq!(found, [(3, 3, 3), (2, 2, 2), (1, 1, 1), (0, 0, 0)]);
    assert!(snapshots.iter().all(|s| s.at > time(0)));
}

#[test]
fn a_snapshot_comes_back_as_a_new_commit_and_so_does_what_it_replaced() {
    let place = server!().place();
    three_runs(&place);
    let small = place.with(|limits| limits.segments = 1000);
    commit(&*small.open().expect("opens"), vec![put("d@v", "in a segment only")]);
    let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let two = all.iter().find(|snapshot| snapshot.records == 2).expect("there is one");

    let restored = bucket::restore(&place.bucket(), &place.options(), &two.name).expect("restores");
    assert_eq!((restored.meta.records, restored.meta.serial, restored.approvals), (2, 5, 0));
    assert_eq!(names(&place), ["a@v", "b@v"]);
    let store = place.open().expect("opens");
    assert_eq!(runtime().block_on(store.verify()).expect("answers").problems, [""; 0]);
    let meta = runtime().block_on(store.commit(vec![put("e@v", "x")])).expect("goes on");
    assert_eq!(meta.serial, 6);
    drop(store);

    let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let four = all.iter().find(|snapshot| snapshot.records == 4).expect("was kept");
    bucket::restore(&place.bucket(), &place.options(), &four.name).expect("restores");
    assert_eq!(names(&place), ["a@v", "b@v", "c@v", "d@v"]);
}

#[test]
fn the_secrets_that_visitors_ids_were_made_with_come_back_with_a_snapshot() {
    let place = server!().place().with(|limits| limits.segments = 1);
    let secrets =
        |number: u8| KnownSecrets::from([("A".to_owned(), SecretFingerprint([number; 8]))]);
    for number in [1, 2] {
        let name = format!("a{number}@v");
        commit(
            &*place.open().expect("opens"),
            vec![put(&name, "x"), Write::Secrets(secrets(number))],
        );
    }
    let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let one = all.iter().find(|snapshot| snapshot.records == 1).expect("there is one");
    let restored = bucket::restore(&place.bucket(), &place.options(), &one.name);
    assert_eq!(restored.expect("restores").meta.secrets, secrets(1));
    let store = place.open().expect("opens");
    assert_eq!(runtime().block_on(store.meta()).expect("answers").secrets, secrets(1));
}

#[test]
fn no_approval_comes_back_with_a_snapshot() {
    for key in [None, Some(key("correct horse battery"))] {
        let place = server!().place().with(|limits| limits.segments = 1);
        let options = || OpenOptions { key: key.clone(), ..place.options() };
        let open = || state::open(options()).expect("opens");
        let approvals = approvals_of_many(50, 32);
        commit(&*open(), vec![put("a@v", "x")]);
        commit(&*open(), approvals.iter().map(approve).collect());
        commit(&*open(), vec![Write::Withdraw(approvals[0].address.clone())]);
        let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
        // The one before the last.
        let restored = bucket::restore(&place.bucket(), &options(), &all[1].name);
        assert_eq!(restored.expect("restores").approvals, 50);
        let store = open();
        assert_eq!(runtime().block_on(store.approvals()).expect("answers"), []);
        let meta = runtime().block_on(store.meta()).expect("answers");
        assert_eq!((meta.records, meta.approvals), (1, 0));
        assert_eq!(runtime().block_on(store.verify()).expect("answers").problems, [""; 0]);
        commit(&*store, approvals.iter().map(approve).collect());
    }
}

#[test]
fn a_damaged_state_can_be_restored() {
    let server = server!();
    type Damage = fn(&Place);
    let damages: [Damage; 4] = [
        |place| place.delete("head.json"),
        |place| place.put("head.json", b"{}"),
        |place| place.delete(place.names_in("snapshots/").last().expect("there is one")),
        |place| place.delete(place.names_in("segments/").last().expect("there is one")),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let place = server.place();
        three_runs(&place);
        let long = place.with(|limits| limits.segments = 1000);
        commit(&*long.open().expect("opens"), vec![put("d@v", "short")]);
        damage(&place);
        let error = place.open().expect_err("is refused");
        assert!(matches!(error, StateError::Damaged { .. }), "{number}: {error}");
        let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
        let two = all.iter().find(|snapshot| snapshot.records == 2).expect("there is one");
        let meta = bucket::restore(&place.bucket(), &place.options(), &two.name);
        let meta = meta.unwrap_or_else(|error| panic!("{number}: {error}")).meta;
        assert!(meta.serial > 4, "{number}: {}", meta.serial);
        assert_eq!(names(&place), ["a@v", "b@v"], "{number}");
        commit(&*place.open().expect("opens"), vec![put("e@v", "x")]);
        assert_eq!(names(&place), ["a@v", "b@v", "e@v"], "{number}");
    }
}

#[test]
fn restoring_needs_the_lock_and_a_snapshot_that_is_there_and_whole() {
    let place = server!().place();
    three_runs(&place);
    let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let restore = |name: &str| bucket::restore(&place.bucket(), &place.options(), name);
    for name in ["", "x", "../head.json", "00000000000000000001-0123", "../segments/0"] {
        let error = restore(name).expect_err("is refused");
        assert!(matches!(error, StateError::NoSnapshot { .. }), "{name}: {error}");
    }
    let held = place.open().expect("opens");
    let error = restore(&all[1].name).expect_err("is locked");
    assert!(matches!(error, StateError::Locked { .. }), "{error}");
    drop(held);
    let name = format!("snapshots/{}", all[1].name);
    let bytes = place.get(&name);
    place.put(&name, &bytes[..bytes.len() - 5]);
    let error = restore(&all[1].name).expect_err("is damaged");
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    assert_eq!(names(&place), ["a@v", "b@v", "c@v"]);
}

#[test]
fn a_passphrase_that_was_changed_does_not_come_back() {
    let place = server!().place();
    let with = |text: &str| OpenOptions { key: Some(key(text)), ..place.options() };
    let (old, new) = ("correct horse battery", "another horse battery");
    let store = state::open(with(old)).expect("opens");
    commit(&*store, vec![put("a@v", "x")]);
    drop(store);
    let store = state::open(with(old)).expect("opens");
    let rekey = state::Amendment::Rekey(key(new));
    runtime().block_on(store.amend(rekey)).expect("is changed");
    commit(&*store, vec![put("b@v", "x")]);
    drop(store);
    let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let one = all.iter().find(|snapshot| snapshot.records == 1).expect("there is one");
    bucket::restore(&place.bucket(), &with(new), &one.name).expect("restores");
    assert!(state::open(with(old)).is_err());
    let store = state::open(with(new)).expect("opens");
    assert_eq!(scan(&*store).expect("reads").len(), 1);
}

#[test]
fn a_state_that_has_moved_does_not_come_back_to_life() {
    let place = server!().place();
    three_runs(&place);
    let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let store = place.open().expect("opens");
    let moved = state::Amendment::Moved { to: "postgres://db.example.com/x".to_owned() };
    runtime().block_on(store.amend(moved)).expect("is noted");
    drop(store);
    let error = bucket::restore(&place.bucket(), &place.options(), &all[0].name);
    assert!(matches!(error, Err(StateError::Moved { .. })), "{error:?}");
    assert!(matches!(place.open(), Err(StateError::Moved { .. })));
}

#[test]
fn the_last_snapshots_are_kept_and_their_segments_are_cleared_away() {
    let place = server!().place().with(|limits| {
        limits.snapshots = 5;
        limits.segments = 1;
        limits.grace = Duration::ZERO;
    });
    for n in 0..12 {
        let store = place.open().expect("opens");
        commit(&*store, vec![put("a@v", &format!("text {n}"))]);
        drop(store);
        if n % 4 == 3 {
            // The server's clock counts in seconds.
            std::thread::sleep(Duration::from_millis(1100));
        }
    }
    commit(&*place.open().expect("opens"), vec![put("a@v", "last")]);
    let all = bucket::snapshots(&place.bucket(), "default").expect("answers");
    let sequences: Vec<u64> = all.iter().map(|snapshot| snapshot.sequence).collect();
    assert_eq!(sequences, [13, 12, 11, 10, 9]);
    assert!(place.names_in("segments/").len() <= 1, "{:?}", place.names_in("segments/"));
    for snapshot in &all {
        bucket::restore(&place.bucket(), &place.options(), &snapshot.name).expect("restores");
    }
    assert_eq!(names(&place), ["a@v"]);
}

#[test]
fn objects_that_are_not_needed_any_more_stay_for_a_while() {
    let place = server!().place().with(|limits| {
        limits.snapshots = 1;
        limits.segments = 1;
    });
    for n in 0..4 {
        commit(&*place.open().expect("opens"), vec![put("a@v", &format!("text {n}"))]);
    }
    assert_eq!(place.names_in("segments/").len(), 4);
    assert_eq!(place.names_in("snapshots/").len(), 5);
}
