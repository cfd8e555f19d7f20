//! A commit: one statement, durable, and only by who has the lock.

use std::ops::Bound;

use pushsync::state::{self, Access, Amendment, OpenOptions, StateError, Write};
use tokio_postgres::NoTls;

use super::{
    cluster::{Database, refused, server},
    support::*,
};

/// How many rows the tables of an environment have.
fn rows(database: &Database) -> String {
    let counted = database.admin(
        "SELECT (SELECT count(*) FROM pushsync_records), (SELECT count(*) FROM pushsync_intents), \
         (SELECT count(*) FROM pushsync_runs), (SELECT serial FROM pushsync_states)",
    );
    counted.concat().join(" ")
}

#[test]
fn a_commit_of_a_hundred_intents_is_one_statement_that_reads_and_one_that_writes() {
    let database = server!().database();
    let store = database.open().expect("opens");
    let before = database.statements().len();
    commit(&*store, (0..100).map(|n| intend(&format!("key@visitor-{n}"))).collect());
    let all = database.statements();
    let [reads, writes] = &all[before..] else { panic!("more than two: {:#?}", &all[before..]) };
    assert!(reads.contains("SELECT number, value"), "{reads}");
    assert!(writes.contains("WITH header AS"), "{writes}");
    assert_eq!(rows(&database), "0 100 0 1");
}

#[test]
fn an_approval_takes_at_most_64_bytes_with_its_row_and_its_index() {
    const MANY: usize = 10_000;
    for (digits, encrypted) in [(32, false), (64, false), (32, true), (64, true)] {
        let database = server!().database();
        let key = encrypted.then(|| key("correct horse battery"));
        let options = || OpenOptions { key: key.clone(), ..database.options() };
        let approvals = approvals_of_many(MANY, digits);
        let store = state::open(options()).expect("opens");
        let before = database.statements().len();
        commit(&*store, approvals.iter().map(approve).collect());
        assert_eq!(database.statements().len() - before, 1, "nothing is read for the first ones");
        drop(store);
        database.admin("VACUUM pushsync_approvals");
        let answer = database.admin(
            "SELECT pg_relation_size('pushsync_approvals') + pg_indexes_size('pushsync_approvals') \
             + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) \
             FROM pg_class WHERE oid = 'pushsync_approvals'::regclass",
        );
        let each = answer.concat().concat().parse::<f64>().expect("a number") / MANY as f64;
        println!("{each:.1} bytes for {digits} signs, encrypted: {encrypted}");
        assert!(each <= 64.0, "{each} bytes for {digits} signs, encrypted: {encrypted}");
        let store = state::open(options()).expect("opens");
        assert_eq!(runtime().block_on(store.approvals()).expect("reads"), approvals);
    }
}

#[test]
fn a_commit_is_durable_whatever_is_the_default_of_the_database() {
    for (default, used) in [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")] {
        let database = server!().database();
        let name = &database.name;
        database.admin(&format!("ALTER DATABASE {name} SET synchronous_commit = {default}"));
        let store = database.open().expect("opens");
        database.admin(
            "CREATE TABLE used (how text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO used VALUES (current_setting('synchronous_commit'));
                 RETURN NULL;
             END $$;
             CREATE TRIGGER note AFTER UPDATE ON pushsync_states EXECUTE FUNCTION note()",
        );
        commit(&*store, vec![put("a@v", "x")]);
        assert_eq!(database.admin("SELECT how FROM used"), [[used]], "{default}");
    }
}

/// More than one statement can carry.
fn large() -> Vec<Write> {
    let text = "0123456789".repeat(60_000);
    (0..60).map(|n| put(&format!("key@visitor-{n:02}"), &text)).collect()
}

#[test]
fn a_large_commit_comes_whole() {
    let database = server!().database();
    let store = database.open().expect("opens");
    let before = database.statements().len();
    let meta = runtime().block_on(store.commit(large())).expect("commits");
    let parts = &database.statements()[before + 1..];
    assert!(parts.len() >= 5 && parts[0].ends_with("BEGIN"), "{}", parts.len());
    assert!(parts[parts.len() - 1].ends_with("COMMIT"));
    assert_eq!((meta.records, meta.serial), (60, 1));
    assert_eq!(digest_of(&*store), (60, meta.digest));
    let backwards: Vec<_> =
        scan(&*store).expect("reads").iter().map(|l| l.address.clone()).collect();
    assert!(backwards.is_sorted() && backwards.len() == 60);
    assert_eq!(runtime().block_on(store.verify()).expect("answers").problems, [""; 0]);
}

#[test]
fn a_large_commit_that_fails_half_way_leaves_nothing_behind() {
    let database = server!().database();
    let store = database.open().expect("opens");
    database.admin("ALTER TABLE pushsync_records ADD CHECK (name <> 'key@visitor-59')");
    let said = refused(&*store, large());
    assert!(said.contains("violates check constraint"), "{said}");
    assert_eq!(rows(&database), "0 0 0 0");
    // What is there can still be read; nothing more is written.
    assert_eq!(digest_of(&*store).0, 0);
    let said = refused(&*store, vec![put("a@v", "x")]);
    assert!(said.contains("nothing more is written in this run"), "{said}");
    drop(store);
    let store = database.open().expect("opens");
    commit(&*store, vec![put("a@v", "x")]);
}

#[test]
fn a_writer_that_was_overtaken_changes_nothing_and_writes_no_more() {
    let database = server!().database();
    let store = database.open().expect("opens");
    commit(&*store, vec![put("a@v", "x"), log(1)]);
    database.admin("UPDATE pushsync_states SET sequence = sequence + 1");
    let said = refused(&*store, vec![put("b@v", "y"), Write::Remove(address("a@v")), log(2)]);
    assert!(said.contains("has lost its lock") && said.contains("nothing was written"), "{said}");
    assert_eq!(rows(&database), "1 0 1 1");
    database.admin("UPDATE pushsync_states SET sequence = sequence - 1");
    let said = refused(&*store, vec![put("b@v", "y")]);
    assert!(said.contains("nothing more is written in this run"), "{said}");
    assert_eq!(rows(&database), "1 0 1 1");
}

#[test]
fn a_session_that_has_lost_its_lock_cannot_commit() {
    let database = server!().database();
    let store = database.open().expect("opens");
    // As behind a pooler that lends its sessions to others in between.
    database.admin(
        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_advisory_unlock_all();
             RETURN NULL;
         END $$;
         CREATE TRIGGER forget AFTER UPDATE ON pushsync_states EXECUTE FUNCTION forget()",
    );
    let held = database.admin(
        "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks \
         JOIN pg_database ON datname = current_database() AND database = pg_database.oid \
         WHERE locktype = 'advisory'",
    );
    let number = &held[0][0];
    commit(&*store, vec![put("a@v", "x")]);
    let io = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _other = io.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&database.url(), NoTls).await.expect("connects");
        let attended = tokio::spawn(connection);
        let take = format!("SELECT pg_advisory_lock({number})");
        client.batch_execute(&take).await.expect("is free");
        (client, attended)
    });
    let said = refused(&*store, vec![put("b@v", "y")]);
    assert!(said.contains("has lost its lock"), "{said}");
    assert_eq!(rows(&database), "1 0 0 1");
}

#[test]
fn a_writer_stops_when_the_tables_become_those_of_a_newer_version() {
    let database = server!().database();
    let store = database.open().expect("opens");
    database.admin("INSERT INTO pushsync_schema (version) VALUES (99)");
    let said = refused(&*store, vec![put("b@v", "y")]);
    assert!(said.contains("nothing was written"), "{said}");
    assert_eq!(rows(&database), "0 0 0 0");
}

#[test]
fn pages_go_on_where_the_bytes_of_one_answer_end() {
    let database = server!().database();
    let store = database.open().expect("opens");
    let text = "0123456789".repeat(90_000);
    commit(&*store, (0..12).map(|n| put(&format!("key@visitor-{n:02}"), &text)).collect());
    let page = runtime()
        .block_on(store.page(Bound::Included("key@visitor-01"), Bound::Unbounded, 10))
        .expect("reads");
    let records = page.records().expect("reads");
    let names: Vec<_> = records.iter().map(|record| record.address.as_str()).collect();
    assert_eq!((names.len(), names[0], names[9]), (10, "key@visitor-01", "key@visitor-10"));
    // Backwards as well: runs come newest first.
    commit(&*store, (0..5000).map(|n| log(2 * n)).collect());
    let runs = runtime().block_on(store.runs(4200)).expect("reads");
    assert_eq!((runs.len(), &runs[0], &runs[4199]), (4200, &run(9998), &run(1600)));
}

#[test]
fn a_person_sees_what_is_there() {
    let database = server!().database();
    let store = database.open().expect("opens");
    commit(&*store, vec![put("a@v", "x"), put("b@v", "y"), intend("c@v"), log(1)]);
    let seen = database
        .admin("SELECT environment, lineage, serial, records, intents, runs FROM pushsync_states");
    let lineage = LINEAGE.to_string();
    assert_eq!(seen, [["default", lineage.as_str(), "1", "2", "1", "1"]]);
}

#[test]
fn a_state_that_was_moved_says_where_to() {
    let database = server!().database();
    let store = database.open().expect("opens");
    commit(&*store, vec![put("a@v", "x")]);
    let to = "s3://bucket/prefix".to_owned();
    runtime().block_on(store.amend(Amendment::Moved { to: to.clone() })).expect("can be written");
    drop(store);
    for access in [Access::Read, Access::Write] {
        let error = state::open(OpenOptions { access, ..database.options() });
        assert!(matches!(&error, Err(StateError::Moved { to: at, .. }) if *at == to), "{error:?}");
    }
}

#[test]
fn what_is_encrypted_cannot_be_read_with_psql() {
    let database = server!().database();
    let key = Some(key("correct horse battery"));
    let store = state::open(OpenOptions { key, ..database.options() }).expect("opens");
    commit(&*store, vec![put("dark-mode@visitor", "nobody else's"), intend("b@visitor"), log(1)]);
    for (what, found) in
        [("visitor", "0"), ("nobody else", "0"), ("id-of-", "0"), ("dark-mode@", "1")]
    {
        let everything = "SELECT name, value FROM pushsync_records UNION ALL \
                          SELECT name, value FROM pushsync_intents UNION ALL \
                          SELECT name, value FROM pushsync_runs";
        let counted = database.admin(&format!(
            "SELECT count(*) FROM ({everything}) AS x \
             WHERE position(convert_to($${what}$$, 'UTF8') IN name || value) > 0"
        ));
        assert_eq!(counted, [[found]], "{what}");
    }
}
