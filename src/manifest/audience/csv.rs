//! Audiences as CSV files.

use std::{collections::HashMap, sync::Arc};

use memchr::{memchr, memchr_iter};

use super::{
    ENOUGH, VISITOR_COLUMN,
    lines::cell_span,
    table::{Origin, Rows, Table},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{folder::not_utf8, limits::Limits, suggest},
    model::{Place, VisitorId, number},
};

impl Table {
    /// A CSV file with a header row; `file` is its name in diagnostics.
    pub(crate) fn from_csv(
        file: &Arc<str>,
        bytes: impl Into<Vec<u8>>,
        limits: &Limits,
    ) -> Result<Self, Vec<Diagnostic>> {
        let place = |line, column, length| Place { file: file.clone(), line, column, length };
        let mut bytes = bytes.into();
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        let whole = String::from_utf8(bytes).map_err(|error| {
            vec![not_utf8(file, error.as_bytes(), error.utf8_error().valid_up_to())]
        })?;
        let (text, bytes) = (whole.as_str(), whole.as_bytes());
        if u32::try_from(text.len()).is_err() {
            let problem = "a CSV file has at most 4 GiB: split the audience";
            return Err(vec![Diagnostic::error(Code::Unreadable, problem).at(place(1, 1, 1))]);
        }
        if memchr(b'"', bytes).is_some()
            && let Some(at) = unclosed_quote(bytes)
        {
            let (line, column) = line_and_column(text, at);
            let problem = Diagnostic::error(Code::CsvRow, "this quote is never closed")
                .at(place(line, column, 1))
                .help("a quote inside a cell is written twice, and the cell is put in quotes");
            return Err(vec![problem]);
        }
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut record = ::csv::ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(unreadable)? {
            let problem = "this CSV file is empty: it needs a header row with `visitor_id`";
            return Err(vec![Diagnostic::error(Code::CsvHeader, problem).at(place(1, 1, 1))]);
        }
        if record.len() as u64 > limits.columns {
            let found = format!("this file has {} columns", number(record.len() as u64));
            let cure = "keep the columns that messages use";
            let problem = Diagnostic::limit("columns", limits.columns, found, cure);
            return Err(vec![problem.at(place(1, 1, 1))]);
        }
        let mut counter = LineCounter { bytes, at: 0, line: 1 };
        let header_line = counter.start_of(&record);
        let (names, visitor) = header(file, text, counter.at, header_line, &record)?;

        let width = names.len();
        let mut problems = Problems { file, text, width, visitor, found: Vec::new(), more: 0 };
        let mut cells = Vec::with_capacity(bytes.len());
        let most = memchr_iter(b'\n', bytes).count() + 1;
        let (mut ends, mut lines) =
            (Vec::with_capacity((most * width).min(bytes.len())), Vec::with_capacity(most));
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            let line = counter.start_of(&record);
            if record.len() != width {
                problems.add(counter.at, line, Wrong::Width(record.len()));
                continue;
            }
            let id = record.get(visitor).unwrap_or_default();
            if let Err(error) = VisitorId::parse(&String::from_utf8_lossy(id)) {
                problems.add(counter.at, line, Wrong::Visitor(error.to_string()));
            }
            let start = cells.len();
            cells.extend_from_slice(record.as_slice());
            // The file is small enough, and the cells are no larger.
            let end = |at| record.range(at).map(|cell: std::ops::Range<usize>| start + cell.end);
            ends.extend(
                (0..width).filter_map(end).map(|end| u32::try_from(end).unwrap_or(u32::MAX)),
            );
            lines.push(line);
        }
        let found = problems.finish(place(header_line, 1, 1));
        drop(whole);
        let cells = String::from_utf8(cells)
            .map_err(|error| vec![Diagnostic::error(Code::NotUtf8, error.to_string())])?;
        let origin = Origin::Csv { file: file.clone(), lines };
        Self::sorted(names, visitor, Rows { cells, ends }, origin, found)
    }
}

fn unreadable(error: ::csv::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::CsvRow, error.to_string())]
}

/// A problem of a row.
enum Wrong {
    /// It has this number of cells, and the header another one.
    Width(usize),
    /// Its visitor's id is not one.
    Visitor(String),
}

struct Problems<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    width: usize,
    visitor: usize,
    found: Vec<Diagnostic>,
    more: usize,
}

impl Problems<'_> {
    /// Of the row that begins at `at`, in this line.
    fn add(&mut self, at: usize, line: u32, wrong: Wrong) {
        if self.found.len() >= ENOUGH {
            self.more += 1;
            return;
        }
        let place = |column, length| Place { file: self.file.clone(), line, column, length };
        let row = line_around(self.text, at);
        let Self { width, visitor, .. } = *self;
        self.found.push(match wrong {
            Wrong::Width(count) => {
                let cells = if count == 1 { "cell" } else { "cells" };
                let message = format!("this row has {count} {cells}, the header has {width}");
                let problem = Diagnostic::error(Code::CsvRow, message).at(place(1, length_of(row)));
                if count > width {
                    problem.help("a cell with a comma in it is put in quotes")
                } else {
                    problem
                }
            }
            Wrong::Visitor(error) => {
                let span = cell_span(row, visitor);
                let length = (span.end - span.start).max(1);
                Diagnostic::error(Code::BadVisitor, error)
                    .at(place(column_of(span.start), column_of(length) - 1))
            }
        });
    }

    fn finish(mut self, place: Place) -> Vec<Diagnostic> {
        if self.more > 0 {
            let message = format!("{} more rows have problems", self.more);
            self.found.push(Diagnostic::error(Code::CsvRow, message).at(place));
        }
        self.found
    }
}

/// At most this number of problems of columns is told.
const ENOUGH_COLUMNS: usize = 20;

/// The columns' names, and which of them is the visitor's id.
fn header(
    file: &Arc<str>,
    text: &str,
    at: usize,
    line: u32,
    record: &::csv::ByteRecord,
) -> Result<(Vec<Arc<str>>, usize), Vec<Diagnostic>> {
    let names: Vec<Arc<str>> =
        record.iter().map(|name| String::from_utf8_lossy(name).as_ref().into()).collect();
    let row = line_around(text, at);
    let place = |at: usize| {
        let span = cell_span(row, at);
        let length = column_of((span.end - span.start).max(1)) - 1;
        Place { file: file.clone(), line, column: column_of(span.start), length }
    };
    let mut problems = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        if problems.len() >= ENOUGH_COLUMNS {
            break;
        }
        let first = *seen.entry(name).or_insert(at);
        if name.trim().is_empty() {
            let problem = Diagnostic::error(Code::CsvHeader, "this column has no name");
            problems.push(problem.at(place(at)));
        } else if first < at {
            let problem = Diagnostic::error(
                Code::CsvHeader,
                format!("the column `{name}` is here a second time"),
            );
            problems.push(problem.at(place(at)).related(place(first), "the first time is here"));
        }
    }
    let visitor = names.iter().position(|name| **name == *VISITOR_COLUMN);
    if visitor.is_none() {
        let near = suggest::nearest(VISITOR_COLUMN, names.iter().map(|name| &**name));
        let at = near.and_then(|near| names.iter().position(|name| **name == *near));
        let mut problem =
            Diagnostic::error(Code::CsvHeader, "there is no column `visitor_id`").at(match at {
                Some(at) => place(at),
                None => Place { file: file.clone(), line, column: 1, length: length_of(row) },
            });
        let other =
            [";", "\t"].into_iter().find(|sign| names.len() == 1 && names[0].contains(*sign));
        problem = match (near, other) {
            (_, Some(sign)) => {
                problem.help(format!("columns are separated by commas, not by {sign:?}"))
            }
            (Some(near), None) => problem.help(format!("rename `{near}` to `visitor_id`")),
            (None, None) => {
                problem.help("the first row names the columns; one of them is `visitor_id`")
            }
        };
        problems.push(problem);
    }
    match visitor {
        Some(visitor) if problems.is_empty() => Ok((names, visitor)),
        _ => Err(problems),
    }
}

/// Counts lines itself: the reader's own count is behind by the line breaks before a record.
struct LineCounter<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl LineCounter<'_> {
    /// The line that a record begins in. It is not before the last one.
    fn start_of(&mut self, record: &::csv::ByteRecord) -> u32 {
        let start = record.position().map_or(self.at as u64, ::csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX).clamp(self.at, self.bytes.len());
        let blank = self.bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let start = start + blank.count();
        let passed = memchr_iter(b'\n', &self.bytes[self.at..start]).count();
        self.line = self.line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.at = start;
        self.line
    }
}

/// The line that a place is in.
fn line_around(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    text[start..].lines().next().unwrap_or_default()
}

fn length_of(line: &str) -> u32 {
    column_of(line.chars().count().max(1)) - 1
}

fn column_of(chars: usize) -> u32 {
    u32::try_from(chars).unwrap_or(u32::MAX - 1) + 1
}

fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (u32::try_from(line).unwrap_or(u32::MAX), column_of(column))
}

/// The quote that the rest of the file would be taken into.
fn unclosed_quote(bytes: &[u8]) -> Option<usize> {
    if memchr_iter(b'"', bytes).count().is_multiple_of(2) {
        return None;
    }
    let mut open = None;
    let mut fresh = true;
    for (at, byte) in bytes.iter().enumerate() {
        match (byte, open) {
            (b'"', Some(_)) => open = None,
            (b'"', None) if fresh || bytes.get(at.wrapping_sub(1)) == Some(&b'"') => {
                open = Some(at)
            }
            _ => {}
        }
        fresh = matches!(byte, b',' | b'\n' | b'\r');
    }
    open
}
