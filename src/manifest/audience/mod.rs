//! Visitors and what is known of them, as compact as a million rows need it.

mod csv;
mod lines;
mod order;
mod plain;

use std::{collections::HashMap, sync::Arc};

use memchr::{memchr, memchr3};

use self::order::Keys;
pub(crate) use self::{csv::not_utf8, lines::FileLines};
use super::{source::SourcePath, threads::Threads};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Place, VisitorId},
};

/// The column that every CSV file has.
const VISITOR_COLUMN: &str = "visitor_id";
/// So many problems of one file are reported one by one.
const ENOUGH: usize = 200;
/// Up to this number, names are found sooner without an index.
const FEW: usize = 16;
/// So many rows are got from memory at a time.
pub(crate) const AHEAD: usize = 16;

/// Visitors with their columns: the file as it was read, and where each row begins.
///
/// A row is named by where it begins. Its cells are found when they are asked for: that takes less
/// time than to get the places of all of them from memory, and no memory.
pub struct Table {
    columns: Vec<Arc<str>>,
    /// Where each column is, by its name.
    places: HashMap<Arc<str>, usize>,
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
        source: SourcePath,
        lines: Vec<u32>,
    },
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
        let at = match self.columns.len() {
            0..=FEW => self.columns.iter().position(|column| **column == *name)?,
            _ => *self.places.get(name)?,
        };
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
        let csv = self.is_csv();
        let end = |rest: &str| {
            let end = match csv {
                true => memchr3(b',', b'\n', b'\r', rest.as_bytes()),
                false => memchr(b'\n', rest.as_bytes()),
            };
            end.unwrap_or(rest.len())
        };
        let mut rest = &self.text[row as usize..];
        for _ in 0..column {
            rest = rest.get(end(rest) + 1..).unwrap_or_default();
        }
        &rest[..end(rest)]
    }

    /// How far behind the beginning of its row a cell is.
    pub(crate) fn distance(&self, row: u32, cell: &str) -> usize {
        let start = self.text.as_ptr().addr() + row as usize;
        let distance = cell.as_ptr().addr().wrapping_sub(start);
        // Cells of rows with quotes are kept apart.
        if distance <= self.text.len() { distance } else { 0 }
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

    /// Gets the rows from `position` on from memory: all of them together take hardly longer than one.
    pub(crate) fn read_ahead(&self, position: usize) {
        let rows = self.order.iter().skip(position).take(AHEAD);
        let first = rows.map(|row| self.text.as_bytes().get(*row as usize).copied());
        std::hint::black_box(first.fold(0, |all, byte| all ^ byte.unwrap_or_default()));
    }

    /// Whether the rows are those of a CSV file.
    pub(crate) fn is_csv(&self) -> bool {
        matches!(self.origin, Origin::Csv { .. })
    }

    /// A list of ids; `source` is the list.
    pub(crate) fn from_list(ids: &[String], source: SourcePath) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut text = String::with_capacity(ids.iter().map(|id| id.len() + 1).sum());
        let (mut lines, mut rows) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
        let mut keys = Keys::default();
        for (at, id) in ids.iter().enumerate() {
            if let Err(error) = check_visitor(id) {
                let place = source.child(at).place();
                problems.push(Diagnostic::error(Code::BadVisitor, error).at(place));
            }
            let row = u32::try_from(text.len()).unwrap_or(u32::MAX);
            lines.push(row);
            rows.push(keys.note(id.as_bytes(), row));
            text.push_str(id);
            text.push('\n');
        }
        let table = Self {
            columns: vec![VISITOR_COLUMN.into()],
            places: HashMap::new(),
            visitor: 0,
            text,
            order: Vec::new(),
            quoted: HashMap::new(),
            origin: Origin::List { source, lines },
        };
        table.sorted(rows, &keys, problems, Threads::AsNeeded)
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
