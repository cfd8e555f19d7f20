//! The default store: sled 0.34.7 in a folder, with a guard for each promise that sled does not make
//! (see `docs/state-layers.md`).
//!
//! In the folder lie
//!
//! | name | content |
//! |---|---|
//! | `sled/` | sled's own files, and a file of approvals for each environment that has some |
//! | `pushsync.json` | the format, and the environments that have a state here |
//! | `pushsync.heads` | the number of the last commit of each environment |
//! | `pushsync.log` | the commits that sled does not have yet, if there are any |
//! | `pushsync.seal` | the checksums of sled's files, while the store is closed |
//! | `sled.new/`, `sled.old/` | only while the files are rewritten, or after that was cut off |
//! | `pushsync.lock` | the lock, and who holds it |
//!
//! Other files may lie beside them (a README, a `.gitignore`, the sandbox's journal, backups):
//! they are not looked at.

mod approvals_file;
mod block;
mod blocks;
#[cfg(test)]
mod blocks_tests;
mod checksums;
mod compact;
mod database;
mod error;
mod last_commit;
mod layout;
mod lock;
mod memtable;
mod name_lock;
mod open;
mod overflow;
mod paths;
mod sled_kv;
mod store;
mod wal;

pub use compact::Compacted;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use store::read_beside;
pub(super) use store::{compact, open};
