//! A commit: the row of the environment and all rows that change with it, in one statement.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use super::{
    row_key::{RowKey, SqlTable},
    schema,
    session::{Parameter, Session},
};
use crate::state::{StateError, header::StateHeader, kv::Changes};

/// A commit with more bytes is sent in several statements.
const PORTION: usize = 16 << 20;

/// Changes the row of the environment, if it is as this session last saw it. Takes the lock once
/// more: this session has it already, unless something went wrong.
const UPDATE: &str = "header AS (
    UPDATE pushsync_states SET lineage = $4::uuid, created_at = $5::timestamptz, serial = $6,
        sequence = $7, records = $8, intents = $9, runs = $10, header = $11, committed_at = now()
    WHERE environment = $1 AND sequence = $12 AND pg_try_advisory_xact_lock($2)
        AND (SELECT max(version) FROM pushsync_schema) = $3
    RETURNING 1
)";

const INSERT: &str = "header AS (
    INSERT INTO pushsync_states (environment, lineage, created_at, serial, sequence, records,
        intents, runs, header)
    SELECT $1, $4::uuid, $5::timestamptz, $6, $7, $8, $9, $10, $11
    WHERE pg_try_advisory_xact_lock($2) AND (SELECT max(version) FROM pushsync_schema) = $3
    ON CONFLICT (environment) DO NOTHING
    RETURNING 1
)";

/// The changes of one table.
#[derive(Default)]
struct TableChanges<'a> {
    names: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
    removed: Vec<&'a [u8]>,
}

type Portion<'a> = BTreeMap<SqlTable, TableChanges<'a>>;

/// The row of the environment after a commit.
struct StateRow<'a> {
    header: &'a [u8],
    lineage: String,
    created_at: String,
    numbers: [i64; 5],
}

/// Writes the commits of one session.
pub(super) struct Writer {
    /// The number of the session's lock.
    pub(super) lock: i64,
    /// The last commit that this session knows; `None` before the first.
    pub(super) last_commit: Option<i64>,
}

impl Writer {
    pub(super) fn commit(
        &mut self,
        session: &Session,
        environment: &str,
        changes: &Changes,
    ) -> Result<(), StateError> {
        let header = StateHeader::among(changes, session.location())?;
        let mut portions = vec![Portion::new()];
        let mut portion_bytes = 0;
        let mut encoded: &[u8] = &[];
        for (key, value) in changes {
            let value = value.as_deref();
            let (table, name) = match RowKey::of(key) {
                Some(RowKey::Row(table, name)) => (table, name),
                Some(RowKey::Header) => {
                    encoded = value.unwrap_or_default();
                    continue;
                }
                None => {
                    let why = "it has a key without a table".to_owned();
                    return Err(StateError::Unstorable { what: "a commit", why });
                }
            };
            let size = name.len() + value.map_or(0, <[u8]>::len);
            portion_bytes += size;
            if portion_bytes > PORTION && portion_bytes > size {
                portions.push(Portion::new());
                portion_bytes = size;
            }
            let Some(portion) = portions.last_mut() else { continue };
            let of_table = portion.entry(table).or_default();
            match value {
                Some(value) => {
                    of_table.names.push(name);
                    of_table.values.push(value);
                }
                None => of_table.removed.push(name),
            }
        }
        let row = StateRow {
            header: encoded,
            lineage: header.meta.lineage.to_string(),
            created_at: header.meta.created_at.to_string(),
            numbers: numbers(&header),
        };
        match portions.as_slice() {
            [portion] => self.write(session, environment, Some(&row), portion)?,
            portions => {
                session.batch("BEGIN")?;
                let mut row = Some(&row);
                for portion in portions {
                    if let Err(error) = self.write(session, environment, row.take(), portion) {
                        let _ends_with_the_session = session.batch("ROLLBACK");
                        return Err(error);
                    }
                }
                session.batch("COMMIT")?;
            }
        }
        self.last_commit = Some(clamped(header.sequence));
        Ok(())
    }

    /// Writes the row of the environment and these rows, if the row is as it was last seen. The
    /// later portions of a transaction come without it.
    fn write(
        &self,
        session: &Session,
        environment: &str,
        row: Option<&StateRow<'_>>,
        portion: &Portion<'_>,
    ) -> Result<(), StateError> {
        let mut parameters: Vec<Parameter<'_>> = vec![(&environment, Type::TEXT)];
        let mut parts = Vec::new();
        if let Some(row) = row {
            parameters.extend::<[Parameter<'_>; 4]>([
                (&self.lock, Type::INT8),
                (&schema::VERSION, Type::INT8),
                (&row.lineage, Type::TEXT),
                (&row.created_at, Type::TEXT),
            ]);
            parameters.extend(row.numbers.iter().map(|number| (number as _, Type::INT8)));
            parameters.push((&row.header, Type::BYTEA));
            if let Some(last) = &self.last_commit {
                parameters.push((last, Type::INT8));
            }
            parts.push(if self.last_commit.is_some() { UPDATE } else { INSERT }.to_owned());
        }
        let condition = if row.is_some() { "EXISTS (SELECT FROM header)" } else { "TRUE" };
        for (SqlTable { name, .. }, changes) in portion {
            let next = parameters.len() + 1;
            if !changes.names.is_empty() {
                parts.push(format!(
                    "put_{name} AS (INSERT INTO {name} (environment, name, value) \
                     SELECT $1, name, value FROM unnest(${next}, ${}) AS put (name, value) \
                     WHERE {condition} \
                     ON CONFLICT (environment, name) DO UPDATE SET value = excluded.value)",
                    next + 1
                ));
                parameters.push((&changes.names, Type::BYTEA_ARRAY));
                parameters.push((&changes.values, Type::BYTEA_ARRAY));
            }
            let next = parameters.len() + 1;
            if !changes.removed.is_empty() {
                parts.push(format!(
                    "remove_{name} AS (DELETE FROM {name} WHERE environment = $1 \
                     AND name = ANY (${next}) AND {condition})"
                ));
                parameters.push((&changes.removed, Type::BYTEA_ARRAY));
            }
        }
        let sql = format!("WITH {}\nSELECT {condition}", parts.join(",\n"));
        let answer = session.one(&sql, &parameters)?;
        if session.column(&answer, 0)? {
            return Ok(());
        }
        let why = "this session has lost its lock, and something else has written to it or may: \
                   nothing was written; a pooler between here and the server must keep sessions \
                   whole; run again";
        Err(StateError::unavailable(session.location(), why))
    }
}

/// The columns of numbers in the row of the environment, in their order.
pub(super) fn numbers(header: &StateHeader) -> [i64; 5] {
    [
        clamped(header.meta.serial),
        clamped(header.sequence),
        clamped(header.meta.records),
        clamped(header.intents.count),
        clamped(header.runs.count),
    ]
}

/// The database has no larger numbers, and no state reaches them.
pub(super) fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
