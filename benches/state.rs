//! The sled store: opening, reading all, and commits of several sizes.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on should stop")]

use std::{path::Path, time::Duration};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use pushsync::{
    model::{Address, Content, Kind, MessageId, Record, Sender},
    state::{
        self, Access, LockHolder, Mode, OpenOptions, StateTarget, Store, Write, scan::Records,
    },
};
use tokio::runtime::Runtime;
use uuid::Uuid;

const MANY: u32 = 100_000;

fn record(number: u32, round: u32) -> Write {
    let visitor = format!("{:032x}", u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c));
    let name = format!("dark-mode-launch@{visitor}");
    let text = format!("Dark mode is here, visitor number {number}! Say hello to it ({round}).");
    Write::Put(Box::new(Record {
        address: Address::parse(&name).expect("a valid address"),
        kind: Kind::Pushed,
        id: MessageId::new(format!("AXCR3k9bp{number:08}")),
        content: Content { text: text.into(), from: Sender::Group("PjRBMhWGen6aRHjif".into()) },
        protect: false,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        verified_at: Timestamp::UNIX_EPOCH,
        drift: None,
        superseded: None,
        intent: None,
        answered_text: None,
        restored: None,
    }))
}

fn open(folder: &Path) -> Box<dyn Store> {
    state::open(OpenOptions {
        target: StateTarget::Folder(folder.into()),
        environment: "default".into(),
        mode: Mode::CreateIfAbsent,
        access: Access::Write,
        holder: LockHolder {
            pid: 0,
            host: "here".into(),
            command: "bench".into(),
            since: Timestamp::UNIX_EPOCH,
        },
        lock_timeout: Duration::ZERO,
        new_lineage: Uuid::from_u128(1),
        now: Timestamp::UNIX_EPOCH,
        key: None,
        close_errors: state::CloseErrors::default(),
    })
    .expect("opens")
}

fn fill(runtime: &Runtime, store: &dyn Store, count: u32) {
    for start in (0..count).step_by(1000) {
        let writes = (start..count.min(start + 1000)).map(|i| record(i, 0)).collect();
        runtime.block_on(store.commit(writes)).expect("commits");
    }
}

fn scan(runtime: &Runtime, store: &dyn Store) -> usize {
    let mut count = 0;
    for located in Records::new(store, runtime.handle().clone()) {
        located.expect("reads");
        count += 1;
    }
    count
}

fn stores(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut group = criterion.benchmark_group("state");
    group.sample_size(10);

    group.bench_function("put 100k in batches of 1000", |bench| {
        bench.iter_batched(
            || tempfile::tempdir().expect("a folder"),
            |folder| {
                fill(&runtime, &*open(folder.path()), MANY);
                folder
            },
            BatchSize::PerIteration,
        );
    });

    for count in [10, MANY] {
        let folder = tempfile::tempdir().expect("a folder");
        fill(&runtime, &*open(folder.path()), count);
        group.bench_function(format!("open and close with {count}"), |bench| {
            bench.iter(|| open(folder.path()));
        });
        let store = open(folder.path());
        group.bench_function(format!("scan {count}"), |bench| {
            bench.iter(|| assert_eq!(scan(&runtime, &*store), count as usize));
        });
    }

    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    fill(&runtime, &*store, MANY);
    let mut round = 0;
    for size in [1, 100, 1000] {
        group.bench_function(format!("commit {size} into 100k"), |bench| {
            bench.iter_batched(
                || {
                    round += 1;
                    (0..size).map(|i| record((i * 97 + round * 31) % MANY, round)).collect()
                },
                |writes| runtime.block_on(store.commit(writes)).expect("commits"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, stores);
criterion_main!(benches);
