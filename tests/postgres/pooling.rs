//! A pooler between here and the server: one that keeps sessions whole is fine, any other is refused.

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use pushsync::state::{self, OpenOptions, StateTarget, Store};

use super::{
    cluster::{Database, OWNER, refusal, server},
    support::*,
};

/// PgBouncer before a server; ends with this.
struct Pooler {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists());
    if found.is_none() {
        // Past what the test runner holds back.
        let _told = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"left out: this test of a pooler (pgbouncer is not installed here)\n",
        );
    }
    found
}

impl Pooler {
    fn start(database: &Database, mode: &str, size: u32) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::TempDir::new().expect("a folder");
        let (server, port) = (database.cluster, free_port());
        let file = folder.path().join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = {size}\nquery_wait_timeout = 3\n\
             ignore_startup_parameters = extra_float_digits,options\n",
            server.sockets().display(),
            server.port,
        );
        let settings = settings.replace("* = ", &format!("* = user={OWNER} "));
        fs::write(&file, settings).expect("can be written");
        let mut command = Command::new(program);
        if let Some((uid, gid)) = super::cluster::unprivileged() {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).expect("can be given");
            command.gid(gid).uid(uid);
        }
        let log = fs::File::create(folder.path().join("log")).expect("can be made");
        let child = command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("starts");
        let pooler = Self { child, port, folder };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(pooler.folder.path().join("log")).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(30), "pgbouncer does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(pooler)
    }

    fn options(&self, database: &Database) -> OpenOptions {
        let url = format!("postgres://{OWNER}@127.0.0.1:{}/{}", self.port, database.name);
        OpenOptions { target: StateTarget::Postgres(url.into()), ..database.options() }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn a_pooler_that_shares_sessions_is_refused_and_the_words_say_what_to_do() {
    let database = server!().database();
    for (mode, size) in [("transaction", 1), ("transaction", 5), ("statement", 5)] {
        let Some(pooler) = Pooler::start(&database, mode, size) else { return };
        for _ in 0..3 {
            let said = refusal(state::open(pooler.options(&database)));
            for part in ["PgBouncer", "Nothing was sent", "session mode", "directly"] {
                assert!(said.contains(part), "{mode} {size}: {said}");
            }
        }
        // No lock stays in the sessions of the pool.
        let locks = "SELECT count(*) FROM pg_locks JOIN pg_database ON database = oid \
                     WHERE locktype = 'advisory' AND datname = current_database()";
        assert_eq!(database.admin(locks), [["0"]], "{mode} {size}");
    }
}

#[test]
fn a_pooler_in_session_mode_is_as_good_as_no_pooler() {
    let database = server!().database();
    let Some(pooler) = Pooler::start(&database, "session", 10) else { return };
    for n in 0..3 {
        let store = state::open(pooler.options(&database)).expect("opens");
        commit(&*store, vec![put("a@v", &format!("text {n}"))]);
        runtime().block_on(store.confirm_lock()).expect("is held");
        assert!(refusal(state::open(pooler.options(&database))).contains("is in use by"));
        assert!(refusal(database.open()).contains("is in use by"));
    }
    assert_eq!(scan(&*database.open().expect("opens")).expect("reads").len(), 1);
}

#[test]
fn a_session_whose_lock_is_gone_lets_no_request_leave_and_says_who_has_it() {
    let database = server!().database();
    let first = database.open().expect("opens");
    let confirm = |store: &dyn Store| runtime().block_on(store.confirm_lock());
    confirm(&*first).expect("is held");
    database.cut();
    std::thread::sleep(Duration::from_millis(300));
    let said = refusal(confirm(&*first));
    for part in
        ["no connection to its server: ", "its lock ended with", "nobody is known to hold it"]
    {
        assert!(said.contains(part), "{said}");
    }
    let options = database.options();
    let holder = state::LockHolder { pid: 78, ..options.holder.clone() };
    let second = state::open(OpenOptions { holder, ..options }).expect("opens");
    let said = refusal(confirm(&*first));
    assert!(said.contains("`pushsync apply` (process 78 "), "{said}");
    assert!(said.contains("holds it now: this run sends and records nothing more"), "{said}");
    confirm(&*second).expect("is held");
    // Where it is alive and the lock is not: somebody else's hands in this session.
    drop(second);
}
