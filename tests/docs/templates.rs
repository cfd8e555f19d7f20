//! The page of templates has every filter, test and function of the engine, each with an example
//! that is true.

use std::{collections::BTreeSet, fs};

use pushsync::manifest::template_engine;
use serde_json::Value;
use tempfile::TempDir;

use super::{blocks, pushsync, read, root, text, words};

fn page() -> String {
    read(&root().join("docs/templates.md"))
}

/// The entries of a section's lists, each on one line.
fn entries(page: &str, heading: &str) -> Vec<String> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut entries: Vec<String> = Vec::new();
    for line in section.lines() {
        if let Some(entry) = line.strip_prefix("- ") {
            entries.push(entry.to_owned());
        } else if let (Some(more), Some(last)) = (line.strip_prefix("  "), entries.last_mut()) {
            *last = format!("{last} {more}");
        }
    }
    entries
}

/// The names that entries begin with.
fn names(entries: &[String]) -> BTreeSet<String> {
    let named = entries.iter().filter(|entry| entry.starts_with('`'));
    let heads = named.filter_map(|entry| entry.split_once(": ")).map(|(head, _)| head);
    let names = heads.flat_map(|head| {
        let head = head.split(" with ").next().unwrap_or_default();
        head.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

/// The names in a list of the engine's description: `filters: ["abs", …]`.
fn of_the_engine(list: &str) -> BTreeSet<String> {
    let described = format!("{:?}", template_engine());
    let (_, names) = described.split_once(&format!("{list}: ")).expect("a list");
    let names = names.split([']', '}']).next().unwrap_or_default();
    // Those that begin with `~` cannot be written in a template.
    let names = names.split('"').skip(1).step_by(2).filter(|name| !name.starts_with('~'));
    names.map(str::to_owned).collect()
}

#[test]
fn every_filter_test_and_function_of_the_engine_is_on_the_page_and_no_other() {
    let page = page();
    for (heading, list, least) in
        [("Filters", "filters", 35), ("Tests", "tests", 30), ("Functions", "globals", 1)]
    {
        let engine = of_the_engine(list);
        assert!(engine.len() >= least, "{list}: {engine:?}");
        assert_eq!(names(&entries(&page, heading)), engine, "{heading}");
    }
}

/// All examples are lines of one message.
#[test]
fn every_example_of_a_template_gives_what_the_page_says() {
    let page = page();
    let sections = ["Expressions", "Filters", "Tests", "Functions"];
    let entries: Vec<_> = sections.iter().flat_map(|heading| entries(&page, heading)).collect();
    let examples: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| {
            let (before, given) =
                entry.rsplit_once("` gives `").unwrap_or_else(|| panic!("{entry}"));
            let (_, example) = before.rsplit_once(": `").unwrap_or_else(|| panic!("{entry}"));
            (example, given.strip_suffix('`').unwrap_or_else(|| panic!("{entry}")))
        })
        .collect();
    let vars = blocks(&page).into_iter().next().expect("the variables").body;
    let lines = examples.iter().map(|(example, _)| format!("      {example}\n"));
    let project = format!(
        "{vars}messages:\n  examples:\n    to: {{ visitor: kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg }}\n    text: |\n{}",
        lines.collect::<String>()
    );
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("pushsync.yaml"), project).expect("writable");
    let shown = pushsync(folder.path(), &words("show examples --format json"));
    assert!(shown.status.success(), "{}{}", text(&shown.stdout), text(&shown.stderr));
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let lines: Vec<_> =
        shown["text"].as_str().expect("a text").lines().map(str::trim_end).collect();
    assert_eq!(lines.len(), examples.len());
    for ((example, given), line) in examples.iter().zip(lines) {
        assert_eq!(line, *given, "{example}");
    }
}
