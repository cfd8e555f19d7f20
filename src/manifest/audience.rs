//! Visitors and what is known of them, as compact as a million rows need it.

use std::{
    ops::Range,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use super::{source::Source, suggest};
use crate::{
    diagnostics::{Code, Diagnostic, Excerpts, Place},
    model::VisitorId,
};

/// The column that every CSV file has.
const VISITOR_COLUMN: &str = "visitor_id";
/// So many problems of one file are reported one by one.
const ENOUGH: usize = 200;

/// Visitors with their columns: one text with all cells, and where each ends.
pub struct Table {
    columns: Vec<Arc<str>>,
    visitor: usize,
    cells: String,
    ends: Vec<u32>,
    order: Vec<u32>,
    origin: Origin,
}

enum Origin {
    Csv { file: Arc<str>, lines: Vec<u32> },
    List(Source),
}

impl Table {
    /// How many visitors there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The columns beside the visitor's id.
    pub fn columns(&self) -> impl Iterator<Item = &str> + Clone {
        let names = self.columns.iter().enumerate();
        names.filter(|(at, _)| *at != self.visitor).map(|(_, name)| &**name)
    }

    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        let at = self.columns.iter().position(|column| **column == *name)?;
        (at != self.visitor).then_some(at)
    }

    /// The row at `position` in the order of visitors' ids.
    pub(crate) fn row(&self, position: usize) -> u32 {
        self.order[position]
    }

    pub(crate) fn cell(&self, row: u32, column: usize) -> &str {
        let at = row as usize * self.columns.len() + column;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start as usize..self.ends[at] as usize]
    }

    /// A visitor's id, checked when the table was made.
    pub(crate) fn visitor(&self, row: u32) -> &str {
        self.cell(row, self.visitor)
    }

    /// The visitors in the order of their ids.
    pub fn visitors(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(|row| self.visitor(*row))
    }

    /// Where the position of `visitor` is in the order of ids.
    pub(crate) fn find(&self, visitor: &str) -> Option<usize> {
        self.order.binary_search_by(|row| self.visitor(*row).cmp(visitor)).ok()
    }

    /// Where a row is written.
    pub(crate) fn place(&self, row: u32) -> Place {
        match &self.origin {
            Origin::Csv { file, lines } => Place {
                file: file.clone(),
                line: lines.get(row as usize).copied().unwrap_or(1),
                column: 1,
                length: 1,
            },
            Origin::List(source) => source.child(row as usize).place(),
        }
    }

    /// Whether the rows are those of a CSV file.
    pub(crate) fn is_csv(&self) -> bool {
        matches!(self.origin, Origin::Csv { .. })
    }

    /// A list of ids; `source` is the list.
    pub(crate) fn from_list(ids: &[String], source: Source) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut cells = String::with_capacity(ids.iter().map(String::len).sum());
        let mut ends = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            if let Err(error) = check_visitor(id) {
                let place = source.child(at).place();
                problems.push(Diagnostic::error(Code::BadVisitor, error).at(place));
            }
            cells.push_str(id);
            ends.push(u32::try_from(cells.len()).unwrap_or(u32::MAX));
        }
        let table = Self {
            columns: vec![VISITOR_COLUMN.into()],
            visitor: 0,
            cells,
            ends,
            order: Vec::new(),
            origin: Origin::List(source),
        };
        table.sorted(ids.len(), problems)
    }

    /// A CSV file with a header row; `file` is its name in diagnostics.
    pub(crate) fn from_csv(file: &Arc<str>, bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        let place = |line, column, length| Place { file: file.clone(), line, column, length };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Err(vec![not_utf8(file, bytes, error.valid_up_to())]),
        };
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
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut record = csv::ByteRecord::new();
        let unreadable =
            |error: csv::Error| vec![Diagnostic::error(Code::CsvRow, error.to_string())];
        if !reader.read_byte_record(&mut record).map_err(unreadable)? {
            let problem = "this CSV file is empty: it needs a header row with `visitor_id`";
            return Err(vec![Diagnostic::error(Code::CsvHeader, problem).at(place(1, 1, 1))]);
        }
        let header_line = line_of(&record);
        let (columns, visitor) = header(file, text, header_line, &record)?;

        let mut problems = Problems { found: Vec::new(), more: 0 };
        let width = columns.len();
        let mut cells: Vec<u8> = Vec::with_capacity(bytes.len());
        let mut ends = Vec::with_capacity(bytes.len() / 8);
        let mut lines = Vec::new();
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            let line = line_of(&record);
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
            for cell in &record {
                cells.extend_from_slice(cell);
                ends.push(u32::try_from(cells.len()).unwrap_or(u32::MAX));
            }
            lines.push(line);
        }
        let rows = lines.len();
        // The cells are parts of a valid text, cut at ASCII signs.
        let cells = String::from_utf8(cells).unwrap_or_default();
        cells_fit(&cells, &ends);
        let mut found = problems.finish(place(header_line, 1, 1));
        if found.iter().any(|problem| problem.code == Code::CsvRow) && rows == 0 {
            found.truncate(ENOUGH);
            return Err(found);
        }
        ends.shrink_to_fit();
        let origin = Origin::Csv { file: file.clone(), lines };
        let table = Self { columns, visitor, cells, ends, order: Vec::new(), origin };
        table.sorted(rows, found)
    }

    /// Brings the rows in the order of their ids, and finds those that come twice.
    fn sorted(
        mut self,
        rows: usize,
        mut problems: Vec<Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut order: Vec<u32> = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by(|a, b| (self.visitor(*a), a).cmp(&(self.visitor(*b), b)));
        let mut twice = 0;
        let mut first = 0;
        for at in 1..order.len() {
            let id = self.visitor(order[at]);
            if self.visitor(order[first]) != id {
                first = at;
                continue;
            }
            twice += 1;
            if twice > ENOUGH || id.is_empty() {
                continue;
            }
            let masked = VisitorId::parse(id).map(|id| id.masked()).unwrap_or_default();
            let problem = Diagnostic::error(
                Code::DuplicateVisitor,
                format!("the visitor {masked} is here a second time"),
            );
            let (again, before) = (self.place(order[at]), self.place(order[first]));
            problems.push(problem.at(again).related(before, "the first time is here"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.order = order;
        Ok(self)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} rows, columns {:?})", self.order.len(), self.columns)
    }
}

/// In debug builds, that the arena is whole.
fn cells_fit(cells: &str, ends: &[u32]) {
    debug_assert!(ends.last().is_none_or(|end| *end as usize == cells.len()));
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

fn check_visitor(id: &str) -> Result<(), String> {
    VisitorId::parse(id).map(|_| ()).map_err(|error| error.to_string())
}

/// The columns' names, and which of them is the visitor's id.
fn header(
    file: &Arc<str>,
    text: &str,
    line: u32,
    record: &csv::ByteRecord,
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

fn line_of(record: &csv::ByteRecord) -> u32 {
    let line = record.position().map_or(1, csv::Position::line);
    u32::try_from(line).unwrap_or(u32::MAX)
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

/// The characters of a cell in its line.
fn cell_span(line: &str, index: usize) -> Range<usize> {
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

/// The lines of a CSV file, read when the first one is to be shown.
pub(crate) struct CsvLines {
    path: PathBuf,
    text: OnceLock<Option<(String, Vec<usize>)>>,
}

impl CsvLines {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, text: OnceLock::new() }
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

impl Excerpts for CsvLines {
    fn line(&self, number: u32) -> Option<String> {
        self.get(number).map(str::to_owned)
    }

    fn secrets(&self, number: u32, line: &str) -> Vec<Range<usize>> {
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
            None => vec![0..line.chars().count()],
        }
    }
}

#[cfg(test)]
#[path = "audience_tests.rs"]
mod tests;
