//! An open state in a bucket: how it is opened, verified and closed.

use std::{sync::Arc, time::Duration};

use tokio::runtime::{Builder, Runtime};

use super::{
    checkpoint::{HEAD, Head, Last, start},
    config::{Bucket, Limits},
    kv::BucketBacking,
    load::{self, Chain},
    lock::{self, Clock, Lock},
    objects::{Objects, Put},
    snapshot::{self, Of},
};
use crate::state::{
    Access, Amendment, Meta, Mode, OpenOptions, StateError, Verification, Write,
    engine::{Engine, stored_ledger},
    ledger::{FORMAT, Ledger},
    memory::Bytes,
    worker::Keeper,
};

/// Somebody who has just begun, and may have mistyped a name, is not kept waiting.
const BEGINNING: Duration = Duration::from_secs(15);
/// For what would only be nice to have: it is not waited for long.
const SHORT: Duration = Duration::from_secs(5);

/// An open state.
pub(super) struct OpenBucket {
    engine: Engine<BucketBacking>,
    head: Head,
    etag: String,
    limits: Limits,
    /// Something was committed since it was opened.
    written: bool,
}

/// Where requests are carried out. One thread, beside the store's own: it prolongs the lock while
/// nobody calls the store.
pub(super) fn runtime(place: &str) -> Result<Arc<Runtime>, StateError> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("pushsync-bucket").enable_all();
    builder.build().map(Arc::new).map_err(StateError::io("start a thread for", place))
}

fn not_found(options: &OpenOptions, place: &str) -> StateError {
    StateError::NotFound { place: place.to_owned(), environment: options.environment.clone() }
}

/// Opens the state of one environment. Called on the thread that will use it.
pub(super) fn open(
    bucket: &Bucket,
    options: &OpenOptions,
    place: &str,
) -> Result<OpenBucket, StateError> {
    let runtime = runtime(place)?;
    let objects = bucket.objects(&options.environment)?;
    let limits = bucket.limits().clone();
    if options.access == Access::Read {
        let hasty = objects.with_patience(BEGINNING);
        let chain = runtime.block_on(load::load(&hasty, &options.environment))?;
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
            let _known_later = open.advance();
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
) -> Result<OpenBucket, StateError> {
    let place = objects.place().to_owned();
    let (head, etag) = (chain.head.clone(), chain.etag.clone());
    let backing = BucketBacking::new(runtime, objects, lock, chain);
    let ledger = stored_ledger(&backing, &place, &options.environment)?
        .ok_or_else(|| StateError::damaged(&place, "the ledger is missing"))?;
    if ledger.sequence != backing.sequence {
        let (found, counted) = (ledger.sequence, backing.sequence);
        let what = format!("its ledger is that of commit {found}, its last one is {counted}");
        return Err(StateError::damaged(&place, what));
    }
    let engine = Engine::new(backing, &place, ledger, options.key.as_ref())?;
    Ok(OpenBucket { engine, head, etag, limits, written: false })
}

/// Takes the lock, and reads the state, or makes it.
async fn locked(
    objects: &Objects,
    options: &OpenOptions,
    limits: &Limits,
) -> Result<(Lock, Chain), StateError> {
    let environment = &options.environment;
    let hasty = objects.with_patience(BEGINNING);
    if load::head(&hasty, environment).await?.is_none() {
        if options.mode == Mode::MustExist {
            return Err(not_found(options, objects.place()));
        }
        lock::probe(objects).await?;
    }
    let clock = Clock::new(options.now);
    let lock =
        lock::take(objects, &options.holder, clock, limits.lease, options.lock_timeout).await?;
    let chain = async {
        if let Some(chain) = load::load(objects, environment).await? {
            return Ok(chain);
        }
        if options.mode == Mode::MustExist {
            return Err(not_found(options, objects.place()));
        }
        make(objects, options).await?;
        load::load(objects, environment).await?.ok_or_else(|| {
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
    let ledger = Ledger::new(&options.environment, options.new_lineage, options.now);
    let made = Engine::create(Bytes::default(), place, ledger, options.key.as_ref())?;
    let origin = options.new_lineage;
    let last = Last { sequence: 0, segment: start(origin) };
    let of = Of { environment: &options.environment, origin };
    let map = &made.backing().0;
    let (snapshot, _) = snapshot::snapshot(objects, of, &made.ledger, &last.segment, map).await?;
    let environment = options.environment.clone();
    let head = Head { format: FORMAT, environment, origin, snapshot, last };
    match objects.create(HEAD, &head.encode()?).await? {
        // If not, it was made at the same moment by somebody who took the lock over.
        Put::Done { .. } | Put::Refused(_) => Ok(()),
    }
}

/// Gives the lock back. If that fails, it runs out.
fn release(runtime: &Runtime, lock: &Lock) {
    let _runs_out = runtime.block_on(async { tokio::time::timeout(SHORT, lock.release()).await });
}

impl OpenBucket {
    /// The head knows of everything that was committed.
    fn advance(&mut self) -> Result<(), StateError> {
        let backing = self.engine.backing();
        let last = Last { sequence: backing.sequence, segment: backing.segment.clone() };
        let objects = backing.objects.with_patience(SHORT);
        let (head, etag) = (self.head.clone(), self.etag.clone());
        let moved = snapshot::advance(&objects, head, etag, &last, None);
        (self.head, self.etag) = backing.runtime.block_on(moved)?;
        Ok(())
    }

    /// Whether the segments are worth a snapshot.
    fn is_long(&self) -> bool {
        let backing = self.engine.backing();
        backing.segments >= self.limits.segments || backing.segment_bytes >= backing.snapshot_bytes
    }

    fn compact(&self) -> Result<(), StateError> {
        let Self { engine, head, etag, limits, .. } = self;
        let backing = engine.backing();
        // Larger objects take their time, but nobody waits for a server that is gone.
        let objects = &backing.objects.with_patience(SHORT);
        let last = Last { sequence: backing.sequence, segment: backing.segment.clone() };
        backing.runtime.block_on(async {
            if let Some(lock) = &backing.lock {
                lock.check().await?;
            }
            let (map, of) = (&backing.bytes.0, Of::head(head));
            let (base, _) =
                snapshot::snapshot(objects, of, &engine.ledger, &last.segment, map).await?;
            let (head, etag) = (head.clone(), etag.clone());
            let (head, _) = snapshot::advance(objects, head, etag, &last, Some(&base)).await?;
            // What is not removed now is removed later.
            snapshot::sweep(objects, &head, limits).await
        })
    }
}

impl Keeper for OpenBucket {
    type Backing = BucketBacking;

    fn engine(&self) -> &Engine<BucketBacking> {
        &self.engine
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        let meta = self.engine.commit(writes)?;
        self.written |= !writes.is_empty();
        Ok(meta)
    }

    fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError> {
        let meta = self.engine.amend(amendment)?;
        self.written = true;
        Ok(meta)
    }

    /// What is in memory, and what is in the bucket.
    fn verify(&self) -> Result<Verification, StateError> {
        let mut found = self.engine.verify()?;
        let backing = self.engine.backing();
        let environment = &self.engine.ledger.meta.environment;
        let again = backing.runtime.block_on(load::load(&backing.objects, environment));
        match again {
            Ok(Some(chain)) if chain.sequence == backing.sequence => {
                if chain.map != backing.bytes.0 || chain.segment != backing.segment {
                    found.problems.push("the bucket has not what was written".to_owned());
                }
            }
            // Others may write while it is only looked at.
            Ok(Some(chain)) if backing.lock.is_none() && chain.sequence > backing.sequence => {}
            Ok(Some(chain)) => {
                let (now, before) = (chain.sequence, backing.sequence);
                found.problems.push(format!("its last commit is {now}, and should be {before}"));
            }
            Ok(None) => found.problems.push("it is gone from the bucket".to_owned()),
            Err(StateError::Damaged { what, .. }) => found.problems.push(what),
            Err(error @ (StateError::Newer { .. } | StateError::OtherEnvironment { .. })) => {
                found.problems.push(error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(found)
    }

    /// What goes wrong here does no harm: what was committed is in the bucket.
    fn close(mut self) {
        if self.written && !self.engine.backing().failed {
            let _next_time = if self.is_long() { self.compact() } else { self.advance() };
        }
        self.abandon();
    }

    fn abandon(self) {
        let backing = self.engine.backing();
        if let Some(lock) = &backing.lock {
            release(&backing.runtime, lock);
        }
    }
}
