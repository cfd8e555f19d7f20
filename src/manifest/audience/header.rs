//! The header row of a CSV file.

use std::{collections::HashMap, sync::Arc};

use super::{
    VISITOR_COLUMN,
    lines::{cell_span, is_header},
    positions::{column_of, length_of, line_around},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::suggest,
    model::Place,
};

/// At most this number of problems of columns is told.
const ENOUGH_COLUMNS: usize = 20;

/// What may stand between cells in other files, and how it is called.
const OTHERS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")];

/// The problem of a file whose first row is separated by something else than commas.
pub(super) fn other_delimiter(file: &Arc<str>, text: &str) -> Option<Diagnostic> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let number = text.lines().take_while(|line| line.trim().is_empty()).count() + 1;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let place = |length| Place { file: file.clone(), line: number, column: 1, length };
    if let Some(sign) = line.trim().strip_prefix("sep=")
        && sign.chars().count() <= 1
    {
        let message = "the first line is a note for a spreadsheet, not a header row";
        let cure = "remove this line; the cells are separated by commas";
        return Some(
            Diagnostic::error(Code::CsvHeader, message).at(place(length_of(line))).help(cure),
        );
    }
    let names = |sign| line.split(sign).map(|name: &str| name.trim().trim_matches('"'));
    let has_ids = |sign| names(sign).any(|name| name.eq_ignore_ascii_case(VISITOR_COLUMN));
    let (sign, name) = OTHERS.into_iter().find(|(sign, _)| {
        let only = line.contains(*sign) && !line.contains(',');
        only || (line.contains(*sign) && has_ids(*sign) && !has_ids(','))
    })?;
    let message =
        format!("the columns of this file are separated by {name} ({sign:?}), not by commas");
    let cure =
        "save it with commas: in a spreadsheet, export it as CSV and choose the comma as separator";
    Some(Diagnostic::error(Code::CsvHeader, message).at(place(length_of(line))).help(cure))
}

/// The columns' names, and which of them is the visitor's id.
pub(super) fn read(
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
            problems.push(problem("this column has no name".to_owned()).at(place(at)).help(cure));
        } else if first < at {
            let again = problem(format!("the column `{name}` is here a second time"));
            problems.push(again.at(place(at)).related(place(first), "the first time is here"));
        } else if name.contains('\n') {
            let message = "the name of this column goes on to the next line".to_owned();
            let cure = "close the quote in its line; the name of a column is on one line";
            problems.push(problem(message).at(place(at)).help(cure));
        } else if name.trim() != &**name {
            let message = "the name of this column has white space around it".to_owned();
            problems.push(problem(message).at(place(at)).help(format!("write `{}`", name.trim())));
        }
    }
    let visitor = names.iter().position(|name| name.trim() == VISITOR_COLUMN);
    if visitor.is_none() {
        let near = suggest::nearest(VISITOR_COLUMN, names.iter().map(|name| &**name));
        let at = near.and_then(|near| names.iter().position(|name| **name == *near));
        let lacks = problem("there is no column `visitor_id`".to_owned()).at(match at {
            Some(at) => place(at),
            None => Place { file: file.clone(), line, column: 1, length: length_of(row) },
        });
        problems.push(match near {
            Some(near) => lacks.help(format!("rename `{}` to `visitor_id`", near.trim())),
            None if looks_like_a_row(&names) => lacks.help(
                "this looks like a row, not like a header: add a first row that names the columns, one of them \
                 `visitor_id`",
            ),
            None => lacks.help("the first row names the columns; one of them is `visitor_id`"),
        });
    }
    match visitor {
        Some(visitor) if problems.is_empty() => Ok((names, visitor)),
        _ => Err(problems),
    }
}

/// Names of columns have no digits in front, no `@`, and are not long.
fn looks_like_a_row(names: &[Arc<str>]) -> bool {
    names.iter().any(|name| {
        let digits = name.chars().filter(char::is_ascii_digit).count();
        !is_header(name)
            && (name.contains('@')
                || name.starts_with(|c: char| c.is_ascii_digit())
                || digits > 2
                || (digits > 0 && !name.contains('_')))
    })
}
