//! The real binary, with its state in PostgreSQL: it dies, the server dies, and two run at once.

use std::collections::BTreeSet;

use super::{
    cli::{Project, Sandbox, many, resolve, until},
    cluster::{Cluster, Database, PASSWORD, server},
};

/// The setting that names the state.
fn state(url: &str) -> String {
    format!("state: {url:?}")
}

/// A project of this many messages, with its state in this database.
fn project(database: &Database, count: usize) -> Project {
    let project = Project::empty();
    project.settings(&state(&database.url()), &many(count, "text"));
    project
}

#[test]
fn a_server_that_dies_during_an_apply_stops_it_and_the_next_run_converges() {
    let cluster = server!(Cluster::start());
    let sandbox = Sandbox::with("--latency 5ms");
    for round in 0..4 {
        let name = format!("round_{round}");
        cluster.admin("postgres", &format!("CREATE DATABASE {name}"));
        let project = Project::empty();
        let text = format!("text of round {round}");
        project.settings(&state(&cluster.socket_url(&name)), &many(60, &text));
        let before = sandbox.created().len();
        let running = project.with(&sandbox, "apply --yes").start();
        until("some are sent", || sandbox.created().len() > before + 5 + round * 9);
        cluster.kill();
        let stopped = running.wait();
        assert_eq!(stopped.status, 1, "{}", stopped.err);
        assert!(stopped.err.contains("its lock ended with the connection"), "{}", stopped.err);
        let sent = sandbox.created().len();
        assert!(sent < before + 60, "it stopped");
        // While it is down, nothing is sent.
        let down = project.with(&sandbox, "apply --yes").exits(1);
        assert!(down.err.contains("cannot be used"), "{}", down.err);
        assert_eq!(sandbox.created().len(), sent);
        assert!(cluster.run(), "{}", cluster.log());
        // An intent whose acknowledgement was lost may be there, and nothing was sent for it.
        let next = project.with(&sandbox, "apply --yes").wait();
        assert!([0, 4].contains(&next.status), "{}", next.err);
        resolve(&sandbox, &project);
        project.with(&sandbox, "apply --yes").ok();
        project.is_settled();
        project.run("state verify").ok();
        let created = sandbox.created();
        let texts: BTreeSet<&str> =
            created[before..].iter().filter_map(|message| message["text"].as_str()).collect();
        assert_eq!((created.len() - before, texts.len()), (60, 60), "each once");
    }
}

#[test]
fn the_second_of_two_jobs_is_told_who_holds_the_lock_or_waits() {
    let database = server!().database();
    let sandbox = Sandbox::with("--latency 40ms");
    let project = project(&database, 1);
    project.with(&sandbox, "apply --yes").ok();
    project.settings(&state(&database.url()), &many(30, "text"));
    let first = project.with(&sandbox, "apply --yes --concurrency 1").start();
    let holder = || database.admin("SELECT holder->>'pid' FROM pushsync_locks").concat();
    until("the first has the lock", || holder() == [first.id().to_string()]);
    let told = project.with(&sandbox, "apply --yes").exits(1);
    let name = format!("is in use by `pushsync apply` (process {} on ", first.id());
    assert!(told.err.contains(&name), "{}", told.err);
    assert!(told.err.contains("--lock-timeout"), "{}", told.err);
    // Looking does not need the lock.
    project.run("plan").ok();
    project.run("state list").ok();
    let second = project.with(&sandbox, "apply --yes --lock-timeout 60s").start();
    assert_eq!(first.wait().status, 0);
    assert_eq!(second.wait().status, 0);
    assert_eq!(sandbox.created().len(), 30, "each once");
    project.is_settled();
}

#[test]
fn the_password_is_in_no_output_whatever_happens() {
    let database = server!().database();
    let sandbox = Sandbox::start();
    let url = database.cluster.network_url(&database.name);
    let project = Project::empty();
    for (url, says) in [
        (url.clone(), "permission denied"),
        (format!("{url}?sslmode=require"), "TLS"),
        (url.replace(&database.name, "nowhere"), "createdb"),
        (url.replace("guest:", "nobody:"), "password authentication failed"),
        (format!("{url}?what=ever"), "cannot be read"),
        (url.replace("localhost", &format!("{PASSWORD}@localhost")), "cannot be read"),
    ] {
        project.settings(&state(&url), &many(1, "text"));
        for command in ["apply --yes", "plan", "state list", "state verify"] {
            let ran = project.with(&sandbox, command).wait();
            let all = format!("{}{}", ran.out, ran.err);
            assert!(!all.contains(PASSWORD), "{command}: {all}");
            if command == "apply --yes" {
                assert_eq!(ran.status, 1, "{all}");
                assert!(all.contains(says), "{all}");
            }
        }
    }
    assert_eq!(sandbox.total(), 0, "nothing was sent");
}
