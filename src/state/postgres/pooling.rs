//! A pooler between here and the server may hand each transaction to another session. The lock is one of a session: it
//! would then belong to nobody, or to two.

use super::session::Session;
use crate::{
    network::postgres::ConnectOptions,
    state::{LockHolder, StateError},
};

const BACKEND: &str = "SELECT pg_backend_pid()";

const POOLED: &str = "a pooler between here and the server gives one session to several connections in turn (that \
    of PgBouncer in transaction or statement mode), and the lock of a state belongs to a session: two runs could both \
    have it. Nothing was sent. Connect to the server directly, or to a pool in session mode (pool_mode = session)";

/// Refuses a session that is not one: its statements must all be carried out by the same process of the server, and
/// those of a second connection by another one.
pub(super) fn refuse(
    session: &Session,
    connect: ConnectOptions,
    holder: &LockHolder,
) -> Result<(), StateError> {
    let pooled = || StateError::unavailable(session.location(), POOLED);
    check_backend(session)?;
    // Where it may not have a second one, it is not shared either.
    let Ok(second) = Session::open_once(connect, holder) else { return Ok(()) };
    if second.backend == session.backend {
        return Err(pooled());
    }
    // While the second one is idle, a pooler would take its session for this one.
    check_backend(&second)?;
    check_backend(session)
}

/// An error if the process that answers is not that of the session's beginning.
pub(super) fn check_backend(session: &Session) -> Result<(), StateError> {
    let backend: i32 = session.column(&session.one(BACKEND, &[])?, 0)?;
    same_backend(session, backend)
}

/// An error if this is not the process of the session's beginning.
pub(super) fn same_backend(session: &Session, backend: i32) -> Result<(), StateError> {
    if backend == session.backend {
        return Ok(());
    }
    Err(StateError::unavailable(session.location(), POOLED))
}
