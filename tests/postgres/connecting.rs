//! What can go wrong before there is a state, in words that say what to do; and TLS.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use pushsync::{
    model::StateLocation,
    state::{self, Access, OpenOptions, StateError, StateTarget, Store},
};

use super::{
    cluster::{Cluster, Database, GUEST, PASSWORD, refusal, server},
    support::*,
};

fn open_url(url: &str) -> Result<Box<dyn Store>, StateError> {
    let location = StateTarget::Postgres(url.into());
    state::open(OpenOptions { target: location, ..options("".as_ref()) })
}

/// The words of a refusal, which never hold the password.
fn said(url: &str) -> String {
    let error = open_url(url).expect_err("it should have failed");
    let said = error.to_string();
    assert!(!format!("{said} {error:?}").contains(PASSWORD), "{said}");
    said
}

fn network(database: &Database) -> String {
    database.cluster.network_url(&database.name)
}

#[test]
fn a_wrong_password_is_told() {
    let database = server!().database();
    let url = network(&database).replace(PASSWORD, "wrong-hush");
    let said = said(&url);
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(said.contains("check user and password"), "{said}");
    assert!(!said.contains("wrong-hush"), "{said}");
}

#[test]
fn a_password_that_is_missing_is_asked_for_and_taken_from_the_environment() {
    let database = server!().database();
    database.admin(&format!("GRANT CREATE ON SCHEMA public TO {GUEST}"));
    let url = network(&database).replace(&format!(":{PASSWORD}"), "");
    let said = said(&url);
    assert!(said.contains("asks for a password: give it in the URL, in PGPASSWORD"), "{said}");
    let location = StateTarget::from(StateLocation::parse(&url, "".as_ref()).expect("is known"));
    let location = location.complete(|name| (name == "PGPASSWORD").then(|| PASSWORD.into()));
    assert!(!format!("{location:?}").contains(PASSWORD));
    let store =
        state::open(OpenOptions { target: location, ..options("".as_ref()) }).expect("opens");
    assert!(!format!("{store:?}").contains(PASSWORD));
}

#[test]
fn a_database_that_is_not_there_is_told() {
    let database = server!().database();
    let said = said(&network(&database).replace(&database.name, "nowhere"));
    assert!(said.contains("\"nowhere\" does not exist: make it with `createdb`"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let _here = server!();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("is free");
    let said = said(&format!("postgres://ada:{PASSWORD}@{free}/state"));
    assert!(said.contains(&format!("postgres://{free}/state cannot be used")), "{said}");
    assert!(
        said.contains("no connection to its server: ") && said.contains("is the server running"),
        "{said}"
    );
    let said = self::said(&format!("postgres://ada:{PASSWORD}@pg.invalid/state"));
    assert!(
        said.contains("no connection to its server: ") && said.contains("5 times in"),
        "{said}"
    );
}

#[test]
fn a_user_who_may_not_make_tables_is_told_what_to_grant() {
    let database = server!().database();
    let said = said(&network(&database));
    assert!(said.contains("permission denied for schema public"), "{said}");
    assert!(said.contains("GRANT USAGE, CREATE ON SCHEMA public TO guest"), "{said}");
    database.admin(&format!("GRANT USAGE, CREATE ON SCHEMA public TO {GUEST}"));
    drop(open_url(&network(&database)).expect("opens"));
}

#[test]
fn a_user_who_may_not_use_the_tables_is_told_what_to_grant() {
    let database = server!().database();
    drop(database.open().expect("opens"));
    let said = said(&network(&database));
    assert!(said.contains("permission denied for table pushsync_schema"), "{said}");
    assert!(said.contains("SELECT, INSERT, UPDATE, DELETE"), "{said}");
    database.admin(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {GUEST}"
    ));
    commit(&*open_url(&network(&database)).expect("opens"), vec![put("a@v", "x")]);
}

#[test]
fn a_user_who_may_only_read_can_look() {
    let database = server!().database();
    let owner = database.open().expect("opens");
    commit(&*owner, vec![put("a@v", "x"), intend("b@v"), log(1), part(1, 1, "x")]);
    database.admin(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {GUEST}"));
    let location = StateTarget::Postgres(network(&database).into());
    let options = OpenOptions { target: location, access: Access::Read, ..database.options() };
    let reader = state::open(options).expect("opens");
    assert_eq!(contents(&*reader).expect("reads"), contents(&*owner).expect("reads"));
}

#[test]
fn a_replica_can_be_looked_at_and_is_not_written_to() {
    let cluster = server!(Cluster::start());
    let location = StateTarget::Postgres(cluster.socket_url("postgres").into());
    let writing = OpenOptions { target: location, ..options("".as_ref()) };
    let store = state::open(writing.clone()).expect("opens");
    fill(&*store);
    let before = contents(&*store).expect("reads");
    cluster.kill();
    drop(store);
    cluster.become_replica();
    assert!(cluster.run(), "{}", cluster.log());
    let said = refusal(state::open(writing.clone()));
    assert!(said.contains("is a replica, and cannot be written to"), "{said}");
    let reading = OpenOptions { access: Access::Read, ..writing };
    assert_eq!(contents(&*state::open(reading).expect("opens")).expect("reads"), before);
}

#[test]
fn a_user_without_a_schema_is_told() {
    let database = server!().database();
    let said = said(&format!("{}?options=-csearch_path%3Dnowhere", database.url()));
    assert!(said.contains("its search_path has no schema"), "{said}");
}

#[test]
fn a_database_that_is_read_only_can_be_looked_at() {
    let database = server!().database();
    drop(database.open().expect("opens"));
    let name = &database.name;
    database.admin(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let said = said(&database.url());
    assert!(said.contains("read-only transaction"), "{said}");
    assert!(said.contains("only the primary server can be written to"), "{said}");
    let options = OpenOptions { access: Access::Read, ..database.options() };
    drop(state::open(options).expect("opens"));
}

#[test]
fn tls_is_used_and_the_certificate_is_checked() {
    let cluster = server!();
    if !cluster.has_tls() {
        eprintln!("left out: TLS (openssl is not installed here)");
        return;
    }
    let database = cluster.database();
    database.admin(&format!("GRANT USAGE, CREATE ON SCHEMA public TO {GUEST}"));
    let url = network(&database);
    for mode in ["require", "prefer", "verify-full"] {
        // Its authority is none of this system's.
        let said = said(&format!("{url}?sslmode={mode}"));
        assert!(said.contains("TLS: invalid peer certificate"), "{said}");
        assert!(said.contains("sslrootcert=FILE"), "{said}");
    }
    let authority = cluster.authority().display().to_string().replace('/', "%2F");
    let trusting = format!("{url}?sslmode=require&sslrootcert={authority}");
    let store = open_url(&trusting).expect("opens");
    let used = database.admin(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE datname = current_database() AND application_name LIKE 'pushsync%'",
    );
    assert_eq!(used, [["t"]]);
    commit(&*store, vec![put("a@v", "x")]);
    // The certificate is for another name.
    let said = said(&trusting.replace("@localhost:", "@127.0.0.1:"));
    assert!(said.contains("TLS: invalid peer certificate"), "{said}");
    let said = self::said(&format!("{url}?sslmode=require&sslrootcert=%2Fnowhere.pem"));
    assert!(said.contains("sslrootcert: /nowhere.pem cannot be read"), "{said}");
    let said = self::said(&format!("{url}?sslmode=require&sslrootcert=%2Fdev%2Fnull"));
    assert!(said.contains("sslrootcert: /dev/null cannot be read"), "{said}");
    let empty = tempfile::NamedTempFile::new().expect("a file");
    let path = empty.path().to_str().expect("UTF-8").replace('/', "%2F");
    let said = self::said(&format!("{url}?sslmode=require&sslrootcert={path}"));
    assert!(said.contains("has no certificate"), "{said}");
}

#[test]
fn a_server_without_tls_is_not_trusted_with_a_password() {
    let _here = server!();
    // A server that says no to TLS, and then listens for more.
    let listener = TcpListener::bind("127.0.0.1:0").expect("is free");
    let port = listener.local_addr().expect("is known").port();
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let mut request = [0; 8];
        stream.read_exact(&mut request).expect("asks for TLS");
        stream.write_all(b"N").expect("can be told");
        let mut rest = Vec::new();
        let _end = stream.read_to_end(&mut rest);
        rest
    });
    let said = said(&format!("postgres://ada:{PASSWORD}@localhost:{port}/state?sslmode=require"));
    assert!(said.contains("does not offer TLS"), "{said}");
    assert_eq!(heard.join().expect("ends"), b"");
}

#[test]
fn several_processes_that_make_the_tables_at_once_make_them_once() {
    let database = server!().database();
    thread::scope(|scope| {
        let all: Vec<_> = (0..6)
            .map(|n| {
                let environment = format!("env-{n}");
                let options = OpenOptions { environment, ..database.options() };
                scope.spawn(move || state::open(options).map(drop))
            })
            .collect();
        for one in all {
            one.join().expect("ends").expect("opens");
        }
    });
    assert_eq!(database.admin("SELECT version FROM pushsync_schema"), [["1"]]);
    assert_eq!(database.admin("SELECT count(*) FROM pushsync_states"), [["6"]]);
}

#[test]
fn a_url_that_cannot_be_read_is_told_without_showing_it() {
    let said = said(&format!("postgres://ada:{PASSWORD}@{PASSWORD}@db/state"));
    assert!(said.contains("its URL cannot be read") && said.contains("percent-encoded"), "{said}");
    let said = refusal(open_url("postgres:///state"));
    assert!(said.contains("names no host"), "{said}");
}

/// What a server says when it refuses a connection.
fn refused(state: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{state}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).expect("is short");
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}

/// Before the database: it answers the first connections so, and passes the others on.
fn before(database: &Database, first: Vec<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("is free");
    let port = listener.local_addr().expect("is known").port();
    let url = network(database);
    let server = url.rsplit_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("a URL").0;
    let (url, server) = (url.replace(server, &format!("127.0.0.1:{port}")), server.to_owned());
    let count = Arc::new(AtomicUsize::new(0));
    let came = Arc::clone(&count);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            match first.get(came.fetch_add(1, Ordering::SeqCst)) {
                // Closed before anything is read or said.
                Some(answer) if answer.is_empty() => {}
                Some(answer) => {
                    let (mut client, mut length) = (client, [0; 4]);
                    client.read_exact(&mut length).expect("a startup message");
                    let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
                    client.read_exact(&mut rest).expect("all of it");
                    client.write_all(answer).expect("told");
                }
                None => {
                    let server = TcpStream::connect(&server).expect("it runs");
                    for (mut from, mut to) in [
                        (client.try_clone().expect("a copy"), server.try_clone().expect("a copy")),
                        (server, client),
                    ] {
                        thread::spawn(move || {
                            let _ = io::copy(&mut from, &mut to);
                            let _ = to.shutdown(Shutdown::Both);
                        });
                    }
                }
            }
        }
    });
    (url, count)
}

#[test]
fn a_server_that_starts_is_full_or_closes_the_door_is_tried_again() {
    let database = server!().database();
    database.admin(&format!("GRANT CREATE ON SCHEMA public TO {GUEST}"));
    let starting = || refused("57P03", "the database system is starting up");
    for first in [
        vec![starting(), starting(), starting()],
        vec![refused("53300", "sorry, too many clients already")],
        vec![refused("57P01", "terminating connection due to administrator command"), starting()],
        vec![Vec::new(), Vec::new()],
    ] {
        let (url, count) = before(&database, first.clone());
        drop(open_url(&url).expect("opens"));
        assert!(count.load(Ordering::SeqCst) > first.len());
    }
}

#[test]
fn a_server_that_goes_on_refusing_is_told_in_its_own_words_after_a_few_times() {
    let database = server!().database();
    for (state, message, times, says) in [
        ("57P03", "the database system is starting up", 5, "run again in a moment"),
        ("53300", "sorry, too many clients already", 5, "run again later"),
        ("28P01", "password authentication failed", 1, "check user and password"),
        ("3D000", "database \"x\" does not exist", 1, "createdb"),
        ("XX000", "out of luck", 1, "out of luck"),
    ] {
        let (url, count) = before(&database, vec![refused(state, message); 20]);
        let said = said(&url);
        assert_eq!(count.load(Ordering::SeqCst), times, "{said}");
        assert!(said.contains(&format!("answered SQLSTATE {state}: {message}")), "{said}");
        assert!(said.contains(says), "{said}");
        assert_eq!(said.contains("5 times in"), times > 1, "{said}");
    }
    // Something else listens there.
    let (url, count) = before(&database, vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(); 20]);
    let said = said(&url);
    assert!(said.contains("not sent, no PostgreSQL server answers there"), "{said}");
    assert_eq!(count.load(Ordering::SeqCst), 1, "{said}");
}
