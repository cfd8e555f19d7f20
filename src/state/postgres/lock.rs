//! One writer for each environment: an advisory lock of the session, which ends with the session,
//! and a note that says who holds it. The note names the session's backend, so a note that was left
//! behind does not count.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio_postgres::types::Type;

use super::{pooling, session::Session};
use crate::{
    network::postgres::ConnectOptions,
    state::{LockHolder, StateError},
};

/// How often a session that waits tries again.
const POLL: Duration = Duration::from_millis(100);

/// Takes the lock if it is free, and writes the note in the same step.
const TAKE: &str = "
WITH lock AS MATERIALIZED (SELECT pg_try_advisory_lock($1) AS taken),
note AS (
    INSERT INTO pushsync_locks (environment, holder, backend)
    SELECT $2, $3::json, pg_backend_pid() FROM lock WHERE taken
    ON CONFLICT (environment) DO UPDATE SET holder = excluded.holder, backend = excluded.backend
)
SELECT taken, pg_backend_pid() FROM lock";

/// Whether this session has the lock.
const IS_OURS: &str = "
SELECT pg_backend_pid(), EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND pid = pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32) | objid::bigint = $1
)";

/// The note of the session that holds the lock: no row if it is free, NULL without a note.
const WHO: &str = "
SELECT note.holder::text
FROM pg_locks AS held
LEFT JOIN pushsync_locks AS note ON note.environment = $2 AND note.backend = held.pid
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (held.classid::bigint << 32) | held.objid::bigint = $1";

/// The number of the lock of an environment whose tables are in this schema.
pub(super) fn number(schema: &str, environment: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"pushsync lock\0");
    hasher.update(&(schema.len() as u64).to_le_bytes());
    hasher.update(schema.as_bytes());
    hasher.update(environment.as_bytes());
    let mut number = [0; 8];
    hasher.finalize_xof().fill(&mut number);
    i64::from_le_bytes(number)
}

/// Takes the lock, waiting up to `timeout` for its holder. The session gives it back when it ends.
pub(super) fn take(
    session: &Session,
    number: i64,
    environment: &str,
    holder: &LockHolder,
    timeout: Duration,
) -> Result<(), StateError> {
    let note = serde_json::to_string(holder).map_err(StateError::unstorable("the lock's note"))?;
    let start = Instant::now();
    loop {
        let row = session
            .one(TAKE, &[(&number, Type::INT8), (&environment, Type::TEXT), (&note, Type::TEXT)])?;
        if session.column(&row, 0)? {
            pooling::same_backend(session, session.column(&row, 1)?)?;
            // The note first: nobody then waits for its removal.
            session.at_close(format!(
                "BEGIN; DELETE FROM pushsync_locks WHERE backend = pg_backend_pid(); COMMIT;
                 SELECT pg_advisory_unlock({number})"
            ));
            return Ok(());
        }
        let left = timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(StateError::Locked {
                location: session.location().to_owned(),
                holder: who(session, number, environment)?,
                until: None,
            });
        }
        thread::sleep(left.min(POLL));
    }
}

/// An error if this session does not have the lock any more, with words that say who has it now.
pub(super) fn confirm(
    session: &Session,
    number: i64,
    environment: &str,
    connect: &ConnectOptions,
    holder: &LockHolder,
) -> Result<(), StateError> {
    const REST: &str =
        "this run sends and records nothing more; what was acknowledged is in it; run again";
    let why = match session.one(IS_OURS, &[(&number, Type::INT8)]) {
        Ok(row) => {
            pooling::same_backend(session, session.column(&row, 0)?)?;
            if session.column(&row, 1)? {
                return Ok(());
            }
            "this session has lost its lock".to_owned()
        }
        Err(error) => match session.lost() {
            Some(kind) => format!("{kind}; its lock ended with the connection"),
            None => return Err(error),
        },
    };
    // Another session is asked who has it now. Without one, the run ends without these words.
    let now = Session::open_once(connect.clone(), holder)
        .and_then(|other| who(&other, number, environment))
        .map_or_else(
            |_| String::new(),
            |now| match now {
                Some(now) if now == *holder => {
                    "; the server has not noticed yet that the session is gone".to_owned()
                }
                Some(now) => format!("; {now} holds it now"),
                None => "; nobody is known to hold it now".to_owned(),
            },
        );
    Err(StateError::unavailable(session.location(), format!("{why}{now}: {REST}")))
}

fn who(
    session: &Session,
    number: i64,
    environment: &str,
) -> Result<Option<LockHolder>, StateError> {
    // A session that has just taken the lock writes its note in a moment.
    for _ in 0..4 {
        let rows = session.query(WHO, &[(&number, Type::INT8), (&environment, Type::TEXT)])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let note = session.column::<Option<&str>>(row, 0)?;
        if let Some(holder) = note.and_then(|note| serde_json::from_str(note).ok()) {
            return Ok(Some(holder));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}
