//! The tables, and how those of an older version become those of this one: forward only.

use tokio_postgres::types::Type;

use super::session::Session;
use crate::state::StateError;

/// Each version's step from the one before; the last is what this version of pushsync knows. What
/// was released is never changed.
const STEPS: &[&str] = &[include_str!("schema/1.sql")];

/// The newest version of the tables that is known.
pub(super) fn known() -> i64 {
    STEPS.len() as i64
}

/// The tables that are there.
pub(super) struct Found {
    /// Their version.
    pub(super) version: i64,
    /// The schema that they are in.
    pub(super) schema: String,
}

/// Which tables are there, if any; newer ones are refused.
pub(super) fn find(session: &Session) -> Result<Option<Found>, StateError> {
    let schema = session.query(
        "SELECT relnamespace::regnamespace::text FROM pg_class \
         WHERE oid = to_regclass('pushsync_schema')",
        &[],
    )?;
    let Some(row) = schema.first() else { return Ok(None) };
    let schema = session.column(row, 0)?;
    let row = session.one("SELECT max(version)::int8 FROM pushsync_schema", &[])?;
    let Some(version) = session.column::<Option<i64>>(&row, 0)? else {
        return Err(StateError::damaged(session.place(), "its table pushsync_schema is empty"));
    };
    if version > known() {
        return Err(StateError::Newer {
            location: session.place().to_owned(),
            found: u32::try_from(version).unwrap_or(u32::MAX),
            known: u32::try_from(known()).unwrap_or(u32::MAX),
        });
    }
    Ok(Some(Found { version, schema }))
}

/// Makes the tables those of this version: one transaction for each step, one session at a time.
pub(super) fn migrate(session: &Session) -> Result<Found, StateError> {
    loop {
        if let Some(found) = find(session)?
            && found.version == known()
        {
            return Ok(found);
        }
        if session.schema.is_none() {
            let why = "no schema of its search_path is there and open to this user: CREATE SCHEMA, \
                       GRANT USAGE and CREATE on it, or choose one in the URL with \
                       options=-csearch_path%3DNAME";
            let place = session.place().to_owned();
            return Err(StateError::Unavailable { location: place, why: why.to_owned() });
        }
        session.batch("BEGIN")?;
        let stepped = step(session);
        // What could not be done is undone when the session ends, which it does now.
        stepped.and_then(|()| session.batch("COMMIT"))?;
    }
}

fn step(session: &Session) -> Result<(), StateError> {
    // Any number will do: whoever makes these tables takes the same.
    session.query("SELECT pg_advisory_xact_lock(8390880602290057571)", &[])?;
    // Who had the lock before may have done it.
    let version = find(session)?.map_or(0, |found| found.version);
    let next = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(sql) = STEPS.get(next) else { return Ok(()) };
    session.batch(sql)?;
    session.query(
        "INSERT INTO pushsync_schema (version) VALUES ($1)",
        &[(&(version + 1), Type::INT8)],
    )?;
    Ok(())
}
