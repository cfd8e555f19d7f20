//! How the rows of an audience are read, wherever they come from.

use std::sync::Arc;

use super::{columns::Types, visitor_rule::VisitorRule};
use crate::diagnostics::{Code, Diagnostic};

/// How rows are read. Audiences with the same rules share the rows of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowRules {
    /// Where visitors' ids come from.
    pub(crate) visitor: VisitorRule,
    /// Cells that count as empty, beside the empty one.
    pub(crate) missing: Arc<[Box<str>]>,
    /// The types of columns, each with its place.
    pub(crate) types: Types,
}

impl RowRules {
    /// What a cell holds, if it counts as something.
    pub(super) fn meant<'c>(&self, cell: &'c str) -> &'c str {
        if self.missing.iter().any(|missing| **missing == *cell) { "" } else { cell }
    }

    /// The problem of a cell that stands where the id belongs.
    pub(super) fn id_problem(&self, cell: &str) -> Option<Diagnostic> {
        let kind = self.visitor.kind();
        if !cell.is_empty() && self.meant(cell).is_empty() {
            let message =
                format!("`{cell}` stands where a {} belongs: it counts as empty", kind.name());
            let cure = "leave out the row, or give it its id; `missing:` names the cells that count as empty";
            return Some(Diagnostic::error(Code::BadVisitor, message).help(cure));
        }
        kind.problem(cell)
    }

    /// Whether both give the same table for the same cells.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let types = |rules: &Self| {
            let mut types: Vec<_> =
                rules.types.iter().map(|(name, kind, _)| (name.clone(), *kind)).collect();
            types.sort();
            types
        };
        self.visitor == other.visitor
            && self.missing == other.missing
            && types(self) == types(other)
    }
}
