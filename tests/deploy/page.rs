//! docs/run.md says what the program serves, and the workflow beside it starts the program.

use jiff::Timestamp;
use pushsync::controller::{Cycle, CycleOutcome, Pending, Wake};

use crate::{documents, metrics, pushsync, read, root, said, text};

/// The cells of a table's rows, after this line.
fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let (_, after) = page.split_once(head).unwrap_or_else(|| panic!("no {head}"));
    let rows = after.lines().skip_while(|line| !line.starts_with("|--")).skip(1);
    let cells = |row: &str| row.split('|').skip(1).map(|cell| cell.trim().to_owned()).collect();
    rows.take_while(|row| row.starts_with('|')).map(cells).collect()
}

/// The names in code in a cell.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_table_of_metrics_has_all_with_their_labels() {
    let page = read(&root().join("docs/run.md"));
    let mut told: Vec<_> = rows(&page, "\n## Metrics\n")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), names(&row[2]).join(" ")))
        .collect();
    told.sort();
    let all = metrics::ALL.map(|metric| (metric.name.to_owned(), metric.labels.join(" ")));
    assert_eq!(told, all);
}

#[test]
fn the_table_of_outcomes_has_all_with_the_words_of_the_log() {
    let page = read(&root().join("docs/run.md"));
    let told: Vec<_> = rows(&page, "\n## What happens with errors\n")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone()))
        .collect();
    let now = Timestamp::UNIX_EPOCH;
    let waits = Some(Pending { approved: 0, unapproved: 1 });
    let all = CycleOutcome::ALL.map(|outcome| {
        let cycle = Cycle { outcome, ..Cycle::begun(Wake::Start, now) };
        let waits = Cycle { pending: waits, ..cycle.clone() };
        let fails = Cycle { failed: 1, ..waits.clone() };
        let mut words = [cycle, waits, fails].map(|cycle| cycle.words()).to_vec();
        words.dedup();
        (outcome.as_str().to_owned(), words.join("; "))
    });
    assert_eq!(told, all);
}

#[test]
fn the_workflow_of_a_long_job_starts_the_program() {
    let workflow = documents(&read(&root().join("ci/templates/github-run.yml"))).remove(0);
    let job = &workflow["jobs"]["run"];
    let steps = job["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == "Run").expect("a step");
    // With `exec`, a signal of the runner reaches it.
    let run = text(&step["run"]).strip_prefix("exec timeout --preserve-status ").expect("exec");
    let (time, command) = run.split_once(' ').expect("a time");
    let minutes: u64 = time.strip_suffix('m').and_then(|time| time.parse().ok()).expect("minutes");
    assert!(minutes < job["timeout-minutes"].as_u64().expect("minutes"));
    let (_, arguments) = command.split_once("/pushsync\" ").expect("the program");
    let output = pushsync().args(arguments.split(' ')).arg("--help").output().expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(workflow["concurrency"]["cancel-in-progress"], true);
}
