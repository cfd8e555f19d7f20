//! A damaged store is an error, and never fewer or other records than were written.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use pushsync::state::{self, Mode, OpenOptions, StateError};
use tempfile::TempDir;

use super::support::*;

/// How a store came to rest.
#[derive(Clone, Copy, PartialEq)]
enum Rest {
    Closed,
    /// In the first process that used it: all is in the log.
    KilledYoung,
    /// In the second: sled has what came before, and the log what is newer.
    KilledOld,
}

/// A folder, and what was in it.
fn stored(rest: Rest) -> (TempDir, String) {
    let (folder, result) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let mut store = open(folder.path()).expect("opens");
    fill(&*store);
    if rest != Rest::KilledYoung {
        drop(store);
        store = open(folder.path()).expect("opens again");
        commit(&*store, vec![put("key-1@visitor-1", "the last word")]);
    }
    let before = contents(&*store).expect("reads");
    if rest == Rest::Closed {
        drop(store);
        copy(folder.path(), result.path());
    } else {
        copy(folder.path(), result.path());
        drop(store);
    }
    (result, before)
}

fn db(folder: &Path) -> std::path::PathBuf {
    folder.join("sled/db")
}

fn is_damaged(folder: &Path) -> String {
    for mode in [Mode::MustExist, Mode::CreateIfAbsent] {
        let error = state::open(OpenOptions { mode, ..options(folder) }).map(drop);
        let error = error.expect_err("it is damaged");
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    }
    state::open(options(folder)).map(drop).expect_err("it stays so").to_string()
}

#[test]
fn a_missing_or_emptied_file_is_damage() {
    for rest in [Rest::Closed, Rest::KilledYoung, Rest::KilledOld] {
        for name in ["sled/db", "sled/conf", "sled", "pushsync.json", "pushsync.heads"] {
            let (folder, _) = stored(rest);
            let path = folder.path().join(name);
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
                .expect("can be removed");
            let said = is_damaged(folder.path());
            assert!(said.contains("missing"), "{name}: {said}");
        }
        for name in ["sled/db", "sled/conf", "pushsync.json", "pushsync.heads"] {
            let (folder, _) = stored(rest);
            fs::write(folder.path().join(name), "").expect("can be written");
            is_damaged(folder.path());
        }
    }
}

#[test]
fn a_store_replaced_by_an_empty_one_is_damage() {
    let (folder, _) = stored(Rest::KilledOld);
    let fresh = tempfile::tempdir().expect("a folder");
    drop(open(fresh.path()).expect("opens"));
    fs::remove_dir_all(folder.path().join("sled")).expect("can be removed");
    copy(&fresh.path().join("sled"), &folder.path().join("sled"));
    is_damaged(folder.path());
}

#[test]
fn a_store_that_went_back_in_time_is_damage() {
    for rest in [Rest::KilledYoung, Rest::KilledOld] {
        let (old, _) = stored(rest);
        let (new, _) = stored(rest);
        let log = |folder: &TempDir| folder.path().join("pushsync.log");
        // All but the last commit.
        let bytes = fs::read(log(&old)).expect("reads");
        let last = bytes.windows(8).rposition(|start| start == b"\x1bcommit\n");
        fs::write(log(&new), &bytes[..last.expect("has commits")]).expect("can be written");
        let said = is_damaged(new.path());
        assert!(said.contains("went back from commit"), "{said}");
        fs::remove_file(log(&old)).expect("can be removed");
        let said = is_damaged(old.path());
        assert!(said.contains("went back from commit") || said.contains("vanished"), "{said}");
    }
}

#[test]
fn a_log_that_goes_on_from_a_later_commit_is_damage() {
    let (folder, _) = stored(Rest::KilledOld);
    let (other, _) = stored(Rest::KilledYoung);
    fs::remove_file(other.path().join("pushsync.log")).expect("can be removed");
    fs::remove_dir_all(folder.path().join("sled")).expect("can be removed");
    copy(&other.path().join("sled"), &folder.path().join("sled"));
    let said = is_damaged(folder.path());
    assert!(said.contains("pushsync.log goes on from a later commit"), "{said}");
}

#[test]
fn an_older_log_without_a_head_is_damage() {
    // Without the head it would open as the whole state that it once was.
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    fill(&*store);
    let killed = tempfile::tempdir().expect("a folder");
    copy(folder.path(), killed.path());
    commit(&*store, vec![intend("last@v")]);
    let heads = killed.path().join("pushsync.heads");
    fs::write(&heads, [0; 512]).expect("can be written");
    assert!(is_damaged(killed.path()).contains("pushsync.heads is not what was written"));
    fs::remove_file(&heads).expect("can be removed");
    assert!(is_damaged(killed.path()).contains("pushsync.heads is missing"));
    assert!(!heads.exists(), "it is not made anew");
}

#[test]
fn a_layout_file_without_its_environments_is_damage() {
    for rest in [Rest::Closed, Rest::KilledYoung, Rest::KilledOld] {
        let (folder, _) = stored(rest);
        let forgot = "{ \"format\": 1, \"environments\": [] }";
        fs::write(folder.path().join("pushsync.json"), forgot).expect("can be written");
        assert!(is_damaged(folder.path()).contains("does not name the environments"));
        fs::remove_file(folder.path().join("pushsync.json")).expect("can be removed");
        fs::remove_dir_all(folder.path().join("sled")).expect("can be removed");
        assert!(is_damaged(folder.path()).contains("pushsync.json is missing"));
    }
}

#[test]
fn a_store_of_a_newer_version_is_told_from_damage() {
    let (folder, _) = stored(Rest::Closed);
    let path = folder.path().join("pushsync.json");
    let marker = fs::read_to_string(&path).expect("reads");
    let newer = marker.replace("\"format\": 1", "\"format\": 2, \"and\": \"more\"");
    assert_ne!(marker, newer);
    fs::write(&path, newer).expect("can be written");
    let error = open(folder.path()).expect_err("is newer");
    assert!(matches!(error, StateError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("upgrade pushsync"));
}

#[test]
fn a_store_of_another_lineage_is_damage() {
    let (folder, _) = stored(Rest::Closed);
    let path = folder.path().join("pushsync.json");
    let marker = fs::read_to_string(&path).expect("reads");
    fs::write(&path, marker.replace("01234567", "76543210")).expect("can be written");
    is_damaged(folder.path());
}

#[test]
fn every_flipped_byte_of_a_closed_store_is_noticed_before_sled_sees_it() {
    let (folder, before) = stored(Rest::Closed);
    let path = db(folder.path());
    let whole = fs::read(&path).expect("reads");
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..50 {
        let mut bytes = whole.clone();
        let at = random.usize(..bytes.len());
        bytes[at] ^= random.u8(1..);
        fs::write(&path, &bytes).expect("can be written");
        let said = open(folder.path()).expect_err("it is damaged").to_string();
        assert!(said.contains("file sled/db was changed"), "{said}");
    }
    // Nothing was touched meanwhile: with the old bytes it is the old state.
    fs::write(&path, &whole).expect("can be written");
    assert_eq!(contents(&*open(folder.path()).expect("opens")).expect("reads"), before);
}

/// What another process makes of a folder: its contents, or an error. It may neither crash, nor
/// hang, nor say a word of a panic.
fn opened_elsewhere(folder: &Path) -> Result<String, String> {
    let mut child = Command::new(std::env::current_exe().expect("is known"))
        .args(["--exact", "state::damage::child", "--ignored", "--nocapture"])
        .env("PUSHSYNC_TEST_FOLDER", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let start = Instant::now();
    let mut out = child.stdout.take().expect("is piped");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let status = loop {
        if let Some(status) = child.try_wait().expect("is known") {
            break status;
        }
        if start.elapsed() > Duration::from_secs(60) {
            child.kill().expect("can be killed");
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let out = reader.join().expect("no panic").expect("reads");
    let mut err = String::new();
    child.stderr.take().expect("is piped").read_to_string(&mut err).expect("reads");
    assert!(status.success(), "{status}: {out} {err}");
    assert!(!err.contains("panicked at"), "{err}");
    if let Some((_, rest)) = out.split_once("CONTENTS ") {
        return Ok(rest.lines().next().unwrap_or_default().to_owned());
    }
    let (_, rest) = out.split_once("ERROR ").expect("says something");
    Err(rest.lines().next().unwrap_or_default().to_owned())
}

#[test]
#[ignore = "run by the tests of this module, in processes of their own"]
fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says what to do")]
    let Ok(folder) = std::env::var("PUSHSYNC_TEST_FOLDER") else { return };
    let opened = state::open(OpenOptions { mode: Mode::MustExist, ..options(folder.as_ref()) });
    let found = opened.and_then(|store| {
        let found = contents(&*store)?;
        let problems = runtime().block_on(store.verify())?.problems;
        assert_eq!(problems, [""; 0], "verify finds what reading does not");
        Ok(found)
    });
    match found {
        Ok(found) => println!("CONTENTS {found}"),
        Err(error) => println!("ERROR {error}"),
    }
}

/// Damages a file of a killed process's store many times; how often that was noticed.
fn survey(rest: Rest, times: u32, damage: impl Fn(&mut fastrand::Rng, &Path, &mut Vec<u8>)) -> u32 {
    let (folder, before) = stored(rest);
    let names: Vec<_> = walkdir::WalkDir::new(folder.path())
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("can be read"))
        .filter(|entry| entry.file_type().is_file() && entry.file_name() != "pushsync.lock")
        .map(|entry| entry.path().strip_prefix(folder.path()).expect("is inside").to_owned())
        .collect();
    let control = tempfile::tempdir().expect("a folder");
    copy(folder.path(), control.path());
    assert_eq!(opened_elsewhere(control.path()).as_ref(), Ok(&before));
    let mut random = fastrand::Rng::with_seed(u64::from(times));
    let mut noticed = 0;
    let mut round = 0;
    while round < times {
        let name = random.choice(&names).expect("has files");
        let mut bytes = fs::read(folder.path().join(name)).expect("reads");
        let whole = bytes.clone();
        damage(&mut random, name, &mut bytes);
        if bytes == whole {
            continue;
        }
        round += 1;
        let victim = tempfile::tempdir().expect("a folder");
        copy(folder.path(), victim.path());
        fs::write(victim.path().join(name), &bytes).expect("can be written");
        match opened_elsewhere(victim.path()) {
            Ok(found) => assert!(found == before, "{name:?}: other contents, no error"),
            Err(said) => {
                assert!(said.contains("damaged") || said.contains("newer"), "{said}");
                noticed += 1;
            }
        }
    }
    noticed
}

/// Whether the state itself is in this file.
fn holds_texts(name: &Path) -> bool {
    name.ends_with("db") || name.ends_with("pushsync.log")
}

/// How many bytes there are before the room that was taken and not used.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1)
}

fn flip(random: &mut fastrand::Rng, bytes: &mut [u8]) {
    let at = random.usize(..used(bytes));
    bytes[at] ^= random.u8(1..);
}

#[test]
fn flipped_bytes_after_a_kill_are_an_error_or_harmless() {
    for (rest, times) in [(Rest::KilledYoung, 50), (Rest::KilledOld, 150)] {
        let noticed = survey(rest, times, |random, name, bytes| {
            if holds_texts(name) {
                flip(random, bytes);
            }
        });
        println!("{noticed} of {times} noticed, the others were harmless");
        assert!(noticed > 0);
    }
}

#[test]
fn flipped_bytes_in_small_files_are_an_error_or_harmless() {
    let noticed = survey(Rest::KilledOld, 80, |random, name, bytes| {
        if !holds_texts(name) && !bytes.is_empty() {
            flip(random, bytes);
        }
    });
    println!("{noticed} of 80 noticed, the others were harmless");
    assert!(noticed > 0);
}

#[test]
fn cut_files_after_a_kill_are_an_error_or_harmless() {
    for (rest, times) in [(Rest::KilledYoung, 20), (Rest::KilledOld, 30)] {
        let noticed = survey(rest, times, |random, name, bytes| {
            if holds_texts(name) {
                bytes.truncate(random.usize(1..used(bytes)));
            }
        });
        println!("{noticed} of {times} noticed, the others were harmless");
    }
}

fn halve(file: &Path) {
    let file = fs::File::options().write(true).open(file).expect("opens");
    file.set_len(file.metadata().expect("is known").len() / 2).expect("can be cut");
}

#[test]
fn half_a_closed_file_is_damage() {
    let (folder, _) = stored(Rest::Closed);
    halve(&db(folder.path()));
    let said = opened_elsewhere(folder.path()).expect_err("is damaged");
    assert!(said.contains("damaged"), "{said}");
}

#[test]
fn half_a_file_after_a_kill_is_damage_or_held_all() {
    // sled takes room for segments before it needs them, sooner or later: the other half may be
    // nothing but such room.
    for rest in [Rest::KilledYoung, Rest::KilledOld] {
        let (folder, before) = stored(rest);
        halve(&db(folder.path()));
        match opened_elsewhere(folder.path()) {
            Ok(found) => assert_eq!(found, before, "other contents, and no error"),
            Err(said) => assert!(said.contains("damaged"), "{said}"),
        }
    }
}

#[test]
fn overwritten_blocks_after_a_kill_are_an_error_or_harmless() {
    for (rest, times) in [(Rest::KilledYoung, 20), (Rest::KilledOld, 60)] {
        let noticed = survey(rest, times, |random, name, bytes| {
            if holds_texts(name) {
                let at = random.usize(..used(bytes)) / 4096 * 4096;
                let end = (at + 4096).min(bytes.len());
                let with = if random.bool() { 0 } else { random.u8(..) };
                bytes[at..end].fill(with);
            }
        });
        println!("{noticed} of {times} noticed, the others were harmless");
    }
}
