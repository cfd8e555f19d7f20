//! The lines of files that are only read again when something in them is shown.

use std::{
    ops::Range,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use encoding_rs::UTF_8;

use super::{
    VISITOR_COLUMN,
    decode::lossy,
    format::CsvFormat,
    ids::{self, IdKind},
    positions::with_plain_line_breaks,
    quotes::cells_of_line,
    table::composed,
};
use crate::{
    diagnostics::{Excerpts, Names, Secrets},
    files,
    manifest::{
        secret_values::{self, Withheld},
        source_file::MOST_SHOWN,
        suggest,
        suspects::{self, Words},
    },
};

/// The cells of a file are counted in 32 bits.
pub(crate) const MOST_BYTES: u64 = 4 << 30;

/// How an audience reads a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) format: CsvFormat,
    /// The column of the ids, and what they identify.
    pub(crate) column: Box<str>,
    pub(crate) kind: IdKind,
    /// Cells that count as empty.
    pub(crate) missing: Arc<[Box<str>]>,
}

impl Default for Reading {
    fn default() -> Self {
        let (format, column) = (CsvFormat::default(), VISITOR_COLUMN.into());
        Self { format, column, kind: IdKind::Visitor, missing: Arc::default() }
    }
}

impl Reading {
    /// The place of the column of the ids and how many columns there are, if the first line is a header that
    /// can be understood.
    fn header(&self, text: &Text) -> Option<(usize, usize)> {
        let header = text.line(1)?;
        if !is_whole(header, self.format) {
            return None;
        }
        let names = cells_of_line(header, self.format);
        let wanted = composed(&self.column);
        let at = names.iter().position(|name| composed(name.trim_matches('"')) == wanted)?;
        Some((at, names.len()))
    }

    /// The id, if a line is one row with as many cells as there are columns, and an id where it belongs.
    fn id_of(&self, line: &str, (visitor, width): (usize, usize)) -> Option<String> {
        if !is_whole(line, self.format) || cells_of_line(line, self.format).len() != width {
            return None;
        }
        let cell = cell_span(line, visitor, self.format);
        let cell: String = line.chars().skip(cell.start).take(cell.end - cell.start).collect();
        let quoted = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
        let id = quoted.map_or(cell.clone(), |cell| cell.replace("\"\"", "\""));
        (self.kind.is_id(&id) && !self.is_missing(&id)).then_some(id)
    }

    fn is_missing(&self, cell: &str) -> bool {
        self.missing.iter().any(|missing| **missing == *cell)
    }

    /// What must not be shown of a line.
    fn secrets(&self, text: &Text, number: u32, line: &str) -> Secrets {
        if number == 1 {
            let names = is_header(line, &self.column);
            return if names { Secrets::Ids(Vec::new()) } else { Secrets::Line };
        }
        match self.header(text) {
            Some(header) if self.id_of(line, header).is_some() => {
                Secrets::Ids(std::iter::once(cell_span(line, header.0, self.format)).collect())
            }
            // Nobody knows where the ids are.
            _ => Secrets::Line,
        }
    }

    /// Calls `found` with all ids, and with all that may be one.
    fn ids(&self, text: &Text, found: &mut dyn FnMut(&str)) {
        let header = self.header(text);
        for (number, line) in text.lines() {
            match header {
                Some(_) if number == 1 => {}
                _ if number == 1 && is_header(line, &self.column) => {}
                header => match header.and_then(|header| self.id_of(line, header)) {
                    // They are everywhere else: in counts, in the numbers of lines.
                    Some(id) if self.kind == IdKind::User && is_small_number(&id) => {}
                    Some(id) => found(&id),
                    None => anything(line, &mut |cell| {
                        if !self.is_missing(cell) {
                            found(cell);
                        }
                    }),
                },
            }
        }
    }
}

/// A number that says nothing by itself.
fn is_small_number(id: &str) -> bool {
    id.len() < 8 && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The lines of a file, read when the first one is to be shown.
pub(crate) struct FileLines {
    path: PathBuf,
    /// How an audience reads it: in a CSV file, it is known where ids are.
    reading: Option<Reading>,
    text: OnceLock<Option<Text>>,
}

struct Text {
    text: String,
    starts: Vec<usize>,
    words: OnceLock<Words>,
    withheld: OnceLock<Withheld>,
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
}

impl FileLines {
    /// A file of which nothing is known.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, reading: None, text: OnceLock::new() }
    }

    /// A CSV file.
    pub(crate) fn csv(path: PathBuf, reading: Reading) -> Self {
        Self { reading: Some(reading), ..Self::new(path) }
    }

    fn text(&self) -> Option<&Text> {
        let text = self.text.get_or_init(|| {
            let bytes = files::read(&self.path, MOST_BYTES).ok()?;
            let encoding = self.reading.as_ref().map_or(UTF_8, |reading| reading.format.encoding);
            let text = with_plain_line_breaks(lossy(&bytes, encoding));
            let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
            Some(Text { text, starts, words: OnceLock::new(), withheld: OnceLock::new() })
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
        if let Some(reading) = &self.reading {
            return reading.secrets(text, number, line);
        }
        if !is_printable(line) {
            return Secrets::Line;
        }
        let words =
            text.words.get_or_init(|| suspects::in_words(text.lines().map(|(_, line)| line)));
        Secrets::Ids(words.of_line(number))
    }

    fn withholds(&self, number: u32) -> bool {
        if self.reading.is_some() {
            return false;
        }
        let Some(text) = self.text() else { return true };
        let withheld = text
            .withheld
            .get_or_init(|| secret_values::in_lines(text.lines().map(|(_, line)| line)));
        withheld.iter().any(|lines| lines.contains(&number))
    }

    fn ids(&self, _: &Names, found: &mut dyn FnMut(&str)) {
        let Some(text) = self.text() else { return };
        if let Some(reading) = &self.reading {
            return reading.ids(text, found);
        }
        let words =
            text.words.get_or_init(|| suspects::in_words(text.lines().map(|(_, line)| line)));
        words.texts.iter().for_each(|text| found(text));
    }

    fn variant(&self) -> String {
        self.reading.as_ref().map(|reading| format!("{reading:?}")).unwrap_or_default()
    }
}

/// The cells of a row that is read wrongly: each may be an id.
fn anything(line: &str, found: &mut dyn FnMut(&str)) {
    let ends = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '|' | '"' | '\u{fffd}')
    };
    for cell in line.split(ends).filter(|cell| cell.chars().count() >= 4) {
        // The header may stand on the same line.
        if !is_header(cell, VISITOR_COLUMN) && !ids::stands_for_nothing(cell) {
            found(cell);
        }
    }
}

/// Whether a first line names columns: one of them is that of the ids, or nearly.
pub(super) fn is_header(line: &str, column: &str) -> bool {
    let mut names = line.split([',', ';', '|', '\t']).map(|name| name.trim().trim_matches('"'));
    let near = |name: &str| {
        name.chars().all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | ' ' | '.'))
            && [column, VISITOR_COLUMN]
                .iter()
                .any(|column| suggest::nearest(column, [name]).is_some())
            || composed(name) == composed(column)
    };
    is_printable(line) && names.any(near)
}

/// Whether quotes are closed, stand around cells, and nothing is in it that cannot be seen.
fn is_whole(line: &str, format: CsvFormat) -> bool {
    let mut chars = line.chars().peekable();
    let (mut fresh, mut quoted) = (true, false);
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => _ = chars.next(),
            '"' if quoted => {
                quoted = false;
                if chars.peek().is_some_and(|next| *next != format.sign()) {
                    return false;
                }
            }
            '"' if fresh => quoted = true,
            '"' => return false,
            _ => {}
        }
        fresh = c == format.sign() && !quoted;
    }
    !quoted && is_printable(line)
}

fn is_printable(line: &str) -> bool {
    !line.contains(|c: char| (c.is_control() && c != '\t') || c == '\u{fffd}')
}

/// The characters of a cell in its line.
pub(super) fn cell_span(line: &str, index: usize, format: CsvFormat) -> Range<usize> {
    let (mut cell, mut start, mut quoted, mut count) = (0, 0, false, 0);
    for (at, c) in line.chars().enumerate() {
        count = at + 1;
        match c {
            '"' => quoted = !quoted,
            c if c == format.sign() && !quoted => {
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
