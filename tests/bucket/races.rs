//! Two at once: exactly one wins, every time.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use pushsync::state::{self, StateError, Store, bucket};

use super::{server::server, support::*};

const ROUNDS: u32 = 200;

/// Both at the same moment.
fn both<T: Send + 'static>(run: impl Fn(u32) -> T + Send + Sync + 'static) -> [T; 2] {
    let (run, barrier) = (Arc::new(run), Arc::new(Barrier::new(2)));
    let start = |number: u32| {
        let (run, barrier) = (Arc::clone(&run), Arc::clone(&barrier));
        thread::spawn(move || {
            barrier.wait();
            run(number)
        })
    };
    [start(1), start(2)].map(|thread| thread.join().expect("ends"))
}

#[test]
fn two_that_want_the_lock_never_both_get_it() {
    let server = server!();
    let mut place = server.place();
    for round in 0..ROUNDS {
        // Now and then there is no state yet either.
        if round % 20 == 0 {
            place = server.place();
        }
        let from = place.clone();
        let results = both(move |number| state::open(from.options_of(number, round.into())));
        let won = results.iter().filter(|result| result.is_ok()).count();
        let told: Vec<String> =
            results.iter().filter_map(|result| Some(result.as_ref().err()?.to_string())).collect();
        assert_eq!(won, 1, "in round {round}: {told:?}");
        assert!(told[0].contains("in use by"), "{told:?}");
    }
}

/// Two stores that both believe that they hold the lock, as after a lease that ran out while a
/// machine slept.
fn two_writers(place: &super::place::Place) -> [Box<dyn Store>; 2] {
    let first = state::open(place.options_of(1, 0)).expect("opens");
    bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    [first, state::open(place.options_of(2, 1)).expect("opens")]
}

#[test]
fn two_that_write_the_same_commit_never_both_do() {
    let place = server!().place();
    drop(place.open().expect("opens"));
    for round in 0..ROUNDS {
        let stores = two_writers(&place).map(Arc::new);
        let racing = stores.clone();
        // The very same bytes, but for the writer.
        let results = both(move |number| {
            let store = &racing[number as usize - 1];
            let name = format!("round-{round}@v");
            runtime().block_on(store.commit(vec![put(&name, "x")]))
        });
        let won: Vec<usize> = (0..2).filter(|n| results[*n].is_ok()).collect();
        let told: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert_eq!(won.len(), 1, "in round {round}: {told:?}");
        assert!(matches!(told[0], StateError::Unavailable { .. }), "{told:?}");
        drop(stores);
        // The lock of the second is given back; that of the first was taken away.
        bucket::unlock(&place.bucket(), "default").expect("answers");
    }
    let store = place.open().expect("opens");
    assert_eq!(scan(&*store).expect("reads").len(), ROUNDS as usize);
    assert_eq!(runtime().block_on(store.verify()).expect("answers").problems, [""; 0]);
}
