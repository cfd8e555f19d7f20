#![expect(clippy::print_stderr, reason = "who runs the tests is told what is left out")]

//! Processes whose system calls are written down. Also for the tests of the binary.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

/// `strace` is on this machine. If it has to be and is not, that is an error.
pub(crate) fn is_possible() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    #[expect(clippy::disallowed_methods, reason = "how .ci/run says that it must be there")]
    let needed = std::env::var("PUSHSYNC_NEED_STRACE").is_ok_and(|value| value == "1");
    assert!(!needed, "PUSHSYNC_NEED_STRACE=1, and strace is not on this machine");
    eprintln!("left out: strace is not on this machine");
    false
}

/// The program, to be run under `strace` with options, and what it says in `out`: whole strings.
pub(crate) fn traced(program: &OsStr, calls: &str, options: &[&str], out: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "--seccomp-bpf", "-s", "33554432", "-e"]).arg(format!("trace={calls}"));
    command.args(options).arg("-o").arg(out).arg(program);
    command
}
