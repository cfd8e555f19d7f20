//! Creates with the journal on, beside a bare loop of requests against the same server.
//!
//! `cargo bench --bench apply`: prints requests a second, commits, and the ratio. Asserts nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on should stop; its table goes to stdout; it reads the clock"
)]

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use pushsync::state;
use tokio::{runtime::Runtime, task::JoinSet};

use support::server;

const CREATES: usize = 2_000;
const CONCURRENCY: usize = 16;
const RUNS: usize = 5;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    println!("{CREATES} creates, {CONCURRENCY} at once, on loopback; medians of {RUNS} runs");
    let bare = median((0..RUNS).map(|_| runtime.block_on(bare())).collect());
    println!("bare loop of requests     {:>9.0} a second", rate(bare));
    let mut commits = 0;
    let ours = median(
        (0..RUNS)
            .map(|_| {
                let (took, n) = runtime.block_on(ours());
                commits = n;
                took
            })
            .collect(),
    );
    println!("apply, with its journal   {:>9.0} a second, {commits} commits", rate(ours));
    println!("ratio                     {:>9.2}   (wanted: at least 0.5)", rate(ours) / rate(bare));
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn rate(took: Duration) -> f64 {
    CREATES as f64 / took.as_secs_f64()
}

/// What the client and the server reach without anything between.
async fn bare() -> Duration {
    let server = server().await;
    let url = format!("{}/conversations/pushedMessages", server.base_url());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .tcp_nodelay(true)
        .build()
        .expect("a client");
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= CREATES as u64 {
                    return;
                }
                let body = format!("{{\"visitorId\":\"visitor-{n}\",\"text\":\"Hello, {n}!\"}}");
                let answer = client
                    .post(&url)
                    .header("api-key", "any")
                    .header("content-type", "application/json")
                    .body(body)
                    .send()
                    .await
                    .expect("an answer");
                assert!(answer.status().is_success());
                answer.bytes().await.expect("a body");
            }
        });
    }
    workers.join_all().await;
    let took = start.elapsed();
    server.stop().await;
    took
}

/// The same creates as a plan that is applied, and how many commits that took.
async fn ours() -> (Duration, u64) {
    let server = server().await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let store = state::open(support::folder(folder.path())).expect("the state opens");
    let done = support::creates(store, &server, CREATES, CONCURRENCY).await;
    server.stop().await;
    done
}
