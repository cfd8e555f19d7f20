//! The write-ahead log: the commits that sled has not got yet.

use std::{collections::BTreeMap, fs, path::Path};

use pushsync::state::{self, OpenOptions, Store, Write};
use tempfile::TempDir;

use super::support::*;

const LOG: &str = "pushsync.log";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A folder with a closed state of a few records, and what it holds.
fn small() -> (TempDir, String) {
    let folder = folder();
    let store = open(folder.path()).expect("opens");
    for number in 0..10 {
        commit(&*store, vec![put(&format!("key@{number}"), "a text"), log(number)]);
    }
    let before = contents(&*store).expect("reads");
    drop(store);
    (folder, before)
}

fn files_of_sled(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder.join("sled"))
        .into_iter()
        .map(|entry| entry.expect("readable").into_path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), fs::read(path).expect("readable")))
        .collect()
}

fn holds(folder: &Path, expected: &str) {
    let store = open(folder).expect("opens");
    assert_eq!(contents(&*store).expect("reads"), expected);
    let problems = runtime().block_on(store.verify()).expect("reads").problems;
    assert_eq!(problems, [""; 0]);
}

#[test]
fn commits_go_to_the_log_and_sled_is_written_when_the_store_is_closed() {
    let (folder, _) = small();
    let store = open(folder.path()).expect("opens");
    let before = files_of_sled(folder.path());
    for number in 0..20 {
        commit(&*store, vec![put(&format!("key@{number}"), "another text")]);
    }
    let now = contents(&*store).expect("reads");
    assert!(files_of_sled(folder.path()) == before);
    assert!(folder.path().join(LOG).exists());
    let killed = self::folder();
    copy(folder.path(), killed.path());
    drop(store);
    assert!(!folder.path().join(LOG).exists());
    assert!(files_of_sled(folder.path()) != before);
    holds(folder.path(), &now);
    // And after a kill: the next one gives it to sled.
    holds(killed.path(), &now);
    assert!(!killed.path().join(LOG).exists());
    holds(killed.path(), &now);
}

#[test]
fn a_log_that_has_grown_is_given_to_sled_and_begins_anew() {
    let (folder, _) = small();
    let store = open(folder.path()).expect("opens");
    let log = folder.path().join(LOG);
    let text = "long ".repeat(20_000);
    let mut shrunk = 0;
    let mut length = 0;
    for number in 0..100 {
        commit(&*store, vec![put(&format!("long@{number}"), &format!("{number} {text}"))]);
        let now = fs::metadata(&log).map_or(0, |file| file.len());
        shrunk += u32::from(now < length);
        length = now;
        assert!(length < 5 << 20, "{length}");
    }
    assert!(shrunk >= 2, "{shrunk}");
    let now = contents(&*store).expect("reads");
    let killed = self::folder();
    copy(folder.path(), killed.path());
    drop(store);
    holds(folder.path(), &now);
    holds(killed.path(), &now);
}

#[test]
fn what_is_in_the_log_and_what_is_in_sled_are_read_as_one() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..20 {
        let (folder, _) = small();
        let (store, plain) = (open(folder.path()).expect("opens"), memory());
        let mut all = Vec::new();
        for _ in 0..30 {
            let name = format!("key@{}", random.u8(..30));
            all.push(match random.u8(..5) {
                0 => Write::Remove(address(&name)),
                1 => intend(&name),
                2 => Write::Settle(address(&name)),
                3 => log(random.u32(..9)),
                _ => put(&name, &format!("text {}", random.u8(..9))),
            });
        }
        let before = (0..10).flat_map(|n| [put(&format!("key@{n}"), "a text"), log(n)]).collect();
        commit(&plain, before);
        for write in all {
            commit(&plain, vec![write.clone()]);
            commit(&*store, vec![write]);
            assert_eq!(scan(&*store).expect("reads"), scan(&plain).expect("reads"));
            for most in [1, 3, 100] {
                let runs = |store: &dyn Store| runtime().block_on(store.runs(most)).expect("reads");
                assert_eq!(runs(&*store), runs(&plain));
            }
        }
    }
}

#[test]
fn a_log_of_another_environment_is_given_to_that_one() {
    let (folder, before) = small();
    let of =
        |name: &str, folder: &Path| OpenOptions { environment: name.into(), ..options(folder) };
    let store = state::open(of("staging", folder.path())).expect("opens");
    commit(&*store, vec![put("only@staging", "x")]);
    let staging = contents(&*store).expect("reads");
    let killed = self::folder();
    copy(folder.path(), killed.path());
    drop(store);
    holds(killed.path(), &before);
    let store = state::open(of("staging", killed.path())).expect("opens");
    assert_eq!(contents(&*store).expect("reads"), staging);
}

#[test]
fn a_state_that_is_only_read_holds_the_lock_of_its_database() {
    let (folder, before) = small();
    let free = || {
        let db = fs::File::open(folder.path().join("sled/db")).expect("opens");
        db.try_lock().is_ok()
    };
    assert!(free());
    let store = open(folder.path()).expect("opens");
    assert_eq!(contents(&*store).expect("reads"), before);
    assert!(!free());
    assert!(!folder.path().join("pushsync.seal").exists(), "the seal is lifted");
    drop(store);
    assert!(free());
    assert!(folder.path().join("pushsync.seal").exists());
}
