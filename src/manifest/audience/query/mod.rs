//! Audiences as queries on PostgreSQL.
//!
//! `source.rs` reads what YAML and the SQL file say, `statement.rs` takes one SELECT only, `run.rs` runs it in a read-only
//! transaction, `columns.rs` says what its columns hold, `rows.rs` takes the rows as they come, and `failure.rs` has the
//! words of what fails.

mod columns;
mod failure;
mod rows;
mod run;
mod source;
mod sql_lines;
mod statement;

pub(crate) use source::{Database, QuerySource};
pub(crate) use sql_lines::SqlLines;
