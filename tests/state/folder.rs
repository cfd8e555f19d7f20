//! Opening, closing and sharing the folder of a sled store.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use pushsync::state::{self, LockHolder, Mode, OpenOptions, StateError, Write};

use super::support::*;

fn must_exist(folder: &Path) -> OpenOptions {
    OpenOptions { mode: Mode::MustExist, ..options(folder) }
}

fn of(environment: &str, folder: &Path) -> OpenOptions {
    OpenOptions { environment: environment.into(), ..options(folder) }
}

#[test]
fn what_was_committed_is_there_after_closing_and_opening() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    fill(&*store);
    let before = contents(&*store).expect("reads");
    drop(store);
    for _ in 0..3 {
        let store = state::open(must_exist(folder.path())).expect("opens again");
        assert_eq!(contents(&*store).expect("reads"), before);
    }
}

#[test]
fn what_was_committed_is_there_after_a_kill() {
    let (folder, killed) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let store = open(folder.path()).expect("opens");
    fill(&*store);
    copy(folder.path(), killed.path());
    let survivor = state::open(must_exist(killed.path())).expect("opens");
    assert_eq!(contents(&*survivor).expect("reads"), contents(&*store).expect("reads"));
    commit(&*survivor, vec![put("z@v", "goes on")]);
    assert_eq!(runtime().block_on(survivor.verify()).expect("answers").problems, [""; 0]);
}

#[test]
fn an_opening_waits_for_a_process_that_is_closing_the_database() {
    // As threads of sled's do: they hold its lock on after the store is closed.
    let folder = tempfile::tempdir().expect("a folder");
    fill(&*open(folder.path()).expect("opens"));
    let file = fs::File::open(folder.path().join("sled/db")).expect("opens");
    file.lock().expect("can be locked");
    let closing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        drop(file);
    });
    open(folder.path()).expect("opens again");
    closing.join().expect("ends");
}

#[test]
fn a_creation_that_was_cut_off_starts_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let marker = "{ \"format\": 1, \"environments\": [] }";
    fs::write(folder.path().join("pushsync.json"), marker).expect("can be written");
    fs::create_dir(folder.path().join("sled")).expect("can be created");
    fs::write(folder.path().join("sled/conf"), [0; 40]).expect("can be written");
    fs::write(folder.path().join("sled/db"), [7; 5000]).expect("can be written");
    let error = state::open(must_exist(folder.path())).expect_err("there is none yet");
    assert!(matches!(error, StateError::NotFound { .. }), "{error}");
    let store = open(folder.path()).expect("is made");
    assert_eq!(contents(&*store).expect("reads"), contents(&memory()).expect("reads"));
}

#[test]
fn an_opening_that_was_killed_while_sled_wrote_a_snapshot_does_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&*open(folder.path()).expect("opens"));
    let killed = tempfile::tempdir().expect("a folder");
    // A second opening makes a snapshot; its copy is of a store that nobody closed.
    let store = open(folder.path()).expect("opens");
    copy(folder.path(), killed.path());
    let half = "sled/snap.FFFFFFFFFFFFFFFF.generating";
    fs::write(killed.path().join(half), [1; 100]).expect("can be written");
    let survivor = state::open(must_exist(killed.path())).expect("opens");
    assert_eq!(contents(&*survivor).expect("reads"), contents(&*store).expect("reads"));
}

#[test]
fn a_state_that_is_not_there_is_not_made_unless_asked() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("state");
    for _ in 0..2 {
        let error = state::open(must_exist(&folder)).expect_err("is not there");
        assert!(matches!(error, StateError::NotFound { .. }), "{error}");
    }
    assert!(!folder.exists());

    fs::create_dir(&folder).expect("can be created");
    fs::write(folder.join("README.md"), "notes").expect("can be written");
    let error = state::open(must_exist(&folder)).expect_err("is not there");
    assert!(matches!(error, StateError::NotFound { .. }), "{error}");
    assert_eq!(fs::read_dir(&folder).expect("reads").count(), 1);

    drop(state::open(of("staging", &folder)).expect("is made"));
    let error = state::open(must_exist(&folder)).expect_err("only staging is there");
    assert!(matches!(error, StateError::NotFound { .. }), "{error}");
    state::open(options(&folder)).expect("is made");
}

#[test]
fn other_files_in_the_folder_do_not_matter() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["README.md", ".gitignore", "sandbox-default.jsonl", "db", "conf"] {
        fs::write(folder.path().join(name), "something").expect("can be written");
    }
    fs::create_dir(folder.path().join("backups")).expect("can be created");
    fill(&*open(folder.path()).expect("opens"));
    assert_eq!(scan(&*open(folder.path()).expect("opens")).expect("reads").len(), 40);
    assert_eq!(fs::read_to_string(folder.path().join("db")).expect("reads"), "something");
}

#[test]
fn environments_share_a_folder_but_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&*state::open(of("staging", folder.path())).expect("opens"));
    let store = state::open(of("production", folder.path())).expect("opens");
    assert_eq!(scan(&*store).expect("reads").len(), 0);
    commit(&*store, vec![put("a@v", "x")]);
    drop(store);
    let staging = state::open(of("staging", folder.path())).expect("opens");
    assert_eq!(scan(&*staging).expect("reads").len(), 40);
    drop(staging);
    let production = state::open(of("production", folder.path())).expect("opens");
    assert_eq!(scan(&*production).expect("reads").len(), 1);
}

#[test]
fn a_second_user_is_told_who_holds_the_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    let error = open(folder.path()).expect_err("is in use");
    let StateError::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder.as_ref(), Some(&options(folder.path()).holder));
    assert!(error.to_string().contains("process 4242 on ci-runner"), "{error}");
    drop(store);
    open(folder.path()).expect("is free again");
}

#[test]
fn a_second_user_gets_the_state_when_the_first_is_done_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    let patient = OpenOptions {
        lock_timeout: Duration::from_secs(60),
        holder: LockHolder { pid: 1, ..options(folder.path()).holder },
        ..options(folder.path())
    };
    let waiting = std::thread::spawn(move || state::open(patient).map(drop));
    std::thread::sleep(Duration::from_millis(60));
    drop(store);
    waiting.join().expect("no panic").expect("gets it");
}

#[test]
fn another_process_is_told_too_and_death_gives_the_lock_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut other = Command::new(std::env::current_exe().expect("is known"))
        .args(["--exact", "state::folder::holder", "--ignored", "--nocapture"])
        .env("PUSHSYNC_TEST_FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let out = BufReader::new(other.stdout.take().expect("is piped"));
    assert!(out.lines().any(|line| line.expect("reads").contains("HOLDING")));
    let error = open(folder.path()).expect_err("is in use");
    let StateError::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder.as_ref().map(|holder| holder.pid), Some(other.id()));
    other.kill().expect("can be killed");
    other.wait().expect("ends");
    let store = open(folder.path()).expect("is free again");
    assert_eq!(scan(&*store).expect("reads").len(), 1);
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn holder() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says what to do")]
    let Ok(folder) = std::env::var("PUSHSYNC_TEST_FOLDER") else { return };
    let holder = LockHolder { pid: std::process::id(), ..options("".as_ref()).holder };
    let options = OpenOptions { holder, ..options(folder.as_ref()) };
    let store = state::open(options).expect("opens");
    commit(&*store, vec![put("a@v", "x")]);
    println!("HOLDING");
    // Until it is killed, or its parent is gone.
    let _end = std::io::stdin().read_to_end(&mut Vec::new());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("state");
    let store = open(&folder).expect("opens");
    fill(&*store);
    let mut found = Vec::new();
    for _ in 0..2 {
        for entry in walkdir::WalkDir::new(&folder) {
            let entry = entry.expect("can be read");
            let mode = entry.metadata().expect("is known").permissions().mode() & 0o777;
            let expected = if entry.file_type().is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}", entry.path().display());
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    for name in ["pushsync.json", "pushsync.lock", "pushsync.heads", "db", "conf"] {
        assert!(found.iter().any(|found| found == name), "{name} in {found:?}");
    }
}

#[test]
fn no_value_is_ever_a_blob() {
    // sled never syncs its blobs, and removes them too early.
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    let visitor = |i: u32| format!("{i:03}{}", "v".repeat(500));
    for round in 0..4 {
        let writes = (0..60)
            .map(|i| {
                put(&format!("{}@{}", "k".repeat(128), visitor(i)), &"t".repeat(9_000 * round))
            })
            .collect();
        commit(&*store, writes);
    }
    let changes = vec![run(1).changes[0].clone(); 20_000];
    commit(&*store, vec![Write::Run(Box::new(pushsync::state::Run { changes, ..run(1) }))]);
    let blobs = folder.path().join("sled/blobs");
    assert_eq!(fs::read_dir(blobs).expect("is there").count(), 0);
    drop(store);
    assert_eq!(scan(&*open(folder.path()).expect("opens")).expect("reads").len(), 60);
}

#[test]
fn many_small_commits_do_not_fill_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    for round in 0..1500 {
        commit(&*store, vec![put(&format!("a@{}", round % 50), &format!("text {round}"))]);
    }
    drop(store);
    let size = fs::metadata(folder.path().join("sled/db")).expect("is there").len();
    assert!(size < 24 << 20, "{size} bytes for 50 records");
}

#[test]
fn a_commit_is_carried_out_even_if_nobody_waits_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    runtime().block_on(async {
        let mut answer = store.commit(vec![put("a@v", "x")]);
        // Polled once, then dropped.
        let once = std::future::poll_fn(|context| {
            let _pending = answer.as_mut().poll(context);
            std::task::Poll::Ready(())
        });
        once.await;
    });
    drop(store);
    assert_eq!(scan(&*open(folder.path()).expect("opens")).expect("reads").len(), 1);
}

/// The files of a folder, but for the lock.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("readable").into_path())
        .filter(|path| path.is_file() && !path.ends_with("pushsync.lock"))
        .map(|path| (path.display().to_string(), fs::read(path).expect("readable")))
        .collect()
}

/// So that plans, one after the other, leave the files alone.
#[test]
fn reading_again_and_again_changes_no_byte_of_a_closed_state() {
    for seed in 0..12 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..random.usize(1..4) {
            let store = open(folder.path()).expect("opens");
            for _ in 0..random.usize(0..30) {
                let name = format!("key-{}@v{}", random.u8(..9), random.u8(..9));
                let write = match random.u8(..8) {
                    0 => Write::Remove(address(&name)),
                    1 => intend(&name),
                    2 => log(random.u32(..9)),
                    _ => put(&name, &"text ".repeat(random.usize(..6000))),
                };
                commit(&*store, vec![write]);
            }
        }
        let seal = folder.path().join("pushsync.seal");
        let read = || {
            let store = open(folder.path()).expect("opens");
            contents(&*store).expect("reads");
            let why = "sled may change its files even when it reads";
            assert!(!seal.exists(), "seed {seed}: {why}");
            drop(store);
            assert!(seal.exists(), "seed {seed}");
            bytes(folder.path())
        };
        // The first ones may tidy up.
        read();
        read();
        let before = read();
        assert!(read() == before, "seed {seed}");
    }
}
