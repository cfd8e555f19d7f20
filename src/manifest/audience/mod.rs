//! Visitors and what is known of them, as compact as a million rows need it.

mod csv;
mod lines;

use std::sync::Arc;

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

fn check_visitor(id: &str) -> Result<(), String> {
    VisitorId::parse(id).map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
