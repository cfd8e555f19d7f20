//! An open state in a bucket: how it is opened, verified and closed.

use std::{sync::Arc, time::Duration};

use tokio::runtime::{Builder, Runtime};

use super::{
    backing::BucketBacking,
    chain::{self, Chain},
    compact,
    config::{Bucket, Limits},
    head::{HEAD, Head, Last},
    lock::{self, Clock, Lock},
    objects::{Objects, Put},
};
use crate::state::{
    Access, Meta, Mode, OpenOptions, StateError, Verification, Write,
    engine::{Engine, stored_ledger},
    worker::Keeper,
};

/// For what would only be nice to have: it is not waited for long.
const SHORT: Duration = Duration::from_secs(5);

/// An open state.
pub(super) struct OpenBucket {
    engine: Engine<BucketBacking>,
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
    let (lock, chain) = match options.access {
        Access::Read => {
            let chain = runtime.block_on(chain::load(&objects, &options.environment))?;
            (None, chain.ok_or_else(|| not_found(options, place))?)
        }
        Access::Write => {
            let (lock, chain) = runtime.block_on(locked(&objects, options, &limits))?;
            (Some(lock), chain)
        }
    };
    let backing = BucketBacking::new(runtime, objects, lock, chain);
    let engine = match ledger(backing, place, &options.environment) {
        Ok(engine) => engine,
        Err((backing, error)) => {
            release(*backing);
            return Err(error);
        }
    };
    let mut open = OpenBucket { engine, limits, written: false };
    // A writer that ended early has left commits that the head does not know of: from now on,
    // they would be missed.
    if open.engine.backing.lock.is_some() {
        let _known_later = open.advance();
    }
    Ok(open)
}

type Refused = (Box<BucketBacking>, StateError);

fn ledger(
    backing: BucketBacking,
    place: &str,
    environment: &str,
) -> Result<Engine<BucketBacking>, Refused> {
    let error = match stored_ledger(&backing, place, environment) {
        Ok(Some(ledger)) if ledger.sequence == backing.sequence => {
            return Ok(Engine::new(backing, place, ledger));
        }
        Ok(Some(ledger)) => {
            let (found, counted) = (ledger.sequence, backing.sequence);
            let what = format!("its ledger is that of commit {found}, its last one is {counted}");
            StateError::damaged(place, what)
        }
        Ok(None) => StateError::damaged(place, "the ledger is missing"),
        Err(error) => error,
    };
    Err((Box::new(backing), error))
}

/// Takes the lock, and reads the state, or makes it.
async fn locked(
    objects: &Objects,
    options: &OpenOptions,
    limits: &Limits,
) -> Result<(Lock, Chain), StateError> {
    let environment = &options.environment;
    if chain::head(objects, environment).await?.is_none() {
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
        let head = Head::new(environment, options.new_lineage, options.now);
        match objects.create(HEAD, &head.encode()?).await? {
            Put::Done { .. } => {}
            // It was made at the same moment.
            Put::Refused(_) => {}
        }
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

/// Gives the lock back. If that fails, it runs out.
fn release(backing: BucketBacking) {
    if let Some(lock) = backing.lock {
        let release = async { tokio::time::timeout(SHORT, lock.release()).await };
        let _runs_out = backing.runtime.block_on(release);
    }
}

impl OpenBucket {
    /// The head knows of everything that was committed.
    fn advance(&mut self) -> Result<(), StateError> {
        let backing = &mut self.engine.backing;
        let last = Last { sequence: backing.sequence, segment: backing.segment.clone() };
        let objects = backing.objects.with_patience(SHORT);
        let (head, etag) = (backing.head.clone(), backing.etag.clone());
        let moved = compact::advance(&objects, head, etag, &last, None);
        (backing.head, backing.etag) = backing.runtime.block_on(moved)?;
        Ok(())
    }

    /// Whether the segments are worth a snapshot.
    fn is_long(&self) -> bool {
        let backing = &self.engine.backing;
        backing.segments >= self.limits.segments || backing.segment_bytes >= backing.snapshot_bytes
    }

    fn compact(&mut self) -> Result<(), StateError> {
        let Self { engine, limits, .. } = self;
        let (ledger, backing) = (&engine.ledger, &mut engine.backing);
        let last = Last { sequence: backing.sequence, segment: backing.segment.clone() };
        let (head, etag) = (backing.head.clone(), backing.etag.clone());
        let moved = backing.runtime.block_on(async {
            if let Some(lock) = &backing.lock {
                lock.check().await?;
            }
            let objects = &backing.objects;
            let map = &backing.bytes.0;
            let (base, bytes) =
                compact::snapshot(objects, &head, ledger, &last.segment, map).await?;
            let moved = compact::advance(objects, head, etag, &last, Some(&base)).await?;
            // What is not removed now is removed later.
            let _later = compact::sweep(objects, &moved.0, limits).await;
            Ok::<_, StateError>((moved, bytes))
        })?;
        ((backing.head, backing.etag), backing.snapshot_bytes) = moved;
        (backing.segments, backing.segment_bytes) = (0, 0);
        Ok(())
    }
}

impl Keeper for OpenBucket {
    type Backing = BucketBacking;

    fn engine(&self) -> &Engine<BucketBacking> {
        &self.engine
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        if self.engine.backing.lock.is_none() {
            return Err(self
                .engine
                .backing
                .objects
                .unavailable("it was opened only to look at it"));
        }
        let meta = self.engine.commit(writes)?;
        self.written |= !writes.is_empty();
        Ok(meta)
    }

    /// What is in memory, and what is in the bucket.
    fn verify(&self) -> Result<Verification, StateError> {
        let mut found = self.engine.verify()?;
        let backing = &self.engine.backing;
        let environment = &self.engine.ledger.meta.environment;
        let again = backing.runtime.block_on(chain::load(&backing.objects, environment));
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
        if self.written && !self.engine.backing.failed {
            let _next_time = if self.is_long() { self.compact() } else { self.advance() };
        }
        release(self.engine.backing);
    }

    fn abandon(self) {
        release(self.engine.backing);
    }
}
