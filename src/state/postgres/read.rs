//! Reads rows in the order of their names, in batches of limited rows and bytes.

use std::{cell::RefCell, rc::Rc};

use tokio_postgres::{Row, types::Type};

use super::{
    row_key::{self, NameRange},
    session::{Parameter, Session},
};
use crate::state::{StateError, kv::Visit};

/// The most rows of a batch, and (about) the most bytes.
const ROWS: usize = 4096;
const BYTES: usize = 4 << 20;

/// All rows of a range.
struct Batch {
    range: NameRange,
    rows: Vec<Row>,
}

/// Reads the rows of one environment. It keeps the last batch, as most walks begin where another
/// one ended.
#[derive(Default)]
pub(super) struct RowReader {
    last: RefCell<Option<Rc<Batch>>>,
}

impl RowReader {
    /// The next walk asks the database.
    pub(super) fn forget(&self) {
        self.last.replace(None);
    }

    /// Visits the rows of a range. Answers whether the walk may go on behind it.
    pub(super) fn walk(
        &self,
        session: &Session,
        environment: &str,
        mut range: NameRange,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<bool, StateError> {
        let mut key = vec![range.table.letter];
        loop {
            let batch = match backwards {
                true => Rc::new(fetch(session, environment, &range, true)?),
                false => self.batch(session, environment, &range)?,
            };
            for row in &batch.rows {
                let (name, value) = name_and_value(session, row)?;
                if name < range.from.as_slice() {
                    continue;
                }
                if !range.ends_after(name) {
                    return Ok(true);
                }
                key.truncate(1);
                key.extend_from_slice(name);
                if !visit(&key, value)? {
                    return Ok(false);
                }
            }
            let NameRange { from, to, .. } = &batch.range;
            match to {
                _ if backwards && *from > range.from => range.to = Some(from.clone()),
                Some(to) if !backwards && range.ends_after(to) => range.from = to.clone(),
                _ => return Ok(true),
            }
        }
    }

    /// The rows at the beginning of a range.
    fn batch(
        &self,
        session: &Session,
        environment: &str,
        range: &NameRange,
    ) -> Result<Rc<Batch>, StateError> {
        let mut last = self.last.borrow_mut();
        let fits = |of: &NameRange| {
            of.table == range.table && of.from <= range.from && of.ends_after(&range.from)
        };
        if let Some(batch) = &*last
            && fits(&batch.range)
        {
            return Ok(Rc::clone(batch));
        }
        let batch = Rc::new(fetch(session, environment, range, false)?);
        Ok(Rc::clone(last.insert(batch)))
    }
}

/// The rows at the beginning of a range; backwards, at its end.
fn fetch(
    session: &Session,
    environment: &str,
    range: &NameRange,
    backwards: bool,
) -> Result<Batch, StateError> {
    let mut range = range.clone();
    let table = range.table.name;
    let end = if range.to.is_some() { "AND name < $3" } else { "" };
    let order = if backwards { "DESC" } else { "" };
    // The row that exceeds the bytes still comes: every batch has one.
    let sql = format!(
        "SELECT name, value FROM (
            SELECT name, value, sum(octet_length(value)) OVER (
                ORDER BY name {order} ROWS UNBOUNDED PRECEDING
            ) - octet_length(value) AS before
            FROM {table} WHERE environment = $1 AND name >= $2 {end}
            ORDER BY name {order} LIMIT {ROWS}
        ) AS page WHERE before < {BYTES} ORDER BY name {order}"
    );
    let mut parameters: Vec<Parameter<'_>> =
        vec![(&environment, Type::TEXT), (&range.from, Type::BYTEA)];
    if let Some(to) = &range.to {
        parameters.push((to, Type::BYTEA));
    }
    let rows = session.query(&sql, &parameters)?;
    let mut bytes = 0;
    let mut last: Option<&[u8]> = None;
    for row in &rows {
        let (name, value) = name_and_value(session, row)?;
        if last.is_some_and(|last| last == name || (last < name) == backwards) {
            let what = format!("its {table} are out of order: REINDEX TABLE {table}");
            return Err(StateError::damaged(session.location(), what));
        }
        last = Some(name);
        bytes += value.len();
    }
    match last.filter(|_| rows.len() >= ROWS || bytes >= BYTES) {
        Some(last) if backwards => range.from = last.to_vec(),
        Some(last) => range.to = Some(row_key::after(last)),
        None => {}
    }
    Ok(Batch { range, rows })
}

fn name_and_value<'a>(session: &Session, row: &'a Row) -> Result<(&'a [u8], &'a [u8]), StateError> {
    Ok((session.column(row, 0)?, session.column(row, 1)?))
}
