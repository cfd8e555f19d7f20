//! A private server: made with `initdb` in a temporary folder, on a socket and a free port,
//! removed when the process of the tests ends, however it ends.

use std::{
    fs::{self, File},
    io::Write as _,
    net::TcpListener,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pushsync::state::{self, OpenOptions, StateError, StateTarget, Store};
use tokio_postgres::NoTls;

use super::support::{options, runtime};

/// The user who owns the server, and one with a password who owns nothing.
pub(crate) const OWNER: &str = "owner";
pub(crate) const GUEST: &str = "guest";
pub(crate) const PASSWORD: &str = "hush-hush-7";

/// A server.
pub(crate) struct Cluster {
    folder: PathBuf,
    pub(crate) port: u16,
    server: Mutex<Option<Child>>,
    /// Removes everything once nobody holds its input any more.
    guard: Child,
}

/// The server that most tests share; `None` where there is none.
pub(crate) fn shared() -> Option<&'static Cluster> {
    static SHARED: LazyLock<Option<Cluster>> = LazyLock::new(Cluster::start);
    SHARED.as_ref()
}

/// Ends the test, with a word, where there is no PostgreSQL.
macro_rules! server {
    () => {
        server!($crate::postgres::cluster::shared())
    };
    ($cluster:expr) => {
        match $cluster {
            Some(cluster) => cluster,
            None => return,
        }
    };
}
pub(crate) use server;

/// A database of its own for one test.
pub(crate) struct Database {
    pub(crate) cluster: &'static Cluster,
    pub(crate) name: String,
}

impl Cluster {
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            #[expect(clippy::disallowed_methods, reason = "how CI says that it must be there")]
            let needed = std::env::var("PUSHSYNC_NEED_POSTGRES").is_ok();
            assert!(!needed, "PostgreSQL is not installed here, and these tests must run");
            // Past the capture of the tests' output: it is to be seen.
            let _told = writeln!(
                std::io::stderr(),
                "left out: this test of the store in PostgreSQL (initdb is not installed here)"
            );
            return None;
        };
        let folder = tempfile::Builder::new().prefix("pushsync-pg-").tempdir().expect("a folder");
        let folder = folder.keep();
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C for the tests is not for it.
            .process_group(0)
            .spawn()
            .expect("starts");
        let mut cluster = Self { folder, port: 0, server: Mutex::new(None), guard };
        cluster.make(&programs);
        // Somebody else may take the port before the server does.
        for attempt in 0.. {
            cluster.port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .expect("a free port")
                .port();
            if cluster.run() {
                break;
            }
            assert!(attempt < 3, "the server does not start: {}", cluster.log());
        }
        cluster.admin("postgres", &format!("CREATE ROLE {GUEST} LOGIN PASSWORD '{PASSWORD}'"));
        Some(cluster)
    }

    fn make(&self, programs: &Path) {
        let data = self.data();
        if let Some((uid, gid)) = unprivileged() {
            std::os::unix::fs::chown(&self.folder, Some(uid), Some(gid)).expect("can be given");
        }
        let made = as_unprivileged(&programs.join("initdb"))
            .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--username", OWNER, "-D"])
            .arg(&data)
            .current_dir(&self.folder)
            .output()
            .expect("starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n\
             hostnossl all all 127.0.0.1/32 scram-sha-256\n",
        )
        .expect("can be written");
        let tls = self.certificates();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             max_connections = 90\nshared_buffers = 16MB\nlog_statement = 'all'\n\
             log_line_prefix = '%d|%p|'\nlog_checkpoints = off\nssl = {}\n",
            self.folder.display(),
            if tls { "on" } else { "off" },
        );
        let mut file =
            File::options().append(true).open(data.join("postgresql.conf")).expect("is there");
        file.write_all(settings.as_bytes()).expect("can be written");
        fs::write(self.folder.join("programs"), programs.as_os_str().as_encoded_bytes())
            .expect("can be written");
    }

    /// An authority, and a certificate of it for `localhost`; not where there is no `openssl`.
    fn certificates(&self) -> bool {
        let script = "set -e
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                -subj /CN=authority -addext basicConstraints=critical,CA:TRUE \
                -keyout ca.key -out ca.pem
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server \
                -keyout data/server.key -out server.csr
            printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > extensions
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                -extfile extensions -out data/server.crt
            chmod 600 data/server.key";
        let made = as_unprivileged(Path::new("sh"))
            .args(["-c", script])
            .current_dir(&self.folder)
            .output()
            .expect("starts");
        made.status.success()
    }

    pub(crate) fn has_tls(&self) -> bool {
        self.data().join("server.crt").exists()
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The folder of its socket.
    pub(crate) fn sockets(&self) -> &Path {
        &self.folder
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn log(&self) -> String {
        fs::read(self.folder.join("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Starts the server; whether it answers.
    pub(crate) fn run(&self) -> bool {
        let programs = fs::read_to_string(self.folder.join("programs")).expect("was written");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .expect("can be opened");
        let mut server = as_unprivileged(&Path::new(&programs).join("postgres"))
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("can be shared"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("starts");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if self.try_admin("postgres", "SELECT 1").is_ok() {
                *self.server.lock().expect("is whole") = Some(server);
                return true;
            }
            if server.try_wait().expect("is ours").is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _gone = server.kill().and_then(|()| server.wait());
        false
    }

    /// SIGKILL for all processes of the server at once, as near as can be.
    pub(crate) fn kill(&self) {
        let mut server = self.server.lock().expect("is whole").take().expect("runs");
        // It makes no more of them while it stands still.
        let parent = i32::try_from(server.id()).expect("is a number");
        send(parent, Signal::SIGSTOP);
        let all = children(parent);
        server.kill().expect("can be killed");
        all.iter().for_each(|child| send(*child, Signal::SIGKILL));
        server.wait().expect("ends");
        for child in all {
            while Path::new(&format!("/proc/{child}")).exists() && !is_zombie(child) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// From the next start on, it only follows another (that is not there).
    pub(crate) fn become_replica(&self) {
        File::create(self.data().join("standby.signal")).expect("can be made");
    }

    /// A URL through the socket, as the owner, who needs no password.
    pub(crate) fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{OWNER}@{folder}:{}/{database}", self.port)
    }

    /// A URL through the network, as the guest.
    pub(crate) fn network_url(&self, database: &str) -> String {
        format!("postgres://{GUEST}:{PASSWORD}@localhost:{}/{database}", self.port)
    }

    pub(crate) fn try_admin(
        &self,
        database: &str,
        sql: &str,
    ) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&self.socket_url(database), NoTls).await?;
            let connection = tokio::spawn(connection);
            let answer = client.simple_query(sql).await?;
            drop(client);
            let _ended = connection.await;
            let mut rows = Vec::new();
            for message in answer {
                if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                    let row = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL").to_owned());
                    rows.push(row.collect());
                }
            }
            Ok(rows)
        })
    }

    /// Carries out statements as the owner; their rows, as text.
    pub(crate) fn admin(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        self.try_admin(database, sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    pub(crate) fn database(&'static self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::SeqCst));
        self.admin("postgres", &format!("CREATE DATABASE {name}"));
        Database { cluster: self, name }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ended = self.guard.wait();
        if let Some(mut server) = self.server.lock().expect("is whole").take() {
            let _ended = server.wait();
        }
    }
}

/// Waits until its input ends; then ends the server and removes its folder.
const GUARD: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
    kill -QUIT "$pid"
    for _ in $(seq 200); do kill -0 "$pid" || break; sleep 0.05; done
    kill -KILL "$pid"
fi
rm -rf "$1""#;

impl Database {
    pub(crate) fn url(&self) -> String {
        self.cluster.socket_url(&self.name)
    }

    pub(crate) fn options(&self) -> OpenOptions {
        OpenOptions { target: StateTarget::Postgres(self.url().into()), ..options(Path::new("")) }
    }

    pub(crate) fn open(&self) -> Result<Box<dyn Store>, StateError> {
        state::open(self.options())
    }

    pub(crate) fn admin(&self, sql: &str) -> Vec<Vec<String>> {
        self.cluster.admin(&self.name, sql)
    }

    /// The statements of the sessions of pushsync in this database so far, from the log.
    pub(crate) fn statements(&self) -> Vec<String> {
        let mark = format!("{}|", self.name);
        // A statement of several lines goes on with a tab.
        let log = self.cluster.log().replace("\n\t", " ");
        log.lines()
            .filter_map(|line| line.strip_prefix(&mark)?.split_once('|')?.1.split_once("LOG:  "))
            .map(|(_, said)| said)
            .filter(|said| said.starts_with("execute") || said.starts_with("statement"))
            .map(str::to_owned)
            .collect()
    }

    /// Cuts all connections of pushsync, and waits until they are gone.
    pub(crate) fn cut(&self) {
        self.admin(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name LIKE 'pushsync%'",
        );
    }
}

/// What a store says about something that must fail.
pub(crate) fn refusal<T>(result: Result<T, StateError>) -> String {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn refused(store: &dyn state::Store, writes: Vec<state::Write>) -> String {
    refusal(runtime().block_on(store.commit(writes)))
}

fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path);
    folders
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(others)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// PostgreSQL refuses to run as root: who it runs as then.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    let own = tempfile::NamedTempFile::new().expect("a file");
    if own.as_file().metadata().expect("is known").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("can be read");
    ["postgres:", "nobody:"].into_iter().find_map(|name| {
        let line = users.lines().find(|line| line.starts_with(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

fn as_unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = unprivileged() {
        command.gid(gid).uid(uid);
    }
    command
}

fn send(pid: i32, signal: Signal) {
    // It may have ended by itself.
    let _gone = kill(Pid::from_raw(pid), signal);
}

fn children(parent: i32) -> Vec<i32> {
    let all = fs::read_dir("/proc").expect("can be read").flatten();
    all.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        (line.trim().parse::<i32>().ok()? == parent).then_some(pid)
    })
    .collect()
}

fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}
