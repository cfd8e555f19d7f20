//! The tables, and how an older version of them becomes the present one: forward only.

use tokio_postgres::types::Type;

use super::session::Session;
use crate::state::StateError;

/// Each version's step from the one before. A step that was released never changes.
const STEPS: &[&str] = &[include_str!("schema/1.sql")];
/// The version of the tables that this version of pushsync makes, and the newest it knows.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The tables in a database.
pub(super) struct Tables {
    pub(super) version: i64,
    /// The schema that they are in.
    pub(super) schema: String,
}

/// The tables in this database, if there are any. Newer ones are an error.
pub(super) fn find(session: &Session) -> Result<Option<Tables>, StateError> {
    let schema = session.query(
        "SELECT relnamespace::regnamespace::text FROM pg_class \
         WHERE oid = to_regclass('pushsync_schema')",
        &[],
    )?;
    let Some(row) = schema.first() else { return Ok(None) };
    let schema = session.column(row, 0)?;
    let row = session.one("SELECT max(version)::int8 FROM pushsync_schema", &[])?;
    let Some(version) = session.column::<Option<i64>>(&row, 0)? else {
        return Err(StateError::damaged(session.location(), "its table pushsync_schema is empty"));
    };
    if version > VERSION {
        return Err(StateError::Newer {
            location: session.location().to_owned(),
            found: u32::try_from(version).unwrap_or(u32::MAX),
            known: VERSION as u32,
        });
    }
    Ok(Some(Tables { version, schema }))
}

/// Brings the tables to this version, in one transaction, one session at a time.
pub(super) fn migrate(session: &Session) -> Result<Tables, StateError> {
    if let Some(tables) = find(session)?
        && tables.version == VERSION
    {
        return Ok(tables);
    }
    if session.schema.is_none() {
        let why = "its search_path has no schema that exists and that this user may use: CREATE \
                   SCHEMA, GRANT USAGE and CREATE on it, or choose one in the URL with \
                   options=-csearch_path%3DNAME";
        return Err(StateError::unavailable(session.location(), why));
    }
    // A step that fails ends the session, and the session's end undoes the transaction.
    session.batch("BEGIN")?;
    // The number has no meaning, but every session takes the same lock.
    session.query("SELECT pg_advisory_xact_lock(8390880602290057571)", &[])?;
    // The session that had the lock before may have made them.
    let there = find(session)?.map_or(0, |tables| tables.version);
    for (version, sql) in (1_i64..).zip(STEPS).filter(|(version, _)| *version > there) {
        session.batch(sql)?;
        session.query(
            "INSERT INTO pushsync_schema (version) VALUES ($1)",
            &[(&version, Type::INT8)],
        )?;
    }
    session.batch("COMMIT")?;
    find(session)?.ok_or_else(|| StateError::damaged(session.location(), "its tables are gone"))
}
