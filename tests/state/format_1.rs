//! States and exports that were written by a version that knew only format 1.
//!
//! `tests/fixtures/state-1` was made by that version: [`records`] in one commit, then [`intent`],
//! two [`run`]s and a budget in another; `encrypted` the same under the key of [`encrypted`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use pushsync::{
    model::{Content, Drift, Kind, Record, Sender},
    state::{
        self, StateError, Store, Write,
        export::{export, import},
        scan::digest_now,
    },
};

use super::support::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/state-1").join(name)
}

/// Records with everything that one can have.
fn records() -> Vec<Record> {
    let agent = || Sender::Agent { id: "d9nKoegKSjmCtyK78".into(), received_from: None };
    let marked = Sender::Agent { id: "a".into(), received_from: Some("news".into()) };
    let helpdesk = Sender::Helpdesk {
        email: "liz@example.com".into(),
        name: "Liz".into(),
        received_from: "news".into(),
    };
    let from = |name: &str, kind, from| {
        let record = record(name, "Hello, wörld.\nTwo lines.");
        Record { kind, content: Content { from, ..record.content.clone() }, ..record }
    };
    let mut all = vec![
        from("agents@liz@example.com", Kind::Agent, agent()),
        from("agents@v1", Kind::Agent, marked),
        from("agents@v2", Kind::Agent, helpdesk),
        from("agents@v3", Kind::Pushed, Sender::Random),
        record("groups@v1", "with drift"),
        record("groups@v2", "a replaced one, with drift"),
        record("groups@v3", "a replaced one"),
        Record { drift: Some(Drift::Gone), ..record("groups@v4", "odd") },
        Record { drift: Some(Drift::Forgotten), ..record("groups@v5", "even") },
        record("long@v1", &"a long text. ".repeat(2_000)),
    ];
    all.extend((0..30).map(|n| record(&format!("many@v{n:02}"), &format!("text {n}"))));
    all
}

/// A copy of a fixture, to be opened: that lifts its seal and puts it back.
fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&fixture(name), folder.path());
    folder
}

fn as_written(store: &dyn Store) {
    let mut expected = records();
    expected.sort_by(|a, b| a.address.cmp(&b.address));
    let found: Vec<_> =
        scan(store).expect("reads").into_iter().map(|located| located.record).collect();
    assert_eq!(found, expected);
    let runtime = runtime();
    assert_eq!(runtime.block_on(store.intents()).expect("reads"), [intent("new@v1")]);
    assert_eq!(runtime.block_on(store.runs(9)).expect("reads"), [run(2), run(1)]);
    assert_eq!(runtime.block_on(store.verify()).expect("reads").problems, [""; 0]);
}

fn format_of(store: &dyn Store) -> u32 {
    runtime().block_on(store.meta()).expect("answers").format
}

/// What lies beside sled's files, which sled may change even where it is only read.
fn beside(folder: &Path) -> [Vec<u8>; 2] {
    ["pushsync.json", "pushsync.heads"]
        .map(|name| fs::read(folder.join(name)).expect("is readable"))
}

#[test]
fn a_state_of_format_1_is_read_without_being_changed() {
    let folder = copied("folder");
    let before = beside(folder.path());
    for _ in 0..2 {
        let store = state::open(options(folder.path())).expect("opens");
        as_written(&store);
        assert_eq!(format_of(&store), 1);
        drop(store);
        // The heads have the checksum of the ledger, and that covers the digest of the records.
        assert!(beside(folder.path()) == before, "it was changed");
    }
}

#[test]
fn an_encrypted_state_of_format_1_is_refused_as_nothing_authenticates_its_ledger() {
    let folder = copied("encrypted");
    let before = beside(folder.path());
    let error = state::open(encrypted(folder.path())).map(drop).expect_err("it is refused");
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("did not authenticate it"), "{error}");
    assert!(beside(folder.path()) == before, "it was changed");
}

#[test]
fn a_state_becomes_format_2_with_its_first_commit_and_is_read_as_a_mixture() {
    let folder = copied("folder");
    let store = state::open(options(folder.path())).expect("opens");
    let one = records().swap_remove(6);
    // Back and forth, so that what is held stays the same.
    commit(&store, vec![put(one.address.as_str(), "another"), put("extra@v1", "x")]);
    commit(&store, vec![Write::Put(Box::new(one)), Write::Remove(address("extra@v1"))]);
    assert_eq!(format_of(&store), 2);
    as_written(&store);
    drop(store);
    let store = state::open(options(folder.path())).expect("opens again");
    as_written(&store);
    let marker = fs::read_to_string(folder.path().join("pushsync.json")).expect("is there");
    // What an older version looks at first.
    assert!(marker.contains("\"format\": 3"), "{marker}");
}

#[test]
fn an_export_of_format_1_is_read_back_and_written_again_as_it_was() {
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = std::str::from_utf8(bytes).expect("is text");
        // The first has the serial and the digest, the last a checksum over all.
        let mut lines: Vec<_> = text.lines().skip(1).map(str::to_owned).collect();
        lines.pop();
        lines
    };
    let old = fs::read(fixture("export.jsonl")).expect("is there");
    let store = memory();
    runtime().block_on(import(&mut &old[..], &store)).expect("is read");
    as_written(&store);
    let folder = copied("folder");
    let before = state::open(options(folder.path())).expect("opens");
    for store in [&store as &dyn Store, &before] {
        let mut again = Vec::new();
        runtime().block_on(export(store, &mut again)).expect("is written");
        assert_eq!(lines(&again), lines(&old));
    }
}

#[test]
fn a_copy_has_the_digest_that_a_state_of_format_1_would_have_now() {
    let folder = copied("folder");
    let old = state::open(options(folder.path())).expect("opens");
    let copy = memory();
    commit(&copy, records().into_iter().map(|record| Write::Put(Box::new(record))).collect());
    let digest = |store: &dyn Store| runtime().block_on(store.meta()).expect("answers").digest;
    let now = |store: &dyn Store| runtime().block_on(digest_now(store)).expect("answers");
    assert_ne!(digest(&old), digest(&copy));
    assert_eq!((now(&old), now(&copy)), (digest(&copy), digest(&copy)));
    // A mixture of both.
    commit(&old, vec![Write::Put(Box::new(records().swap_remove(0)))]);
    assert_ne!(digest(&old), digest(&copy));
    assert_eq!(now(&old), digest(&copy));
}
