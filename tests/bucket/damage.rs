//! What was damaged, taken away, or put in from elsewhere is refused, and never taken for less.

use pushsync::state::{self, Access, OpenOptions, StateError, bucket};

use super::{
    forge::{FORGERIES, Forgery, reframed},
    place::Place,
    server::server,
    support::*,
};

/// A state with a snapshot and some segments after it.
fn filled(place: &Place) -> String {
    let long = place.with(|limits| limits.segments = 1000);
    let store = place.open().expect("opens");
    fill(&*store);
    drop(store);
    let store = long.open().expect("opens");
    for n in 0..4 {
        commit(&*store, vec![put("a@v", &format!("text {n}")), log(n + 20)]);
    }
    let contents = contents(&*store).expect("reads");
    drop(store);
    contents
}

/// The snapshot that counts, and the first and the last segment after it.
fn names(place: &Place) -> (String, String, String) {
    let snapshot = place.names_in("snapshots/").pop().expect("there is one");
    let number = &snapshot["snapshots/".len()..][..20];
    let after: Vec<String> = place
        .names_in("segments/")
        .into_iter()
        .filter(|name| &name["segments/".len()..] > number)
        .collect();
    assert_eq!(after.len(), 4);
    (snapshot, after[0].clone(), after[3].clone())
}

fn check(place: &Place, what: &str, says: &str) {
    for access in [state::Access::Write, state::Access::Read] {
        let options = OpenOptions { access, ..place.options() };
        let error = state::open(options).err().unwrap_or_else(|| panic!("{what} was not noticed"));
        let matches = matches!(error, StateError::Damaged { .. });
        assert!(matches && error.to_string().contains(says), "{what}: {error}");
    }
}

#[test]
fn every_damage_is_refused() {
    let place = server!().place();
    let contents_before = filled(&place);
    let (snapshot, first, last) = names(&place);
    let whole = place.copy();
    let head = String::from_utf8(place.get("head.json")).expect("is text");

    for name in ["head.json", &snapshot, &first, &last] {
        place.delete(name);
        check(&place, &format!("{name} is missing"), "missing");
        place.put_back(&whole);

        let bytes = place.get(name);
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            place.put(name, &bytes);
            check(&place, &format!("byte {at} of {name} is another"), "");
        }
        for length in [0, 1, bytes.len() / 2, bytes.len() - 2] {
            place.put(name, &bytes[..length]);
            check(&place, &format!("{name} ends after {length} bytes"), "");
        }
        place.put_back(&whole);
    }

    place.put(&last, &place.get(&first));
    check(&place, "a segment under another's number", "is another one");
    place.put_back(&whole);

    place.put("head.json", head.replace("\"sequence\"", "\"sequense\"").as_bytes());
    check(&place, "a head with a word that is none", "head.json");
    place.put_back(&whole);

    let store = place.open().expect("opens again");
    assert_eq!(contents(&*store).expect("reads"), contents_before);
}

#[test]
fn objects_of_another_state_are_refused() {
    let server = server!();
    let (place, other) = (server.place(), server.place());
    filled(&place);
    let options = OpenOptions { new_lineage: uuid::Uuid::from_u128(99), ..other.options() };
    drop(state::open(options).expect("opens"));
    filled(&other);
    let whole = place.copy();
    let (snapshot, first, _) = names(&place);
    let (other_snapshot, other_first, _) = names(&other);
    assert_eq!(first, other_first);

    place.put(&first, &other.get(&first));
    check(&place, "a segment of another state", "is another one");
    place.put_back(&whole);
    place.put(&snapshot, &other.get(&other_snapshot));
    check(&place, "a snapshot of another state", "is another one");
    place.put_back(&whole);
    place.put("head.json", &other.get("head.json"));
    check(&place, "the head of another state", "");
}

#[test]
fn a_commit_of_another_history_of_the_same_state_is_refused() {
    let place = server!().place().with(|limits| limits.segments = 1000);
    commit(&*place.open().expect("opens"), vec![put("big@v", &"x".repeat(100_000))]);
    let whole = place.copy();
    let store = place.open().expect("opens");
    commit(&*store, vec![put("a@v", "as it was once")]);
    drop(store);
    let other = place.get("segments/00000000000000000002");
    // Somebody brings an older copy of the bucket back, and the state goes on from there.
    place.put_back(&whole);
    let store = place.open().expect("opens");
    for text in ["as it is now", "and after that"] {
        commit(&*store, vec![put("a@v", text)]);
    }
    drop(store);
    place.put("segments/00000000000000000002", &other);
    check(&place, "a segment of another history", "does not follow the one before");
}

#[test]
fn a_state_that_went_back_is_refused() {
    let place = server!().place();
    drop(place.open().expect("opens"));
    let long = place.with(|limits| limits.segments = 1000);
    let store = long.open().expect("opens");
    commit(&*store, vec![put("big@v", &"x".repeat(100_000))]);
    drop(store);
    let store = long.open().expect("opens");
    commit(&*store, vec![put("a@v", "one"), log(1)]);
    drop(store);
    let segments = place.names_in("segments/");
    // The newest one, which no gap would tell of.
    place.delete(segments.last().expect("there is one"));
    check(&place, "the last segment is missing", "missing");
}

#[test]
fn commits_of_a_run_that_was_killed_are_missed_once_somebody_has_written_after_it() {
    let server = server!();
    let place = server.place();
    drop(place.open().expect("opens"));
    let proxy = super::proxy::Proxy::start(server.address, |_| super::proxy::Fate::Pass);
    let killed = place.through(proxy.address).open().expect("opens");
    commit(&*killed, vec![put("a@v", "one")]);
    proxy.cut();
    state::bucket::unlock(&place.bucket(), "default").expect("answers").expect("was held");
    // Opened to write, and closed without anything written.
    drop(place.open().expect("opens"));
    place.delete(place.names_in("segments/").last().expect("there is one"));
    check(&place, "the last segment is missing", "missing");
    drop(killed);
}

#[test]
fn what_is_of_a_newer_version_or_of_another_environment_is_told() {
    let place = server!().place();
    filled(&place);
    let whole = place.copy();
    let head = String::from_utf8(place.get("head.json")).expect("is text");
    place.put("head.json", head.replace("\"format\": 1", "\"format\": 2").as_bytes());
    let error = place.open().expect_err("is refused");
    assert!(matches!(error, StateError::Newer { found: 2, .. }), "{error}");
    place.put_back(&whole);

    // As if somebody had copied the objects from one environment to another.
    let prefix = format!("{}/staging", place.prefix);
    for (name, bytes) in &whole {
        let path = format!("/{}/{}/{name}", place.bucket, prefix.replace(' ', "%20"));
        assert_eq!(place.raw("PUT", &path, bytes).0, 200);
    }
    let options = OpenOptions { environment: "staging".into(), ..place.options() };
    let error = state::open(options).expect_err("is refused");
    let StateError::OtherEnvironment { found, wanted, .. } = &error else { panic!("{error}") };
    assert_eq!((found.as_str(), wanted.as_str()), ("default", "staging"));
}

#[test]
fn verify_finds_what_was_changed_while_the_state_is_open() {
    let place = server!().place();
    filled(&place);
    let (_, first, last) = names(&place);
    let store = place.open().expect("opens");
    let verify = || runtime().block_on(store.verify()).expect("answers").problems;
    assert_eq!(verify(), [""; 0]);
    let bytes = place.get(&first);
    place.put(&first, &bytes[..bytes.len() - 1]);
    assert!(verify()[0].contains("checksum"), "{:?}", verify());
    place.put(&first, &bytes);
    place.delete(&last);
    assert!(verify()[0].contains("missing"), "{:?}", verify());
}

#[test]
fn a_making_that_was_cut_off_is_made_again() {
    let server = server!();
    // Counts the requests of a whole one; then cuts it off after each of them.
    let proxy = super::proxy::Proxy::start(server.address, |_| super::proxy::Fate::Pass);
    drop(server.place().through(proxy.address).open().expect("opens"));
    let requests = proxy.asked().len();
    for cut in 0..requests {
        let place = server.place().with(|limits| limits.patience = std::time::Duration::ZERO);
        let mut left = cut;
        let proxy = super::proxy::Proxy::start(server.address, move |_| {
            if left == 0 {
                return super::proxy::Fate::Drop { effect: false };
            }
            left -= 1;
            super::proxy::Fate::Pass
        });
        drop(place.through(proxy.address).open());
        state::bucket::unlock(&place.bucket(), "default").expect("answers");
        let options = OpenOptions { new_lineage: uuid::Uuid::from_u128(5), ..place.options() };
        let store = state::open(options);
        let store = store.unwrap_or_else(|error| panic!("cut off after {cut} requests: {error}"));
        commit(&*store, vec![put("a@v", "x")]);
        drop(store);
        assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 1);
    }
}

/// Under a key.
fn encrypted(place: &Place) -> OpenOptions {
    OpenOptions { key: Some(key("correct horse battery")), ..place.options() }
}

#[test]
fn a_header_that_was_not_written_under_the_key_is_refused() {
    let server = server!();
    for Forgery { name, change } in FORGERIES {
        let place = server.place();
        let store = state::open(encrypted(&place)).expect("opens");
        commit(&*store, vec![put("a@v", "x"), intend("b@v"), log(1)]);
        // As a writer leaves it that was killed: the head does not know of the last commit yet.
        let left = place.copy();
        drop(store);
        place.put_back(&left);
        place.delete("lock.json");
        let last = place.names_in("segments/").pop().expect("there is one");
        place.put(&last, &reframed(&place.get(&last), change));
        for access in [Access::Read, Access::Write] {
            let error = state::open(OpenOptions { access, ..encrypted(&place) });
            let said = error.map(drop).expect_err(name).to_string();
            assert!(said.contains("not written under the state's key"), "{name}: {said}");
        }
    }
}

#[test]
fn a_snapshot_that_was_not_written_under_the_key_does_not_come_back() {
    let server = server!();
    for Forgery { name, change } in FORGERIES {
        let place = server.place().with(|limits| limits.segments = 1);
        for text in ["one", "two"] {
            let store = state::open(encrypted(&place)).expect("opens");
            commit(&*store, vec![put("a@v", &text.repeat(9_000)), intend("b@v"), log(1)]);
        }
        let names = place.names_in("snapshots/");
        let [.., genuine, _] = names.as_slice() else { panic!("{names:?}") };
        let forged = reframed(&place.get(genuine), change);
        let sum = blake3::hash(&forged[..forged.len() - 32]).to_hex();
        let false_name = format!("{}-{}", &genuine[..30], &sum[..32]);
        place.put(&false_name, &forged);
        let restore = |name: &str| {
            let name = name.trim_start_matches("snapshots/");
            bucket::restore(&place.bucket(), &encrypted(&place), name)
        };
        let said = restore(&false_name).expect_err(name).to_string();
        assert!(said.contains("not written under the state's key"), "{name}: {said}");
        restore(genuine).expect("the genuine one comes back");
        let store = state::open(encrypted(&place)).expect("opens");
        assert_eq!(runtime().block_on(store.verify()).expect("answers").problems, [""; 0]);
    }
    // Without a key, it is not known what is genuine.
    let place = server.place();
    drop(state::open(encrypted(&place)).expect("opens"));
    let name = place.names_in("snapshots/").pop().expect("there is one");
    let name = name.trim_start_matches("snapshots/");
    let error = bucket::restore(&place.bucket(), &place.options(), name);
    assert!(matches!(error, Err(StateError::Encrypted { .. })), "{error:?}");
}
