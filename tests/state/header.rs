//! The header of an encrypted state is authenticated: nobody without the key changes it.

use std::{fs, path::Path};

use pushsync::state::{self, Access, Mode, OpenOptions, StateError, Store, Write};

use super::{forge::*, support::*};

fn refused(folder: &Path, what: &str) {
    for (mode, access) in [
        (Mode::MustExist, Access::Read),
        (Mode::CreateIfAbsent, Access::Write),
        (Mode::MustExist, Access::Write),
    ] {
        let options = OpenOptions { mode, access, ..encrypted(folder) };
        let error = state::open(options).map(drop).expect_err(what);
        assert!(matches!(error, StateError::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().contains("not written under the state's key"), "{what}: {error}");
    }
}

/// An encrypted state in a folder.
fn written(folder: &Path) -> Box<dyn Store> {
    let store = state::open(encrypted(folder)).expect("opens");
    commit(&*store, vec![put("a@v", "x"), intend("b@v"), log(1), Write::Budget(budget(42))]);
    store
}

#[test]
fn a_forged_header_in_the_log_and_then_in_sled_is_refused() {
    for Forgery { name, change } in FORGERIES {
        let (one, folder) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let store = written(one.path());
        copy(one.path(), folder.path());
        drop(store);
        let path = folder.path().join("pushsync.log");
        let bytes = fs::read(&path).expect("a log");
        // Start and length of each frame; the last one is followed by zeros.
        let (mut at, mut last) = (0, 0);
        while bytes[at..].starts_with(b"\x1bcommit\n") {
            last = at;
            let length = bytes[at + 8..at + 16].try_into().expect("eight bytes");
            at += 16 + u64::from_le_bytes(length) as usize;
        }
        let frame = reframed(&bytes[last + 16..at], change);
        let mut forged = bytes[..last + 8].to_vec();
        forged.extend_from_slice(&(frame.len() as u64).to_le_bytes());
        forged.extend_from_slice(&frame);
        fs::write(&path, forged).expect("written");
        // First from the log; then it is in sled.
        refused(folder.path(), name);
        assert!(!path.exists());
    }
}

#[test]
fn a_header_that_was_made_plain_is_refused_where_there_is_a_key() {
    let (one, folder) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let store = written(one.path());
    copy(one.path(), folder.path());
    drop(store);
    let path = folder.path().join("pushsync.log");
    let bytes = fs::read(&path).expect("a log");
    let length = u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes")) as usize;
    let frame = reframed(&bytes[16..16 + length], |header| {
        let header = header.as_object_mut().expect("an object");
        header.remove("wrapped");
        header.remove("mac");
    });
    let mut forged = bytes[..8].to_vec();
    forged.extend_from_slice(&(frame.len() as u64).to_le_bytes());
    forged.extend_from_slice(&frame);
    fs::write(&path, forged).expect("written");
    let error = state::open(encrypted(folder.path())).map(drop).expect_err("it is plain now");
    assert!(matches!(error, StateError::NotEncrypted { .. }), "{error}");
}

#[test]
fn every_header_that_is_written_is_authenticated_whatever_it_says() {
    use pushsync::state::Amendment;
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    let other = key("another passphrase 1");
    runtime().block_on(store.amend(Amendment::Rekey(other.clone()))).expect("written");
    commit(&*store, vec![put("c@v", "y")]);
    drop(store);
    let options = || OpenOptions { key: Some(other.clone()), ..options(folder.path()) };
    let store = state::open(options()).expect("opens");
    assert_eq!(runtime().block_on(store.verify()).expect("reads").problems, [""; 0]);
    let to = "postgres://db.example.com/pushsync".to_owned();
    runtime().block_on(store.amend(Amendment::Moved { to: to.clone() })).expect("written");
    drop(store);
    let moved = state::open(options()).map(drop).expect_err("it was moved");
    assert!(matches!(&moved, StateError::Moved { to: at, .. } if *at == to), "{moved}");
}
