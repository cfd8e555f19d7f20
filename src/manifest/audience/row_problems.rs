//! What is wrong with the rows of a CSV file.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ENOUGH, ENOUGH_ALIKE,
    format::{CsvFormat, Delimiter},
    lines::cell_span,
    positions::{column_of, length_of, line_around},
    rules::RowRules,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Place, number},
};

/// A problem of a row.
pub(super) enum Wrong {
    /// It has this number of cells, and the header another one.
    Width(usize),
    /// Its visitor's id is not one.
    Visitor(Diagnostic),
    /// The only column has ids with this sign in them, which separates cells in other files.
    Delimiter(&'static Delimiter),
    /// It is the header row once more.
    Header,
    /// A cell has other rows in it; it ends in this line.
    Swallowed(u32),
}

/// How many rows have a problem.
#[derive(Default)]
struct Count {
    /// Of these, each is reported.
    told: usize,
    more: u64,
    /// Of the others.
    first: Option<Diagnostic>,
}

pub(super) struct Problems<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    width: usize,
    visitor: usize,
    format: CsvFormat,
    rules: &'t RowRules,
    found: Vec<Diagnostic>,
    /// By what is said.
    counts: BTreeMap<String, Count>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(
        file: &'t Arc<str>,
        text: &'t str,
        (width, visitor): (usize, usize),
        (format, rules): (CsvFormat, &'t RowRules),
    ) -> Self {
        let (found, counts) = Default::default();
        Self { file, text, width, visitor, format, rules, found, counts }
    }

    /// Of the row that begins at `at`, in this line.
    pub(super) fn add(&mut self, at: usize, line: u32, wrong: Wrong) {
        let place = |column, length| Place { file: self.file.clone(), line, column, length };
        let Self { width, visitor, format, .. } = *self;
        let delimiter = format.named();
        let row = line_around(self.text, at);
        let whole = || place(1, length_of(row));
        let id = || {
            let span = cell_span(row, visitor, format);
            let length = (span.end - span.start).max(1);
            place(column_of(span.start), column_of(length) - 1)
        };
        let problem = match wrong {
            Wrong::Width(count) => {
                let cells = if count == 1 { "cell" } else { "cells" };
                let message = format!("this row has {count} {cells}, the header has {width}");
                let problem = Diagnostic::error(Code::CsvRow, message).at(whole());
                match () {
                    () if is_conflict(row) => problem
                        .help("this is a mark of a merge conflict in git: resolve it, and remove its marks"),
                    () if count > width => {
                        problem.help(format!("a cell with {} in it is put in quotes", delimiter.one))
                    }
                    () if row.contains([',', ';', '\t', '|']) && count == 1 => {
                        problem.help(format!("the cells of a row are separated by {}", delimiter.many))
                    }
                    () => problem,
                }
            }
            Wrong::Visitor(problem) => problem.at(id()),
            Wrong::Delimiter(found) => {
                let message = format!(
                    "this {} has {}, and the header names only one column",
                    self.rules.visitor.kind().name(),
                    found.one
                );
                let cure = match found.sign == delimiter.sign {
                    _ if format.fixed => format!(
                        "separate the cells by {}, and name each column in the first row",
                        delimiter.many
                    ),
                    true => "name each column in the first row".to_owned(),
                    false => format!(
                        "name each column in the first row, and say `delimiter: {}` for this audience or separate the \
                         cells by {}",
                        found.written, delimiter.many
                    ),
                };
                Diagnostic::error(Code::BadVisitor, message).at(id()).help(cure)
            }
            Wrong::Header => {
                Diagnostic::error(Code::CsvRow, "the header row is here a second time")
                    .at(whole())
                    .help("remove it; perhaps two files were joined")
            }
            Wrong::Swallowed(last) => {
                let message = format!(
                    "a quoted cell goes on from line {line} to line {last}, and what is in it looks like other rows"
                );
                Diagnostic::error(Code::CsvQuote, message).at(whole()).help(format!(
                    "close the quote in the line where it opens; if the lines belong to the text, put a blank after \
                     the {} in them",
                    delimiter.many
                ))
            }
        };
        let count = self.counts.entry(problem.message.clone()).or_default();
        if count.told >= ENOUGH_ALIKE || self.found.len() >= ENOUGH {
            count.more += 1;
            count.first.get_or_insert(problem);
            return;
        }
        count.told += 1;
        self.found.push(problem);
    }

    /// All of them; of those that are alike, some, and the number of the others.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let Self { counts, mut found, .. } = self;
        let rest = counts.into_values().filter_map(|Count { told, more, first }| {
            let mut problem = first?;
            let rows = match (told, more) {
                (0, 1) => String::new(),
                (0, more) => format!("in {} rows, first in this one: ", number(more)),
                (_, 1) => "1 more row: ".to_owned(),
                (_, more) => format!("{} more rows, first this one: ", number(more)),
            };
            problem.message.insert_str(0, &rows);
            Some(problem)
        });
        found.extend(rest.take(ENOUGH));
        found
    }
}

/// Whether a line is one of those that git writes between two versions that it cannot merge.
pub(super) fn is_conflict(line: &str) -> bool {
    line == "======="
        || ["<<<<<<< ", ">>>>>>> ", "||||||| "].iter().any(|mark| line.starts_with(mark))
}
