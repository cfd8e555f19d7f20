//! Visitors and their columns, from CSV files and lists.

mod columns;
mod csv;
mod decode;
mod expectations;
mod format;
mod header;
pub(crate) mod ids;
mod lines;
mod positions;
mod query;
mod quotes;
mod row_problems;
mod rows;
mod rules;
mod signs;
mod swallowed;
mod table;
#[cfg(test)]
mod tests;
mod visitor_rule;

pub(crate) use columns::{ColumnType, Types};
pub(crate) use expectations::Expectations;
pub(crate) use format::{CsvFormat, DELIMITERS, encoding_name};
pub(crate) use lines::{FileLines, MOST_BYTES, Reading};
pub(crate) use query::{Database, QuerySource, SqlLines};
pub(crate) use rules::RowRules;
pub use table::{Table, UnknownVisitors};
pub(crate) use visitor_rule::{Derivation, VisitorRule};

/// The column with the visitors' ids, if nothing else is said.
const VISITOR_COLUMN: &str = "visitor_id";
/// At most this number of problems of one file is reported one by one.
const ENOUGH: usize = 200;
/// At most this number of rows with the same problem is reported one by one.
const ENOUGH_ALIKE: usize = 3;
