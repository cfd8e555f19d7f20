//! Encryption at rest, and what a state says of itself.

use pushsync::state::{self, Amendment, Mode, OpenOptions, StateError};

use super::support::*;

/// What nobody may read in the files.
const VISITOR: &str = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";
const TEXT: &str = "a text that is nobody else's business";

fn files_hold(folder: &std::path::Path, what: &str) -> bool {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("readable").into_path())
        .filter(|path| path.is_file())
        .any(|path| {
            let bytes = std::fs::read(path).expect("readable");
            bytes.windows(what.len()).any(|part| part == what.as_bytes())
        })
}

#[test]
fn no_text_no_visitor_and_no_message_id_can_be_read_in_the_files() {
    for secret in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = if secret { encrypted(folder.path()) } else { options(folder.path()) };
        let store = state::open(options).expect("opens");
        let address = format!("dark-mode@{VISITOR}");
        let writes = vec![put(&address, TEXT), intend(&format!("other@{VISITOR}")), log(1)];
        commit(&*store, writes);
        drop(store);
        for what in [VISITOR, TEXT, "AXCR3k9bpSY7bpuh7"] {
            assert_eq!(files_hold(folder.path(), what), !secret, "{what}");
        }
        assert!(files_hold(folder.path(), "dark-mode"), "keys of messages are no secret");
    }
}

#[test]
fn a_missing_a_wrong_and_a_needless_key_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = OpenOptions { key: Some(key("another passphrase 1")), ..encrypted(folder.path()) };
    drop(state::open(encrypted(folder.path())).expect("opens"));
    let without = state::open(options(folder.path())).expect_err("there is no key");
    assert!(matches!(without, StateError::Encrypted { .. }), "{without}");
    let wrong = state::open(other).expect_err("the key is wrong");
    assert!(matches!(wrong, StateError::WrongKey { .. }), "{wrong}");
    drop(state::open(encrypted(folder.path())).expect("nothing was harmed"));

    let plain = tempfile::tempdir().expect("a folder");
    drop(open(plain.path()).expect("opens"));
    let needless = state::open(encrypted(plain.path())).expect_err("it is not encrypted");
    assert!(matches!(needless, StateError::NotEncrypted { .. }), "{needless}");
}

#[test]
fn another_passphrase_opens_the_same_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = state::open(encrypted(folder.path())).expect("opens");
    fill(&*store);
    let before = contents(&*store).expect("reads");
    let new = key("another passphrase 1");
    runtime().block_on(store.amend(Amendment::Rekey(new.clone()))).expect("can be written");
    commit(&*store, vec![]);
    drop(store);
    let old = state::open(encrypted(folder.path())).expect_err("the old key is none");
    assert!(matches!(old, StateError::WrongKey { .. }), "{old}");
    let options = OpenOptions { key: Some(new), ..options(folder.path()) };
    assert_eq!(contents(&*state::open(options).expect("opens")).expect("reads"), before);

    let plain = tempfile::tempdir().expect("a folder");
    let store = open(plain.path()).expect("opens");
    let amended = runtime().block_on(store.amend(Amendment::Rekey(key(&"x".repeat(20)))));
    assert!(matches!(amended, Err(StateError::NotEncrypted { .. })));
}

#[test]
fn a_state_that_was_moved_says_where_to_and_is_not_used_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    fill(&*store);
    let to = "postgres://db.example.com/pushsync".to_owned();
    runtime().block_on(store.amend(Amendment::Moved { to: to.clone() })).expect("written");
    drop(store);
    for mode in [Mode::MustExist, Mode::CreateIfAbsent] {
        let options = OpenOptions { mode, ..options(folder.path()) };
        let error = state::open(options).expect_err("it was moved");
        assert!(matches!(error, StateError::Moved { .. }), "{error}");
        assert!(error.to_string().contains(&to), "{error}");
    }
}
