//! Audiences as CSV files.

use std::{collections::HashMap, sync::Arc};

use super::{ENOUGH, Origin, Table, VISITOR_COLUMN, check_visitor, lines::cell_span};
use crate::{
    diagnostics::{Code, Diagnostic, Place},
    manifest::suggest,
    model::VisitorId,
};

impl Table {
    /// A CSV file with a header row; `file` is its name in diagnostics.
    pub(crate) fn from_csv(
        file: &Arc<str>,
        bytes: impl Into<Vec<u8>>,
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
        if let Some(at) = unclosed_quote(bytes) {
            let (line, column) = line_and_column(text, at);
            let problem = Diagnostic::error(Code::CsvRow, "this quote is never closed")
                .at(place(line, column, 1))
                .help("a quote inside a cell is written twice, and the cell is put in quotes");
            return Err(vec![problem]);
        }
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut record = ::csv::ByteRecord::new();
        let unreadable =
            |error: ::csv::Error| vec![Diagnostic::error(Code::CsvRow, error.to_string())];
        if !reader.read_byte_record(&mut record).map_err(unreadable)? {
            let problem = "this CSV file is empty: it needs a header row with `visitor_id`";
            return Err(vec![Diagnostic::error(Code::CsvHeader, problem).at(place(1, 1, 1))]);
        }
        let mut lines_of = LineCounter { bytes, at: 0, line: 1 };
        let header_line = lines_of.start_of(&record);
        let (columns, visitor) = header(file, text, header_line, &record)?;

        let mut problems = Problems { found: Vec::new(), more: 0 };
        let width = columns.len();
        let mut rows = Vec::new();
        let mut quoted = HashMap::new();
        // A row with a quote in it ends before the next one begins, or later.
        let mut quotes = bytes.iter().enumerate().filter(|(_, b)| **b == b'"').map(|(at, _)| at);
        let mut quote = quotes.next();
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            let line = lines_of.start_of(&record);
            if record.len() != width {
                let count = record.len();
                let cells = if count == 1 { "cell" } else { "cells" };
                problems.add(|| {
                    let message = format!("this row has {count} {cells}, the header has {width}");
                    let length = row_length(text, line);
                    let mut problem =
                        Diagnostic::error(Code::CsvRow, message).at(place(line, 1, length));
                    if count > width {
                        problem = problem.help("a cell with a comma in it is put in quotes");
                    }
                    problem
                });
                continue;
            }
            let id = record.get(visitor).unwrap_or_default();
            if !id.iter().all(|b| (0x21..=0x7e).contains(b))
                || id.is_empty()
                || id.len() > VisitorId::MAX_BYTES
            {
                let id = String::from_utf8_lossy(id);
                if let Err(error) = check_visitor(&id) {
                    problems.add(|| {
                        let span = cell_span(line_at(text, line), visitor);
                        let length = (span.end - span.start).max(1);
                        Diagnostic::error(Code::BadVisitor, error).at(place(
                            line,
                            column_of(span.start),
                            column_of(length) - 1,
                        ))
                    });
                }
            }
            // Checked to fit at the start.
            let row = u32::try_from(lines_of.at).unwrap_or(u32::MAX);
            let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            while quote.is_some_and(|at| at < lines_of.at) {
                quote = quotes.next();
            }
            if quote.is_some_and(|at| at < end) {
                let cell = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned().into();
                quoted.insert(row, record.iter().map(cell).collect());
            }
            rows.push([0, 0, row]);
        }
        let found = problems.finish(place(header_line, 1, 1));
        let origin = Origin::Csv { file: file.clone() };
        let table = Self { columns, visitor, text: whole, order: Vec::new(), quoted, origin };
        table.sorted(rows, found)
    }
}

struct Problems {
    found: Vec<Diagnostic>,
    more: usize,
}

impl Problems {
    fn add(&mut self, make: impl FnOnce() -> Diagnostic) {
        if self.found.len() < ENOUGH {
            self.found.push(make());
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self, place: Place) -> Vec<Diagnostic> {
        if self.more > 0 {
            let message = format!("{} more rows have problems", self.more);
            self.found.push(Diagnostic::error(Code::CsvRow, message).at(place));
        }
        self.found
    }
}

/// The columns' names, and which of them is the visitor's id.
fn header(
    file: &Arc<str>,
    text: &str,
    line: u32,
    record: &::csv::ByteRecord,
) -> Result<(Vec<Arc<str>>, usize), Vec<Diagnostic>> {
    let names: Vec<Arc<str>> =
        record.iter().map(|name| String::from_utf8_lossy(name).as_ref().into()).collect();
    let place = |at: usize| {
        let span = cell_span(line_at(text, line), at);
        let length = column_of((span.end - span.start).max(1)) - 1;
        Place { file: file.clone(), line, column: column_of(span.start), length }
    };
    let mut problems = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if name.trim().is_empty() {
            let problem = Diagnostic::error(Code::CsvHeader, "this column has no name");
            problems.push(problem.at(place(at)));
        } else if let Some(first) = names[..at].iter().position(|other| other == name) {
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
                None => {
                    Place { file: file.clone(), line, column: 1, length: row_length(text, line) }
                }
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

/// A file that is not UTF-8: which byte, and where.
pub(crate) fn not_utf8(file: &Arc<str>, bytes: &[u8], at: usize) -> Diagnostic {
    let before = &bytes[..at.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    let value = bytes.get(at).copied().unwrap_or_default();
    Diagnostic::error(Code::NotUtf8, format!("byte {at} (0x{value:02x}) is not UTF-8"))
        .at(Place {
            file: file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            length: 1,
        })
        .help("save the file as UTF-8")
}

/// Counts lines itself: the reader's own count is behind by the line breaks before a record.
struct LineCounter<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl LineCounter<'_> {
    fn start_of(&mut self, record: &::csv::ByteRecord) -> u32 {
        let start = record.position().map_or(self.at as u64, ::csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX).clamp(self.at, self.bytes.len());
        let blank = self.bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let start = start + blank.count();
        let passed = self.bytes[self.at..start].iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.at = start;
        self.line
    }
}

fn line_at(text: &str, line: u32) -> &str {
    text.lines().nth((line as usize).saturating_sub(1)).unwrap_or_default()
}

fn row_length(text: &str, line: u32) -> u32 {
    column_of(line_at(text, line).chars().count().max(1)) - 1
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
    if bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 0 {
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
