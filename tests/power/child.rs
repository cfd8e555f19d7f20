//! The process whose machine loses its power.

use std::{fs::File, io::Write as _, path::Path, process::Stdio};

use pushsync::state::sled::{self, OpenOptions};

use super::{
    script::{Step, steps},
    trace,
};
use crate::support::*;

/// Carries out the steps from `first` up to the next death, under `strace`; its words.
pub(super) fn run(seed: u64, first: usize, folder: &Path, beside: &Path) -> Vec<u8> {
    let out = beside.join("trace");
    let ran = trace::traced(&std::env::current_exe().expect("is known"), &out)
        .args(["--exact", "power::child::child", "--ignored", "--nocapture"])
        .env("PUSHSYNC_TEST_SEED", seed.to_string())
        .env("PUSHSYNC_TEST_FIRST", first.to_string())
        .env("PUSHSYNC_TEST_FOLDER", folder)
        .env("PUSHSYNC_TEST_ACKS", beside.join("acks"))
        .stdout(Stdio::null())
        .output()
        .expect("starts");
    let acks = std::fs::read_to_string(beside.join("acks")).expect("wrote something");
    let last = acks.lines().last().and_then(|line| line.parse::<usize>().ok());
    let all = steps(seed);
    let ended = last.is_some_and(|last| matches!(all.get(last + 1), None | Some(Step::Die)));
    assert!(ended, "it ended after {last:?}: {}", String::from_utf8_lossy(&ran.stderr));
    std::fs::read(&out).expect("strace wrote")
}

#[test]
#[ignore = "run by the tests of this crate, in processes of their own"]
fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says what to do")]
    let Ok(folder) = std::env::var("PUSHSYNC_TEST_FOLDER") else { return };
    #[expect(clippy::disallowed_methods, reason = "how the parent says what to do")]
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok()).expect(name);
    let acks = std::env::var_os("PUSHSYNC_TEST_ACKS").expect("is given");
    let mut acks = File::create(acks).expect("can be created");
    let first = usize::try_from(number("PUSHSYNC_TEST_FIRST")).expect("is small");
    let mut store = None;
    for (number, step) in steps(number("PUSHSYNC_TEST_SEED")).into_iter().enumerate().skip(first) {
        match step {
            Step::Open(environment) => {
                let environment = environment.to_owned();
                let options = OpenOptions { environment, ..options(folder.as_ref()) };
                store = Some(sled::open(options).expect("opens"));
            }
            Step::Commit(writes) => commit(store.as_ref().expect("is open"), writes),
            Step::Close => store = None,
            Step::Die => std::process::abort(),
        }
        acks.write_all(format!("{number}\n").as_bytes()).expect("can be written");
    }
}
