#![expect(clippy::print_stderr, reason = "who runs the tests is told what is left out")]

//! The library that makes a disk fail, and what it says that it did.

use std::{
    fs,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::support::Run;

/// The part of a path that says that a file is on the disk that fails.
pub(super) const MARK: &str = "bad-disk";

/// The library; `None` without a C compiler.
pub(super) fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        if Command::new("cc").arg("--version").output().is_err() {
            eprintln!("left out: there is no `cc`, so there is no disk that fails");
            return None;
        }
        let library = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("bad-disk-{}.so", std::process::id()));
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk_faults/shim.c"))
            .args(["-ldl", "-lpthread"])
            .status();
        assert!(built.expect("cc runs").success(), "the library is built");
        Some(library)
    };
    LIBRARY.get_or_init(build).as_deref()
}

/// What fails, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) call: &'static str,
    pub(super) mode: &'static str,
    /// From 1; 0 for none.
    pub(super) at: u64,
    pub(super) error: i32,
}

/// What became of the calls.
pub(super) struct Log {
    folder: tempfile::TempDir,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// The command, on a disk that fails.
    pub(super) fn on_bad_disk(&self, run: Run, fault: Fault, library: &Path) -> Run {
        run.env("LD_PRELOAD", library)
            .env("FAULT_MARK", MARK)
            .env("FAULT_CALL", fault.call)
            .env("FAULT_MODE", fault.mode)
            .env("FAULT_AT", fault.at.to_string())
            .env("FAULT_ERRNO", fault.error.to_string())
            .env("FAULT_LOG", self.folder.path().join("log"))
            .env("FAULT_LOST", self.folder.path().join("lost"))
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The number of calls of the kind that was asked for.
    pub(super) fn total(&self) -> u64 {
        let lines = self.lines();
        let total = lines.iter().find_map(|line| line.strip_prefix("total ")).expect("it ended");
        total.parse().expect("a number")
    }

    pub(super) fn injected(&self) -> bool {
        self.lines().iter().any(|line| !line.starts_with("total"))
    }

    /// The system drops what a failed fsync did not write: files below `folder` lose it, unless something else
    /// was written there since. Answers with the number of writes that were lost.
    pub(super) fn lose(&self, folder: &Path) -> usize {
        let bytes = fs::read(self.folder.path().join("lost")).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut lost = 0;
        while !rest.is_empty() {
            let (head, after) = rest.split_at(32);
            let number = |at: usize| {
                u64::from_ne_bytes(head[at * 8..at * 8 + 8].try_into().expect("eight bytes"))
            };
            let length = |at| usize::try_from(number(at)).expect("fits");
            let (old, after) = after.split_at(length(2));
            let (new, after) = after.split_at(length(3));
            rest = after;
            lost += usize::from(lose(folder, number(0), number(1), old, new));
        }
        lost
    }
}

fn lose(folder: &Path, inode: u64, offset: u64, old: &[u8], new: &[u8]) -> bool {
    let found = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok).find(|entry| {
        entry.file_type().is_file() && entry.metadata().is_ok_and(|file| file.ino() == inode)
    });
    let Some(found) = found else { return false };
    let file = fs::File::options().read(true).write(true).open(found.path()).expect("opens");
    let mut now = vec![0; new.len()];
    if file.read_exact_at(&mut now, offset).is_err() || now != new {
        return false;
    }
    let mut before = old.to_vec();
    before.resize(new.len(), 0);
    file.write_all_at(&before, offset).expect("can be written");
    true
}
