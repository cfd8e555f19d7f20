//! The lines of files that are only read again when something in them is shown.

use std::{ops::Range, path::PathBuf, sync::OnceLock};

use super::{VISITOR_COLUMN, ids, positions::with_plain_line_breaks};
use crate::{
    diagnostics::{Excerpts, Names, Secrets},
    files,
    manifest::{
        source_file::MOST_SHOWN,
        suggest,
        suspects::{self, Words},
    },
};

/// The cells of a file are counted in 32 bits.
pub(crate) const MOST_BYTES: u64 = 4 << 30;

/// The lines of a file, read when the first one is to be shown.
pub(crate) struct FileLines {
    path: PathBuf,
    csv: bool,
    text: OnceLock<Option<Text>>,
}

struct Text {
    text: String,
    starts: Vec<usize>,
    words: OnceLock<Words>,
}

impl Text {
    fn line(&self, number: u32) -> Option<&str> {
        let at = (number as usize).checked_sub(1)?;
        let start = *self.starts.get(at)?;
        let end = self.starts.get(at + 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).map(|line| line.trim_end_matches(['\n', '\r']))
    }

    fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        (1..=u32::try_from(self.starts.len()).unwrap_or(u32::MAX))
            .map(|number| (number, self.line(number).unwrap_or_default()))
    }

    /// The column of the visitors' ids and how many columns there are, if the first line is a header that
    /// can be understood.
    fn header(&self) -> Option<(usize, usize)> {
        let header = self.line(1)?;
        if !is_whole(header) {
            return None;
        }
        let names: Vec<&str> = header.split(',').map(|name| name.trim_matches('"')).collect();
        let at = names.iter().position(|name| *name == VISITOR_COLUMN)?;
        Some((at, names.len()))
    }
}

impl FileLines {
    /// `csv`: in a CSV file, it is known where visitors' ids are.
    pub(crate) fn new(path: PathBuf, csv: bool) -> Self {
        Self { path, csv, text: OnceLock::new() }
    }

    fn text(&self) -> Option<&Text> {
        let text = self.text.get_or_init(|| {
            let bytes = files::read(&self.path, MOST_BYTES).ok()?;
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            let text = with_plain_line_breaks(String::from_utf8_lossy(bytes).into_owned());
            let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
            Some(Text { text, starts, words: OnceLock::new() })
        });
        text.as_ref()
    }
}

impl Excerpts for FileLines {
    fn line(&self, number: u32) -> Option<String> {
        self.text()?.line(number).filter(|line| line.len() <= MOST_SHOWN).map(str::to_owned)
    }

    fn secrets(&self, number: u32, line: &str, _: &Names) -> Secrets {
        let Some(text) = self.text() else { return Secrets::Line };
        if !self.csv {
            if !is_printable(line) {
                return Secrets::Line;
            }
            let words =
                text.words.get_or_init(|| suspects::in_words(text.lines().map(|(_, line)| line)));
            return Secrets::Ids(words.of_line(number));
        }
        if number == 1 {
            return if is_header(line) { Secrets::Ids(Vec::new()) } else { Secrets::Line };
        }
        match text.header() {
            Some((visitor, width)) if id_of(line, visitor, width).is_some() => {
                Secrets::Ids(std::iter::once(cell_span(line, visitor)).collect())
            }
            // Nobody knows where the ids are.
            _ => Secrets::Line,
        }
    }

    fn ids(&self, _: &Names, found: &mut dyn FnMut(&str)) {
        let Some(text) = self.text() else { return };
        if !self.csv {
            let words =
                text.words.get_or_init(|| suspects::in_words(text.lines().map(|(_, line)| line)));
            return words.texts.iter().for_each(|text| found(text));
        }
        let header = text.header();
        for (number, line) in text.lines() {
            match header {
                Some(_) if number == 1 => {}
                _ if number == 1 && is_header(line) => {}
                header => {
                    let id = header.and_then(|(visitor, width)| id_of(line, visitor, width));
                    match id {
                        Some(id) => found(&id),
                        None => anything(line, found),
                    }
                }
            }
        }
    }
}

/// The cells of a row that is read wrongly: each may be an id.
fn anything(line: &str, found: &mut dyn FnMut(&str)) {
    let ends = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '|' | '"' | '\u{fffd}')
    };
    for cell in line.split(ends).filter(|cell| cell.chars().count() >= 4) {
        // The header may stand on the same line.
        if !is_header(cell) && !ids::stands_for_nothing(cell) {
            found(cell);
        }
    }
}

/// Whether a first line names columns: one of them is that of the ids, or nearly.
pub(super) fn is_header(line: &str) -> bool {
    let mut names = line.split([',', ';', '|', '\t']).map(|name| name.trim().trim_matches('"'));
    let near = |name: &str| {
        name.chars().all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | ' ' | '.'))
            && suggest::nearest(VISITOR_COLUMN, [name]).is_some()
    };
    is_printable(line) && names.any(near)
}

/// The visitor's id, if a line is one row with as many cells as there are columns, and an id where it
/// belongs.
fn id_of(line: &str, visitor: usize, width: usize) -> Option<String> {
    if !is_whole(line) || cells(line) != width {
        return None;
    }
    let cell = cell_span(line, visitor);
    let cell: String = line.chars().skip(cell.start).take(cell.end - cell.start).collect();
    let quoted = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
    let id = quoted.map_or(cell.clone(), |cell| cell.replace("\"\"", "\""));
    ids::is_id(&id).then_some(id)
}

/// Whether quotes are closed, stand around cells, and nothing is in it that cannot be seen.
fn is_whole(line: &str) -> bool {
    let mut chars = line.chars().peekable();
    let (mut fresh, mut quoted) = (true, false);
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => _ = chars.next(),
            '"' if quoted => {
                quoted = false;
                if chars.peek().is_some_and(|next| *next != ',') {
                    return false;
                }
            }
            '"' if fresh => quoted = true,
            '"' => return false,
            _ => {}
        }
        fresh = c == ',' && !quoted;
    }
    !quoted && is_printable(line)
}

fn is_printable(line: &str) -> bool {
    !line.contains(|c: char| (c.is_control() && c != '\t') || c == '\u{fffd}')
}

fn cells(line: &str) -> usize {
    let mut quoted = false;
    let ends = line.chars().filter(|c| {
        quoted ^= *c == '"';
        *c == ',' && !quoted
    });
    ends.count() + 1
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
