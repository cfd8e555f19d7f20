//! Two copies of `pushsync run` share a state: one works, the other one waits and takes over.

use std::{sync::Arc, thread::sleep, time::Duration};

use serde_json::Value;

use crate::{
    bucket::{
        self,
        proxy::{Fate, Proxy},
    },
    lost_locks::{Api, Loss, losses, stands_still},
    moving::Reaching,
    postgres,
    support::{Project, Ran, Run, Running, Sandbox, many, until},
};

const RUN: &str = "run --every 1s --log-format json --concurrency 1";

/// Long enough for some cycles.
const WHILE: Duration = Duration::from_secs(4);

/// A store that two copies share.
pub(crate) struct Shared {
    pub(crate) name: &'static str,
    /// The binary, with its state there.
    pub(crate) there: Box<dyn Fn(Run) -> Run>,
    /// The same for the second copy.
    pub(crate) there_too: Box<dyn Fn(Run) -> Run>,
    /// The lease of the first copy runs out.
    pub(crate) runs_out: Box<dyn Fn()>,
}

/// A folder, and those whose servers are here.
pub(crate) fn stores() -> Vec<Shared> {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let at = move |run: Run| {
        run.env("PUSHSYNC_STATE", folder.path().join("state").display().to_string())
    };
    let mut stores = vec![Shared {
        name: "a folder",
        there: Box::new(at.clone()),
        there_too: Box::new(at),
        runs_out: Box::new(|| {}),
    }];
    if let Some(cluster) = postgres::cluster::shared() {
        let database = cluster.database();
        let url = database.url();
        let at = move |run: Run| run.env("PUSHSYNC_STATE", &url);
        stores.push(Shared {
            name: "PostgreSQL",
            there: Box::new(at.clone()),
            there_too: Box::new(at),
            runs_out: Box::new(|| {}),
        });
    }
    if let Some(server) = bucket::server::get() {
        let place = server.place();
        let url = format!("s3://{}/{}", place.bucket, place.prefix);
        let proxy = Arc::new(Proxy::start(server.address, |_| Fate::Pass));
        let through = place.through(proxy.address);
        let at = {
            let url = url.clone();
            move |run: Run| run.env("PUSHSYNC_STATE", &url).reaching(&place)
        };
        stores.push(Shared {
            name: "a bucket",
            there: Box::new(at),
            there_too: Box::new(move |run| run.env("PUSHSYNC_STATE", &url).reaching(&through)),
            // For the second copy, ten minutes have passed.
            runs_out: Box::new(move || proxy.shift_dates(600)),
        });
    }
    stores
}

/// Ends it in good order. Its cycles, as it told them.
pub(crate) fn ended(running: Running) -> Vec<Value> {
    running.signal("TERM");
    let ran = running.wait();
    assert_eq!(ran.status, 0, "{ran:?}");
    cycles(&ran)
}

fn cycles(ran: &Ran) -> Vec<Value> {
    let lines = ran.err.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == "cycle").collect()
}

pub(crate) fn outcomes(cycles: &[Value]) -> Vec<&str> {
    cycles.iter().map(|cycle| cycle["outcome"].as_str().expect("an outcome")).collect()
}

/// The texts of all messages that were ever created, sorted.
fn created(sandbox: &Sandbox) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().expect("a text").to_owned();
    let mut texts: Vec<_> = sandbox.created().iter().map(text).collect();
    texts.sort();
    texts
}

#[test]
fn one_copy_works_while_the_other_one_waits_and_takes_over_when_the_first_is_killed() {
    const COUNT: usize = 16;
    for Shared { name, there, there_too, runs_out } in stores() {
        let (project, sandbox) = (Project::many(COUNT), Sandbox::with("--latency 600ms"));
        let first = there(project.with(&sandbox, RUN)).start();
        until("the first one sends", || sandbox.created().len() >= 2);
        let mut second = there_too(project.with(&sandbox, RUN)).start();
        sleep(WHILE);
        assert!(second.is_running(), "{name}: it waits");
        first.signal("KILL");
        first.wait();
        let before = created(&sandbox);
        assert!(before.len() < COUNT, "{name}: the first one was in the middle of it");
        runs_out();
        // What was under way at the death is unknown, and was sent or not.
        until("the second one has done the rest", || {
            let plan = there_too(project.run("plan --format json --lock-timeout 60s")).ok().json();
            let changes = plan["changes"].as_array().expect("changes");
            changes.len() <= 1 && changes.iter().all(|change| change["action"] == "unknown")
        });
        assert!(created(&sandbox).len() >= COUNT - 1, "{name}");
        let cycles = ended(second);
        let outcomes = outcomes(&cycles);
        assert_eq!(outcomes[0], "locked", "{name}: {cycles:#?}");
        // The plans of this test have the lock of a folder as well.
        let by_run = |cycle: &&Value| {
            cycle["message"].as_str().is_some_and(|message| message.contains("`pushsync run`"))
        };
        let told =
            cycles.iter().filter(|cycle| cycle["outcome"] == "locked").filter(by_run).count();
        assert_eq!(told, 1, "{name}: it is told once: {cycles:#?}");
        let mut once = created(&sandbox);
        once.dedup();
        assert_eq!(once.len(), created(&sandbox).len(), "{name}: nothing twice");
    }
}

#[test]
fn two_copies_that_wake_at_the_same_time_do_the_work_once() {
    const COUNT: usize = 5;
    for Shared { name, there, there_too, .. } in stores() {
        let (project, sandbox) = (Project::many(COUNT), Sandbox::with("--latency 20ms"));
        let run = || project.with(&sandbox, "run --every 1s -v --log-format json");
        let copies = [there(run()).start(), there_too(run()).start()];
        let shows = |text: &str| {
            until(&format!("{name}: all texts are of {text:?}"), || {
                let there = sandbox.there();
                there.len() == COUNT && there.iter().all(|(_, _, one)| one.starts_with(text))
            });
        };
        shows("text");
        for text in ["one", "two", "three"] {
            project.rewrite(&many(COUNT, text));
            shows(text);
        }
        sleep(WHILE);
        let counts = sandbox.counts();
        assert_eq!(counts, [COUNT as u64, 0, 3 * COUNT as u64, 0], "{name}: each change once");
        for copy in copies {
            let cycles = ended(copy);
            // One that has missed a change, because the next one came at once, waits for the other.
            let good =
                |outcome: &&str| ["done", "locked", "interrupted", "outdated"].contains(outcome);
            assert!(outcomes(&cycles).iter().all(good), "{name}: {cycles:#?}");
            assert!(outcomes(&cycles).contains(&"done"), "{name}: {cycles:#?}");
        }
    }
}

#[test]
fn copies_that_have_nothing_to_do_write_nothing_into_a_bucket() {
    let Some(server) = bucket::server::get() else { return };
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let place = server.place().through(proxy.address);
    let url = format!("s3://{}/{}", place.bucket, place.prefix);
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    let run = || {
        let run = project.with(&sandbox, "run --every 1s -v --log-format json");
        run.env("PUSHSYNC_STATE", &url).reaching(&place)
    };
    run().start().ends_once(|| sandbox.created().len() == 3);
    let writes = || proxy.count("PUT", "") + proxy.count("DELETE", "") + proxy.count("POST", "");
    let (before, asked) = (writes(), proxy.asked().len());
    let copies = [run().start(), run().start()];
    sleep(WHILE);
    let cycles: Vec<_> = copies.into_iter().flat_map(ended).collect();
    assert_eq!(writes(), before);
    assert!(outcomes(&cycles).iter().all(|outcome| *outcome == "done"), "{cycles:#?}");
    let asked = proxy.asked().len() - asked;
    println!("{asked} requests to the bucket in {} cycles", cycles.len());
    assert!(asked <= 6 * cycles.len(), "{asked} requests in {} cycles", cycles.len());
}

trait Ends {
    fn ends_once(self, done: impl FnMut() -> bool);
}

impl Ends for Running {
    fn ends_once(self, done: impl FnMut() -> bool) {
        until("it has done its work", done);
        ended(self);
    }
}

#[test]
fn a_copy_that_stood_still_past_its_lease_sends_nothing_until_it_has_the_lock_again() {
    const COUNT: usize = 12;
    for Loss { name, there, taking_over, take, .. } in losses() {
        let (project, api) = (Project::many(COUNT), Api::start(false));
        let home = tempfile::TempDir::new().expect("a folder");
        let first = there(api.with(project.run(RUN))).env("XDG_STATE_HOME", home.path()).start();
        api.stop.send((first.id(), 4)).expect("listens");
        until("it stands still", || stands_still(first.id()));
        take(&project);
        let second = taking_over(api.with(project.run(RUN))).start();
        until("the second one does the rest", || api.texts().len() == COUNT);
        let before = api.count();
        assert_eq!(before, COUNT, "{name}: one request for each");
        first.signal("CONT");
        // It has an answer that it could not record. With the lock, it does.
        until("it has had the lock again", || {
            let state = taking_over(project.run("state list --format json --lock-timeout 60s"));
            let list = state.ok().json();
            let known = |delivery: &Value| delivery["status"] != "unknown";
            list["deliveries"].as_array().expect("a list").iter().all(known)
        });
        sleep(WHILE);
        assert_eq!(api.count(), before, "{name}: not one request more");
        project.rewrite(&many(COUNT, "other"));
        let changed = || api.texts().iter().all(|text| text.starts_with("other"));
        until("both go on", changed);
        sleep(WHILE);
        assert_eq!(api.count(), before + COUNT, "{name}: each change once");
        let cycles = ended(first);
        assert!(outcomes(&cycles).contains(&"state"), "{name}: it has told it: {cycles:#?}");
        ended(second);
    }
}
