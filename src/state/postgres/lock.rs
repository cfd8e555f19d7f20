//! One writer for each environment: an advisory lock of the session, which ends with it, and a
//! note about who holds it. A note that was left behind is told by its backend, which is not the
//! one that holds the lock.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio_postgres::types::Type;

use super::session::Session;
use crate::state::{LockHolder, StateError};

/// Takes the lock if it is free, and signs in the same step.
const TAKE: &str = "
WITH lock AS MATERIALIZED (SELECT pg_try_advisory_lock($1) AS taken),
note AS (
    INSERT INTO pushsync_locks (environment, holder, backend)
    SELECT $2, $3::json, pg_backend_pid() FROM lock WHERE taken
    ON CONFLICT (environment) DO UPDATE SET holder = excluded.holder, backend = excluded.backend
)
SELECT taken FROM lock";

/// The note of the session that holds the lock: no row if nobody does, NULL if it has not signed.
const WHO: &str = "
SELECT note.holder::text
FROM pg_locks AS held
LEFT JOIN pushsync_locks AS note ON note.environment = $2 AND note.backend = held.pid
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (held.classid::bigint << 32) | held.objid::bigint = $1";

/// The note first, so that whoever gets the lock next does not wait for its removal.
fn give_back(number: i64) -> String {
    format!(
        "BEGIN; DELETE FROM pushsync_locks WHERE backend = pg_backend_pid(); COMMIT;
         SELECT pg_advisory_unlock({number})"
    )
}

/// The number of the lock of an environment whose tables are in this schema.
pub(super) fn number(schema: &str, environment: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"pushsync lock\0");
    hasher.update(&(schema.len() as u64).to_le_bytes());
    hasher.update(schema.as_bytes());
    hasher.update(environment.as_bytes());
    let mut number = [0; 8];
    number.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    i64::from_le_bytes(number)
}

/// Takes the lock, waiting up to `timeout` for who holds it. It is given back when the session ends.
pub(super) fn take(
    session: &Session,
    number: i64,
    environment: &str,
    holder: &LockHolder,
    timeout: Duration,
) -> Result<(), StateError> {
    let note = serde_json::to_string(holder)
        .map_err(|e| StateError::Unstorable { what: "the lock's note", why: e.to_string() })?;
    let start = Instant::now();
    let mut pause = Duration::from_millis(25);
    loop {
        let row = session
            .one(TAKE, &[(&number, Type::INT8), (&environment, Type::TEXT), (&note, Type::TEXT)])?;
        if session.column(&row, 0)? {
            session.at_last(give_back(number));
            return Ok(());
        }
        let left = timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            let holder = who(session, number, environment)?;
            return Err(StateError::Locked {
                location: session.place().to_owned(),
                holder,
                until: None,
            });
        }
        thread::sleep(left.min(pause));
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

fn who(
    session: &Session,
    number: i64,
    environment: &str,
) -> Result<Option<LockHolder>, StateError> {
    let parameters = [(&number as _, Type::INT8), (&environment as _, Type::TEXT)];
    // Who has just taken the lock signs in a moment.
    for _ in 0..4 {
        let rows = session.query(WHO, &parameters)?;
        let Some(row) = rows.first() else { return Ok(None) };
        if let Some(note) = session.column::<Option<&str>>(row, 0)?
            && let Ok(holder) = serde_json::from_str(note)
        {
            return Ok(Some(holder));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}
