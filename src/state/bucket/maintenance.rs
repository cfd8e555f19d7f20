//! Operations on a state in a bucket that is not open: its lock and its snapshots.

use std::thread;

use super::{
    config::Bucket,
    lock::{self, HeldLock},
    objects::Objects,
    open,
    restore::{Restored, restore_snapshot},
    snapshot::{self, Snapshot},
};
use crate::state::{OpenOptions, StateError};

/// Takes the lock of an environment's state from its holder, and tells who that was. A writer that is
/// still there notices before its next commit, and stops.
///
/// # Errors
///
/// [`StateError::Unavailable`].
pub fn unlock(bucket: &Bucket, environment: &str) -> Result<Option<HeldLock>, StateError> {
    on_thread(bucket, environment, async |objects| lock::break_it(objects).await)
}

/// Who has the lock of an environment's state.
///
/// # Errors
///
/// [`StateError::Unavailable`].
pub fn holder(bucket: &Bucket, environment: &str) -> Result<Option<HeldLock>, StateError> {
    on_thread(bucket, environment, async |objects| lock::holder(objects).await)
}

/// The snapshots of an environment's state, the newest first.
///
/// # Errors
///
/// [`StateError::Unavailable`].
pub fn snapshots(bucket: &Bucket, environment: &str) -> Result<Vec<Snapshot>, StateError> {
    on_thread(bucket, environment, async |objects| snapshot::list(objects).await)
}

/// Makes a snapshot the current state, under the lock: as a new commit with a higher serial, so that
/// plans from before are not applied unseen. This works even if the current state is damaged. If it
/// can be read, it becomes a snapshot first. Approvals do not come back: what was carried out since the snapshot is
/// not known.
///
/// Of the options, the environment, the holder, the timeout, the time and the key count.
///
/// # Errors
///
/// [`StateError::NoSnapshot`], `Damaged` if the snapshot is, `Locked`, `Unavailable`.
pub fn restore(bucket: &Bucket, options: &OpenOptions, name: &str) -> Result<Restored, StateError> {
    on_thread(bucket, &options.environment, async |objects| {
        restore_snapshot(objects, bucket.limits(), options, name).await
    })
}

/// On a thread of its own: the caller may be in a runtime, which must not block on another one.
fn on_thread<T: Send>(
    bucket: &Bucket,
    environment: &str,
    run: impl AsyncFnOnce(&Objects) -> Result<T, StateError> + Send,
) -> Result<T, StateError> {
    let objects = bucket.objects(environment)?;
    let gone = || StateError::damaged(objects.location(), "reading it ended early");
    thread::scope(|scope| {
        let thread = scope.spawn(|| open::runtime(objects.location())?.block_on(run(&objects)));
        thread.join().unwrap_or_else(|_| Err(gone()))
    })
}
