//! How the rows of an audience are read, wherever they come from.

use std::sync::Arc;

use super::{VISITOR_COLUMN, columns::Types, visitor_rule::VisitorRule};

/// How rows are read. Audiences with the same rules share the rows of a file.
#[derive(Debug, Clone)]
pub(crate) struct RowRules {
    /// Where visitors' ids come from.
    pub(crate) visitor: VisitorRule,
    /// Cells that count as empty, beside the empty one.
    pub(crate) missing: Arc<[Box<str>]>,
    /// The types of columns, each with its place.
    pub(crate) types: Types,
}

impl Default for RowRules {
    fn default() -> Self {
        let visitor = VisitorRule { column: VISITOR_COLUMN.into(), derivation: None };
        Self { visitor, missing: Arc::default(), types: Types::default() }
    }
}

impl RowRules {
    /// What a cell holds, if it counts as something.
    pub(super) fn meant<'c>(&self, cell: &'c str) -> &'c str {
        if self.missing.iter().any(|missing| **missing == *cell) { "" } else { cell }
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
