//! The rows of an audience as they come in, from a file or from a query.

use std::sync::Arc;

use super::rules::RowRules;
use crate::model::SecretFingerprint;

/// The name of the column with the ids that are made from another column. No file has a column of that name, and
/// no template can reach it.
pub(super) const DERIVED: &str = "\0";

/// The cells of all rows, one after the other, and where each ends.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) cells: String,
    pub(super) ends: Vec<u32>,
    /// Of ids that were made: from which column, and with which secret.
    pub(super) derived: Option<DerivedFrom>,
}

/// What the ids of a table were made from.
#[derive(Debug, Clone)]
pub(super) struct DerivedFrom {
    pub(super) column: usize,
    pub(super) variable: Box<str>,
    /// `None` if another key stood in for the secret.
    pub(super) secret: Option<SecretFingerprint>,
}

/// Takes rows one by one.
pub(super) struct RowsBuilder<'r> {
    rules: &'r RowRules,
    columns: Vec<Arc<str>>,
    /// The column that ids are read from.
    read_from: usize,
    rows: Rows,
}

/// More bytes of cells than can be counted.
#[derive(Debug)]
pub(super) struct TooLarge;

impl<'r> RowsBuilder<'r> {
    /// Of these columns; `visitor` is the one that the rules name.
    pub(super) fn new(rules: &'r RowRules, columns: Vec<Arc<str>>, visitor: usize) -> Self {
        Self { rules, columns, read_from: visitor, rows: Rows::default() }
    }

    /// Makes room, as far as it is known how much is needed.
    pub(super) fn reserve(&mut self, rows: usize, bytes: usize) {
        let derived = self.rules.visitor.derivation.as_ref();
        let per_row = derived.map_or(0, |derivation| derivation.length);
        self.rows.cells.reserve(bytes + rows * per_row);
        self.rows.ends.reserve(rows * (self.columns.len() + usize::from(derived.is_some())));
    }

    /// Adds a row with a cell for each column.
    pub(super) fn push<'c>(
        &mut self,
        cells: impl Iterator<Item = &'c str>,
    ) -> Result<(), TooLarge> {
        let Rows { cells: all, ends, derived: _ } = &mut self.rows;
        let mut id = 0..0;
        for (at, cell) in cells.enumerate() {
            let start = all.len();
            all.push_str(self.rules.meant(cell));
            if at == self.read_from {
                id = start..all.len();
            }
            ends.push(u32::try_from(all.len()).map_err(|_| TooLarge)?);
        }
        if let Some(derivation) = &self.rules.visitor.derivation {
            // A row without a user has no visitor: that is told where the ids are checked.
            if !id.is_empty() {
                let digits = derivation.digits(&all[id]);
                let digits = std::str::from_utf8(&digits[..derivation.length]);
                all.push_str(digits.unwrap_or_default());
            }
            ends.push(u32::try_from(all.len()).map_err(|_| TooLarge)?);
        }
        Ok(())
    }

    /// The columns, the one with the visitors' ids among them, and the rows.
    pub(super) fn finish(self) -> (Vec<Arc<str>>, usize, Rows) {
        let Self { rules, mut columns, read_from, mut rows } = self;
        match &rules.visitor.derivation {
            None => (columns, read_from, rows),
            Some(derivation) => {
                rows.derived = Some(DerivedFrom {
                    column: read_from,
                    variable: derivation.variable.clone(),
                    secret: derivation.fingerprint,
                });
                columns.push(DERIVED.into());
                let visitor = columns.len() - 1;
                (columns, visitor, rows)
            }
        }
    }
}
