//! A state moves from one store to the next, and loses nothing on its way.

use crate::{
    bucket, postgres,
    support::{ADA, Project, Run, Sandbox},
};

const KEY: &str = "correct horse battery staple";

/// The two places, if both servers are here.
fn places() -> Option<(postgres::cluster::Database, bucket::place::Place)> {
    let database = postgres::cluster::shared()?.database();
    Some((database, bucket::server::get()?.place()))
}

pub(crate) trait Reaching {
    fn at(self, state: &str) -> Self;
    fn reaching(self, place: &bucket::place::Place) -> Self;
    /// With this state key; an empty one is none.
    fn key(self, key: &str) -> Self;
}

impl Reaching for Run {
    fn at(self, state: &str) -> Self {
        self.arg("--state").arg(state)
    }

    fn reaching(self, place: &bucket::place::Place) -> Self {
        self.env("AWS_ENDPOINT_URL", format!("http://{}", place.endpoint))
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", bucket::place::SECRET)
            .env("AWS_REGION", "eu-central-1")
    }

    fn key(self, key: &str) -> Self {
        if key.is_empty() { self } else { self.env("PUSHSYNC_STATE_KEY", key) }
    }
}

#[test]
fn a_state_moves_from_a_folder_to_postgres_to_a_bucket_and_back_and_stays_the_same() {
    let Some((database, place)) = places() else { return };
    let project = Project::new(
        "messages:\n  b: { from: support, to: team, text: hi }\n  a: { from: liz, to: ada, text: x }",
    );
    let sandbox = Sandbox::start();
    project.apply(&sandbox);
    let before = project.run("state list --format json").ok().json();
    let history = project.run("state history --format json").ok().json();
    let postgres = database.url();
    let bucket = format!("s3://{}/{}", place.bucket, place.prefix);
    let stations = [("state", ""), (&*postgres, ""), (&*bucket, KEY), ("home", "")];
    for pair in stations.windows(2) {
        let ((from, _), (to, key)) = (pair[0], pair[1]);
        // The key is that of the new place, or of the old one if the new one has none.
        let (key, plain) = if pair[0].1.is_empty() { (key, "") } else { (pair[0].1, " --plain") };
        let command = format!("state migrate{plain} --to");
        project.run(&command).arg(to).at(from).key(key).reaching(&place).ok();
        for args in ["plan", "state list"] {
            project
                .run(args)
                .at(from)
                .key(pair[0].1)
                .reaching(&place)
                .exits(1)
                .warns(&["was moved to"])
                .never_says(&["password", bucket::place::SECRET, ADA]);
        }
        let key = pair[1].1;
        let there = |args: &str| {
            let run = project.run(args).at(to).reaching(&place);
            run.key(key)
        };
        let after = there("state list --format json").ok().json();
        assert_eq!(after["deliveries"], before["deliveries"], "{to}");
        assert_eq!(after["lineage"], before["lineage"], "{to}");
        assert_eq!(there("state history --format json").ok().json(), history, "{to}");
        there("state verify").ok().says(&["all is well"]);
        there("plan --detailed-exitcode").exits(0);
    }
    // And is one that can be worked with.
    project
        .with(&sandbox, "state mv")
        .arg(format!("a@{ADA}"))
        .arg(format!("c@{ADA}"))
        .at("home")
        .ok();
    project.run("plan --state home --detailed-exitcode").exits(2);
}

#[test]
fn exports_of_one_store_are_read_back_into_another() {
    let Some((database, place)) = places() else { return };
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    let bucket = format!("s3://{}/{}", place.bucket, place.prefix);
    project.with(&sandbox, "apply --yes").at(&bucket).reaching(&place).ok();
    project.run("state export one.jsonl").at(&bucket).reaching(&place).ok();
    project.run("state import one.jsonl").at(&database.url()).ok();
    project.run("state export two.jsonl").at(&database.url()).ok();
    let lines = |name: &str| {
        let text = project.read(name);
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        // But for the first and the last one: the serial rises, and with it the checksum.
        lines[1..lines.len() - 1].join("\n")
    };
    assert_eq!(lines("one.jsonl"), lines("two.jsonl"));
    project.run("plan --detailed-exitcode").at(&database.url()).exits(0);
    assert_eq!(sandbox.created().len(), 1);
}
