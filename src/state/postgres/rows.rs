//! The bytes of one environment as rows.

use std::{
    cell::{Cell, RefCell},
    ops::Bound,
    rc::Rc,
};

use tokio_postgres::types::Type;

use super::{
    ranges::{self, Spot, TABLES},
    read::Batch,
    session::{Parameter, Session},
};
use crate::state::{
    StateError,
    header::StateHeader,
    kv::{Changes, Kv, Visit},
};

/// The rows of one environment.
pub(super) struct Rows {
    pub(super) session: Session,
    pub(super) environment: String,
    /// The number of the lock; `None` if nothing is written.
    pub(super) lock: Option<i64>,
    /// The number of the last commit that this session knows; `None` before the first.
    pub(super) seen: Cell<Option<i64>>,
    /// What was read last: most walks begin where another ended.
    pub(super) ahead: RefCell<Option<Rc<Batch>>>,
}

impl Rows {
    pub(super) fn new(session: Session, environment: &str, lock: Option<i64>) -> Self {
        let environment = environment.to_owned();
        Self { session, environment, lock, seen: Cell::new(None), ahead: RefCell::new(None) }
    }

    /// Compares the row of the environment with its ledger: each column is the ledger's, in words
    /// that a person can read. Notes the number of the last commit.
    pub(super) fn compare(&self, ledger: &StateHeader) -> Result<(), StateError> {
        let row = self.session.one(
            "SELECT lineage::text, serial, sequence, records, intents, runs \
             FROM pushsync_states WHERE environment = $1",
            &[(&self.environment, Type::TEXT)],
        )?;
        let lineage: &str = self.session.column(&row, 0)?;
        let mut same = lineage == ledger.meta.lineage.to_string();
        for (at, number) in numbers(ledger).into_iter().enumerate() {
            same &= self.session.column::<i64>(&row, at + 1)? == number;
        }
        if !same {
            let what = format!(
                "the row of the environment {:?} in pushsync_states was changed by something else",
                self.environment
            );
            return Err(StateError::damaged(self.session.place(), what));
        }
        self.seen.set(Some(clamped(ledger.sequence)));
        Ok(())
    }

    /// Whether there is any row beside that of the environment.
    pub(super) fn any(&self) -> Result<bool, StateError> {
        let tables: Vec<_> = TABLES
            .iter()
            .map(|(_, table)| format!("EXISTS (SELECT FROM {table} WHERE environment = $1)"))
            .collect();
        let sql = format!("SELECT {}", tables.join(" OR "));
        let row = self.session.one(&sql, &[(&self.environment, Type::TEXT)])?;
        self.session.column(&row, 0)
    }
}

/// The columns of numbers, in their order.
pub(super) fn numbers(ledger: &StateHeader) -> [i64; 5] {
    [
        clamped(ledger.meta.serial),
        clamped(ledger.sequence),
        clamped(ledger.meta.records),
        clamped(ledger.intents.count),
        clamped(ledger.runs.count),
    ]
}

/// The database has no larger ones, and no state gets there.
pub(super) fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Kv for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let key = key.to_vec();
        Ok(self.get_all(std::slice::from_ref(&key))?.pop().flatten())
    }

    fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        let mut found = vec![None; keys.len()];
        let mut wanted: [(Vec<&[u8]>, Vec<i64>); 4] = Default::default();
        let mut ledger: Option<i64> = None;
        for (at, key) in keys.iter().enumerate() {
            match ranges::spot(key) {
                Spot::Ledger => ledger = Some(at as i64),
                Spot::Row(table, name) => {
                    if let Some((names, places)) = wanted.get_mut(table) {
                        names.push(name);
                        places.push(at as i64);
                    }
                }
                Spot::Nowhere => {}
            }
        }
        let mut selects = Vec::new();
        let mut parameters: Vec<Parameter<'_>> = vec![(&self.environment, Type::TEXT)];
        if let Some(at) = &ledger {
            parameters.push((at, Type::INT8));
            selects.push(
                "SELECT $2 AS place, ledger FROM pushsync_states WHERE environment = $1".to_owned(),
            );
        }
        for ((_, table), (names, places)) in TABLES.iter().zip(&wanted) {
            if !names.is_empty() {
                let next = parameters.len() + 1;
                selects.push(format!(
                    "SELECT place, value FROM unnest(${next}, ${}) AS wanted (name, place) \
                     JOIN {table} USING (name) WHERE environment = $1",
                    next + 1
                ));
                parameters.push((names, Type::BYTEA_ARRAY));
                parameters.push((places, Type::INT8_ARRAY));
            }
        }
        if selects.is_empty() {
            return Ok(found);
        }
        for row in self.session.query(&selects.join(" UNION ALL "), &parameters)? {
            let at = usize::try_from(self.session.column::<i64>(&row, 0)?).unwrap_or(usize::MAX);
            if let Some(found) = found.get_mut(at) {
                *found = Some(self.session.column(&row, 1)?);
            }
        }
        Ok(found)
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let mut ranges = ranges::between(&from, &to);
        if backwards {
            ranges.reverse();
        }
        for range in ranges {
            if !self.walk_table(range, backwards, visit)? {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        self.forget();
        self.write_all(changes)
    }

    fn check_writable(&self) -> Result<(), StateError> {
        self.session.check()
    }

    fn verify(&self) -> Result<Vec<String>, StateError> {
        self.forget();
        let header = StateHeader::stored(self, self.session.place(), &self.environment);
        // A header that cannot be read is found by those who need it.
        let Ok(Some(header)) = header else { return Ok(Vec::new()) };
        match self.compare(&header) {
            Ok(()) => Ok(Vec::new()),
            Err(StateError::Damaged { what, .. }) => Ok(vec![what]),
            Err(error) => Err(error),
        }
    }
}
