//! A state in a bucket of an S3-compatible server.
//!
//! Below `PREFIX/ENVIRONMENT/` lie
//!
//! | name | what |
//! |---|---|
//! | `head.json` | whose state this is, the snapshot that counts, a commit that is certainly there |
//! | `snapshots/SEQUENCE-CHECKSUM` | everything, as it was after that commit; never changed |
//! | `segments/SEQUENCE` | what that commit changed; never changed |
//! | `lock.json` | who writes, and until when |
//!
//! # What is true
//!
//! The state is the snapshot that the head names and the segments after it, in the order of their
//! numbers, up to the first number that is not there. A commit is **one put**: of the segment with
//! the next number, on condition that there is none yet (`If-None-Match: *`). The head does not
//! move with it.
//!
//! - *Nothing is committed twice, and no two writers commit the same number.* The condition sees
//!   to that, without any clock and without the lock. Every segment has the checksum of the one
//!   before in it, so what a writer adds follows what it has read. Whoever finds the number taken
//!   writes nothing more.
//! - *An answer that is lost is no doubt.* The put is repeated; if it is refused then, the object
//!   is read: it has these very bytes, with the id of the writer in them, or it is another's.
//! - *What was acknowledged stays.* Segments and snapshots are never changed. They are removed
//!   only when the head names a snapshot that has them in it, and a while after that.
//! - *A commit is not acknowledged and then passed over.* The danger: a writer stands still (its
//!   machine sleeps), another one takes its lock over, commits, makes a snapshot, and removes the
//!   segments. The number that the first one uses next would be free again. So segments stay for
//!   [`Limits::grace`] by the server's clock, which is much longer than a lease, and a commit is
//!   acknowledged only if, by the server's clock, the lease had not run out when it was written,
//!   or if the lock still is the writer's own after it. In the first case the other's segment is
//!   still there, and the put is refused; in the second there is no other one. Nothing here
//!   compares the clocks of two machines.
//! - *The head never goes back.* It is moved by `If-Match`, and only forward. A head that lags
//!   behind is as true as it was.
//! - *What is missing is noticed.* A segment without the one before, a snapshot that the head
//!   names and that is not there, objects without a head: all that is damage. The head also knows
//!   the last commit at the time it was moved, which is at the end of every run that wrote, and
//!   at the start of one that follows a run that was killed. So of the commits, only those of a
//!   killed run could be removed unnoticed, by somebody who removes the last ones, before
//!   anything has been opened for writing again.
//!
//! A writer that dies between two of these steps leaves a state that is whole: at worst a
//! snapshot that nobody names, which is removed in its time.
//!
//! # The lock
//!
//! It keeps writers from being refused half way, and no more than that. It is an object with a
//! lease, which its holder prolongs in the background. When its time is up, or when it has not
//! changed for one and a half leases, it may be taken over, by `If-Match` on the version that
//! was read.
//!
//! # Readers
//!
//! They take no lock. They read the head, then what it names, then the segments up to the highest
//! number in the list; one that the list left out while it was written is asked for by its number.
//! If something is not there and the head has moved meanwhile, they begin anew.

mod backing;
mod chain;
mod compact;
mod config;
mod frame;
mod head;
mod http;
mod lock;
mod objects;
mod restore;
mod store;

use std::thread;

pub use config::{Bucket, Limits};
pub use lock::HeldLock;
pub use restore::Snapshot;

use super::{Meta, OpenOptions, StateError, Store, threaded_store::ThreadedStore};

/// Opens the state of one environment in a bucket.
pub(super) fn open(bucket: Bucket, options: OpenOptions) -> Result<Box<dyn Store>, StateError> {
    let location = bucket.place()?;
    let open = move |location: &str| store::open(&bucket, &options, location);
    Ok(Box::new(ThreadedStore::start(location, open)?))
}

/// Takes the lock of an environment's state from whoever has it; who that was. A writer that is
/// still there notices before it commits anything more, and stops.
///
/// # Errors
///
/// [`StateError::Unavailable`].
pub fn unlock(bucket: &Bucket, environment: &str) -> Result<Option<HeldLock>, StateError> {
    apart(&bucket.place()?, || {
        let objects = bucket.objects(environment)?;
        store::runtime(objects.place())?.block_on(lock::break_it(&objects))
    })
}

/// Who has the lock of an environment's state.
///
/// # Errors
///
/// [`StateError::Unavailable`].
pub fn holder(bucket: &Bucket, environment: &str) -> Result<Option<HeldLock>, StateError> {
    apart(&bucket.place()?, || {
        let objects = bucket.objects(environment)?;
        store::runtime(objects.place())?.block_on(lock::holder(&objects))
    })
}

/// The snapshots of an environment's state, the newest first.
///
/// # Errors
///
/// [`StateError::Unavailable`].
pub fn snapshots(bucket: &Bucket, environment: &str) -> Result<Vec<Snapshot>, StateError> {
    apart(&bucket.place()?, || {
        let objects = bucket.objects(environment)?;
        store::runtime(objects.place())?.block_on(restore::list(&objects))
    })
}

/// Makes a snapshot the current state, under the lock: as a new commit with a higher serial, so
/// that plans that were made before are not applied unseen. It does so even if what is there now
/// is damaged. What is there now, if it can be read, becomes a snapshot before.
///
/// Of the options, the environment, the holder, the timeout and the time count.
///
/// # Errors
///
/// [`StateError::NoSnapshot`], `Damaged` if the snapshot is, `Locked`, `Unavailable`.
pub fn restore(bucket: &Bucket, options: &OpenOptions, name: &str) -> Result<Meta, StateError> {
    apart(&bucket.place()?, || restore::restore(bucket, options, name))
}

/// On a thread of its own: whoever calls may be in a runtime, which must not be blocked on another.
fn apart<T: Send>(
    place: &str,
    run: impl FnOnce() -> Result<T, StateError> + Send,
) -> Result<T, StateError> {
    let gone = || StateError::damaged(place, "reading it ended early");
    thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|_| Err(gone())))
}
