//! The three stores side by side: a plan over 100,000 records, and an apply of 1,000 creates.
//!
//! `cargo bench --bench stores`: prints a table; asserts nothing. PostgreSQL and moto's server are
//! started by it; where one is not installed, its lines are missing.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on should stop; its table goes to stdout; it reads the clock"
)]
#![cfg(target_os = "linux")]

#[path = "../support/project.rs"]
mod project;
#[path = "../support/mod.rs"]
mod support;

#[expect(dead_code, unused_macros, unused_imports, reason = "the tests use more of it")]
mod bucket;
#[expect(dead_code, unused_macros, unused_imports, reason = "the tests use more of it")]
mod postgres;

use std::time::{Duration, Instant};

use pushsync::{
    desired::Deliveries,
    plan::plan,
    state::{self, OpenOptions, Records, StateTarget, Write},
};
use tokio::runtime::Runtime;

const RECORDS: usize = 100_000;
const CREATES: usize = 1_000;
const CONCURRENCY: usize = 16;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::TempDir::new().expect("a folder");
    let cluster = postgres::cluster::shared();
    let database = cluster.map(|cluster| cluster.database());
    let bucket = bucket::server::get().map(bucket::server::Server::place);
    let mut stores = vec![("folder", StateTarget::Folder(folder.path().into()))];
    stores.extend(
        database
            .as_ref()
            .map(|database| ("Postgres", StateTarget::Postgres(database.url().into()))),
    );
    stores.extend(bucket.as_ref().map(|place| ("bucket", StateTarget::Bucket(place.bucket()))));
    let files = project::audience(RECORDS);
    let project = project::project(files.path());
    let records: Vec<Write> = Deliveries::new(&project, project::NOW)
        .map(|delivery| Write::Put(Box::new(project::record(&delivery.expect("renders")))))
        .collect();
    println!(
        "{RECORDS} records; {CREATES} creates, {CONCURRENCY} at once; servers on this machine"
    );
    println!(
        "{:<10}{:>10}{:>12}{:>10}{:>12}{:>16}{:>10}",
        "store", "fill", "open again", "plan", "1 commit", "creates a s", "commits"
    );
    for (name, location) in stores {
        let options = |environment: &str| OpenOptions {
            target: location.clone(),
            environment: environment.to_owned(),
            ..support::folder(folder.path())
        };
        let store = state::open(options("full")).expect("opens");
        let (fill, ()) = timed(|| {
            for some in records.chunks(5_000) {
                runtime.block_on(store.commit(some.to_vec())).expect("commits");
            }
        });
        drop(store);
        let (open, store) = timed(|| state::open(options("full")).expect("opens"));
        let (planned, unchanged) = timed(|| {
            let known = Records::new(&*store, runtime.handle().clone());
            let deliveries = Deliveries::new(&project, project::NOW);
            let plan = plan(project::inputs(&project), deliveries, known).expect("a plan");
            plan.summary.unchanged
        });
        assert_eq!(unchanged, RECORDS as u64);
        let (commit, _) = timed(|| runtime.block_on(store.commit(records[..1].to_vec())));
        drop(store);
        let (took, commits) = runtime.block_on(async {
            let server = support::server().await;
            let store = state::open(options("creates")).expect("opens");
            let done = support::creates(store, &server, CREATES, CONCURRENCY).await;
            server.stop().await;
            done
        });
        println!(
            "{name:<10}{:>10}{:>12}{:>10}{:>12}{:>16.0}{commits:>10}",
            shown(fill),
            shown(open),
            shown(planned),
            shown(commit),
            CREATES as f64 / took.as_secs_f64()
        );
    }
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = run();
    (start.elapsed(), done)
}

fn shown(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}
