//! Audiences as CSV files.

use std::{collections::HashMap, sync::Arc};

use memchr::{memchr, memchr_iter};

use super::{
    ENOUGH, Origin, Table, VISITOR_COLUMN, check_visitor,
    lines::cell_span,
    order::{Keys, Sortable},
    plain::{self, Columns, Wrong},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{limits::Limits, suggest, threads::Threads},
    model::{Place, number},
};

impl Table {
    /// A CSV file with a header row; `file` is its name in diagnostics.
    pub(crate) fn from_csv(
        file: &Arc<str>,
        bytes: impl Into<Vec<u8>>,
        threads: Threads,
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
        let quotes = memchr(b'"', bytes).is_some();
        if quotes && let Some(at) = unclosed_quote(bytes) {
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
        let mut lines_of = LineCounter { bytes, at: 0, line: 1 };
        let header_line = lines_of.start_of(&record);
        let (names, visitor) = header(file, text, lines_of.at, header_line, &record)?;

        let columns = Columns { width: names.len(), visitor };
        let problems = Problems { file, text, columns, found: Vec::new(), more: 0 };
        let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let rows = if quotes {
            Rows::with_quotes(reader, lines_of, problems)?
        } else {
            Rows::without_quotes(end.min(bytes.len()), lines_of, problems, threads)
        };
        let Rows { rows, keys, quoted, problems } = rows;
        let found = problems.finish(place(header_line, 1, 1));
        let origin = Origin::Csv { file: file.clone() };
        let columns = names;
        let places = columns.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        let table =
            Self { columns, places, visitor, text: whole, order: Vec::new(), quoted, origin };
        table.sorted(rows, &keys, found, threads)
    }
}

fn unreadable(error: ::csv::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::CsvRow, error.to_string())]
}

/// What comes after the header.
struct Rows<'t> {
    rows: Vec<Sortable>,
    keys: Keys,
    quoted: HashMap<u32, Box<[Box<str>]>>,
    problems: Problems<'t>,
}

impl<'t> Rows<'t> {
    fn without_quotes(
        start: usize,
        mut lines_of: LineCounter<'_>,
        mut problems: Problems<'t>,
        threads: Threads,
    ) -> Self {
        let (rows, found) = plain::scan(problems.text.as_bytes(), start, problems.columns, threads);
        for (at, wrong) in found.wrong {
            let line = lines_of.line_of(at);
            problems.add(at, line, wrong);
        }
        problems.more += found.more;
        Self { rows, keys: found.keys, quoted: HashMap::new(), problems }
    }

    fn with_quotes(
        mut reader: ::csv::Reader<&[u8]>,
        mut lines_of: LineCounter<'_>,
        mut problems: Problems<'t>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let Columns { width, visitor } = problems.columns;
        let (mut rows, mut keys) = (Vec::new(), Keys::default());
        let mut quoted = HashMap::new();
        let mut record = ::csv::ByteRecord::new();
        // A row with a quote in it ends before the next one begins, or later.
        let mut quotes = memchr_iter(b'"', problems.text.as_bytes());
        let mut quote = quotes.next();
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            let line = lines_of.start_of(&record);
            let at = lines_of.at;
            if record.len() != width {
                problems.add(at, line, Wrong::Width(record.len()));
                continue;
            }
            let id = record.get(visitor).unwrap_or_default();
            if !plain::is_plain(id)
                && let Err(error) = check_visitor(&String::from_utf8_lossy(id))
            {
                problems.add(at, line, Wrong::Visitor(error));
            }
            // Checked to fit at the start.
            let row = u32::try_from(at).unwrap_or(u32::MAX);
            let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            while quote.is_some_and(|quote| quote < at) {
                quote = quotes.next();
            }
            if quote.is_some_and(|quote| quote < end) {
                let cell = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned().into();
                quoted.insert(row, record.iter().map(cell).collect());
            }
            rows.push(keys.note(id, row));
        }
        Ok(Self { rows, keys, quoted, problems })
    }
}

struct Problems<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    columns: Columns,
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
        let Columns { width, visitor } = self.columns;
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
        self.line_of(start)
    }

    /// The line of a place that is not before the last one.
    fn line_of(&mut self, at: usize) -> u32 {
        let passed = memchr_iter(b'\n', &self.bytes[self.at..at]).count();
        self.line = self.line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.at = at;
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
