//! A state in a bucket of an S3-compatible server.
//!
//! Below `PREFIX/ENVIRONMENT/` lie
//!
//! | name | content |
//! |---|---|
//! | `head.json` | the checkpoint: which state this is, the snapshot to start from, a commit that is certainly there |
//! | `snapshots/SEQUENCE-CHECKSUM` | the whole state after that commit; never changed |
//! | `segments/SEQUENCE` | the changes of that commit; never changed |
//! | `lock.json` | who writes, and until when |
//!
//! # Which state holds
//!
//! The state is the snapshot that the checkpoint names and the segments after it, in the order of
//! their numbers, up to the first number that does not exist. A commit is **one put**: of the segment
//! with the next number, on condition that it does not exist yet (`If-None-Match: *`). The checkpoint
//! does not move with it.
//!
//! - *No two writers commit the same number.* The condition prevents it, without any clock and
//!   without the lock. Every segment has the checksum of the one before, so a writer's commits
//!   follow those that it has read. A writer that finds the number taken writes nothing more.
//! - *A lost answer leaves no doubt.* The put is repeated. If it is then refused, the object is read:
//!   either it has the same bytes, with the id of the writer among them, or it is another writer's.
//! - *An acknowledged commit stays.* Segments and snapshots never change. They are removed only when
//!   the checkpoint names a snapshot that contains them, and a while after that.
//! - *No acknowledged commit is passed over.* The danger: a writer stands still (its machine sleeps);
//!   another one takes over its lock, commits, makes a snapshot, and removes the segments. The next
//!   number of the first writer would then be free again. So segments stay for [`Limits::grace`] by
//!   the server's clock, which is much longer than a lease. And a commit is acknowledged only if, by
//!   the server's clock, the lease had not run out at the put, or if the lock still is the writer's
//!   own afterwards. In the first case the other writer's segment still exists, and the put is
//!   refused; in the second there is no other writer. Nothing compares the clocks of two machines.
//! - *The checkpoint never goes back.* It moves by `If-Match`, and only forward. A checkpoint that
//!   lags behind is still true.
//! - *A missing object is noticed.* A segment without the one before, a snapshot that the checkpoint
//!   names and that does not exist, objects without a checkpoint: all that is damage. The checkpoint
//!   also names the last commit at the time when it moved: at the end of every run that wrote, and
//!   at the start of the run after one that was killed. So commits can disappear unnoticed only if
//!   they are the last ones of a killed run, and if somebody removes them before the next writer.
//!
//! A writer that dies between two of these steps leaves a whole state: at worst with a snapshot that
//! the checkpoint does not name, which is removed in time.
//!
//! # The lock
//!
//! Its only use is that no writer is refused half way. It is an object with a lease, which its holder
//! prolongs in the background. When its time is up, or when it has not changed for one and a half
//! leases, another process may take it over, by `If-Match` on the version that it read.
//!
//! # Readers
//!
//! They take no lock. They read the checkpoint, then the snapshot, then the segments up to the
//! highest number in the list. A segment that the list lacks, because it was written meanwhile, is
//! read by its number. If an object does not exist and the checkpoint has moved, they start again.

mod checkpoint;
mod config;
mod error;
mod http;
mod kv;
mod layout;
mod load;
mod lock;
mod maintenance;
mod objects;
mod open;
mod restore;
mod snapshot;

pub use config::{Bucket, Limits};
pub use lock::HeldLock;
pub use maintenance::{holder, restore, snapshots, unlock};
pub(super) use open::open;
pub use restore::Restored;
pub use snapshot::Snapshot;
