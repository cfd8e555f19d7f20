//! docs/problems.md is right: what it calls wrong is that problem, and what it calls right is none.

#![expect(clippy::expect_used, reason = "helpers of tests may fail loudly too")]

use std::{fs, path::Path, process::Command};

use pushsync::{
    diagnostics::{Code, Diagnostic, Report, Sources},
    model::Place,
};
use tempfile::TempDir;

const BASE: &str = "version: 1\nsenders: { support: { group: PjRBMhWGen6aRHjif } }\n\
                    audiences: { beta: { visitors: [kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg] } }\n";

/// What the examples of this page are laid over, without what they declare themselves.
fn project(example: &str) -> String {
    let mut text = String::new();
    for line in BASE.lines() {
        let name = line.split(':').next().expect("a name");
        let again = example.lines().any(|other| other.starts_with(&format!("{name}:")));
        if again && name == "audiences" {
            continue;
        }
        if !again {
            text += line;
            text += "\n";
        }
    }
    text + example
}

fn validate(yaml: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("pushsync.yaml"), project(yaml)).expect("writable");
    let ran = Command::new(env!("CARGO_BIN_EXE_pushsync"))
        .args(["validate", "-C"])
        .arg(folder.path())
        .env_remove("PUSHSYNC_ENV")
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    text(ran.stderr) + &text(ran.stdout)
}

#[test]
fn every_example_of_a_problem_is_that_problem_and_every_cure_cures() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/problems.md");
    let page = fs::read_to_string(path).expect("readable");
    let (mut wrong, mut right, mut amiss) = (0, 0, Vec::new());
    for section in page.split("\n## ").skip(1) {
        let (name, rest) = section.split_once('\n').expect("a name");
        for (at, _) in rest.match_indices("```yaml\n") {
            let before = rest[..at].trim_end().lines().last().expect("a word").to_owned();
            let body = rest[at + 8..].split("```").next().expect("an end");
            let said = validate(body);
            let mut check = |holds: bool| {
                if !holds {
                    amiss.push(format!("{name}, {before}\n{body}\n{said}"));
                }
            };
            match before.as_str() {
                "Wrong:" => {
                    wrong += 1;
                    check(said.contains(&format!("error[{name}]")));
                }
                "Warned:" => {
                    wrong += 1;
                    check(said.contains(&format!("warning[{name}]")));
                }
                "Right:" => {
                    right += 1;
                    check(said.starts_with("The project is valid"));
                }
                other => panic!("{name}: {other}"),
            }
        }
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
    assert!(wrong > 25 && right > 12, "{wrong} {right}");
}

#[test]
fn a_problem_is_explained_by_the_name_that_its_message_has() {
    let explain = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pushsync"));
        command.args(["explain", name]).output().expect("it runs")
    };
    for code in Code::ALL {
        assert!(explain(code.as_str()).status.success(), "{}", code.as_str());
    }
    let said = explain("error[unknown-field]");
    let said = String::from_utf8(said.stdout).expect("UTF-8");
    assert!(said.starts_with("unknown-field\n\nA field that does not exist.\n"), "{said}");
    assert!(said.contains("    messages:\n"), "{said}");
    let unknown = explain("unknown-feild");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `unknown-field`?"));
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = TempDir::new().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushsync"));
    let ran = command.args(["man", "--dir"]).arg(folder.path()).output().expect("it runs");
    assert!(ran.status.success(), "{ran:?}");
    for name in ["pushsync", "pushsync-apply", "pushsync-state-resolve"] {
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).expect("a page");
        assert!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
}

/// This number of problems, as code scanning gets them.
fn sarif(count: usize) -> serde_json::Value {
    let all = (0..count).map(|n| {
        let line = u32::try_from(n).expect("few") + 3;
        let place = Place { file: "messages/all.yaml".into(), line, column: 19, length: 6 };
        Diagnostic::error(Code::UnknownSender, format!("there is no sender `nobody-{n}`"))
            .at(place)
            .help("did you mean `support`?")
    });
    Report::new(all.collect(), Sources::default()).sarif("chat/")
}

#[test]
fn sarif_of_3_problems() {
    let document = sarif(3);
    let results = &document["runs"][0]["results"];
    insta::assert_snapshot!(serde_json::to_string_pretty(results).expect("JSON"));
}

/// How much it is, and its first and last result.
#[test]
fn sarif_of_300_and_of_30_000_problems() {
    for count in [300, 30_000] {
        let document = sarif(count);
        let results = document["runs"][0]["results"].as_array().expect("results");
        let (bytes, n) = (document["runs"][0]["results"].to_string().len(), results.len());
        let mut shown = format!("{n} results, {bytes} bytes\n");
        for result in [results.first(), results.last()] {
            shown += &serde_json::to_string_pretty(&result).expect("JSON");
            shown += "\n";
        }
        if let Some(notes) = document["runs"][0].get("invocations") {
            shown += &serde_json::to_string_pretty(notes).expect("JSON");
        }
        insta::assert_snapshot!(format!("sarif_of_{count}_problems"), shown);
    }
}
