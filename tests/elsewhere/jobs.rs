//! CI jobs that share a state in a bucket: killed, on a bad network, two at once.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::Value;

use crate::{
    bucket::{
        place::{Place, SECRET},
        proxy::{Fate, Proxy},
        server,
    },
    support::{Project, Run, Sandbox, many, until},
};

pub(super) fn place() -> Option<Place> {
    Some(server::get()?.place())
}

/// What the binary needs to find its state there.
pub(super) fn variables(place: &Place) -> Vec<(&'static str, String)> {
    vec![
        ("PUSHSYNC_STATE", format!("s3://{}/{}", place.bucket, place.prefix)),
        ("AWS_ENDPOINT_URL", format!("http://{}", place.endpoint)),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
    ]
}

/// The binary, with its state there.
fn at(place: &Place, run: Run) -> Run {
    variables(place).into_iter().fold(run, |run, (name, value)| run.env(name, value))
}

fn deliveries(place: &Place, project: &Project) -> Vec<Value> {
    let ran = at(place, project.run("state list --format json")).wait();
    if ran.status == 1 && ran.err.contains("there is no state") {
        return Vec::new();
    }
    assert_eq!(ran.status, 0, "{}", ran.err);
    ran.json()["deliveries"].as_array().expect("a list").clone()
}

/// Nothing was created twice, and all that was created is known, or known to be unknown. Answers
/// with what is unknown.
fn check(place: &Place, project: &Project, sandbox: &Sandbox, what: &str) -> Vec<Value> {
    let created = sandbox.created();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for message in &created {
        *times.entry(message["text"].as_str().expect("a text")).or_default() += 1;
    }
    times.retain(|_, times| *times > 1);
    assert!(times.is_empty(), "{what}: created twice: {times:?}");
    let known = deliveries(place, project);
    let unknown: Vec<Value> = known.iter().filter(|d| d["status"] == "unknown").cloned().collect();
    for message in &created {
        let id = known.iter().any(|d| d["id"] == message["id"]);
        let held = unknown.iter().any(|d| d["text"] == message["text"]);
        assert!(id || held, "{what}: lost: {message}\nthe state has {known:#?}");
    }
    unknown
}

/// What a person does: looks into the chats, and tells the state what is there.
fn resolve(place: &Place, project: &Project, sandbox: &Sandbox, unknown: &[Value]) {
    for delivery in unknown {
        let address = delivery["address"].as_str().expect("an address");
        let there = sandbox.created().into_iter().find(|m| m["text"] == delivery["text"]);
        let answer = there.map_or("--not-sent".to_owned(), |message| {
            format!("--unchecked --sent {}", message["id"].as_str().expect("an id"))
        });
        at(place, project.run(&format!("state resolve {address} {answer}"))).ok();
    }
}

#[test]
fn a_bad_network_to_the_bucket_costs_time_and_nothing_else() {
    let Some(place) = place() else { return };
    let sandbox = Sandbox::start();
    let mut rng = Rng::with_seed(3);
    let proxy = Proxy::start(place.server, move |_| {
        let effect = rng.bool();
        match rng.u32(..100) {
            0..=6 => Fate::Answer { status: [500, 503][rng.usize(..2)], effect },
            7..=11 => Fate::Drop { effect },
            12 => Fate::Hang { effect },
            _ => Fate::Pass,
        }
    });
    let place = place.through(proxy.address);
    let project = Project::many(40);
    at(&place, project.with(&sandbox, "apply --yes")).ok();
    at(&place, project.run("plan --detailed-exitcode")).exits(0);
    assert_eq!(check(&place, &project, &sandbox, "at the end"), [] as [Value; 0]);
    assert_eq!(sandbox.created().len(), 40);
    at(&place, project.run("state verify")).ok();
}

#[test]
fn a_bucket_that_goes_away_in_the_middle_stops_the_run_and_nothing_is_sent_twice() {
    let Some(place) = place() else { return };
    let sandbox = Sandbox::with("--latency 2ms");
    for (dies_at, effect) in [(3, true), (5, false), (8, true)] {
        let mut puts = 0;
        let proxy = Proxy::start(place.server, move |asked| {
            let segment = asked.method == "PUT" && asked.path.contains("/segments/");
            puts += usize::from(segment);
            // Refused for good, so that nobody waits for long.
            if puts >= dies_at { Fate::Answer { status: 403, effect } } else { Fate::Pass }
        });
        let project = Project::new(&many(80, &format!("text {dies_at}")));
        let ran = at(&place.through(proxy.address), project.with(&sandbox, "apply --yes")).wait();
        assert!([1, 4].contains(&ran.status), "{}\n{}", ran.status, ran.err);
        assert!(ran.err.contains("answered 403"), "{}", ran.err);
        at(&place, project.run("state unlock --force")).wait();
        // What could not be recorded is handed in now.
        let again = at(&place, project.with(&sandbox, "apply --yes")).wait();
        assert!([0, 4].contains(&again.status), "{}\n{}", again.status, again.err);
        let unknown = check(&place, &project, &sandbox, &format!("it went at {dies_at}"));
        resolve(&place, &project, &sandbox, &unknown);
        at(&place, project.with(&sandbox, "apply --yes --allow-deletes all")).ok();
        check(&place, &project, &sandbox, &format!("it went at {dies_at}, and was resolved"));
    }
}

#[test]
fn two_jobs_at_once_send_everything_once() {
    let Some(place) = place() else { return };
    let (project, sandbox) = (Project::many(12), Sandbox::with("--latency 10ms"));
    let start = || at(&place, project.with(&sandbox, "apply --yes --lock-timeout 60s")).start();
    let jobs = [start(), start()];
    let ended = jobs.map(|job| job.wait());
    for ran in &ended {
        // Who has planned before the other one made the state plans again.
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    at(&place, project.with(&sandbox, "apply --yes")).ok();
    assert_eq!(sandbox.created().len(), 12);
    assert_eq!(check(&place, &project, &sandbox, "both are done"), [] as [Value; 0]);
}

#[test]
fn a_job_that_does_not_wait_is_told_who_holds_the_lock_and_a_lock_that_was_left_can_be_broken() {
    let Some(place) = place() else { return };
    let (project, sandbox) = (Project::many(12), Sandbox::with("--latency 300ms"));
    let first = at(&place, project.with(&sandbox, "apply --yes")).start();
    until("the first one sends", || !sandbox.created().is_empty());
    let holder = format!("(process {} on ", first.id());
    at(&place, project.with(&sandbox, "apply --yes")).exits(1).warns(&[
        "is in use by `pushsync apply`",
        &holder,
        "holds it until",
    ]);
    // Looking is free.
    at(&place, project.run("plan")).ok();
    first.signal("KILL");
    first.wait();
    at(&place, project.run("state unlock")).wait();
    let broken = at(&place, project.run("state unlock --force")).ok();
    assert!(broken.out.contains(&holder) || broken.err.contains(&holder), "{broken:?}");
    let unknown = check(&place, &project, &sandbox, "it was killed");
    resolve(&place, &project, &sandbox, &unknown);
    at(&place, project.with(&sandbox, "apply --yes")).ok();
    assert_eq!(sandbox.created().len(), 12);
}

#[test]
fn no_log_says_the_keys() {
    let Some(place) = place() else { return };
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    for args in ["apply --yes -vv", "plan -vv", "state list -vv", "state restore -vv"] {
        let run = at(&place, project.with(&sandbox, args)).env("AWS_SESSION_TOKEN", "token-FwoGZX");
        run.ok().never_says(&[SECRET, "AKIDEXAMPLE", "token-FwoGZX", "AWS4-HMAC"]);
    }
    let refused = Proxy::start(place.server, |_| Fate::Answer { status: 403, effect: false });
    let place = place.through(refused.address);
    let run = at(&place, project.with(&sandbox, "apply --yes -vv"));
    run.exits(1).never_says(&[SECRET, "AKIDEXAMPLE", "AWS4-HMAC"]).warns(&["answered 403"]);
}
