//! A state in a PostgreSQL database, which several machines share.
//!
//! | table | its rows |
//! |---|---|
//! | `pushsync_schema` | the versions of these tables |
//! | `pushsync_states` | one for each environment: its header, and columns for people |
//! | `pushsync_records`, `…_intents`, `…_runs`, `…_run_parts`, `…_ids` | everything else, by environment and name |
//! | `pushsync_locks` | who holds the lock of each environment |
//!
//! A commit is one statement: one round trip and one transaction. It begins with the row of the
//! environment, which must be as this session last wrote it: a writer that lost its lock without
//! noticing changes nothing. The lock itself is an advisory lock of the session, so no lock can be
//! left behind.

mod error;
mod kv;
mod lock;
mod open;
mod pooling;
mod read;
mod row_key;
mod schema;
mod session;
mod write;

pub(super) use open::open;
