//! Pages and comments keep to plain English.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{documents, read, root};

/// Phrases that nobody at work would say, and those that a reader stumbles over.
const PHRASES: [&str; 15] = [
    "so many",
    "so long",
    "whoever",
    "belong into",
    "belongs into",
    "roots of trust",
    "that which",
    "is no error",
    "is no failure",
    "is no template",
    "is no url",
    "is no number",
    "is no key",
    "keeps the room",
    "who could answer",
];

/// Decisions keep the words of their day. The command line has its own words in `--help`.
const LEFT_OUT: [&str; 2] = ["docs/decisions/", "docs/cli.md"];

#[test]
fn no_page_has_a_phrase_that_nobody_would_say() {
    let mut found = Vec::new();
    for path in documents() {
        let name = path.to_string_lossy().into_owned();
        if LEFT_OUT.iter().any(|part| name.contains(part)) {
            continue;
        }
        let page = read(&path);
        let lines = page.lines().enumerate();
        // The style guide quotes some.
        for (at, line) in lines.filter(|(_, line)| !line.contains("rather than *")) {
            let line = line.to_lowercase().replace("there is no", "");
            let phrases = PHRASES.iter().filter(|phrase| line.contains(*phrase));
            found.extend(phrases.map(|phrase| format!("{name}:{}: {phrase}", at + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The files of code and of scripts.
fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["src", "tests", "benches", "ci", "fuzz/fuzz_targets"]
        .map(|folder| root().join(folder))
        .into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| ["rs", "sh", "html", "js"].iter().any(|of| end == *of))
            {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 300, "files are missing: {}", found.len());
    found
}

#[test]
fn no_file_of_the_code_has_a_phrase_that_nobody_would_say() {
    let mut found = Vec::new();
    for path in sources() {
        // This file has them all.
        if path.ends_with(Path::new("tests/docs/english.rs")) {
            continue;
        }
        for (at, line) in read(&path).lines().enumerate() {
            let line = line.to_lowercase().replace("there is no", "");
            let phrases = PHRASES.iter().filter(|phrase| line.contains(*phrase));
            found.extend(phrases.map(|phrase| format!("{}:{}: {phrase}", path.display(), at + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
