//! Looking at a state that others change.

use std::ops::Bound;

use pushsync::state::{self, Access, Mode, OpenOptions, StateError};

use super::{
    cli::until,
    cluster::{Database, refused, server},
    support::*,
};

fn reader(database: &Database) -> OpenOptions {
    OpenOptions { access: Access::Read, mode: Mode::MustExist, ..database.options() }
}

#[test]
fn a_reader_sees_one_state_while_a_writer_commits() {
    let database = server!().database();
    let writer = database.open().expect("opens");
    commit(&*writer, vec![put("a@v", "one"), put("b@v", "one"), intend("c@v"), log(1)]);
    let reader = state::open(reader(&database)).expect("needs no lock");
    let before = contents(&*writer).expect("reads");
    for round in 0..20 {
        let text = format!("round {round}");
        commit(&*writer, vec![put("a@v", &text), put(&format!("d@{round}"), &text), log(round)]);
        assert_eq!(contents(&*reader).expect("reads"), before);
    }
    assert_eq!(runtime().block_on(reader.verify()).expect("answers").problems, [""; 0]);
    let after = state::open(self::reader(&database)).expect("opens");
    assert_eq!(contents(&*after).expect("reads"), contents(&*writer).expect("reads"));
}

#[test]
fn a_reader_cannot_write() {
    let database = server!().database();
    let writer = database.open().expect("opens");
    let reader = state::open(reader(&database)).expect("opens");
    let said = refused(&*reader, vec![put("a@v", "x")]);
    assert!(said.contains("was opened for reading"), "{said}");
    assert_eq!(runtime().block_on(writer.meta()).expect("answers").records, 0);
    commit(&*writer, vec![put("a@v", "x")]);
}

#[test]
fn looking_does_not_make_a_state() {
    let database = server!().database();
    for access in [Access::Read, Access::Write] {
        for mode in [Mode::MustExist, Mode::CreateIfAbsent] {
            if (access, mode) == (Access::Write, Mode::CreateIfAbsent) {
                continue;
            }
            let options = OpenOptions { access, mode, ..database.options() };
            let found = state::open(options);
            assert!(matches!(found, Err(StateError::NotFound { .. })), "{access:?} {mode:?}");
        }
    }
    assert_eq!(
        database.admin("SELECT relname FROM pg_class WHERE relname LIKE 'pushsync%'").len(),
        0
    );
    // Nor where another environment has one.
    drop(database.open().expect("opens"));
    for access in [Access::Read, Access::Write] {
        let options = OpenOptions {
            access,
            mode: Mode::MustExist,
            environment: "staging".into(),
            ..database.options()
        };
        assert!(matches!(state::open(options), Err(StateError::NotFound { .. })));
    }
    assert_eq!(database.admin("SELECT environment FROM pushsync_states"), [["default"]]);
    assert_eq!(database.admin("SELECT environment FROM pushsync_locks").len(), 0);
}

#[test]
fn a_page_reads_no_more_of_a_large_table_than_it_has_to() {
    let database = server!().database();
    let store = database.open().expect("opens");
    // As large tables are before the server has looked at them for the first time.
    database.admin("ALTER TABLE pushsync_records SET (autovacuum_enabled = off)");
    commit(&*store, (0..20_000).map(|n| put(&format!("key@visitor-{n:05}"), "x")).collect());
    drop(store);
    let read = || {
        let row = database.admin(
            "SELECT sum(idx_tup_read) + min(seq_tup_read) FROM pg_stat_user_indexes \
             JOIN pg_stat_user_tables USING (relid) \
             WHERE pg_stat_user_tables.relname = 'pushsync_records'",
        );
        row[0][0].parse::<u64>().expect("a number")
    };
    let before = read();
    let reader = state::open(reader(&database)).expect("opens");
    let all = (Bound::Unbounded, Bound::Unbounded);
    let page = runtime().block_on(reader.page(all.0, all.1, 100)).expect("reads");
    assert_eq!(page.len(), 100);
    drop(reader);
    // The server counts when the session ends.
    until("the reading is counted", || read() > before);
    assert!(read() - before < 5_000, "{} rows", read() - before);
}
