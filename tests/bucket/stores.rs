//! What every store promises, kept by this one.

use pushsync::state::{self, Store};

use super::{
    conformance::{self, conformance},
    proxy::{Fate, Proxy},
    server::server,
    support::*,
};

conformance!(in_a_bucket, |test| test(&*server!().place().open().expect("opens")));
conformance!(in_a_bucket_encrypted, |test| {
    let place = server!().place();
    let key = Some(key("correct horse battery"));
    test(&*state::open(state::OpenOptions { key, ..place.options() }).expect("opens"));
});

#[test]
fn what_was_committed_is_there_after_closing_and_opening() {
    let place = server!().place();
    let store = place.open().expect("opens");
    fill(&*store);
    let before = contents(&*store).expect("reads");
    drop(store);
    for _ in 0..3 {
        let store = place.open().expect("opens");
        assert_eq!(contents(&*store).expect("reads"), before);
        let verified = runtime().block_on(store.verify()).expect("answers");
        assert_eq!(verified.problems, [""; 0]);
        commit(&*store, vec![]);
    }
}

#[test]
fn an_approval_takes_at_most_64_bytes_of_a_snapshot() {
    const MANY: usize = 10_000;
    for (digits, encrypted) in [(32, false), (64, false), (32, true), (64, true)] {
        let place = server!().place().with(|limits| limits.segments = 1);
        let key = encrypted.then(|| key("correct horse battery"));
        let options = || state::OpenOptions { key: key.clone(), ..place.options() };
        let approvals = approvals_of_many(MANY, digits);
        let store = state::open(options()).expect("opens");
        commit(&*store, approvals.iter().map(approve).collect());
        drop(store);
        let snapshots = place.names_in("snapshots/").into_iter();
        let bytes = snapshots.map(|name| place.get(&name).len()).max().expect("a snapshot");
        let each = bytes as f64 / MANY as f64;
        println!("{each:.1} bytes for {digits} signs, encrypted: {encrypted}");
        assert!(each <= 64.0, "{each} bytes for {digits} signs, encrypted: {encrypted}");
        let store = state::open(options()).expect("opens");
        assert_eq!(runtime().block_on(store.approvals()).expect("reads"), approvals);
    }
}

#[test]
fn environments_do_not_see_each_other() {
    let place = server!().place();
    let sandbox = || state::OpenOptions { environment: "sandbox:x".into(), ..place.options() };
    commit(&*place.open().expect("opens"), vec![put("a@v", "real")]);
    let store = state::open(sandbox()).expect("opens");
    assert_eq!(scan(&*store).expect("reads").len(), 0);
    commit(&*store, vec![put("b@v", "played"), put("c@v", "played")]);
    drop(store);
    assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 1);
    assert_eq!(scan(&*state::open(sandbox()).expect("opens")).expect("reads").len(), 2);
}

#[test]
fn a_reader_takes_no_lock_sees_one_moment_and_writes_nothing() {
    let place = server!().place();
    let look = || state::OpenOptions { access: state::Access::Read, ..place.options() };
    let none = state::open(look()).expect_err("there is none");
    assert!(matches!(none, state::StateError::NotFound { .. }), "{none}");
    assert_eq!(place.names(), [""; 0]);

    let writer = place.open().expect("opens");
    commit(&*writer, vec![put("a@v", "one")]);
    let reader = state::open(look()).expect("opens while another writes");
    commit(&*writer, vec![put("b@v", "two")]);
    assert_eq!(scan(&*reader).expect("reads").len(), 1);
    let verified = runtime().block_on(reader.verify()).expect("answers");
    assert_eq!(verified.problems, [""; 0]);
    let error = runtime().block_on(reader.commit(vec![put("c@v", "three")])).expect_err("refused");
    assert!(error.to_string().contains("opened for reading"), "{error}");
    drop(reader);
    drop(writer);
    assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 2);
}

/// Between two of its requests, another one writes, makes a snapshot, and clears the old one away.
#[test]
fn a_reader_sees_a_whole_state_while_objects_are_cleared_away() {
    let server = server!();
    let place = server.place().with(|limits| {
        limits.segments = 1;
        limits.snapshots = 1;
        limits.grace = std::time::Duration::ZERO;
    });
    commit(&*place.open().expect("opens"), vec![put("a@v", "one")]);
    for part in ["/snapshots/", "/segments/"] {
        let writer = place.clone();
        let mut left = 1;
        let proxy = Proxy::start(server.address, move |asked| {
            let looked = asked.path.contains(part) || asked.path.contains('?');
            if asked.method == "GET" && looked && left > 0 {
                left -= 1;
                for n in 0..3 {
                    // The server's clock counts in seconds.
                    std::thread::sleep(std::time::Duration::from_millis(1100));
                    let store = writer.open().expect("opens");
                    commit(&*store, vec![put("a@v", &format!("text {n}")), put("b@v", "two")]);
                }
            }
            Fate::Pass
        });
        let place = place.through(proxy.address);
        let look = state::OpenOptions { access: state::Access::Read, ..place.options() };
        let store = state::open(look).expect("opens");
        assert!((1..3).contains(&scan(&*store).expect("reads").len()));
        assert_eq!(place.names_in("snapshots/").len(), 1);
    }
}

#[test]
fn a_state_that_must_exist_is_not_made() {
    let place = server!().place();
    let options = state::OpenOptions { mode: state::Mode::MustExist, ..place.options() };
    let error = state::open(options).expect_err("there is none");
    assert!(matches!(error, state::StateError::NotFound { .. }), "{error}");
    assert_eq!(place.names(), [""; 0]);
}
