use std::{
    ffi::OsStr,
    io::{Read, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde_json::Value;

use super::{environment::without_this_machines, until};

/// The binary, about to be run.
pub(crate) struct Run {
    command: Command,
    stdin: Option<Vec<u8>>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary in `folder`, with nothing of this machine's environment that matters to it.
pub(crate) fn run<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Run {
    run_as(Command::new(env!("CARGO_BIN_EXE_pushsync")), folder, args)
}

/// The same, started by another command.
pub(crate) fn run_as<S: AsRef<OsStr>>(
    mut command: Command,
    folder: &Path,
    args: impl IntoIterator<Item = S>,
) -> Run {
    command.current_dir(folder).args(args);
    without_this_machines(&mut command);
    // What waits to be recorded is not for the user's own folder.
    command.env("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/user"));
    Run { command, stdin: None }
}

impl Run {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Starts it and does not wait.
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("piped");
        if let Some(text) = self.stdin {
            // It may end without reading.
            let _ = stdin.write_all(&text);
        }
        drop(stdin);
        let out = Gathered::from(child.stdout.take().expect("piped"));
        let err = Gathered::from(child.stderr.take().expect("piped"));
        Running { child, out: Some(out), err: Some(err) }
    }

    pub(crate) fn wait(self) -> Ran {
        self.start().wait()
    }

    /// Runs it; it ends with 0.
    pub(crate) fn ok(self) -> Ran {
        self.exits(0)
    }

    pub(crate) fn exits(self, status: i32) -> Ran {
        let called = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        self.wait().ended_with(status, &called)
    }
}

/// What a process writes, while it writes it.
struct Gathered {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Gathered {
    fn from(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let so_far = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut part) {
                so_far.lock().expect("not poisoned").extend_from_slice(&part[..read]);
            }
        });
        Self { bytes, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("not poisoned")).into_owned()
    }

    fn all(self) -> String {
        self.thread.join().expect("readers do not panic");
        let bytes = std::mem::take(&mut *self.bytes.lock().expect("not poisoned"));
        String::from_utf8(bytes).expect("output is UTF-8")
    }
}

/// A process under way; killed if it is dropped.
pub(crate) struct Running {
    child: Child,
    out: Option<Gathered>,
    err: Option<Gathered>,
}

/// What [`Running::wait`] and others have in common.
pub(crate) trait Waiting {
    fn exits(self, status: i32) -> Ran;
}

impl Waiting for Running {
    fn exits(mut self, status: i32) -> Ran {
        self.finish().ended_with(status, "a process that was started")
    }
}

impl Running {
    pub(crate) fn wait(mut self) -> Ran {
        self.finish()
    }

    fn finish(&mut self) -> Ran {
        let mut status = None;
        until("the process ends", || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        let text = |gathered: Option<Gathered>| gathered.expect("taken once").all();
        Ran {
            status: status.and_then(|status| status.code()).unwrap_or(-1),
            out: text(self.out.take()),
            err: text(self.err.take()),
        }
    }

    /// Sends a signal: `INT`, `TERM`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill is there");
        assert!(sent.success(), "kill -s {name}");
    }

    /// What it has written to stdout so far.
    pub(crate) fn out_so_far(&self) -> String {
        self.out.as_ref().map(Gathered::so_far).unwrap_or_default()
    }

    /// Where it listens, once it says so.
    pub(crate) fn listens(&self) -> SocketAddr {
        until("it says where it listens", || self.out_so_far().contains('\n'));
        let out = self.out_so_far();
        let address = out.trim().strip_prefix("listening on http://").expect("where");
        address.parse().expect("an address")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// What it has written to stderr so far.
    pub(crate) fn err_so_far(&self) -> String {
        self.err.as_ref().map(Gathered::so_far).unwrap_or_default()
    }

    /// Waits until stderr has this.
    pub(crate) fn until_it_says(&self, text: &str) {
        until(&format!("it says {text:?}"), || self.err_so_far().contains(text));
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    fn ended_with(self, status: i32, called: &str) -> Self {
        assert_eq!(
            self.status, status,
            "{called}\n--- stdout\n{}\n--- stderr\n{}",
            self.out, self.err
        );
        self
    }

    /// Stdout as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error} in\n{}\n{}", self.out, self.err))
    }

    /// Stdout has all of these.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "no {part:?} in stdout:\n{}\n{}", self.out, self.err);
        }
        self
    }

    /// Stderr has all of these.
    pub(crate) fn warns(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} in stderr:\n{}\n{}", self.err, self.out);
        }
        self
    }

    /// Neither stdout nor stderr has any of these.
    pub(crate) fn never_says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(!self.out.contains(part), "{part:?} is in stdout:\n{}", self.out);
            assert!(!self.err.contains(part), "{part:?} is in stderr:\n{}", self.err);
        }
        self
    }
}
