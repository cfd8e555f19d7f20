//! Suspects among the words of a file that cannot be parsed: rather too many than one too few.

use std::ops::Range;

use super::fields::{Holds, exactly, probably};
use crate::model::{Language, mask::likely_ids};

/// What must not be shown of a file, for each line the characters from 0, and the words by themselves.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Words {
    lines: Vec<(u32, Vec<Range<usize>>)>,
    pub(in crate::manifest) texts: Vec<Box<str>>,
}

impl Words {
    /// The characters of a line, by its number.
    pub(in crate::manifest) fn of_line(&self, number: u32) -> Vec<Range<usize>> {
        let at = self.lines.binary_search_by_key(&number, |(number, _)| *number);
        at.ok()
            .and_then(|at| self.lines.get(at))
            .map(|(_, found)| found.clone())
            .unwrap_or_default()
    }
}

/// Looks through all lines.
pub(in crate::manifest) fn of<'l>(lines: impl Iterator<Item = &'l str>) -> Words {
    let mut words = Words::default();
    // Keys around the line, with the columns that they begin at, whether ids belong there, and whether texts do.
    let mut around: Vec<(usize, bool, bool)> = Vec::new();
    let mut before = false;
    for (number, line) in (1..).zip(lines) {
        let tokens = tokens(line);
        let Some(first) = tokens.first() else { continue };
        let indent = first.start;
        let keyed = tokens.iter().any(|token| token.key);
        if keyed {
            while around.last().is_some_and(|(column, ..)| *column >= indent) {
                around.pop();
            }
        }
        let outer = around.iter().rev().find(|(column, ..)| *column < indent);
        let in_text = outer.is_some_and(|(_, _, text)| *text);
        let outer = outer.is_some_and(|(_, ids, _)| *ids);
        let mut ids = outer || (!keyed && before);
        let mut found = Vec::new();
        for token in &tokens {
            // `visitors: ID: x` and `- ID: x`.
            let misplaced = token.key
                && (outer || ids)
                && probably(token.text).is_none()
                && (token.start > indent || line.trim_start().starts_with('-'));
            if token.key && !misplaced {
                // `to: …` is a text in Tongan there.
                let is_language = in_text && Language::parse(token.text).is_ok();
                ids = !is_language && holds_ids(token.text, outer);
                if token.start == indent {
                    around.push((indent, ids, exactly(token.text) == Some(Holds::Text)));
                }
                if !likely_ids(token.text).is_empty() || token.text.contains('@') {
                    found.push(token.start..token.start + token.text.chars().count());
                }
                continue;
            }
            // A field without its colon, or a text without quotes.
            if (token.start == indent && exactly(token.text).is_some())
                || (token.text.starts_with('@') && !outer && !ids)
            {
                continue;
            }
            let strange = token.text.chars().count() >= 8
                && token.text.contains(|c: char| c.is_numeric())
                && token.text.contains(char::is_alphabetic);
            let address = token.text.contains('@');
            if ids || strange || address {
                found.push(token.start..token.start + token.text.chars().count());
            }
            if ids || address {
                let id = token.text.split_once('@').map_or(token.text, |(_, id)| id);
                if id.chars().count() >= 4 && exactly(id).is_none() {
                    words.texts.push(id.into());
                }
                words.texts.push(token.text.into());
            }
        }
        if keyed {
            before = ids;
        }
        if !found.is_empty() {
            words.lines.push((number, found));
        }
    }
    words
}

/// Whether ids may stand under a key.
fn holds_ids(key: &str, outer: bool) -> bool {
    match probably(key) {
        Some(
            Holds::Other
            | Holds::Where
            | Holds::Text
            | Holds::Columns
            | Holds::Messages
            | Holds::Environments,
        ) => false,
        Some(_) => true,
        None => outer,
    }
}

struct Token<'l> {
    /// In characters.
    start: usize,
    text: &'l str,
    /// Whether a colon follows it.
    key: bool,
}

fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut start = None;
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                ',' | '[' | ']' | '{' | '}' | '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '|' | ';'
            )
    };
    let chars = line.char_indices().enumerate().chain([(usize::MAX, (line.len(), ' '))]);
    for (column, (at, c)) in chars {
        match (ends(c), start) {
            (false, None) => start = Some((column, at)),
            (true, Some((column, from))) => {
                start = None;
                let text = &line[from..at];
                let bare = text.trim_end_matches(':');
                let quoted = matches!(c, '"' | '\'') && line[at + 1..].starts_with(':');
                if !bare.is_empty() && bare != "-" && bare != "#" {
                    // `{visitor:ID}` and `visitor:ID` are missing a blank.
                    match bare.split_once(':') {
                        Some((key, rest)) if probably(key).is_some() && !rest.starts_with('/') => {
                            tokens.push(Token { start: column, text: key, key: true });
                            let start = column + key.chars().count() + 1;
                            tokens.push(Token { start, text: rest, key: false });
                        }
                        _ => {
                            let key = bare.len() < text.len() || quoted;
                            tokens.push(Token { start: column, text: bare, key });
                        }
                    }
                }
            }
            _ => {}
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let words = of(text.lines());
        let lines = (1..).zip(text.lines()).map(|(number, line)| {
            let mut chars: Vec<char> = line.chars().collect();
            for range in words.of_line(number) {
                chars[range].fill('·');
            }
            chars.into_iter().collect::<String>()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn whatever_stands_where_ids_belong_is_hidden_and_texts_are_not() {
        let text = "messages:\n  note:\n    to: anna\n    text: Hello there\n    visitrs:\n      - bob\n\
                    \x20     - { id: x }\naudiences:\n  beta: [cleo,\n  dora\n  , eve]\n  file: a.csv\n\
                    moved: [ { from: a@fred, to: b } ]\n";
        let shown = shown(text);
        for id in ["anna", "bob", "cleo", "dora", "eve", "fred"] {
            assert!(!shown.contains(id), "{id} in {shown}");
        }
        assert!(shown.contains("text: Hello there") && shown.contains("file: a.csv"), "{shown}");
    }
}
