//! From files to a plan: loading YAML and CSV, and the merge join over what nothing changed in.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on should stop")]

#[path = "support/project.rs"]
mod project;

use std::{fmt::Write as _, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pushsync::{
    desired::Deliveries,
    model::{Located, Record, UnreadableRecord},
    plan::plan,
};
use tempfile::TempDir;

use project::{NOW, audience, inputs, project, record, write};

/// This number of messages of 200 bytes each, 1,000 in a file.
fn messages(count: usize) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), "pushsync.yaml", "version: 1\nsenders: { s: { group: g } }\n");
    for file in 0..count.div_ceil(1000) {
        let mut text = "messages:\n".to_owned();
        for n in file * 1000..count.min((file + 1) * 1000) {
            let _ = write!(
                text,
                "  message-{n}:\n    from: s\n    to: {{ visitor: visitor-{n:08} }}\n    text: |\n      Dark mode is here, number {n}! Turn it on under Settings, \
                 and tell us what you think of it.\n      We are curious to hear.\n"
            );
        }
        write(folder.path(), &format!("messages/{file}.yaml"), &text);
    }
    folder
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for count in [1_000, 10_000] {
        let folder = messages(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(
            BenchmarkId::new("messages in YAML", count),
            &folder,
            |b, folder| {
                b.iter(|| black_box(project(folder.path())));
            },
        );
    }
    let folder = audience(100_000);
    group.throughput(Throughput::Elements(100_000));
    group.bench_function("rows in CSV/100000", |b| {
        b.iter(|| black_box(project(folder.path())));
    });
    group.finish();
}

fn planning(criterion: &mut Criterion) {
    let folder = audience(100_000);
    let project = project(folder.path());
    let records: Vec<Record> = Deliveries::new(&project, NOW)
        .map(|delivery| record(&delivery.expect("renders")))
        .collect();
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Elements(100_000));
    group.bench_function("rendered deliveries/100000", |b| {
        b.iter(|| black_box(Deliveries::new(&project, NOW).count()));
    });
    group.bench_function("unchanged deliveries/100000", |b| {
        b.iter(|| {
            let known = records
                .iter()
                .cloned()
                .map(|record| Located { record: record.into(), moved_from: None, blocked: false })
                .map(Ok::<_, UnreadableRecord>);
            let plan = plan(inputs(&project), Deliveries::new(&project, NOW), known);
            assert_eq!(plan.expect("a plan").summary.unchanged, 100_000);
        });
    });
    group.finish();
}

criterion_group!(benches, loading, planning);
criterion_main!(benches);
