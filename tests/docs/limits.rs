//! The table of limits is made from the limits.

use std::fmt::Write as _;

use pushsync::{manifest::Limits, model::number};

use super::{generated, read, root};

const HEAD: &str = "| limit | default | what is counted |\n|---|--:|---|\n";

#[test]
fn every_limit_is_in_the_table_with_its_default() {
    let path = root().join("docs/limits.md");
    let text = read(&path);
    let (before, rest) = text.split_once(HEAD).expect("the head of the table");
    let (_, after) = rest.split_once("\nBesides,").expect("what follows the table");
    let mut table = String::new();
    for limit in Limits::ALL {
        let counts = limit.counts.trim_end_matches('.');
        writeln!(table, "| `{}` | {} | {counts} |", limit.name, number(limit.default))
            .expect("a text");
    }
    generated(&path, &format!("{before}{HEAD}{table}\nBesides,{after}"));
}

#[test]
fn the_page_about_the_sandbox_lists_every_fault() {
    let page = read(&root().join("docs/sandbox.md"));
    for fault in pushsync::sandbox::Fault::ALL {
        let line = format!("| `{}` | {} |", fault.as_str(), fault.description());
        let shown = line.replace(r#"{"message":"no route"}"#, r#"`{"message":"no route"}`"#);
        assert!(page.contains(&shown), "docs/sandbox.md has no line {shown}");
    }
}

#[test]
fn the_page_about_the_sandbox_lists_every_fault_of_webhooks() {
    let page = read(&root().join("docs/sandbox.md"));
    for fault in pushsync::sandbox::WebhookFault::ALL {
        let line = format!("| `{}` | {} |", fault.as_str(), fault.description());
        assert!(page.contains(&line), "docs/sandbox.md has no line {line}");
    }
}

#[test]
fn the_page_about_the_sandbox_lists_every_rule_of_normalise() {
    let page = read(&root().join("docs/sandbox.md"));
    for rule in pushsync::sandbox::Rule::names() {
        let line = format!("| `{rule}` | ");
        assert!(page.contains(&line), "docs/sandbox.md has no line {line}");
    }
}
