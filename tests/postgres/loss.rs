//! The server dies, or the connection: an error, and what was acknowledged is there.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use pushsync::state::{self, OpenOptions, StateTarget, Store, Write};

use super::{
    cluster::{Cluster, refusal, refused, server},
    support::*,
};

/// The writes of one commit: it leaves one record more, and always as many as its number.
fn step(number: usize) -> Vec<Write> {
    let text = format!("text {number}");
    let mut writes: Vec<_> = (0..=number % 7).map(|n| intend(&format!("i{n}@v"))).collect();
    writes.extend(
        (0..7).filter(|n| *n > number % 7).map(|n| Write::Settle(address(&format!("i{n}@v")))),
    );
    writes.push(put("last@v", &text));
    writes.push(put(&format!("key@visitor-{number:05}"), &text));
    writes.push(log(u32::try_from(number).expect("is small")));
    writes
}

/// Everything up to the commit of this number is there, and nothing of any other.
fn check(store: &dyn Store, acknowledged: usize) -> usize {
    let problems = runtime().block_on(store.verify()).expect("answers").problems;
    assert_eq!(problems, [""; 0]);
    let meta = runtime().block_on(store.meta()).expect("answers");
    let done = usize::try_from(meta.serial).expect("is small");
    // One more may have been carried out whose answer was lost.
    assert!((acknowledged..=acknowledged + 1).contains(&done), "{done} after {acknowledged}");
    let Some(last) = done.checked_sub(1) else { return done };
    let text = format!("text {last}");
    let record = runtime().block_on(store.record(&address("last@v"))).expect("answers");
    assert_eq!(record, Some(super::support::record("last@v", &text)));
    let intents = runtime().block_on(store.intents()).expect("answers").len();
    assert_eq!((meta.records as usize, intents), (done + 1, last % 7 + 1));
    assert_eq!(runtime().block_on(store.runs(9999)).expect("answers").len(), done);
    done
}

/// Whether it is said that the connection is gone, with a statement or before it.
fn is_lost(said: &str) -> bool {
    ["sent, but the answer was lost: ", "no connection to its server: "]
        .iter()
        .any(|words| said.contains(words))
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_commits_has_all_that_it_acknowledged() {
    let cluster = server!(Cluster::start());
    let url = cluster.socket_url("postgres");
    let options = OpenOptions { target: StateTarget::Postgres(url.into()), ..options("".as_ref()) };
    let mut done = 0;
    for round in 0..8_u64 {
        let store = state::open(options.clone()).expect("opens");
        let committed = AtomicUsize::new(done);
        let said = thread::scope(|scope| {
            let commits = scope.spawn(|| {
                loop {
                    let number = committed.load(Ordering::SeqCst);
                    match runtime().block_on(store.commit(step(number))) {
                        Ok(_) => committed.store(number + 1, Ordering::SeqCst),
                        Err(error) => return error.to_string(),
                    }
                }
            });
            // It dies at any moment of a commit, once some are through.
            while committed.load(Ordering::SeqCst) < done + 5 {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_micros(fastrand::Rng::with_seed(round).u64(..9000)));
            cluster.kill();
            commits.join().expect("does not panic")
        });
        assert!(is_lost(&said), "{said}");
        assert!(said.contains("what was acknowledged is in it; run again"), "{said}");
        // Every further call says so too, at once.
        let again = refused(&*store, step(0));
        assert!(is_lost(&again), "{again}");
        let read = refusal(runtime().block_on(store.intents()));
        assert!(is_lost(&read), "{read}");
        drop(store);
        assert!(cluster.run(), "{}", cluster.log());
        let store = state::open(options.clone()).expect("opens");
        done = check(&*store, committed.load(Ordering::SeqCst));
    }
}

#[test]
fn opening_says_that_the_server_is_not_running() {
    let cluster = server!(Cluster::start());
    let url = cluster.network_url("postgres");
    cluster.kill();
    let options = OpenOptions { target: StateTarget::Postgres(url.into()), ..options("".as_ref()) };
    let said = refusal(state::open(options));
    assert!(
        said.contains("no connection to its server: ") && said.contains("is the server running"),
        "{said}"
    );
}

#[test]
fn a_connection_that_is_cut_between_commits_says_what_happened() {
    let database = server!().database();
    let store = database.open().expect("opens");
    commit(&*store, step(0));
    database.cut();
    let said = refused(&*store, step(1));
    assert!(said.contains("no connection to its server: "), "nothing was sent: {said}");
    assert!(said.contains("terminating connection due to administrator command"), "{said}");
    // Another may go on at once.
    let next = database.open().expect("the lock went with the session");
    assert_eq!(check(&*next, 1), 1);
    let said = refused(&*store, step(1));
    assert!(is_lost(&said), "{said}");
}

#[test]
fn a_connection_that_is_cut_while_writing_leaves_nothing_half() {
    let database = server!().database();
    for round in 0..10 {
        let environment = format!("env-{round}");
        let options = OpenOptions { environment, ..database.options() };
        let store = state::open(options.clone()).expect("opens");
        let (mut done, said) = thread::scope(|scope| {
            let commits = scope.spawn(|| {
                let mut number = 0;
                loop {
                    match runtime().block_on(store.commit(step(number))) {
                        Ok(_) => number += 1,
                        Err(error) => return (number, error.to_string()),
                    }
                }
            });
            thread::sleep(Duration::from_millis(20 + round * 3));
            database.cut();
            commits.join().expect("does not panic")
        });
        assert!(is_lost(&said), "{said}");
        drop(store);
        let store = state::open(options).expect("opens");
        done = check(&*store, done);
        commit(&*store, step(done));
    }
}
