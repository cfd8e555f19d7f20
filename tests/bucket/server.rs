//! moto's server: one for the process, gone with it.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::place::Place;

/// The bucket of all tests; each has its own prefix.
pub(crate) const BUCKET: &str = "pushsync-tests";

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Ends when its input does, which is when this process ends.
    _shell: Child,
}

impl Server {
    /// A prefix that no other test has.
    pub(crate) fn place(&self) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Place::new(self.address, format!("team {number}/state"))
    }
}

/// The server, or the end of the test where there is none.
macro_rules! server {
    () => {
        match $crate::bucket::server::get() {
            Some(server) => server,
            None => return,
        }
    };
}
pub(crate) use server;

pub(crate) fn get() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(start).as_ref();
    if server.is_none() {
        let current = thread::current();
        let test = current.name().unwrap_or("a test");
        // Past what the test runner holds back.
        let _ = writeln!(std::io::stderr(), "left out: {test}: moto's server is not installed");
        assert!(!needed(), "PUSHSYNC_NEED_S3 is set, and moto's server does not start");
    }
    server
}

#[expect(clippy::disallowed_methods, reason = "CI says that these tests must run")]
fn needed() -> bool {
    std::env::var("PUSHSYNC_NEED_S3").is_ok_and(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "where CI has installed it")]
fn pythons() -> Vec<String> {
    // Beside the server's own program.
    let named = std::env::var("PUSHSYNC_MOTO").ok();
    let beside = named.and_then(|path| Some(format!("'{}/python'", path.rsplit_once('/')?.0)));
    beside.into_iter().chain(["python3".to_owned()]).collect()
}

fn start() -> Option<Server> {
    pythons().iter().find_map(|python| {
        // Somebody else may get the port in between: then another is tried.
        (0..3).find_map(|_| attempt(python))
    })
}

fn attempt(python: &str) -> Option<Server> {
    let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
    let script = format!(
        "{python} '{}/tests/bucket/s3_server.py' 127.0.0.1 {} >/dev/null 2>&1 </dev/null & server=$!; \
         (cat >/dev/null; kill $server) & wait $server",
        env!("CARGO_MANIFEST_DIR"),
        address.port()
    );
    // The shell's own children read the pipe: a background job of it would read nothing.
    let script = format!("exec 3<&0; {}", script.replace("cat >/dev/null", "cat <&3 >/dev/null"));
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        // What answers otherwise is not this server: somebody else has the port.
        let place = Place::new(address, String::new());
        if let Ok((200, _)) = place.answer("PUT", &format!("/{BUCKET}"), b"") {
            return Some(Server { address, _shell: shell });
        }
        if shell.try_wait().is_ok_and(|ended| ended.is_some()) {
            return None;
        }
        thread::sleep(Duration::from_millis(50));
    }
    None
}
