//! How ids are masked, and which parts of a text look like ids.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

/// A text with what stands in these places masked.
pub fn replaced<'t>(text: &'t str, spans: &[Range<usize>]) -> Cow<'t, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        out.push_str(&text[done..span.start]);
        out.push_str(&masked(&text[span.clone()]));
        done = span.end;
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// How many characters of an id may be shown at its start and its end: never more than half of it, and of
/// an e-mail address not the name.
pub fn shown(id: &[char]) -> (usize, usize) {
    match id.len() {
        0..=3 => (0, 0),
        4..=7 => (1, 1),
        _ if id.contains(&'@') || id.contains(&'%') => (1, 3),
        8..=13 => (2, 2),
        _ => (4, 3),
    }
}

/// Enough to recognise an id, too little to use it: `kZMv…xvg`.
pub fn masked(id: &str) -> String {
    let chars: Vec<char> = id.chars().collect();
    let (head, tail) = shown(&chars);
    let mut out: String = chars[..head].iter().collect();
    out.push('…');
    out.extend(&chars[chars.len() - tail..]);
    out
}

/// What looks like an id, although nobody knows it: 20 letters and digits or more with both, 16 hexadecimal
/// digits or more, or a UUID.
pub fn likely_ids(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for word in words(text, |c| c == '-') {
        let is_uuid = |part: &str| {
            let mut parts = part.split('-').map(|part| {
                part.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(part.len())
            });
            [8, 4, 4, 4, 12].iter().all(|length| parts.next() == Some(Some(*length)))
                && parts.next().is_none()
        };
        if is_uuid(&text[word.clone()]) {
            found.push(word);
            continue;
        }
        for part in words(&text[word.clone()], |_| false) {
            let part = word.start + part.start..word.start + part.end;
            let run = &text[part.clone()];
            let mixed = run.bytes().any(|byte| byte.is_ascii_digit())
                && run.chars().any(char::is_alphabetic);
            let hex = run.len() >= 16 && run.bytes().all(|byte| byte.is_ascii_hexdigit());
            if mixed && (run.chars().count() >= 20 || hex) {
                found.push(part);
            }
        }
    }
    found
}

/// The runs of letters, digits and what else may be in them.
fn words(text: &str, and: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric() || (at < text.len() && and(c)), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// The visitors' parts of what looks like an address, `KEY@VISITOR`. One that is masked already is none.
pub fn visitors_of_addresses(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let key = text[..at].chars().next_back();
        if !key.is_some_and(char::is_alphanumeric) || found.last().is_some_and(|f| f.end > at) {
            continue;
        }
        let rest = &text[at + 1..];
        let ends = |c: char| {
            c.is_whitespace() || matches!(c, '`' | '"' | '\'' | ',' | ')' | ']' | '}' | '…' | '·')
        };
        let end = rest.find(ends).unwrap_or(rest.len());
        if rest[end..].starts_with(['…', '·']) {
            continue;
        }
        let id = rest[..end].trim_end_matches(['.', ':', ';', '?', '!']);
        // Words of ours: `KEY@VISITOR`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
        if !matches!(id, "" | "VISITOR" | "HOST:PORT/DATABASE") {
            found.push(at + 1..at + 1 + id.len());
        }
    }
    found
}

/// Those spans as they are covered by one or more: sorted, and apart from each other.
pub fn merged(spans: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let spans: BTreeSet<(usize, usize)> = spans
        .into_iter()
        .filter(|span| !span.is_empty())
        .map(|span| (span.start, span.end))
        .collect();
    let mut merged: Vec<Range<usize>> = Vec::new();
    for (start, end) in spans {
        match merged.last_mut() {
            Some(last) if start < last.end => last.end = last.end.max(end),
            _ => merged.push(start..end),
        }
    }
    merged
}
