//! The header row of a CSV file.

use std::{collections::HashMap, sync::Arc};

use super::{
    VISITOR_COLUMN,
    format::{CsvFormat, DELIMITERS, Delimiter},
    lines::{cell_span, is_header},
    positions::{column_of, length_of, line_around},
    rules::RowRules,
    table::composed,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::suggest,
    model::Place,
};

/// At most this number of problems of columns is told.
const ENOUGH_COLUMNS: usize = 20;

/// The problem of a file whose first row is separated by something else than is said.
pub(super) fn other_delimiter(
    file: &Arc<str>,
    text: &str,
    format: CsvFormat,
    rules: &RowRules,
) -> Option<Diagnostic> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let number = text.lines().take_while(|line| line.trim().is_empty()).count() + 1;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let place = |length| Place { file: file.clone(), line: number, column: 1, length };
    let problem = |message: String, cure: String| {
        Diagnostic::error(Code::CsvHeader, message).at(place(length_of(line))).help(cure)
    };
    let own = format.named();
    let note = line.trim_matches([' ', '"', ',', '\r']);
    if let Some(sign) = note.strip_prefix("sep=").or_else(|| note.strip_prefix("SEP="))
        && sign.chars().count() <= 1
    {
        let message = "the first line is a note for a spreadsheet, not a header row".to_owned();
        let other = DELIMITERS.iter().find(|other| sign.bytes().eq([other.sign]));
        let cure = match other.filter(|other| other.sign != own.sign && !format.fixed) {
            Some(other) => format!(
                "remove this line, and say `delimiter: {}` for this audience",
                other.written
            ),
            None => format!("remove this line; the cells are separated by {}", own.many),
        };
        return Some(problem(message, cure));
    }
    let names = |sign: char| line.split(sign).map(|name| name.trim().trim_matches('"'));
    let column = &*rules.visitor.column;
    let has_ids = |sign| names(sign).any(|name| name.to_lowercase() == column.to_lowercase());
    let found = DELIMITERS.iter().filter(|other| other.sign != own.sign).find(|other| {
        let sign = char::from(other.sign);
        // In the name of a column, commas and bars are rare, but not impossible.
        let only = line.contains(sign) && !line.contains(format.sign()) && !has_ids(format.sign());
        only || (line.contains(sign) && has_ids(sign) && !has_ids(format.sign()))
    })?;
    let message = format!(
        "the columns of this file are separated by {} ({:?}), not by {}",
        found.many,
        char::from(found.sign),
        own.many
    );
    let cure = match found.sign {
        _ if format.fixed => format!("save the file with {} between the cells", own.many),
        b',' => "leave out `delimiter:` for this audience, or say `delimiter: \",\"`".to_owned(),
        _ => format!(
            "say `delimiter: {}` for this audience, or save the file with {} between the cells",
            found.written, own.many
        ),
    };
    Some(problem(message, cure))
}

/// What separates cells in other files, if it is in an id.
pub(super) fn delimiter_in(id: &str) -> Option<&'static Delimiter> {
    DELIMITERS.iter().find(|other| {
        matches!(other.sign, b';' | b',' | b'\t') && id.contains(char::from(other.sign))
    })
}

/// The header row of a file.
pub(super) struct Header<'t> {
    pub(super) file: &'t Arc<str>,
    pub(super) text: &'t str,
    /// Where it begins, and in which line.
    pub(super) at: usize,
    pub(super) line: u32,
    pub(super) format: CsvFormat,
    pub(super) rules: &'t RowRules,
}

impl Header<'_> {
    /// The columns' names, and which of them has the ids.
    pub(super) fn read(
        &self,
        record: &::csv::ByteRecord,
    ) -> Result<(Vec<Arc<str>>, usize), Vec<Diagnostic>> {
        let Self { file, text, at, line, format, rules } = *self;
        let names: Vec<Arc<str>> =
            record.iter().map(|name| String::from_utf8_lossy(name).as_ref().into()).collect();
        let row = line_around(text, at);
        let place = |at: usize| {
            let span = cell_span(row, at, format);
            let length = column_of((span.end - span.start).max(1)) - 1;
            Place { file: file.clone(), line, column: column_of(span.start), length }
        };
        let problem = |message: String| Diagnostic::error(Code::CsvHeader, message);
        let mut problems = Vec::new();
        let mut seen: HashMap<&str, usize> = HashMap::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            if problems.len() >= ENOUGH_COLUMNS {
                break;
            }
            let first = *seen.entry(name).or_insert(at);
            if name.trim().is_empty() {
                let cure = "give it a name, or remove the column";
                problems
                    .push(problem("this column has no name".to_owned()).at(place(at)).help(cure));
            } else if first < at {
                let again = problem(format!("the column `{name}` is here a second time"));
                problems.push(again.at(place(at)).related(place(first), "the first time is here"));
            } else if name.contains('\n') {
                let message = "the name of this column goes on to the next line".to_owned();
                let cure = "close the quote in its line; the name of a column is on one line";
                problems.push(problem(message).at(place(at)).help(cure));
            } else if name.trim() != &**name {
                let message = "the name of this column has white space around it".to_owned();
                problems
                    .push(problem(message).at(place(at)).help(format!("write `{}`", name.trim())));
            }
        }
        let wanted = &*rules.visitor.column;
        let is_default = wanted == VISITOR_COLUMN;
        let visitor = names.iter().position(|name| composed(name.trim()) == composed(wanted));
        if visitor.is_none() {
            let near = suggest::nearest(wanted, names.iter().map(|name| &**name));
            let at = near.and_then(|near| names.iter().position(|name| **name == *near));
            let lacks = problem(format!("there is no column `{wanted}`")).at(match at {
                Some(at) => place(at),
                None => Place { file: file.clone(), line, column: 1, length: length_of(row) },
            });
            problems.push(lacks.help(match near {
            Some(near) if format.fixed => format!("rename `{}` to `{wanted}`", near.trim()),
            Some(near) if is_default => format!(
                "rename `{0}` to `visitor_id`, or say `visitor: {0}` for this audience",
                near.trim()
            ),
            Some(near) => format!("did you mean `{}`?", near.trim()),
            None if looks_like_a_row(&names) => format!(
                "this looks like a row, not like a header: add a first row that names the columns, one of them \
                 `{wanted}`"
            ),
            None if format.fixed => {
                format!("the first row names the columns; one of them is `{wanted}`")
            }
            None if is_default => "the first row names the columns; one of them is `visitor_id`, or the one that \
                 `visitor:` names"
                .to_owned(),
            None => "`visitor:` names the column of the ids as the first row writes it".to_owned(),
        }));
        }
        match visitor {
            Some(visitor) if problems.is_empty() => Ok((names, visitor)),
            _ => Err(problems),
        }
    }
}

/// Names of columns have no digits in front, no `@`, and are not long.
fn looks_like_a_row(names: &[Arc<str>]) -> bool {
    names.iter().any(|name| {
        let digits = name.chars().filter(char::is_ascii_digit).count();
        !is_header(name, VISITOR_COLUMN)
            && (name.contains('@')
                || name.starts_with(|c: char| c.is_ascii_digit())
                || digits > 2
                || (digits > 0 && !name.contains('_')))
    })
}
