//! An open state in a bucket: how it is opened, verified and closed.

use std::{sync::Arc, time::Duration};

use tokio::runtime::{Builder, Runtime};

use super::{
    backing::{BucketKv, release},
    chain::{self, Chain},
    compact::{self, Of},
    config::{Bucket, Limits},
    head::{HEAD, Head, Last, start},
    lock::{self, Clock, Lock},
    objects::{Objects, Put},
};
use crate::state::{
    Access, Mode, OpenOptions, StateError, codec::FORMAT, engine::Engine, header::StateHeader,
    memory::MemoryKv,
};

/// Somebody who has just begun, and may have mistyped a name, is not kept waiting.
const BEGINNING: Duration = Duration::from_secs(15);

/// Where requests are carried out. One thread, beside the store's own: it prolongs the lock while
/// nobody calls the store.
pub(super) fn runtime(place: &str) -> Result<Arc<Runtime>, StateError> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("pushsync-bucket").enable_all();
    builder.build().map(Arc::new).map_err(StateError::io("start a thread for", place))
}

fn not_found(options: &OpenOptions, place: &str) -> StateError {
    StateError::NotFound { location: place.to_owned(), environment: options.environment.clone() }
}

/// Opens the state of one environment. Called on the thread that will use it.
pub(super) fn open(
    bucket: &Bucket,
    options: &OpenOptions,
    place: &str,
) -> Result<Engine<BucketKv>, StateError> {
    let runtime = runtime(place)?;
    let objects = bucket.objects(&options.environment)?;
    let limits = bucket.limits().clone();
    if options.access == Access::Read {
        let hasty = objects.with_patience(BEGINNING);
        let chain = runtime.block_on(chain::load(&hasty, &options.environment))?;
        let chain = chain.ok_or_else(|| not_found(options, place))?;
        return engine(runtime, objects, None, chain, options, limits);
    }
    let (lock, chain) = runtime.block_on(locked(&objects, options, &limits))?;
    let lock = Arc::new(lock);
    let opened =
        engine(Arc::clone(&runtime), objects, Some(Arc::clone(&lock)), chain, options, limits);
    match opened {
        Ok(mut open) => {
            // A writer that ended early has left commits that the head does not know of: from now
            // on, they would be missed.
            let _known_later = open.kv_mut().advance();
            Ok(open)
        }
        Err(error) => {
            release(&runtime, &lock);
            Err(error)
        }
    }
}

fn engine(
    runtime: Arc<Runtime>,
    objects: Objects,
    lock: Option<Arc<Lock>>,
    chain: Chain,
    options: &OpenOptions,
    limits: Limits,
) -> Result<Engine<BucketKv>, StateError> {
    let place = objects.place().to_owned();
    let kv = BucketKv::new(runtime, objects, lock, limits, chain);
    let header = StateHeader::stored(&kv, &place, &options.environment)?
        .ok_or_else(|| StateError::damaged(&place, "the header is missing"))?;
    if header.sequence != kv.sequence {
        let (found, counted) = (header.sequence, kv.sequence);
        let what = format!("its header is that of commit {found}, its last one is {counted}");
        return Err(StateError::damaged(&place, what));
    }
    Engine::new(kv, &place, header, options.key.as_ref())
}

/// Takes the lock, and reads the state, or makes it.
async fn locked(
    objects: &Objects,
    options: &OpenOptions,
    limits: &Limits,
) -> Result<(Lock, Chain), StateError> {
    let environment = &options.environment;
    let hasty = objects.with_patience(BEGINNING);
    if chain::head(&hasty, environment).await?.is_none() {
        if options.mode == Mode::MustExist {
            return Err(not_found(options, objects.place()));
        }
        lock::probe(objects).await?;
    }
    let clock = Clock::new(options.now);
    let lock =
        lock::take(objects, &options.holder, clock, limits.lease, options.lock_timeout).await?;
    let chain = async {
        if let Some(chain) = chain::load(objects, environment).await? {
            return Ok(chain);
        }
        if options.mode == Mode::MustExist {
            return Err(not_found(options, objects.place()));
        }
        make(objects, options).await?;
        chain::load(objects, environment).await?.ok_or_else(|| {
            StateError::damaged(objects.place(), format!("its {HEAD} was removed at once"))
        })
    };
    match chain.await {
        Ok(chain) => Ok((lock, chain)),
        Err(error) => {
            let _runs_out = lock.release().await;
            Err(error)
        }
    }
}

/// Makes a state without anything in it. It is there as soon as its head is.
async fn make(objects: &Objects, options: &OpenOptions) -> Result<(), StateError> {
    let place = objects.place();
    let header = StateHeader::new(&options.environment, options.new_lineage, options.now);
    let made = Engine::create(MemoryKv::default(), place, header, options.key.as_ref())?;
    let origin = options.new_lineage;
    let last = Last { sequence: 0, segment: start(origin) };
    let of = Of { environment: &options.environment, origin };
    let map = &made.kv().0;
    let (snapshot, _) = compact::snapshot(objects, of, &made.header, &last.segment, map).await?;
    let environment = options.environment.clone();
    let head = Head { format: FORMAT, environment, origin, snapshot, last };
    match objects.create(HEAD, &head.encode()?).await? {
        // If not, it was made at the same moment by somebody who took the lock over.
        Put::Done { .. } | Put::Refused(_) => Ok(()),
    }
}
