//! The pages keep to plain English.

use super::{documents, read};

/// Phrases that nobody at work would say, and those that a reader stumbles over.
const PHRASES: [&str; 12] = [
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
    "keeps the room",
    "who could answer",
];

/// Decisions keep the words of their day. The command line has its own words in `--help`.
const LEFT_OUT: [&str; 3] = ["docs/decisions/", "docs/cli.md", "docs/performance.md"];

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
            let line = line.to_lowercase();
            let phrases = PHRASES.iter().filter(|phrase| line.contains(*phrase));
            found.extend(phrases.map(|phrase| format!("{name}:{}: {phrase}", at + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
