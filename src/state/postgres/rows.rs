//! The bytes of one environment as rows.

use std::{cell::Cell, mem, ops::Bound};

use tokio_postgres::types::Type;

use super::{
    ranges::{self, Range, Spot, TABLES},
    schema,
    session::{Parameter, Session},
};
use crate::state::{
    StateError, codec,
    engine::{Backing, Visit},
    keys,
    ledger::{Changes, Ledger},
};

/// How many rows are asked for at once, and (about) how many bytes come at most.
const ROWS: i64 = 4096;
const BYTES: i64 = 4 << 20;
/// A commit with more bytes is sent in several statements.
const PORTION: usize = 16 << 20;

/// The rows of one environment.
pub(super) struct Rows {
    pub(super) session: Session,
    environment: String,
    /// The number of the lock; `None` if nothing is written.
    lock: Option<i64>,
    /// The number of the last commit that this session knows; `None` before the first.
    seen: Cell<Option<i64>>,
}

/// Some names with their values, and some without, for one table.
#[derive(Default)]
struct Portion<'a> {
    names: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
    gone: Vec<&'a [u8]>,
}

impl Rows {
    pub(super) fn new(session: Session, environment: &str, lock: Option<i64>) -> Self {
        Self { session, environment: environment.to_owned(), lock, seen: Cell::new(None) }
    }

    /// Compares the row of the environment with its ledger: each column is the ledger's, in words
    /// that a person can read. Notes the number of the last commit.
    pub(super) fn compare(&self, ledger: &Ledger) -> Result<(), StateError> {
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

    fn walk_table(
        &self,
        range: Range,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<bool, StateError> {
        let Range { table, mut from, mut to } = range;
        let Some((letter, table)) = TABLES.get(table) else { return Ok(true) };
        let mut key = vec![*letter];
        loop {
            let end = if to.is_some() { "AND name < $3" } else { "" };
            let order = if backwards { "DESC" } else { "" };
            // The row that goes beyond the bytes still comes: there is always one.
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
                vec![(&self.environment, Type::TEXT), (&from, Type::BYTEA)];
            if let Some(to) = &to {
                parameters.push((to, Type::BYTEA));
            }
            let rows = self.session.query(&sql, &parameters)?;
            let mut bytes = 0;
            let mut last: Option<&[u8]> = None;
            for row in &rows {
                let (name, value) = (self.session.column(row, 0)?, self.session.column(row, 1)?);
                let value: &[u8] = value;
                if last.is_some_and(|last| (last < name) == backwards || last == name) {
                    let what = format!("its {table} are out of order: REINDEX TABLE {table}");
                    return Err(StateError::damaged(self.session.place(), what));
                }
                last = Some(name);
                bytes += value.len() as i64;
                key.truncate(1);
                key.extend_from_slice(name);
                if !visit(&key, value)? {
                    return Ok(false);
                }
            }
            let Some(last) = last else { return Ok(true) };
            if (rows.len() as i64) < ROWS && bytes < BYTES {
                return Ok(true);
            }
            match backwards {
                true => to = Some(last.to_vec()),
                false => from = ranges::after(last),
            }
        }
    }

    /// Writes the row of the environment and these rows, if the row is as it was last seen.
    fn write_portion(
        &self,
        ledger: Option<(&Vec<u8>, &Ledger)>,
        portions: &[Portion<'_>; 4],
    ) -> Result<(), StateError> {
        let Some(lock) = self.lock else { return Err(self.read_only()) };
        let mut parameters: Vec<Parameter<'_>> = vec![(&self.environment, Type::TEXT)];
        let (seen, known) = (self.seen.get(), schema::known());
        let (numbers, lineage, created_at);
        let mut sql = "WITH ".to_owned();
        let condition = match ledger {
            None => "TRUE",
            Some((bytes, ledger)) => {
                numbers = self::numbers(ledger);
                lineage = ledger.meta.lineage.to_string();
                created_at = ledger.meta.created_at.to_string();
                sql.push_str(if seen.is_some() { UPDATE } else { INSERT });
                parameters.extend([
                    (&lock as _, Type::INT8),
                    (&known as _, Type::INT8),
                    (&lineage as _, Type::TEXT),
                    (&created_at as _, Type::TEXT),
                ]);
                parameters.extend(numbers.iter().map(|number| (number as _, Type::INT8)));
                parameters.push((bytes, Type::BYTEA));
                if let Some(seen) = &seen {
                    parameters.push((seen, Type::INT8));
                }
                "EXISTS (SELECT FROM ledger)"
            }
        };
        let mut next = parameters.len() + 1;
        let mut also = |parts: String| {
            if !sql.ends_with("WITH ") {
                sql.push_str(",\n");
            }
            sql.push_str(&parts);
        };
        for ((letter, table), portion) in TABLES.iter().zip(portions) {
            let letter = char::from(*letter);
            if !portion.names.is_empty() {
                also(format!(
                    "{letter}_put AS (INSERT INTO {table} (environment, name, value) \
                     SELECT $1, name, value FROM unnest(${next}, ${}) AS put (name, value) \
                     WHERE {condition} \
                     ON CONFLICT (environment, name) DO UPDATE SET value = excluded.value)",
                    next + 1
                ));
                parameters.push((&portion.names, Type::BYTEA_ARRAY));
                parameters.push((&portion.values, Type::BYTEA_ARRAY));
                next += 2;
            }
            if !portion.gone.is_empty() {
                also(format!(
                    "{letter}_gone AS (DELETE FROM {table} WHERE environment = $1 \
                     AND name = ANY (${next}) AND {condition})"
                ));
                parameters.push((&portion.gone, Type::BYTEA_ARRAY));
                next += 1;
            }
        }
        sql.push_str(match ledger {
            Some(_) => "\nSELECT EXISTS (SELECT FROM ledger)",
            None => "\nSELECT TRUE",
        });
        let row = self.session.one(&sql, &parameters)?;
        if self.session.column(&row, 0)? { Ok(()) } else { Err(self.overtaken()) }
    }

    fn read_only(&self) -> StateError {
        StateError::Unavailable {
            place: self.session.place().to_owned(),
            why: "it was opened to be looked at: nothing can be written".to_owned(),
        }
    }

    /// The row of the environment was not as this session left it.
    fn overtaken(&self) -> StateError {
        StateError::Unavailable {
            place: self.session.place().to_owned(),
            why: "this session has lost its lock, and something else has written to it or may: \
                  nothing was written; a pooler between here and the server must keep sessions \
                  whole; run again"
                .to_owned(),
        }
    }
}

/// The row as this session last saw it becomes the next one. The lock is taken once more: it is
/// this session's already, unless something went wrong.
const UPDATE: &str = "ledger AS (
    UPDATE pushsync_states SET lineage = $4::uuid, created_at = $5::timestamptz, serial = $6,
        sequence = $7, records = $8, intents = $9, runs = $10, ledger = $11, committed_at = now()
    WHERE environment = $1 AND sequence = $12 AND pg_try_advisory_xact_lock($2)
        AND (SELECT max(version) FROM pushsync_schema) = $3
    RETURNING 1
)";

const INSERT: &str = "ledger AS (
    INSERT INTO pushsync_states (environment, lineage, created_at, serial, sequence, records,
        intents, runs, ledger)
    SELECT $1, $4::uuid, $5::timestamptz, $6, $7, $8, $9, $10, $11
    WHERE pg_try_advisory_xact_lock($2) AND (SELECT max(version) FROM pushsync_schema) = $3
    ON CONFLICT (environment) DO NOTHING
    RETURNING 1
)";

/// The columns of numbers, in their order.
fn numbers(ledger: &Ledger) -> [i64; 5] {
    [
        clamped(ledger.meta.serial),
        clamped(ledger.sequence),
        clamped(ledger.meta.records),
        clamped(ledger.intents.count),
        clamped(ledger.runs.count),
    ]
}

/// The database has no larger ones, and no state gets there.
fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Backing for Rows {
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
        let mut portions = vec![<[Portion<'_>; 4]>::default()];
        let mut ledger = None;
        let mut bytes = 0;
        for (key, value) in changes {
            let (table, name) = match (ranges::spot(key), value) {
                (Spot::Row(table, name), _) => (table, name),
                (Spot::Ledger, Some(value)) => {
                    ledger = Some(value);
                    continue;
                }
                (Spot::Ledger | Spot::Nowhere, _) => continue,
            };
            bytes += name.len() + value.as_ref().map_or(0, |value| value.bytes.len());
            if mem::take(&mut bytes) > PORTION {
                portions.push(Default::default());
            }
            let portion = portions.last_mut().and_then(|all| all.get_mut(table));
            match (portion, value) {
                (Some(portion), Some(value)) => {
                    portion.names.push(name);
                    portion.values.push(&value.bytes);
                }
                (Some(portion), None) => portion.gone.push(name),
                (None, _) => {}
            }
        }
        let unstorable =
            |why: &str| StateError::Unstorable { what: "a commit", why: why.to_owned() };
        let bytes = &ledger.ok_or_else(|| unstorable("it has no ledger"))?.bytes;
        let (ledger, _) = codec::decode::<Ledger>(keys::LEDGER, bytes)
            .map_err(|error| unstorable(&format!("its ledger {error}")))?;
        if let [portion] = portions.as_slice() {
            self.write_portion(Some((bytes, &ledger)), portion)?;
        } else {
            self.session.batch("BEGIN")?;
            let written = portions.iter().enumerate().try_for_each(|(at, portion)| {
                self.write_portion((at == 0).then_some((bytes, &ledger)), portion)
            });
            if let Err(error) = written {
                let _ends_with_the_session = self.session.batch("ROLLBACK");
                return Err(error);
            }
            self.session.batch("COMMIT")?;
        }
        self.seen.set(Some(clamped(ledger.sequence)));
        Ok(())
    }
}
