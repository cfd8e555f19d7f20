//! Reading rows in their order: in batches that are bounded in rows and bytes.

use std::rc::Rc;

use tokio_postgres::{Row, types::Type};

use super::{
    ranges::{self, Range, TABLES},
    rows::Rows,
    session::{Parameter, Session},
};
use crate::state::{StateError, kv::Visit};

/// How many rows are asked for at once, and (about) how many bytes come at most.
const ROWS: i64 = 4096;
const BYTES: i64 = 4 << 20;

/// All rows of a table with names from `range.from` up to `range.to`, in their order or backwards.
pub(super) struct Batch {
    range: Range,
    rows: Vec<Row>,
}

impl Batch {
    fn has(&self, table: usize, from: &[u8]) -> bool {
        let Range { table: of, from: start, to } = &self.range;
        *of == table
            && start.as_slice() <= from
            && to.as_ref().is_none_or(|to| from < to.as_slice())
    }
}

fn name_and_value<'a>(session: &Session, row: &'a Row) -> Result<(&'a [u8], &'a [u8]), StateError> {
    Ok((session.column(row, 0)?, session.column(row, 1)?))
}

impl Rows {
    /// What is asked for next comes from the database.
    pub(super) fn forget(&self) {
        self.ahead.replace(None);
    }

    /// Walks over the names of a range; whether the walk may go on in the next table.
    pub(super) fn walk_table(
        &self,
        mut range: Range,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<bool, StateError> {
        let mut key: Vec<u8> =
            TABLES.get(range.table).map(|(letter, _)| *letter).into_iter().collect();
        loop {
            let batch = self.batch(&range, backwards)?;
            for row in &batch.rows {
                let (name, value) = name_and_value(&self.session, row)?;
                if name < range.from.as_slice() {
                    continue;
                }
                if range.to.as_ref().is_some_and(|to| name >= to.as_slice()) {
                    return Ok(true);
                }
                key.truncate(1);
                key.extend_from_slice(name);
                if !visit(&key, value)? {
                    return Ok(false);
                }
            }
            let Range { from, to, .. } = &batch.range;
            if backwards {
                if *from <= range.from {
                    return Ok(true);
                }
                range.to = Some(from.clone());
            } else {
                match to {
                    Some(to) if range.to.as_ref().is_none_or(|end| to < end) => {
                        range.from = to.clone();
                    }
                    _ => return Ok(true),
                }
            }
        }
    }

    /// The rows at the beginning of a range; backwards, at its end.
    fn batch(&self, range: &Range, backwards: bool) -> Result<Rc<Batch>, StateError> {
        if let Some(ahead) = &*self.ahead.borrow()
            && !backwards
            && ahead.has(range.table, &range.from)
        {
            return Ok(Rc::clone(ahead));
        }
        let batch = Rc::new(self.fetch(range, backwards)?);
        if !backwards {
            self.ahead.replace(Some(Rc::clone(&batch)));
        }
        Ok(batch)
    }

    fn fetch(&self, range: &Range, backwards: bool) -> Result<Batch, StateError> {
        let Range { table, mut from, mut to } = range.clone();
        let Some((_, name)) = TABLES.get(table) else {
            return Ok(Batch { range: Range { table, from, to }, rows: Vec::new() });
        };
        let end = if to.is_some() { "AND name < $3" } else { "" };
        let order = if backwards { "DESC" } else { "" };
        // The row that goes beyond the bytes still comes: there is always one.
        let sql = format!(
            "SELECT name, value FROM (
                SELECT name, value, sum(octet_length(value)) OVER (
                    ORDER BY name {order} ROWS UNBOUNDED PRECEDING
                ) - octet_length(value) AS before
                FROM {name} WHERE environment = $1 AND name >= $2 {end}
                ORDER BY name {order} LIMIT {ROWS}
            ) AS page WHERE before < {BYTES} ORDER BY name {order}"
        );
        let mut parameters: Vec<Parameter<'_>> =
            vec![(&self.environment, Type::TEXT), (&from, Type::BYTEA)];
        if let Some(to) = &to {
            parameters.push((to, Type::BYTEA));
        }
        let rows = self.session.query(&sql, &parameters)?;
        let mut bytes = 0;
        let mut last: Option<&[u8]> = None;
        for row in &rows {
            let (next, value) = name_and_value(&self.session, row)?;
            if last.is_some_and(|last| (last < next) == backwards || last == next) {
                let what = format!("its {name} are out of order: REINDEX TABLE {name}");
                return Err(StateError::damaged(self.session.place(), what));
            }
            last = Some(next);
            bytes += value.len() as i64;
        }
        if let Some(last) = last
            && (rows.len() as i64 >= ROWS || bytes >= BYTES)
        {
            match backwards {
                true => from = last.to_vec(),
                false => to = Some(ranges::after(last)),
            }
        }
        Ok(Batch { range: Range { table, from, to }, rows })
    }
}
