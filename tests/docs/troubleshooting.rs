//! The messages of docs/troubleshooting.md are those of the program, and none is forgotten.

use std::{fs, path::Path};

use super::{read, root, walk};

/// A piece of a message that is too short says nothing.
const TELLING: usize = 5;

/// The code without tests, with each text on one line, and without escapes of its own.
fn code(file: &Path) -> String {
    let code = fs::read_to_string(file).expect("readable");
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut plain = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        // A text goes on after the blanks of the next line.
        let mut whole = line.to_owned();
        while let Some(begin) = whole.strip_suffix('\\') {
            whole = format!("{begin}{}", lines.next().unwrap_or_default().trim_start());
        }
        plain.push_str(&whole);
        plain.push('\n');
    }
    plain.replace("\\\"", "\"")
}

fn program() -> String {
    let files = walk(&root().join("src")).into_iter().filter(|file| {
        let name = file.to_string_lossy();
        name.ends_with(".rs") && !name.contains("tests")
    });
    files.map(|file| code(&file)).collect()
}

/// The messages of the page: its headings in code.
fn messages(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect()
}

/// Every literal of the code is a sequence of words and of places for values.
fn has(program: &str, message: &str) -> bool {
    let parts: Vec<&str> =
        message.split('…').map(str::trim).filter(|part| !part.is_empty()).collect();
    // The parts stand in one literal, in this order, and between them is a place for a value.
    program.match_indices(parts[0]).any(|(at, _)| {
        let literal = program[at..].split(['\n']).next().unwrap_or_default();
        let mut rest = literal;
        parts.iter().all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    })
}

#[test]
fn every_message_on_the_page_is_one_of_the_program() {
    let page = read(&root().join("docs/troubleshooting.md"));
    let program = program();
    let mut wrong = Vec::new();
    let all = messages(&page);
    for message in &all {
        let said = message.split('…').map(str::trim).map(str::len).max().unwrap_or(0);
        // Words that the system adds are not ours.
        let ours = message.split(": Permission denied").next().unwrap_or_default();
        if said < TELLING || !has(&program, ours) {
            wrong.push(*message);
        }
    }
    assert!(wrong.is_empty(), "the program does not say:\n{}", wrong.join("\n"));
    assert!(all.len() > 70, "{}", all.len());
}

/// Those of the manifest are looked for in what the program says of the fixtures.
#[test]
fn every_problem_on_the_page_is_told_in_these_words() {
    let page = read(&root().join("docs/troubleshooting.md"));
    let files = walk(&root().join("tests/fixtures/manifest"));
    let said: String =
        files.iter().filter(|file| file.ends_with("expected.txt")).map(|file| read(file)).collect();
    let mut rows = 0;
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (words, link) = row.split_once("` | [").expect("words and a link");
        let name = link.split(']').next().unwrap_or_default();
        let told =
            said.lines().any(|line| line.contains(&format!("[{name}]: ")) && line.contains(words));
        assert!(told, "no fixture is told {words:?} as {name}");
        rows += 1;
    }
    assert!(rows > 10, "{rows}");
}

/// The messages in a file of errors or hints.
fn said_in(file: &str, marks: &[&str]) -> Vec<String> {
    let code = code(&root().join(file));
    let mut found = Vec::new();
    for mark in marks {
        for (at, _) in code.match_indices(mark) {
            let rest = code[at + mark.len()..].trim_start();
            let literal = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
            found.extend(literal.map(str::to_owned));
        }
    }
    found
}

#[test]
fn no_error_of_the_state_no_refusal_and_no_hint_is_forgotten() {
    let page = read(&root().join("docs/troubleshooting.md"));
    let all = messages(&page);
    let files = [
        ("src/state/error.rs", &["#[error("][..], 15),
        ("src/plan/safety.rs", &["#[error("], 4),
        ("src/plan/wire_change.rs", &["#[error("], 3),
        ("src/brevo/hint.rs", &["f.write_str(", "write!(f,", "f,"], 8),
    ];
    let mut missing = Vec::new();
    for (file, marks, least) in files {
        let said = said_in(file, marks);
        assert!(said.len() >= least, "{file}: only {said:?}");
        for literal in said.iter().filter(|literal| literal.len() > 25) {
            let told = all.iter().any(|message| {
                has(literal, message.split(": Permission denied").next().unwrap_or_default())
            });
            if !told {
                missing.push(format!("{file}: {literal}"));
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/troubleshooting.md:\n{}", missing.join("\n"));
}
