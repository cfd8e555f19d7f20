//! Text and JSON of plans of several sizes; the other formats have theirs in their own files.

use super::{Format, masked, plans::sized, text};

/// The first and the last lines, and how much there is.
fn ends(text: &str, first: usize, last: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    let (bytes, all) = (text.len(), lines.len());
    let (head, tail) = (lines[..first].join("\n"), lines[all - last..].join("\n"));
    format!("{head}\n[…]\n{tail}\n[{all} lines, {bytes} bytes]")
}

#[test]
fn a_plan_of_3_changes() {
    insta::assert_snapshot!(text(&sized(3), 100, true));
}

#[test]
fn a_plan_of_300_changes() {
    insta::assert_snapshot!(ends(&text(&sized(300), 100, true), 40, 12));
}

#[test]
fn a_plan_of_30_000_changes() {
    insta::assert_snapshot!(ends(&text(&sized(30_000), 100, true), 40, 12));
}

#[test]
fn a_document_of_3_changes() {
    insta::assert_snapshot!(masked(&sized(3), Format::Json));
}

/// It has everything, whatever the size.
#[test]
fn a_document_of_300_and_of_30_000_changes_has_them_all() {
    for count in [300, 30_000] {
        let json = masked(&sized(count), Format::Json);
        let document: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(document["changes"].as_array().map(Vec::len), Some(count));
        let summary = &document["summary"];
        assert_eq!(summary["requests"], count);
        assert_eq!(summary["unchanged"], 1_234);
        insta::assert_snapshot!(format!("json_of_{count}_changes"), ends(&json, 40, 30));
    }
}
