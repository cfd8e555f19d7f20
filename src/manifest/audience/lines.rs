//! The lines of files that are only read again when something in them is shown.

use std::{ops::Range, path::PathBuf, sync::OnceLock};

use super::VISITOR_COLUMN;
use crate::{
    diagnostics::Excerpts,
    manifest::{
        source::{MOST_SHOWN, likely_ids},
        suggest,
    },
};

/// The lines of a file, read when the first one is to be shown.
pub(crate) struct FileLines {
    path: PathBuf,
    csv: bool,
    text: OnceLock<Option<(String, Vec<usize>)>>,
}

impl FileLines {
    /// `csv`: in a CSV file, it is known where visitors' ids are.
    pub(crate) fn new(path: PathBuf, csv: bool) -> Self {
        Self { path, csv, text: OnceLock::new() }
    }

    fn get(&self, number: u32) -> Option<&str> {
        let text = self.text.get_or_init(|| {
            let bytes = std::fs::read(&self.path).ok()?;
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            let text = String::from_utf8_lossy(bytes).into_owned();
            let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
            Some((text, starts))
        });
        let (text, starts) = text.as_ref()?;
        let at = (number as usize).checked_sub(1)?;
        let start = *starts.get(at)?;
        let end = starts.get(at + 1).copied().unwrap_or(text.len());
        text.get(start..end).map(|line| line.trim_end_matches(['\n', '\r']))
    }
}

impl Excerpts for FileLines {
    fn line(&self, number: u32) -> Option<String> {
        self.get(number).filter(|line| line.len() <= MOST_SHOWN).map(str::to_owned)
    }

    fn secrets(&self, number: u32, line: &str) -> Vec<Range<usize>> {
        if !self.csv {
            return likely_ids(line);
        }
        let Some(header) = self.get(1) else { return Vec::new() };
        if number == 1 {
            return Vec::new();
        }
        let names = header.split(',').map(|name| name.trim_matches('"'));
        let names: Vec<&str> = names.collect();
        let exact = names.iter().position(|name| *name == VISITOR_COLUMN);
        let visitor = exact.or_else(|| {
            let near = suggest::nearest(VISITOR_COLUMN, names.iter().copied())?;
            names.iter().position(|name| *name == near)
        });
        match visitor {
            Some(visitor) => vec![cell_span(line, visitor)],
            // Nobody knows where the ids are.
            None => std::iter::once(0..line.chars().count()).collect(),
        }
    }
}

/// The characters of a cell in its line.
pub(super) fn cell_span(line: &str, index: usize) -> Range<usize> {
    let (mut cell, mut start, mut quoted, mut count) = (0, 0, false, 0);
    for (at, c) in line.chars().enumerate() {
        count = at + 1;
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                if cell == index {
                    return start..at;
                }
                cell += 1;
                start = at + 1;
            }
            _ => {}
        }
    }
    if cell == index { start..count.max(start) } else { 0..0 }
}
