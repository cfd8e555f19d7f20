//! What the fuzz targets (`fuzz/`) and the test of their seeds call: bytes in, nothing out, and a
//! panic if a promise is broken. No part of the library.

#[path = "fuzzing/answer.rs"]
mod answer;
#[path = "fuzzing/diagnostics.rs"]
mod diagnostics;
#[path = "fuzzing/event.rs"]
mod event;
#[path = "fuzzing/manifest.rs"]
mod manifest;
#[path = "fuzzing/plan.rs"]
mod plan;

use std::{
    path::PathBuf,
    pin::pin,
    task::{Context, Poll, Waker},
};

pub use crate::state::fuzzing::{export, marker, record};
pub use answer::answer;
pub use diagnostics::diagnostics;
pub use event::event;
pub use manifest::{csv, parsers, template, yaml};
pub use plan::planfile;

use crate::model::is_hostile;

/// A target: its name, and what it calls.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 11] = [
    ("answer", answer),
    ("csv", csv),
    ("diagnostics", diagnostics),
    ("event", event),
    ("export", export),
    ("marker", marker),
    ("parsers", parsers),
    ("planfile", planfile),
    ("record", record),
    ("template", template),
    ("yaml", yaml),
];

/// A folder of this thread.
pub(crate) fn folder(name: &str) -> PathBuf {
    let thread = std::thread::current().id();
    let name = format!("pushsync-fuzz-{}-{thread:?}-{name}", std::process::id());
    let shared = PathBuf::from("/dev/shm");
    let base = if shared.is_dir() { shared } else { std::env::temp_dir() };
    let path = base.join(name.replace(['(', ')'], ""));
    let made = std::fs::create_dir_all(&path);
    assert!(made.is_ok(), "could not make {}", path.display());
    path
}

/// The first byte chooses, the others are the input.
pub(crate) fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// That nothing in a text for people steers a terminal; `\n` and `\t` are layout.
pub(crate) fn assert_harmless(text: &str) {
    let bad = text.chars().find(|c| !matches!(c, '\n' | '\t') && is_hostile(*c));
    assert!(bad.is_none(), "{bad:?} in {text:?}");
}

/// Waits for futures that are ready at once: stores in memory, and bodies that are there.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..10_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{
        plan::wire,
        state::{
            MemoryStore,
            export::{Counts, import},
            fuzzing::completed,
        },
    };

    #[test]
    fn no_seed_and_no_input_that_once_did_harm_does_harm() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        if !seeds.exists() {
            // A package from a registry is without them.
            eprintln!("left out: there is no {}", seeds.display());
            return;
        }
        let mut folders: Vec<_> = fs::read_dir(&seeds)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        folders.sort();
        assert_eq!(folders, TARGETS.map(|(name, _)| name));
        for (name, run) in TARGETS {
            run(b"");
            let mut count = 0;
            for entry in fs::read_dir(seeds.join(name)).expect("a folder") {
                let path = entry.expect("an entry").path();
                // Shown if it fails, and a stack overflow says nothing else.
                println!("{}", path.display());
                run(&fs::read(&path).expect("readable"));
                count += 1;
            }
            assert!(count > 0, "{name} has no seeds");
        }
        for name in ["csv", "diagnostics", "marker", "template", "yaml"] {
            fs::remove_dir_all(folder(name)).expect("removable");
        }
    }

    /// Seeds that are refused at once would leave the fuzzer before the door.
    #[test]
    fn the_seeds_that_are_whole_are_read_whole() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        if !seeds.exists() {
            eprintln!("left out: there is no {}", seeds.display());
            return;
        }
        let seed = |name: &str| fs::read(seeds.join(name)).expect("readable");
        for (name, changes) in [("actions", 9), ("targets", 0)] {
            let (plan, _) = wire::read(&seed(&format!("planfile/{name}"))[1..]).expect(name);
            assert_eq!(plan.changes.len(), changes, "{name}");
        }
        let store = MemoryStore::new("default", Uuid::nil(), Timestamp::UNIX_EPOCH).expect("one");
        let export = completed(&seed("export/completed")[1..]);
        let counts = now(import(&mut &export[..], &store)).expect("ready").expect("an export");
        assert_eq!(counts, Counts { records: 2, intents: 1, approvals: 1, runs: 1 });
    }
}
