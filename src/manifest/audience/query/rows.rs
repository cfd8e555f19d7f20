//! The rows of an answer, taken one by one, and what is wrong with them.

use std::{borrow::Cow, collections::BTreeMap};

use tokio_postgres::SimpleQueryRow;

use super::columns::Column;
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::audience::{
        RowRules,
        rows::{RowsBuilder, TooLarge},
        signs,
    },
    model::{Place, number},
};

/// What is wrong with rows, by what is said: the first of them, and how many.
#[derive(Default)]
struct Problems(BTreeMap<String, (Diagnostic, u64, u64)>);

impl Problems {
    fn add(&mut self, row: u64, problem: Diagnostic) {
        match self.0.get_mut(&problem.message) {
            Some((_, _, count)) => *count += 1,
            None => _ = self.0.insert(problem.message.clone(), (problem, row, 1)),
        }
    }

    fn told(self, place: &Place) -> Vec<Diagnostic> {
        let told = self.0.into_values().map(|(mut problem, first, count)| {
            let first = number(first);
            let rows = match count {
                1 => format!(", in row {first} of the query's answer"),
                _ => format!(
                    ", in {} rows of the query's answer, first in row {first}",
                    number(count)
                ),
            };
            problem.message.push_str(&rows);
            problem.at(place.clone())
        });
        told.collect()
    }
}

/// Takes rows.
pub(super) struct Rows<'r> {
    rules: &'r RowRules,
    columns: Vec<Column>,
    visitor: usize,
    builder: RowsBuilder<'r>,
    count: u64,
    problems: Problems,
}

impl<'r> Rows<'r> {
    pub(super) fn new(rules: &'r RowRules, columns: Vec<Column>, visitor: usize) -> Self {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let builder = RowsBuilder::new(rules, names, visitor);
        Self { rules, columns, visitor, builder, count: 0, problems: Problems::default() }
    }

    /// How many there are so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes the next one.
    pub(super) fn push(&mut self, row: &SimpleQueryRow) -> Result<(), TooLarge> {
        self.count += 1;
        let mut cells: Vec<Cow<'_, str>> = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.iter().enumerate() {
            // A text that is not UTF-8 does not come: the server converts or refuses it.
            let text = row.try_get(at).ok().flatten();
            let cell = column.cell(text.unwrap_or_default());
            if at == self.visitor {
                if let Some(problem) = self.id(column, text, &cell) {
                    self.problems.add(self.count, problem);
                }
            } else if has_forbidden(&cell) {
                let message = format!("`{}` has a character that no text has", column.name);
                let help = "remove it in the query: regexp_replace(COLUMN, '[[:cntrl:]]', '', 'g')";
                self.problems.add(self.count, Diagnostic::error(Code::BadCell, message).help(help));
            }
            let meant = self.rules.meant(&cell);
            if !meant.is_empty()
                && let Some((message, help)) = column.unfit(meant)
            {
                self.problems.add(self.count, Diagnostic::error(Code::BadCell, message).help(help));
            }
            cells.push(cell);
        }
        self.builder.push(cells.iter().map(|cell| &**cell))
    }

    /// What is wrong with the cell that the visitor's id is, or is made from.
    fn id(&self, column: &Column, text: Option<&str>, cell: &str) -> Option<Diagnostic> {
        let name = &column.name;
        let none = |what: String| {
            let help = format!("leave such rows out: WHERE {name} IS NOT NULL");
            Some(Diagnostic::error(Code::BadVisitor, what).help(help))
        };
        match text {
            None => none(format!("`{name}` is NULL")),
            Some(text) if text.trim().is_empty() => none(format!("`{name}` is empty")),
            Some(_) => self.rules.id_problem(cell),
        }
    }

    /// The rows, for a table; and what is wrong with them.
    pub(super) fn finish(self, place: &Place) -> (RowsBuilder<'r>, Vec<Column>, Vec<Diagnostic>) {
        let Self { builder, columns, problems, .. } = self;
        (builder, columns, problems.told(place))
    }
}

/// Whether there is a character that no cell of a CSV file may have. Bytes are looked at first: few texts have any such
/// character.
fn has_forbidden(text: &str) -> bool {
    let suspicious = |byte: u8| {
        byte < 0x20 && byte != b'\n' && byte != b'\t'
            || byte == 0x7f
            || byte == 0xc2
            || byte == 0xef
    };
    text.bytes().any(suspicious) && text.contains(signs::is_forbidden)
}
