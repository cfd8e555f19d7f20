//! The program as a process that may not take all that it asks for.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a command may have: 1 GB of memory, also of what is only reserved, and minutes of the
/// processor, which end what would not end.
const MOST_KILOBYTES: u64 = 1 << 20;
const MOST_SECONDS: u64 = 300;

pub(crate) struct Program {
    binary: PathBuf,
    measured: bool,
    variable: Option<(&'static str, &'static str)>,
}

pub(crate) struct Run {
    /// None if it was ended from outside.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) used: Option<Used>,
}

pub(crate) struct Used {
    pub(crate) seconds: f64,
    pub(crate) megabytes: f64,
}

impl Run {
    pub(crate) fn told(&self) -> String {
        let both = [&self.stdout[..], &self.stderr[..]].concat();
        String::from_utf8_lossy(&both).into_owned()
    }
}

impl Program {
    /// With bounds: the one that was built with the tests, or a faster one that `PUSHSYNC_LIMITS_PROGRAM`
    /// names, as CI does.
    pub(crate) fn bounded() -> Self {
        let named = std::env::var_os("PUSHSYNC_LIMITS_PROGRAM").map(PathBuf::from);
        let binary = named.unwrap_or_else(|| env!("CARGO_BIN_EXE_pushsync").into());
        Self { binary, measured: false, variable: None }
    }

    /// Another one, to see what it takes.
    pub(crate) fn measured(binary: String) -> Self {
        Self { binary: binary.into(), measured: true, variable: None }
    }

    /// The same, with a variable in its environment.
    pub(crate) fn with(&self, name: &'static str, value: &'static str) -> Self {
        let (binary, measured) = (self.binary.clone(), self.measured);
        Self { binary, measured, variable: Some((name, value)) }
    }

    pub(crate) fn run(&self, folder: &Path, args: &[&str]) -> Run {
        let report = tempfile::NamedTempFile::new().expect("a file");
        let mut command = Command::new("sh");
        if self.measured {
            let time = "ulimit -t 20; ulimit -v 12000000; exec /usr/bin/time -q -f '%U %S %M' -o \"$REPORT\" \"$0\" \"$@\"";
            command.args(["-c", time]).env("REPORT", report.path());
        } else {
            command.arg("-c").arg(format!(
                "ulimit -v {MOST_KILOBYTES}; ulimit -t {MOST_SECONDS}; exec \"$0\" \"$@\""
            ));
        }
        // Arenas of several threads are reserved, and hardly used.
        command.env_clear().env("MALLOC_ARENA_MAX", "1").env("REPORT", report.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.arg(&self.binary).arg("-C").arg(folder).args(args).stdin(Stdio::null());
        command.envs(self.variable);
        if self.measured {
            command.env_remove("MALLOC_ARENA_MAX");
        }
        let output = command.output().expect("the program starts");
        let used = self.measured.then(|| {
            let text = std::fs::read_to_string(report.path()).unwrap_or_default();
            let last = text.lines().last().unwrap_or_default().to_owned();
            let numbers: Vec<f64> = last.split(' ').filter_map(|n| n.parse().ok()).collect();
            match numbers[..] {
                [user, system, kilobytes] => {
                    Used { seconds: user + system, megabytes: kilobytes / 1024.0 }
                }
                _ => Used { seconds: f64::NAN, megabytes: f64::NAN },
            }
        });
        Run { status: output.status.code(), stdout: output.stdout, stderr: output.stderr, used }
    }
}
