//! A commit: the row of the environment and all that changes with it, in one statement.

use tokio_postgres::types::Type;

use super::{
    ranges::{self, Spot, TABLES},
    rows::{Rows, clamped, numbers},
    schema,
    session::Parameter,
};
use crate::state::{StateError, codec, header::StateHeader, keys, kv::Changes};

/// A commit with more bytes is sent in several statements.
const PORTION: usize = 16 << 20;

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

/// Some names with their values, and some without, for one table.
#[derive(Default)]
struct Portion<'a> {
    names: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
    gone: Vec<&'a [u8]>,
}

impl Rows {
    /// See [`crate::state::kv::Kv::write`].
    pub(super) fn write_all(&self, changes: &Changes) -> Result<(), StateError> {
        if self.lock.is_none() {
            return Err(self.read_only());
        }
        let unstorable =
            |why: &str| StateError::Unstorable { what: "a commit", why: why.to_owned() };
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
                (Spot::Ledger | Spot::Nowhere, _) => {
                    return Err(unstorable("it has a strange key"));
                }
            };
            let size = name.len() + value.as_ref().map_or(0, Vec::len);
            bytes += size;
            if bytes > PORTION && bytes > size {
                portions.push(Default::default());
                bytes = size;
            }
            let portion = portions.last_mut().and_then(|all| all.get_mut(table));
            match (portion, value) {
                (Some(portion), Some(value)) => {
                    portion.names.push(name);
                    portion.values.push(value);
                }
                (Some(portion), None) => portion.gone.push(name),
                (None, _) => {}
            }
        }
        let bytes = ledger.ok_or_else(|| unstorable("it has no header"))?;
        let (ledger, _) = codec::decode::<StateHeader>(keys::HEADER, bytes)
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

    /// Writes the row of the environment and these rows, if the row is as it was last seen.
    fn write_portion(
        &self,
        ledger: Option<(&Vec<u8>, &StateHeader)>,
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
            location: self.session.place().to_owned(),
            why: "it was opened to be looked at: nothing can be written".to_owned(),
        }
    }

    /// The row of the environment was not as this session left it.
    fn overtaken(&self) -> StateError {
        StateError::Unavailable {
            location: self.session.place().to_owned(),
            why: "this session has lost its lock, and something else has written to it or may: \
                  nothing was written; a pooler between here and the server must keep sessions \
                  whole; run again"
                .to_owned(),
        }
    }
}
