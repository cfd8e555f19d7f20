//! The process whose machine loses its power.

use std::{fs::File, io::Write as _, path::Path, process::Stdio};

use pushsync::state::{self, OpenOptions};

use super::{
    script::{EXPORTS, Step, export, named},
    strace, trace,
};
use crate::support::*;

/// Carries out the steps of a script from `first` up to the next death, under `strace`; its words.
pub(super) fn run(script: &str, first: usize, folder: &Path, beside: &Path) -> Vec<u8> {
    let out = beside.join("trace");
    let program = std::env::current_exe().expect("is known");
    let ran = strace::traced(program.as_os_str(), trace::CALLS, &["-xx"], &out)
        .args(["--exact", "power::child::child", "--ignored", "--nocapture"])
        .env("PUSHSYNC_TEST_SCRIPT", script)
        .env("PUSHSYNC_TEST_FIRST", first.to_string())
        .env("PUSHSYNC_TEST_FOLDER", folder)
        .env("PUSHSYNC_TEST_ACKS", beside.join("acks"))
        .stdout(Stdio::null())
        .output()
        .expect("starts");
    let acks = std::fs::read_to_string(beside.join("acks")).expect("wrote something");
    let last = acks.lines().last().and_then(|line| line.parse::<usize>().ok());
    let all = named(script);
    let ended = last.is_some_and(|last| matches!(all.get(last + 1), None | Some(Step::Die)));
    assert!(ended, "it ended after {last:?}: {}", String::from_utf8_lossy(&ran.stderr));
    std::fs::read(&out).expect("strace wrote")
}

#[test]
#[ignore = "run by the tests of this crate, in processes of their own"]
fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says what to do")]
    let told = ["SCRIPT", "FIRST", "FOLDER", "ACKS"]
        .map(|name| std::env::var(format!("PUSHSYNC_TEST_{name}")).unwrap_or_default());
    let [script, first, folder, acks] = told;
    if script.is_empty() {
        return;
    }
    let mut acks = File::create(acks).expect("can be created");
    let first = first.parse().expect("is a number");
    let mut store = None;
    for (number, step) in named(&script).into_iter().enumerate().skip(first) {
        match step {
            Step::Open(environment) => {
                let environment = environment.to_owned();
                let options = OpenOptions { environment, ..options(folder.as_ref()) };
                store = Some(state::open(options).expect("opens"));
            }
            Step::Commit(writes) => commit(store.as_deref().expect("is open"), writes),
            Step::Export => {
                let exports = Path::new(&folder).join(EXPORTS);
                export(store.as_deref().expect("is open"), &exports);
            }
            Step::Close => store = None,
            Step::Die => std::process::abort(),
        }
        acks.write_all(format!("{number}\n").as_bytes()).expect("can be written");
    }
}
