//! What all scenarios stand on: the program, and sandboxes for it.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::child::{self, Usage};

pub(crate) struct Ground {
    pub(crate) binary: PathBuf,
    pub(crate) quick: bool,
    this: PathBuf,
}

impl Ground {
    pub(crate) fn new(binary: Option<PathBuf>, quick: bool) -> Self {
        let this = std::env::current_exe().expect("the path of the bench");
        // target/PROFILE/examples/bench and target/PROFILE/pushsync
        let beside = || Some(this.parent()?.parent()?.join("pushsync"));
        let binary = binary.or_else(beside).expect("examples are built into a folder of a profile");
        let binary = binary.canonicalize().unwrap_or_else(|error| {
            eprintln!(
                "there is no program at {}: {error}\nbuild it (cargo build --profile dist), or name it with --binary",
                binary.display()
            );
            std::process::exit(1)
        });
        Self { binary, quick, this }
    }

    /// How often something of this size is measured.
    pub(crate) fn runs(&self, size: usize) -> usize {
        match size {
            _ if self.quick => 1,
            0..=100_000 => 5,
            _ => 3,
        }
    }

    /// The program in a folder, against a server.
    pub(crate) fn program(&self, runs: usize, folder: &Path, server: &Server, args: &str) -> Usage {
        let args: Vec<&OsStr> = args.split_whitespace().map(OsStr::new).collect();
        child::median_of(runs, &self.binary, &args, |command| {
            surround(command, folder, server);
        })
    }

    /// The bare work.
    pub(crate) fn floor(&self, runs: usize, args: &[&OsStr]) -> Usage {
        let args: Vec<&OsStr> = [OsStr::new("floor")].iter().chain(args).copied().collect();
        child::median_of(runs, &self.this, &args, |_| {})
    }
}

/// In a folder, against a server.
pub(crate) fn surround(command: &mut Command, folder: &Path, server: &Server) {
    clean(command);
    command.current_dir(folder);
    command.env("BREVO_BASE_URL", &server.base_url).env("BREVO_API_KEY", "any");
}

/// Without what this machine's environment would tell it.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("PUSHSYNC_") || shown.starts_with("BREVO_") {
            command.env_remove(&name);
        }
    }
}

/// `pushsync sandbox` in a process of its own; killed when dropped.
pub(crate) struct Server {
    child: Child,
    page: String,
    pub(crate) base_url: String,
}

impl Server {
    pub(crate) fn start(ground: &Ground) -> Self {
        let mut child = Command::new(&ground.binary)
            .args(["sandbox", "--port", "0", "--format", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let said: Value = serde_json::from_str(&line).expect("it says so in JSON");
        let word = |name: &str| said[name].as_str().expect("an address").to_owned();
        Self { page: word("page"), base_url: word("base_url"), child }
    }

    /// How many requests it has had.
    pub(crate) fn requests(&self) -> u64 {
        let runtime = Runtime::new().expect("a runtime");
        let text = runtime.block_on(async {
            let url = format!("{}/_sandbox/requests", self.page);
            let answer = client().get(url).send().await.expect("the sandbox answers");
            answer.text().await.expect("a text")
        });
        let counts: Value = serde_json::from_str(&text).expect("counts are JSON");
        counts["total"].as_u64().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same client as that of pushsync.
pub(crate) fn client() -> reqwest::Client {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .tcp_nodelay(true)
        .build()
        .expect("a client")
}
