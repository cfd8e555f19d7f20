//! Audiences as CSV files.

use std::{borrow::Cow, ops::Range, sync::Arc};

use memchr::{memchr, memchr_iter};

use super::{
    decode::decode,
    format::CsvFormat,
    header,
    ids::IdKind,
    positions::{length_of, with_plain_line_breaks},
    row_problems::{Problems, Wrong},
    rows::RowsBuilder,
    rules::RowRules,
    signs, swallowed,
    table::{Origin, Table},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{foreign, limits::Limits},
    model::{Place, number},
};

impl Table {
    /// A CSV file with a header row; `file` is its name in diagnostics.
    pub(crate) fn from_csv(
        file: &Arc<str>,
        bytes: impl Into<Vec<u8>>,
        (format, rules): (CsvFormat, &RowRules),
        limits: &Limits,
    ) -> Result<Self, Vec<Diagnostic>> {
        let place = |line, column, length| Place { file: file.clone(), line, column, length };
        let whole = decode(file, bytes.into(), format).map_err(|problem| vec![problem])?;
        let whole = with_plain_line_breaks(whole);
        let text = whole.as_str();
        if u32::try_from(text.len()).is_err() {
            let problem = "a CSV file has at most 4 GiB: split the audience";
            return Err(vec![Diagnostic::error(Code::Unreadable, problem).at(place(1, 1, 1))]);
        }
        if let Some(problem) = foreign::not_csv(file, text)
            .or_else(|| header::other_delimiter(file, text, format, rules))
        {
            return Err(vec![problem]);
        }
        let (found, unreadable_lines) = signs::problems(file, text, format);
        if unreadable_lines.iter().any(|lines| lines.start == 0) {
            return Err(found);
        }
        // What cannot be read is passed over, so that the other rows are checked in the same run.
        let bytes = without(text.as_bytes(), &unreadable_lines);
        let bytes = &*bytes;
        let mut reader = ::csv::ReaderBuilder::new()
            .delimiter(format.delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let mut record = ::csv::ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(unreadable)? {
            let column = &rules.visitor.column;
            let problem = format!("this CSV file is empty: it needs a header row with `{column}`");
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
        let header =
            header::Header { file, text, at: counter.at, line: header_line, format, rules };
        let (names, visitor) = header
            .read(&record)
            .map_err(|problems| found.iter().cloned().chain(problems).collect::<Vec<_>>())?;

        let width = names.len();
        let header = names.clone();
        let mut problems = Problems::new(file, text, (width, visitor), (format, rules));
        let most = memchr_iter(b'\n', bytes).count() + 1;
        let mut lines = Vec::with_capacity(most);
        let mut rows = RowsBuilder::new(rules, names, visitor);
        rows.reserve(most, bytes.len());
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            let line = counter.start_of(&record);
            let id = record.get(visitor).unwrap_or_default();
            if id.trim_ascii().is_empty() && is_blank(record.as_slice()) {
                continue;
            }
            if record.len() != width {
                problems.add(counter.at, line, Wrong::Width(record.len()));
                continue;
            }
            if record.iter().zip(&header).all(|(cell, name)| cell == name.as_bytes()) {
                problems.add(counter.at, line, Wrong::Header);
                continue;
            }
            let id = String::from_utf8_lossy(id);
            match rules.id_problem(&id) {
                // Told already, with all other signs that no cell has.
                Some(_) if id.contains(signs::is_forbidden) => {}
                Some(problem) => problems.add(counter.at, line, Wrong::Visitor(problem)),
                // In quotes, it is meant.
                None if width == 1 && bytes.get(counter.at) != Some(&b'"') => {
                    if let Some(sign) = header::delimiter_in(&id) {
                        problems.add(counter.at, line, Wrong::Delimiter(sign));
                    }
                }
                None => {}
            }
            if memchr(b'\n', record.as_slice()).is_some() {
                let end = usize::try_from(reader.position().byte()).unwrap_or(text.len());
                let written = text.get(counter.at..end).unwrap_or_default().trim_end();
                let shape = swallowed::Shape { width, visitor, format, kind: rules.visitor.kind() };
                if shape.is_several_rows(written, &id) {
                    let last = written.matches('\n').count();
                    let last = line.saturating_add(u32::try_from(last).unwrap_or(u32::MAX));
                    problems.add(counter.at, line, Wrong::Swallowed(last));
                }
            }
            // The text is UTF-8, and no cell ends within a character.
            let cells = record.iter().map(|cell| std::str::from_utf8(cell).unwrap_or_default());
            if rows.push(cells).is_err() {
                let problem = "the cells of this file have more than 4 GiB: split the audience";
                return Err(vec![Diagnostic::error(Code::Unreadable, problem).at(place(1, 1, 1))]);
            }
            lines.push(line);
        }
        let found = found.into_iter().chain(problems.finish()).collect();
        let is_last = visitor + 1 == width && !lines.is_empty();
        let cut = is_last.then(|| cut(text, rules.visitor.kind())).flatten();
        let cut = cut.map(|(length, problem)| {
            problem.at(place(lines.last().copied().unwrap_or(1), 1, length))
        });
        drop(whole);
        let origin = Origin::Csv { file: file.clone(), lines };
        let (columns, visitor, rows) = rows.finish();
        Ok(Self::sorted(columns, visitor, rows, origin, found)?.with_warning(cut))
    }
}

/// The warning about a last row that may go on: its last cell is an id, and the beginning of an id may be another one.
/// With it, the length of the row.
fn cut(text: &str, kind: IdKind) -> Option<(u32, Diagnostic)> {
    let row = text.rsplit('\n').next().filter(|row| !row.trim().is_empty())?;
    // A closed quote ends the cell.
    if row.ends_with('"') {
        return None;
    }
    let message = format!(
        "this file ends without a line break: if it was cut off, the last {} is only the beginning of one",
        kind.name()
    );
    let help = "compare the last row with the source of the file; if it is whole, end it with a line break";
    Some((length_of(row), Diagnostic::warning(Code::CsvCut, message).help(help)))
}

/// The bytes with blanks in these lines, which then are rows of nothing.
fn without<'b>(bytes: &'b [u8], lines: &[Range<usize>]) -> Cow<'b, [u8]> {
    if lines.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let mut out = bytes.to_vec();
    for lines in lines {
        out[lines.clone()].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    }
    Cow::Owned(out)
}

/// Whether nothing can be seen in the cells of a row.
fn is_blank(cells: &[u8]) -> bool {
    String::from_utf8_lossy(cells).trim().is_empty()
}

fn unreadable(error: ::csv::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::CsvRow, error.to_string())]
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
