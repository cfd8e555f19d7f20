//! Opens a state in a bucket, and makes a new one.

use std::{sync::Arc, time::Duration};

use tokio::runtime::{Builder, Runtime};

use super::{
    checkpoint::{Checkpoint, LastCommit, StoredCheckpoint},
    config::{Bucket, Limits},
    kv::BucketKv,
    layout::{CHECKPOINT, first_checksum},
    load::{self, LoadedState},
    lock::Lock,
    objects::Objects,
    snapshot,
};
use crate::state::{
    Access, Mode, OpenOptions, StateError, Store, codec::FORMAT, engine::Engine,
    header::StateHeader, memory::MemoryKv, threaded_store::ThreadedStore,
};

/// The patience of the first requests: a name may be mistyped.
const BEGINNING: Duration = Duration::from_secs(15);

/// Opens the state of one environment in a bucket.
pub(in crate::state) fn open(
    bucket: Bucket,
    options: OpenOptions,
) -> Result<Box<dyn Store>, StateError> {
    let store =
        ThreadedStore::start(bucket.location()?, &options.close_errors.clone(), move |_| {
            engine(&bucket, &options)
        })?;
    Ok(Box::new(store))
}

/// Carries out the requests. It has one thread beside that of the store, which prolongs the lock
/// while nobody calls the store.
pub(super) fn runtime(location: &str) -> Result<Arc<Runtime>, StateError> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("pushsync-bucket").enable_all();
    builder.build().map(Arc::new).map_err(StateError::io("start a thread for", location))
}

/// Called on the thread of the store.
fn engine(bucket: &Bucket, options: &OpenOptions) -> Result<Engine<BucketKv>, StateError> {
    let objects = bucket.objects(&options.environment)?;
    let runtime = runtime(objects.location())?;
    let limits = bucket.limits();
    let (lock, state) = match options.access {
        Access::Read => {
            let impatient = objects.with_patience(BEGINNING);
            let state = runtime.block_on(load::load(&impatient, &options.environment))?;
            (None, state.ok_or_else(|| options.not_found(objects.location()))?)
        }
        Access::Write => {
            let (lock, state) = runtime.block_on(locked(&objects, options, limits))?;
            (Some(lock), state)
        }
    };
    let location = objects.location().to_owned();
    let kv = BucketKv::new(runtime, objects, limits.clone(), lock, state);
    let header = StateHeader::stored(&kv, &location, &options.environment)?
        .ok_or_else(|| StateError::damaged(&location, "its header is missing"))?;
    if header.sequence != kv.sequence() {
        let (found, last) = (header.sequence, kv.sequence());
        let what = format!("its header is that of commit {found}, and its last commit is {last}");
        return Err(StateError::damaged(&location, what));
    }
    let mut engine = Engine::new(kv, &location, header, options.key.as_ref(), options.mode)?;
    if options.access == Access::Write {
        // A writer that was killed left commits that the checkpoint does not name: from now on,
        // they would be missed.
        let _next_time = engine.kv_mut().advance();
    }
    Ok(engine)
}

/// Takes the lock, and reads the state, or makes it.
async fn locked(
    objects: &Objects,
    options: &OpenOptions,
    limits: &Limits,
) -> Result<(Lock, LoadedState), StateError> {
    let OpenOptions { environment, holder, lock_timeout, .. } = options;
    let impatient = objects.with_patience(BEGINNING);
    let exists = StoredCheckpoint::read(&impatient, environment).await?.is_some();
    if !exists && options.mode == Mode::MustExist {
        return Err(options.not_found(objects.location()));
    }
    let lock = Lock::take(objects, holder, limits.lease, *lock_timeout).await?;
    match load_or_make(objects, options).await {
        Ok(state) => Ok((lock, state)),
        Err(error) => {
            let _runs_out = lock.release().await;
            Err(error)
        }
    }
}

async fn load_or_make(objects: &Objects, options: &OpenOptions) -> Result<LoadedState, StateError> {
    if let Some(state) = load::load(objects, &options.environment).await? {
        return Ok(state);
    }
    if options.mode == Mode::MustExist {
        return Err(options.not_found(objects.location()));
    }
    make(objects, options).await?;
    load::load(objects, &options.environment).await?.ok_or_else(|| {
        StateError::damaged(objects.location(), format!("its {CHECKPOINT} was removed at once"))
    })
}

/// Makes an empty state. It exists as soon as its checkpoint does.
async fn make(objects: &Objects, options: &OpenOptions) -> Result<(), StateError> {
    let location = objects.location();
    let origin = options.new_lineage;
    let header = StateHeader::new(&options.environment, origin, options.now);
    let made = Engine::create(MemoryKv::default(), location, header, options.key.as_ref())?;
    let last = LastCommit { sequence: 0, segment: first_checksum(origin) };
    let snapshot = snapshot::write(objects, origin, &made.header, &last.segment, made.kv()).await?;
    let environment = options.environment.clone();
    let checkpoint = Checkpoint { format: FORMAT, environment, origin, snapshot, last };
    // If it is refused, a process that took the lock over has just made one.
    objects.create(CHECKPOINT, &checkpoint.encode()?).await.map(drop)
}
