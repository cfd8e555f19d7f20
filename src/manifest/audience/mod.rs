//! Visitors and what is known of them, as compact as a million rows need it.

mod csv;
mod lines;

use std::{collections::HashMap, sync::Arc};

pub(crate) use self::{csv::not_utf8, lines::FileLines};
use super::source::Source;
use crate::{
    diagnostics::{Code, Diagnostic, Place},
    model::VisitorId,
};

/// The column that every CSV file has.
const VISITOR_COLUMN: &str = "visitor_id";
/// So many problems of one file are reported one by one.
const ENOUGH: usize = 200;

/// Visitors with their columns: the file as it was read, and where each row begins.
///
/// A row is named by where it begins. Its cells are found when they are asked for: that takes less
/// time than to get the places of all of them from memory, and no memory.
pub struct Table {
    columns: Vec<Arc<str>>,
    visitor: usize,
    text: String,
    /// The rows in the order of visitors' ids.
    order: Vec<u32>,
    /// The cells of rows that have quotes.
    quoted: HashMap<u32, Box<[Box<str>]>>,
    origin: Origin,
}

enum Origin {
    Csv {
        file: Arc<str>,
    },
    /// One id on each line, and the lines in the order of the list.
    List {
        source: Source,
        lines: Vec<u32>,
    },
}

/// A row while it is brought in order: eight bytes of its id as two numbers, and where it begins.
type Sortable = [u32; 3];

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
        if !self.quoted.is_empty()
            && let Some(cells) = self.quoted.get(&row)
        {
            return cells.get(column).map_or("", |cell| cell);
        }
        let mut rest = &self.text[row as usize..];
        let csv = self.is_csv();
        let is_end = |byte: u8| byte == b'\n' || csv && matches!(byte, b',' | b'\r');
        let end = |rest: &str| rest.bytes().position(is_end).unwrap_or(rest.len());
        for _ in 0..column {
            rest = rest.get(end(rest) + 1..).unwrap_or_default();
        }
        &rest[..end(rest)]
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
            Origin::Csv { file } => {
                let before = self.text.as_bytes().get(..row as usize).unwrap_or_default();
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                Place { file: file.clone(), line, column: 1, length: 1 }
            }
            Origin::List { source, lines } => {
                source.child(lines.binary_search(&row).unwrap_or_default()).place()
            }
        }
    }

    /// Whether the rows are those of a CSV file.
    pub(crate) fn is_csv(&self) -> bool {
        matches!(self.origin, Origin::Csv { .. })
    }

    /// A list of ids; `source` is the list.
    pub(crate) fn from_list(ids: &[String], source: Source) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut text = String::with_capacity(ids.iter().map(|id| id.len() + 1).sum());
        let mut lines = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            if let Err(error) = check_visitor(id) {
                let place = source.child(at).place();
                problems.push(Diagnostic::error(Code::BadVisitor, error).at(place));
            }
            lines.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
            text.push_str(id);
            text.push('\n');
        }
        let rows = lines.iter().map(|line| [0, 0, *line]).collect();
        let table = Self {
            columns: vec![VISITOR_COLUMN.into()],
            visitor: 0,
            text,
            order: Vec::new(),
            quoted: HashMap::new(),
            origin: Origin::List { source, lines },
        };
        table.sorted(rows, problems)
    }

    /// Brings the rows in the order of their ids, and finds those that come twice.
    fn sorted(
        mut self,
        mut rows: Vec<Sortable>,
        mut problems: Vec<Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        self.find_keys(&mut rows);
        let number = |row: &Sortable| (row[0], row[1]);
        let whole = |row: &Sortable| (self.visitor(row[2]), row[2]);
        rows.sort_unstable_by(|a, b| {
            number(a).cmp(&number(b)).then_with(|| whole(a).cmp(&whole(b)))
        });
        let mut twice = 0;
        let mut first = 0;
        for at in 1..rows.len() {
            let [_, _, row] = rows[at];
            let same = number(&rows[first]) == number(&rows[at])
                && self.visitor(rows[first][2]) == self.visitor(row);
            if !same {
                first = at;
                continue;
            }
            let id = self.visitor(row);
            twice += 1;
            if twice > ENOUGH || id.is_empty() {
                continue;
            }
            let masked = VisitorId::parse(id).map(|id| id.masked()).unwrap_or_default();
            let problem = Diagnostic::error(
                Code::DuplicateVisitor,
                format!("the visitor {masked} is here a second time"),
            );
            let (again, before) = (self.place(row), self.place(rows[first][2]));
            problems.push(problem.at(again).related(before, "the first time is here"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.order = rows.into_iter().map(|row| row[2]).collect();
        self.order.shrink_to_fit();
        Ok(self)
    }

    /// Notes the eight bytes of each id that follow what all have in common: where they differ,
    /// nothing has to be looked up to sort them.
    fn find_keys(&self, rows: &mut [Sortable]) {
        let Some([_, _, first]) = rows.first() else { return };
        let first = self.visitor(*first).as_bytes();
        let mut common = first.len();
        for [_, _, row] in rows.iter() {
            let both = self.visitor(*row).bytes().zip(&first[..common]);
            common = both.take_while(|(a, b)| a == *b).count();
        }
        for [high, low, row] in rows {
            let rest = self.visitor(*row).as_bytes().get(common..).unwrap_or_default();
            let byte = |at: usize| rest.get(at).copied().unwrap_or_default();
            *high = u32::from_be_bytes([byte(0), byte(1), byte(2), byte(3)]);
            *low = u32::from_be_bytes([byte(4), byte(5), byte(6), byte(7)]);
        }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} rows, columns {:?})", self.order.len(), self.columns)
    }
}

fn check_visitor(id: &str) -> Result<(), String> {
    VisitorId::parse(id).map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
