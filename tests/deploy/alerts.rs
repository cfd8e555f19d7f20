//! The alert rules for Prometheus.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use crate::{deploy, documents, is_here, list, metrics, read, root, succeeds, text};

const NEEDED: &str = "PUSHSYNC_NEED_PROMTOOL";

fn rules() -> Vec<Value> {
    let file = documents(&read(&deploy("prometheus/alerts.yaml"))).remove(0);
    list(&file["groups"]).iter().flat_map(|group| list(&group["rules"]).to_vec()).collect()
}

#[test]
fn alerts_read_metrics_that_there_are() {
    assert!(rules().len() >= 9);
    for rule in rules() {
        let read = metrics::read_by(text(&rule["expr"]));
        assert!(!read.is_empty(), "{}", rule["alert"]);
    }
}

#[test]
fn each_alert_says_what_to_do_and_has_a_section_in_the_documentation() {
    let page = read(&root().join("docs/run.md"));
    for rule in rules() {
        let name = text(&rule["alert"]);
        let notes = &rule["annotations"];
        for note in ["summary", "description", "action"] {
            assert!(notes[note].as_str().is_some_and(|said| said.len() > 20), "{name}: {note}");
        }
        let link = text(&notes["runbook_url"]);
        let section = link.strip_prefix("https://github.com/OWNER/pushsync/blob/main/docs/run.md#");
        assert_eq!(section, Some(&*name.to_lowercase()), "{name}");
        assert!(page.contains(&format!("\n### {name}\n")), "docs/run.md has no section {name}");
        let severity = text(&rule["labels"]["severity"]);
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
    }
    let names: BTreeSet<_> = rules().iter().map(|rule| text(&rule["alert"]).to_owned()).collect();
    for section in page.lines().filter_map(|line| line.strip_prefix("### Pushsync")) {
        assert!(names.contains(&format!("Pushsync{section}")), "there is no alert {section}");
    }
}

#[test]
fn the_rules_are_valid() {
    if !is_here("promtool", NEEDED) {
        return;
    }
    let mut check = Command::new("promtool");
    check.args(["check", "rules", "--lint=all", "--lint-fatal"]);
    succeeds(check.arg(deploy("prometheus/alerts.yaml")));
}

#[test]
fn each_alert_fires_when_it_should_and_only_then() {
    let tests = read(&deploy("prometheus/alerts.test.yaml"));
    for rule in rules() {
        let name = text(&rule["alert"]);
        let cases: Vec<_> = tests.split("alertname: ").skip(1).collect();
        let of_it = || cases.iter().filter(|case| case.split([' ', '\n']).next() == Some(name));
        assert!(of_it().any(|case| fires(case)), "no test lets {name} fire");
        assert!(of_it().any(|case| !fires(case)), "no test keeps {name} silent");
    }
    if !is_here("promtool", NEEDED) {
        return;
    }
    succeeds(
        Command::new("promtool").args(["test", "rules"]).arg(deploy("prometheus/alerts.test.yaml")),
    );
}

fn fires(case: &str) -> bool {
    case.lines().nth(1).is_some_and(|line| line.trim_start().starts_with("exp_alerts:"))
}
