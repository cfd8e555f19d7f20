use super::*;
use crate::diagnostics::{Report, Sources};

fn place(file: &str) -> Place {
    Place { file: file.into(), line: 3, column: 5, length: 4 }
}

fn shown(diagnostics: Vec<Diagnostic>) -> Value {
    Report::new(diagnostics, Sources::default()).sarif("chat/")
}

/// What code scanning reads:
/// docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
fn assert_is_for_code_scanning(document: &Value) {
    assert_eq!(document["version"], "2.1.0");
    assert_eq!(document["$schema"], "https://json.schemastore.org/sarif-2.1.0.json");
    let runs = document["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(driver["name"], "pushsync");
    let rules = driver["rules"].as_array().expect("rules");
    for rule in rules {
        for text in [
            &rule["shortDescription"]["text"],
            &rule["fullDescription"]["text"],
            &rule["help"]["text"],
        ] {
            let text = text.as_str().expect("a text");
            assert!(text.ends_with('.') && text.len() < 1024 && !text.starts_with(' '), "{text:?}");
        }
    }
    for result in runs[0]["results"].as_array().expect("results") {
        let index = result["ruleIndex"].as_u64().expect("an index");
        assert_eq!(rules[usize::try_from(index).expect("small")]["id"], result["ruleId"]);
        assert!(["error", "warning"].contains(&result["level"].as_str().expect("a level")));
        assert!(!result["message"]["text"].as_str().expect("a text").is_empty());
        let locations = result["locations"].as_array().expect("locations");
        assert_eq!(locations.len(), 1);
        let physical = &locations[0]["physicalLocation"];
        let uri = physical["artifactLocation"]["uri"].as_str().expect("a uri");
        assert!(!uri.starts_with('/') && !uri.contains([':', ' ', '\\']), "{uri}");
        for field in ["startLine", "startColumn", "endColumn"] {
            assert!(physical["region"][field].as_u64().expect("a number") >= 1, "{field}");
        }
    }
}

#[test]
fn a_report_has_the_shape_that_code_scanning_needs() {
    let error = Diagnostic::error(Code::DuplicateKey, "`a` is here a second time")
        .at(place("messages/a b:c.yaml"))
        .related(place("b.yaml"), "the first time is here")
        .help("rename it");
    let nowhere = Diagnostic::warning(Code::NoProject, "nowhere");
    let document = shown(vec![error, nowhere]);
    assert_is_for_code_scanning(&document);
    let results = &document["runs"][0]["results"];
    let uri = |n: usize| &results[n]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri(0), "chat/pushsync.yaml");
    assert_eq!(uri(1), "chat/messages/a%20b%3Ac.yaml");
    assert_eq!(results[1]["message"]["text"], "`a` is here a second time\nhelp: rename it");
    assert_eq!(results[1]["relatedLocations"][0]["message"]["text"], "the first time is here");
    assert_is_for_code_scanning(&shown(Vec::new()));
}

#[test]
fn every_code_is_a_rule_with_a_description_of_its_own() {
    let document = shown(Vec::new());
    let rules = document["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules").clone();
    assert_eq!(rules.len(), Code::ALL.len());
    let mut texts: Vec<_> = rules.iter().map(|rule| rule["help"]["text"].to_string()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), Code::ALL.len());
}

#[test]
fn no_absolute_path_and_no_control_character_is_in_a_report() {
    for file in ["/home/liz/secret/table.csv", "../other/table.csv", "C:/Users/table.csv"] {
        let error = Diagnostic::error(Code::CsvRow, "bad\u{1b}[31m \u{202e}row")
            .at(place(file))
            .related(place(file), "here");
        let document = shown(vec![error]);
        assert_is_for_code_scanning(&document);
        let text = document.to_string();
        assert!(
            !text.contains("liz") && !text.contains("other/") && !text.contains("Users"),
            "{text}"
        );
        assert!(text.contains("table.csv lies outside the project"), "{text}");
        assert!(!text.contains("\\u001b") && !text.contains('\u{202e}'), "{text}");
    }
}
