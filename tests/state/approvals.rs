//! What approvals take at rest, and what damage to them is.

use std::{fs, path::Path};

use pushsync::{
    model::Approval,
    state::{OpenOptions, StateError, Store, Write, compact},
};

use super::support::*;

/// The bytes of a folder.
fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("can be read");
    entries
        .map(|entry| {
            let entry = entry.expect("can be read");
            let meta = entry.metadata().expect("is known");
            if meta.is_dir() { bytes(&entry.path()) } else { meta.len() }
        })
        .sum()
}

fn approvals_of(store: &dyn Store) -> Vec<Approval> {
    runtime().block_on(store.approvals()).expect("reads")
}

/// The file of approvals in a folder.
fn file(folder: &Path) -> std::path::PathBuf {
    let all = fs::read_dir(folder.join("sled")).expect("can be read");
    let mut all = all.map(|entry| entry.expect("can be read").path());
    let is_one = |path: &std::path::PathBuf| path.to_string_lossy().contains("sled/approvals-");
    all.find(is_one).expect("there is one")
}

#[test]
fn an_approval_takes_at_most_64_bytes_at_rest() {
    const MANY: usize = 20_000;
    const SEGMENT: u64 = 1 << 20;
    for digits in [32, 64] {
        for key in [None, Some(key("correct horse battery"))] {
            let folder = tempfile::tempdir().expect("a folder");
            let options = || OpenOptions { key: key.clone(), ..options(folder.path()) };
            let open = || pushsync::state::open(options()).expect("opens");
            commit(&*open(), vec![put("a@v", "a record"), log(1)]);
            let before = bytes(folder.path());
            let approvals = approvals_of_many(MANY, digits);
            commit(&*open(), approvals.iter().map(approve).collect());
            // sled's file grows by whole segments, whatever is committed.
            let rest = |after: u64| after.saturating_sub(before + SEGMENT) as f64;
            let each = |after: u64| rest(after) / MANY as f64;
            let after = fs::metadata(file(folder.path())).expect("is there").len();
            let after = (after as f64 / MANY as f64).max(each(bytes(folder.path())));
            let told = format!("{after} bytes for {digits} signs, encrypted: {}", key.is_some());
            assert!(after <= 64.0, "{told}");
            assert_eq!(approvals_of(&*open()), approvals, "{told}");
            compact(options()).expect("rewrites it");
            assert_eq!(approvals_of(&*open()), approvals, "{told}");
            let none = approvals.iter().map(|one| Write::Withdraw(one.address.clone()));
            commit(&*open(), none.collect());
            assert!(each(bytes(folder.path())) < 1.0, "nothing of them is left");
        }
    }
}

#[test]
fn approvals_survive_a_death_before_the_database_has_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let approvals = approvals_of_many(2000, 32);
    let store = open(folder.path()).expect("opens");
    commit(&*store, approvals[..1000].iter().map(approve).collect());
    drop(store);
    // Half of them are in the file, the others in the log, and some are gone by the log.
    let store = open(folder.path()).expect("opens");
    commit(&*store, approvals[1000..].iter().map(approve).collect());
    let gone: Vec<_> = approvals.iter().step_by(3).collect();
    commit(&*store, gone.iter().map(|one| Write::Withdraw(one.address.clone())).collect());
    let expected: Vec<_> = approvals.iter().filter(|one| !gone.contains(one)).cloned().collect();
    let killed = tempfile::tempdir().expect("a folder");
    copy(folder.path(), killed.path());
    assert!(killed.path().join("pushsync.log").exists(), "the log has not been written yet");
    let again = open(killed.path()).expect("recovers");
    assert_eq!(approvals_of(&*again), expected);
    assert_eq!(runtime().block_on(again.verify()).expect("reads").problems, [""; 0]);
    assert_eq!(approvals_of(&*store), expected, "the first one goes on");
}

#[test]
fn each_environment_has_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |environment: &str| {
        let options = OpenOptions { environment: environment.into(), ..options(folder.path()) };
        pushsync::state::open(options).expect("opens")
    };
    let names = ["staging", "Staging", "staging:sandbox"];
    for (name, text) in names.into_iter().zip(["one", "two", "three"]) {
        commit(&*of(name), vec![approve(&approval("a@v", text, until(5)))]);
    }
    for (name, text) in names.into_iter().zip(["one", "two", "three"]) {
        assert_eq!(approvals_of(&*of(name)), [approval("a@v", text, until(5))]);
    }
}

/// A state with approvals; what is said of it once `damage` has been done.
fn said_after(damage: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    commit(&*store, approvals_of_many(200, 32).iter().map(approve).collect());
    drop(store);
    damage(folder.path());
    let read = open(folder.path()).and_then(|store| {
        let approvals = runtime().block_on(store.approvals());
        let found = runtime().block_on(store.verify())?;
        assert_eq!(approvals.is_ok(), found.problems.is_empty(), "{:?}", found.problems);
        // A commit that needs them is refused as well.
        let commit = vec![Write::Withdraw(address("dark-mode-launch@x"))];
        let written = runtime().block_on(store.commit(commit));
        assert!(written.is_err(), "{written:?}");
        approvals.map(|all| all.len())
    });
    match read {
        Err(error @ StateError::Damaged { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_of_approvals_that_is_missing_cut_or_changed_is_damage() {
    let said = said_after(|folder| fs::remove_file(file(folder)).expect("removed"));
    assert!(said.contains("/approvals-") && said.contains("is missing"), "{said}");
    // Without the checksums of closed files, as after a crash.
    let unsealed = |damage: fn(&Path)| {
        said_after(|folder| {
            fs::remove_file(folder.join("pushsync.seal")).expect("is there");
            damage(&file(folder));
        })
    };
    let said = unsealed(|file| fs::remove_file(file).expect("removed"));
    assert!(said.contains("pages of approvals, and 0 could be read"), "{said}");
    let said = unsealed(|file| {
        let bytes = fs::read(file).expect("readable");
        fs::write(file, &bytes[..bytes.len() / 2]).expect("written");
    });
    assert!(said.contains("its file of approvals does not match its checksum"), "{said}");
    let said = unsealed(|file| {
        let mut bytes = fs::read(file).expect("readable");
        bytes[300] ^= 1;
        fs::write(file, &bytes).expect("written");
    });
    assert!(said.contains("its file of approvals does not match its checksum"), "{said}");
}
