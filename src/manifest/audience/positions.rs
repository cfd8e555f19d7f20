//! Lines and columns of a text, as people count them.

use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};

use crate::model::Place;

/// The places of bytes. Those that come in order are found without going over the text again.
pub(super) struct Positions<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Positions<'t> {
    pub(super) fn new(file: &'t Arc<str>, text: &'t str) -> Self {
        Self { file, text, at: 0, line: 1 }
    }

    /// The place of the character at this byte.
    pub(super) fn place(&mut self, at: usize) -> Place {
        let at = at.min(self.text.len());
        if at < self.at {
            (self.at, self.line) = (0, 1);
        }
        let breaks = memchr_iter(b'\n', &self.text.as_bytes()[self.at..at]).count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.at = at;
        let start = memrchr(b'\n', &self.text.as_bytes()[..at]).map_or(0, |before| before + 1);
        let column = column_of(self.text[start..at].chars().count());
        Place { file: self.file.clone(), line: self.line, column, length: 1 }
    }
}

/// The line that a place is in.
pub(super) fn line_around(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    text[start..].lines().next().unwrap_or_default()
}

pub(super) fn length_of(line: &str) -> u32 {
    column_of(line.chars().count().max(1)) - 1
}

pub(super) fn column_of(chars: usize) -> u32 {
    u32::try_from(chars).unwrap_or(u32::MAX - 1) + 1
}

/// Line breaks are those of the checkout: each is `\n`, so that the same file means the same everywhere.
pub(super) fn with_plain_line_breaks(text: String) -> String {
    if memchr(b'\r', text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.split('\r').enumerate() {
        if at > 0 && !part.starts_with('\n') {
            out.push('\n');
        }
        out.push_str(part);
    }
    out
}
