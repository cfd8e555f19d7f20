//! A writer in a process of its own: this binary, told line by line what to do.

use std::{
    io::{BufRead, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use pushsync::state::{self, OpenOptions, StateTarget, Store};

use super::{cluster::Database, support::*};

pub(crate) struct Writer {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What a line of ours begins with, among those of the test harness.
const MARK: &str = "writer: ";

impl Writer {
    pub(crate) fn start(database: &Database) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("is known"))
            .args(["--exact", "postgres::process::child", "--ignored", "--nocapture"])
            .env("PUSHSYNC_TEST_URL", database.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let to = process.stdin.take().expect("is piped");
        let from = BufReader::new(process.stdout.take().expect("is piped"));
        Self { process, to, from }
    }

    pub(crate) fn tell(&mut self, what: &str) {
        writeln!(self.to, "{what}").expect("listens");
    }

    pub(crate) fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).expect("speaks") > 0, "it has ended");
            if let Some((_, said)) = line.split_once(MARK) {
                return said.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("can be killed");
        self.process.wait().expect("ends");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

#[test]
#[ignore = "run by the tests of this crate, in processes of their own"]
fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says what to do")]
    let Ok(url) = std::env::var("PUSHSYNC_TEST_URL") else { return };
    let location = StateTarget::Postgres(url.into());
    let options = OpenOptions { target: location, ..options("".as_ref()) };
    let mut store: Option<Box<dyn Store>> = None;
    for line in std::io::stdin().lines() {
        match line.expect("is text").as_str() {
            "open" => match state::open(options.clone()) {
                Ok(open) => {
                    store = Some(open);
                    println!("{MARK}open");
                }
                Err(error) => println!("{MARK}{error}"),
            },
            _ => {
                store = None;
                println!("{MARK}closed");
            }
        }
    }
    drop(store);
}
