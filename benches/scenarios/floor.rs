//! The bare work of a scenario, without pushsync around it: what no program could do without.

use std::{
    fs,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clap::Subcommand;
use pushsync::state::{self, Access, Mode};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{ground, projects};

#[derive(Subcommand)]
pub(crate) enum Floor {
    /// Read all bytes of YAML and CSV.
    Read { folder: PathBuf },
    /// Read all records of the state, through the library.
    Scan { folder: PathBuf },
    /// Send this number of creates, with this number at once.
    Loop { base_url: String, count: u64, concurrency: usize },
}

pub(crate) fn run(floor: Floor) {
    match floor {
        Floor::Read { folder } => {
            assert!(read(&folder) > 0, "there is something to read");
        }
        Floor::Scan { folder } => {
            let runtime = Runtime::new().expect("a runtime");
            runtime.block_on(scan(&folder));
        }
        Floor::Loop { base_url, count, concurrency } => {
            let runtime = Runtime::new().expect("a runtime");
            runtime.block_on(requests(&base_url, count, concurrency));
        }
    }
}

/// How many bytes there are in the files of a manifest.
fn read(folder: &Path) -> usize {
    let mut total = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "messages") {
                total += read(&path);
            }
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "csv") {
            total += fs::read(&path).expect("a file").len();
        }
    }
    total
}

async fn scan(folder: &Path) {
    let options = projects::opening(folder, Mode::MustExist, Access::Read);
    let store = state::open(options).expect("the state opens");
    let mut from = Bound::Unbounded;
    loop {
        let start = from.as_ref().map(String::as_str);
        let page = store.page(start, Bound::Unbounded, 1024).await.expect("the state can be read");
        let Some(last) = page.len().checked_sub(1).and_then(|last| page.get(last)) else { break };
        from = Bound::Excluded(String::from_utf8_lossy(last.name()).into_owned());
    }
}

async fn requests(base_url: &str, count: u64, concurrency: usize) {
    let url = format!("{base_url}/conversations/pushedMessages");
    let client = ground::client();
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..concurrency {
        let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                let visitor = projects::visitor(n as usize);
                let text = projects::fresh_text(n as usize);
                let body = serde_json::json!({
                    "visitorId": visitor, "text": text, "groupId": projects::GROUP
                });
                let answer = client
                    .post(&url)
                    .header("api-key", "any")
                    .header("content-type", "application/json")
                    .body(body.to_string())
                    .send()
                    .await
                    .expect("an answer");
                assert!(answer.status().is_success(), "a create was answered {}", answer.status());
                answer.bytes().await.expect("the body of an answer");
            }
        });
    }
    workers.join_all().await;
}
