//! Diagnostics as SARIF 2.1.0, for code scanning.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Code, Diagnostic, Severity, workflow::in_repository};
use crate::model::{Place, visible};

/// The file that a diagnostic is about if it is about the project as a whole: code scanning shows
/// nothing that is nowhere.
const PROJECT: &str = "pushsync.yaml";

/// One document with one run, which says how many others are left out.
pub fn document(diagnostics: &[Diagnostic], left_out: usize, folder: &str) -> Value {
    let rules: Vec<_> = Code::ALL
        .iter()
        .map(|code| {
            json!({
                "id": code.as_str(),
                "shortDescription": { "text": code.description() },
                "fullDescription": { "text": code.description() },
                "help": { "text": code.description() },
            })
        })
        .collect();
    let results: Vec<_> = diagnostics.iter().map(|one| result(one, folder)).collect();
    let mut document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "pushsync",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    if left_out > 0 {
        let text = format!("{left_out} more problems are left out: validate --format json has all");
        document["runs"][0]["invocations"] = json!([{
            "executionSuccessful": true,
            "toolExecutionNotifications": [{ "level": "note", "message": { "text": text } }],
        }]);
    }
    document
}

fn result(diagnostic: &Diagnostic, folder: &str) -> Value {
    let Diagnostic { severity, code, message, place, related, help } = diagnostic;
    let level = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = visible(message).into_owned();
    if let Some(help) = help {
        text.push_str(&format!("\nhelp: {}", visible(help)));
    }
    let whole = Place { file: PROJECT.into(), line: 1, column: 1, length: 1 };
    let inside = place.as_ref().filter(|place| is_inside(&place.file));
    if let (Some(place), None) = (place, inside) {
        text.push_str(&format!("\n{} lies outside the project", visible(name(&place.file))));
    }
    let mut out = json!({
        "ruleId": code.as_str(),
        "ruleIndex": Code::ALL.iter().position(|one| one == code),
        "level": level,
        "message": { "text": text },
        "locations": [location(inside.unwrap_or(&whole), folder)],
    });
    let related: Vec<_> = related
        .iter()
        .filter(|related| is_inside(&related.place.file))
        .map(|related| {
            let mut location = location(&related.place, folder);
            location["message"] = json!({ "text": visible(&related.message) });
            location
        })
        .collect();
    if !related.is_empty() {
        out["relatedLocations"] = related.into();
    }
    out
}

/// No path outside the repository is of use, and an absolute one tells of the machine.
fn is_inside(file: &str) -> bool {
    let windows = file.as_bytes().get(1) == Some(&b':');
    !file.starts_with('/') && !windows && !file.split('/').any(|part| part == "..")
}

fn name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

fn location(place: &Place, folder: &str) -> Value {
    let Place { file, line, column, length } = place;
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&in_repository(folder, file)), "uriBaseId": "%SRCROOT%" },
        "region": {
            "startLine": (*line).max(1),
            "startColumn": (*column).max(1),
            "endColumn": (*column).max(1) + (*length).max(1),
        },
    } })
}

/// The characters that a path in a reference does not have as they are.
const IN_REFERENCE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A relative path as a reference, percent-encoded. A colon in its first part would make a scheme.
fn uri(path: &str) -> String {
    utf8_percent_encode(path, IN_REFERENCE).to_string()
}

#[cfg(test)]
#[path = "sarif_tests.rs"]
mod tests;
