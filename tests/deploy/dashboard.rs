//! The dashboard for Grafana.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{deploy, list, metrics, read, text};

fn dashboard() -> Value {
    serde_json::from_str(&read(&deploy("grafana/pushsync.json"))).expect("JSON")
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row")
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let dashboard = dashboard();
    let mut shown = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(!list(&panel["targets"]).is_empty(), "{} shows nothing", panel["title"]);
        for target in list(&panel["targets"]) {
            let expression = text(&target["expr"]);
            assert!(expression.contains(r#"job=~"$job""#), "{expression}");
            shown.extend(metrics::read_by(expression));
        }
    }
    let all: BTreeSet<_> = metrics::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(shown, all);
}

/// Every `datasource` in the document.
fn sources<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "datasource" {
                    found.push(value);
                } else {
                    sources(value, found);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| sources(value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_which_data_source_it_reads() {
    let dashboard = dashboard();
    let mut found = Vec::new();
    sources(&dashboard, &mut found);
    assert!(found.len() > 20);
    for source in found {
        let of_prometheus = source["type"] == "prometheus" && source["uid"] == "${datasource}";
        // Those of Grafana itself: the marks of alerts.
        assert!(of_prometheus || source["uid"] == "-- Grafana --", "{source}");
    }
    let variables = list(&dashboard["templating"]["list"]);
    let asks = |variable: &&Value| variable["name"] == "datasource";
    let variable = variables.iter().find(asks).expect("a variable");
    assert_eq!((text(&variable["type"]), text(&variable["query"])), ("datasource", "prometheus"));
}

#[test]
fn panels_have_a_place_and_a_number_of_their_own_and_a_description() {
    let dashboard = dashboard();
    let mut numbers = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        assert!(numbers.insert(panel["id"].as_u64().expect("a number")), "{}", panel["title"]);
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a number"));
        assert!(x + w <= 24, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{} lies on another panel", panel["title"]);
        }
    }
    for panel in panels(&dashboard) {
        assert!(panel["description"].as_str().is_some_and(|said| said.ends_with('.')), "{panel}");
    }
}
