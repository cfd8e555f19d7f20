//! A server, or something on the way to it, that does not keep to the conditions of a write: nobody may write there.

use pushsync::state::{self, StateError, Store};

use super::{
    proxy::{Fate, Proxy},
    server::server,
    support::*,
};

const CASES: [(&[&str], &str); 3] = [
    (&["if-none-match"], "keep to If-None-Match when"),
    (&["if-match"], "keep to If-Match when"),
    (&["if-match", "if-none-match"], "keep to If-None-Match and If-Match when"),
];

fn words(result: Result<Box<dyn Store>, StateError>) -> String {
    let error = result.expect_err("is refused");
    assert!(matches!(error, StateError::Unavailable { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn a_server_that_ignores_a_condition_from_some_day_on_is_refused_at_the_next_opening() {
    let server = server!();
    for (headers, named) in CASES {
        let place = server.place();
        let proxy = Proxy::start(server.address, |_| Fate::Pass);
        let through = place.through(proxy.address);
        // It kept to them for a while.
        for n in 0..3 {
            commit(&*through.open().expect("opens"), vec![put("a@v", &format!("text {n}"))]);
        }
        let before = place.names_in("segments/");
        proxy.strip(headers);
        for _ in 0..2 {
            let said = words(through.open());
            assert!(said.contains(named) && said.contains("nothing was sent"), "{said}");
        }
        // Who looks changes nothing.
        let look = state::OpenOptions { access: state::Access::Read, ..through.options() };
        assert_eq!(scan(&*state::open(look).expect("opens")).expect("reads").len(), 1);
        assert_eq!(place.names_in("segments/"), before);
        proxy.strip(&[]);
        commit(&*through.open().expect("it keeps to them again"), vec![put("b@v", "x")]);
    }
}

#[test]
fn who_holds_the_lock_when_a_server_stops_keeping_to_conditions_keeps_it_alone() {
    let server = server!();
    for (headers, _) in CASES {
        let place = server.place();
        let proxy = Proxy::start(server.address, |_| Fate::Pass);
        let through = place.through(proxy.address);
        let first = state::open(through.options_of(77, 0)).expect("opens");
        commit(&*first, vec![put("a@v", "x")]);
        proxy.strip(headers);
        for pid in 78..81 {
            let error = state::open(through.options_of(pid, 0)).expect_err("is held");
            assert!(matches!(error, StateError::Locked { .. }), "{error}");
        }
        runtime().block_on(first.confirm_lock()).expect("is held");
        commit(&*first, vec![put("b@v", "x")]);
        drop(first);
        assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 2);
    }
}

#[test]
fn of_many_at_once_none_gets_in_where_conditions_are_ignored() {
    let server = server!();
    for (headers, _) in CASES {
        let place = server.place();
        drop(place.open().expect("opens"));
        let proxy = Proxy::stripping(server.address, headers, |_| Fate::Pass);
        let through = place.through(proxy.address);
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4)
                .map(|pid| {
                    let options = through.options_of(pid, 0);
                    scope.spawn(move || state::open(options).map(drop))
                })
                .collect();
            for one in all {
                let error = one.join().expect("ends").expect_err("is refused");
                let refused =
                    matches!(error, StateError::Unavailable { .. } | StateError::Locked { .. });
                assert!(refused, "{error}");
            }
        });
        assert_eq!(place.names_in("segments/"), [""; 0]);
    }
}

#[test]
fn the_proof_takes_two_requests_to_the_locks_own_object_and_leaves_no_other() {
    let server = server!();
    let place = server.place();
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let through = place.through(proxy.address);
    // The lock is made, prolonged once so that there is a version before, and proved; then given back.
    for puts in [1 + 1 + 2, 1 + 2, 1 + 2] {
        let before = proxy.count("PUT", "/lock.json");
        let store = through.open().expect("opens");
        assert_eq!(proxy.count("PUT", "/lock.json") - before, puts);
        drop(store);
        assert_eq!(proxy.count("PUT", "/lock.json") - before, puts + 1);
    }
    let names = place.names();
    let others = names.iter().filter(|name| !name.starts_with("snapshots/"));
    assert_eq!(others.collect::<Vec<_>>(), ["head.json", "lock.json"]);
}
