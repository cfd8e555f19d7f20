//! What a template can name: the columns of its rows, and the variables of the project.

use super::values::Kind;
use crate::manifest::{audience::Table, vars::Vars};

/// What the names of a template mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) table: &'a Table,
    pub(crate) vars: &'a Vars,
}

/// A column, as a condition that stands alone sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    kind: Kind,
    /// Declared as a text: then its words are not truth values.
    pub(super) is_text: bool,
}

impl Column {
    /// The kind of its values.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether a condition asks if a cell has a value; the others have a truth of their own.
    pub(super) fn is_filled(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Day)
    }
}

/// The name of the row itself: `row["First Name"]`.
pub(crate) const ROW: &str = "row";

impl Scope<'_> {
    /// A column by its bare name.
    pub(super) fn column(&self, name: &str) -> Option<Column> {
        // An empty cell falls back to the variable of that name.
        if self.vars.contains_key(name) { None } else { self.cell(name) }
    }

    /// A column by its name in `row["…"]`.
    pub(super) fn cell(&self, name: &str) -> Option<Column> {
        let declared = self.table.column_type(self.table.column(name)?);
        let kind = declared.map_or(Kind::Text, |declared| declared.kind());
        Some(Column { kind, is_text: declared.is_some() && kind == Kind::Text })
    }

    /// Whether `row` is the row, and not a column or a variable of that name.
    pub(super) fn has_row(&self) -> bool {
        !self.vars.contains_key(ROW) && self.table.column(ROW).is_none()
    }

    /// What a name means; `None` if it means nothing.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        let var = self.vars.get(name).map(Kind::of);
        let cell = self.cell(name).map(|column| column.kind);
        match (cell, var) {
            (Some(cell), Some(var)) if cell != var => Some(Kind::Any),
            (cell, var) => cell.or(var),
        }
    }

    /// All names, for suggestions.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.table.columns().chain(self.vars.keys().map(String::as_str))
    }
}
