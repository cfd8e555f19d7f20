//! Which calls fail, and how.

use std::{env, io::Write as _};

use fastrand::Rng;

use super::shim::Fault;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// Kinds of calls, and the ways in which each can fail.
const WAYS: [(&str, &[(&str, i32)]); 5] = [
    ("write", &[("once", EIO), ("on", ENOSPC), ("half", ENOSPC), ("done", EIO)]),
    ("sync", &[("once", EIO), ("on", EIO), ("done", EIO), ("lost", EIO)]),
    ("rename", &[("once", EIO), ("on", EIO), ("done", EIO)]),
    ("unlink", &[("once", EIO), ("on", EIO), ("done", EIO)]),
    ("truncate", &[("once", EIO), ("done", EIO)]),
];

fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "for who looks for more")]
    env::var(name).ok().and_then(|value| value.parse().ok())
}

/// The faults of one command. `calls` says how many calls of a kind it makes.
pub(super) fn faults(command: &str, calls: impl Fn(&'static str) -> u64) -> Vec<Fault> {
    let seed = number("FAULT_SEED").unwrap_or(7);
    let each = number("FAULTS").unwrap_or(1);
    let mut rng = Rng::with_seed(seed ^ command.bytes().map(u64::from).sum::<u64>() << 8);
    let mut all = Vec::new();
    for (call, ways) in WAYS {
        let calls = calls(call);
        for (mode, error) in ways {
            let mut at: Vec<_> = (1..=calls).collect();
            rng.shuffle(&mut at);
            at.truncate(usize::try_from(each).expect("fits"));
            all.extend(at.into_iter().map(|at| Fault { call, mode, at, error: *error }));
        }
    }
    // Past what the test runner holds back: the seed is of use in every log.
    let _ =
        writeln!(std::io::stderr(), "\nFAULT_SEED={seed} FAULTS={each} {command}: {}", all.len());
    all
}
