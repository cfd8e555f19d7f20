//! The metrics that `run` serves, and those that an expression of PromQL reads.

use std::collections::BTreeSet;

use pushsync::{controller::CycleOutcome, model::DeliveryStatus, plan::Action};

/// A metric, and its own labels.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) labels: &'static [&'static str],
}

/// All of them: what users may rely on.
pub(crate) const ALL: [Metric; 14] = [
    metric("pushsync_api_requests_total", &["operation", "status"]),
    metric("pushsync_budget_limit", &[]),
    metric("pushsync_budget_remaining", &[]),
    metric("pushsync_budget_reset_timestamp_seconds", &[]),
    metric("pushsync_build_info", &["version"]),
    metric("pushsync_changes_total", &["action", "outcome"]),
    metric("pushsync_cycle_duration_seconds", &[]),
    metric("pushsync_cycles_total", &["outcome"]),
    metric("pushsync_deliveries", &["status"]),
    metric("pushsync_last_success_timestamp_seconds", &[]),
    metric("pushsync_next_window_timestamp_seconds", &[]),
    metric("pushsync_pending_changes", &["approved"]),
    metric("pushsync_settled_total", &[]),
    metric("pushsync_webhook_events_total", &["outcome"]),
];

const fn metric(name: &'static str, labels: &'static [&'static str]) -> Metric {
    Metric { name, labels }
}

/// What Prometheus adds.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// The words that a label may have, where they are fixed.
fn words(metric: &str, label: &str) -> Option<Vec<&'static str>> {
    match (metric, label) {
        ("pushsync_cycles_total", "outcome") => {
            Some(CycleOutcome::ALL.map(CycleOutcome::as_str).to_vec())
        }
        ("pushsync_webhook_events_total", "outcome") => {
            Some(vec!["taken", "unreadable", "refused"])
        }
        ("pushsync_changes_total", "outcome") => Some(vec!["done", "failed", "unknown"]),
        ("pushsync_changes_total", "action") => Some(Action::ALL.map(Action::as_str).to_vec()),
        ("pushsync_pending_changes", "approved") => Some(vec!["true", "false"]),
        ("pushsync_deliveries", "status") => {
            Some(DeliveryStatus::ALL.map(DeliveryStatus::as_str).to_vec())
        }
        _ => None,
    }
}

/// Checks that an expression reads metrics and labels that there are, and returns the metrics.
pub(crate) fn read_by(expression: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut labels: BTreeSet<&str> = TARGET_LABELS.into();
    for (at, _) in expression.match_indices("pushsync_") {
        let rest = &expression[at..];
        let end = rest.find(|c: char| !is_of_a_name(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let bare = name.strip_suffix("_bucket").unwrap_or(name);
        let metric = ALL.iter().find(|metric| metric.name == bare);
        let metric = metric.unwrap_or_else(|| panic!("there is no {name}: {expression}"));
        found.insert(metric.name);
        labels.extend(metric.labels);
        if bare != name {
            labels.insert("le");
        }
        if let Some(selector) = rest.strip_prefix('{') {
            let selector = selector.split_once('}').expect("the end of a selector").0;
            for matcher in selector.split(',').map(str::trim) {
                let (label, value) = matcher.split_once('=').expect("a matcher");
                let label = label.trim_end_matches('!');
                let known = metric.labels.contains(&label) || TARGET_LABELS.contains(&label);
                assert!(known, "{name} has no label {label}: {expression}");
                let Some(words) = words(metric.name, label) else { continue };
                for word in value.trim_matches(['~', '"']).split('|') {
                    assert!(words.contains(&word), "{name} has no {label} {word}: {expression}");
                }
            }
        }
    }
    for group in ["by (", "on (", "ignoring (", "without ("] {
        for part in expression.split(group).skip(1) {
            let named = part.split_once(')').expect("the end of a list of labels").0;
            for label in named.split(", ") {
                assert!(labels.contains(label), "nothing has a label {label}: {expression}");
            }
        }
    }
    found
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[test]
fn metrics_and_labels_are_found_in_expressions() {
    let expression = r#"sum by (job, le) (rate(pushsync_cycle_duration_seconds_bucket{job=~"$job"}[5m]))
        / on (job) pushsync_changes_total{outcome!="done", action=~"create|update"}"#;
    let expected = ["pushsync_changes_total", "pushsync_cycle_duration_seconds"];
    assert_eq!(read_by(expression), BTreeSet::from(expected));
    for wrong in [
        "pushsync_requests_total",
        r#"pushsync_deliveries{state="ok"}"#,
        r#"pushsync_deliveries{status="lost"}"#,
        "sum by (visitor) (pushsync_deliveries)",
    ] {
        assert!(std::panic::catch_unwind(|| read_by(wrong)).is_err(), "{wrong}");
    }
}
