//! From files to a plan: loading YAML and CSV, and the merge join over what nothing changed in.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on should stop")]

use std::{
    collections::BTreeMap, fmt::Write as _, fs, hint::black_box, path::Path, time::Duration,
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use pushsync::{
    desired::{Deliveries, Delivery},
    manifest::{LoadOptions, Project, load},
    model::{Content, MessageId},
    plan::{Budget, Declared, Inputs, Selection, StateRef, plan},
    state::{Located, Record},
};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// So many messages of 200 bytes each, 1,000 in a file.
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

/// One message for so many visitors.
fn audience(rows: usize) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write(
        folder.path(),
        "pushsync.yaml",
        "version: 1\nsenders: { s: { group: g } }\naudiences: { all: { file: all.csv } }\n\
         messages:\n  news: { from: s, to: all, text: \"Hi {{ name }}, dark mode is here!\" }\n",
    );
    let mut csv = "visitor_id,name,plan\n".to_owned();
    for row in 0..rows {
        let id = (row as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c);
        let _ = writeln!(csv, "{id:032x},name {row},pro");
    }
    write(folder.path(), "all.csv", &csv);
    folder
}

fn project(folder: &Path) -> Project {
    let options = LoadOptions { environment: None, allow_outside: false, env: &|_| None, now: NOW };
    load(folder, &options).project.expect("a valid project")
}

fn record(delivery: &Delivery) -> Record {
    Record {
        address: delivery.address.clone(),
        kind: delivery.spec.kind,
        id: MessageId::new("AXCR3k9bpSY7bpuh7"),
        content: Content { text: delivery.text.clone(), from: delivery.spec.sender.clone() },
        protect: false,
        created_at: NOW,
        updated_at: NOW,
        verified_at: NOW,
        drift: None,
        superseded: None,
    }
}

fn inputs(project: &Project) -> Inputs {
    Inputs {
        environment: "default".to_owned(),
        as_of: NOW,
        state: StateRef { lineage: None, serial: 0 },
        declared: project
            .keys_at(NOW)
            .into_iter()
            .map(|(key, presence)| (key, Declared { presence, protect: None }))
            .collect(),
        imports: Vec::new(),
        removed: BTreeMap::new(),
        moved: BTreeMap::new(),
        intents: Vec::new(),
        selection: Selection::default(),
        destroy: false,
        budget: Budget::at(NOW, None, 100),
        keep_unchanged: false,
    }
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
                .map(|record| Ok(Located { record, moved_from: None, blocked: false }));
            let plan = plan(inputs(&project), Deliveries::new(&project, NOW), known);
            assert_eq!(plan.expect("a plan").summary.unchanged, 100_000);
        });
    });
    group.finish();
}

criterion_group!(benches, loading, planning);
criterion_main!(benches);
