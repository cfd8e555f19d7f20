//! Sorted bytes in memory, of which every change is a segment in the bucket before it is here.

use std::{ops::Bound, sync::Arc, time::Duration};

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{
    chain::{self, Chain},
    compact::{self, Of},
    config::Limits,
    frame::{self, SegmentHeader, Sum},
    head::{Head, Last, segment_name},
    lock::Lock,
    objects::{Objects, Put},
};
use crate::state::{
    StateError,
    codec::FORMAT,
    header::StateHeader,
    kv::{Changes, Kv, Visit},
    memory::MemoryKv,
};

/// For what would only be nice to have: it is not waited for long.
const SHORT: Duration = Duration::from_secs(5);

/// The state of one environment in a bucket.
pub(super) struct BucketKv {
    pub(super) runtime: Arc<Runtime>,
    pub(super) objects: Objects,
    /// Without it, nothing is written.
    pub(super) lock: Option<Arc<Lock>>,
    pub(super) bytes: MemoryKv,
    pub(super) head: Head,
    pub(super) etag: String,
    pub(super) limits: Limits,
    /// The last commit, and the checksum of its segment.
    pub(super) sequence: u64,
    pub(super) segment: Sum,
    /// What came after the snapshot.
    pub(super) segments: usize,
    pub(super) segment_bytes: usize,
    pub(super) snapshot_bytes: usize,
    /// Which no other writer has.
    writer: Uuid,
    /// Something was committed since it was opened.
    pub(super) written: bool,
    /// It is not known whether the last commit was written.
    pub(super) failed: bool,
}

impl BucketKv {
    pub(super) fn new(
        runtime: Arc<Runtime>,
        objects: Objects,
        lock: Option<Arc<Lock>>,
        limits: Limits,
        chain: Chain,
    ) -> Self {
        let Chain {
            head,
            etag,
            map,
            sequence,
            segment,
            segments,
            segment_bytes,
            snapshot_bytes,
            ..
        } = chain;
        Self {
            runtime,
            objects,
            lock,
            bytes: MemoryKv(map),
            head,
            etag,
            limits,
            sequence,
            segment,
            segments,
            segment_bytes,
            snapshot_bytes,
            writer: Uuid::new_v4(),
            written: false,
            failed: false,
        }
    }

    /// The head knows of everything that was committed.
    pub(super) fn advance(&mut self) -> Result<(), StateError> {
        let last = Last { sequence: self.sequence, segment: self.segment.clone() };
        let objects = self.objects.with_patience(SHORT);
        let (head, etag) = (self.head.clone(), self.etag.clone());
        let moved = compact::advance(&objects, head, etag, &last, None);
        (self.head, self.etag) = self.runtime.block_on(moved)?;
        Ok(())
    }

    /// Whether the segments are worth a snapshot.
    fn is_long(&self) -> bool {
        self.segments >= self.limits.segments || self.segment_bytes >= self.snapshot_bytes
    }

    fn compact(&self) -> Result<(), StateError> {
        let Self { head, etag, limits, .. } = self;
        let place = self.objects.place();
        let ledger = StateHeader::stored(&self.bytes, place, &head.environment)?
            .ok_or_else(|| StateError::damaged(place, "the header is missing"))?;
        // Larger objects take their time, but nobody waits for a server that is gone.
        let objects = &self.objects.with_patience(SHORT);
        let last = Last { sequence: self.sequence, segment: self.segment.clone() };
        self.runtime.block_on(async {
            if let Some(lock) = &self.lock {
                lock.check().await?;
            }
            let (map, of) = (&self.bytes.0, Of::head(head));
            let (base, _) = compact::snapshot(objects, of, &ledger, &last.segment, map).await?;
            let (head, etag) = (head.clone(), etag.clone());
            let (head, _) = compact::advance(objects, head, etag, &last, Some(&base)).await?;
            // What is not removed now is removed later.
            compact::sweep(objects, &head, limits).await
        })
    }

    /// Writes the next segment. Nobody else can have written one with this number.
    async fn append(&self, sequence: u64, bytes: &[u8]) -> Result<(), StateError> {
        let Some(lock) = &self.lock else {
            return Err(self.objects.unavailable("it was opened only to look at it"));
        };
        lock.check().await?;
        match self.objects.create(&segment_name(sequence), bytes).await? {
            Put::Done { .. } => lock.was_ours().await,
            Put::Refused(_) => Err(self.objects.unavailable(format!(
                "somebody else has written commit {sequence}: nothing more is written in this \
                 run. What was written before is safe: run again"
            ))),
        }
    }
}

/// Gives the lock back. If that fails, it runs out.
pub(super) fn release(runtime: &Runtime, lock: &Lock) {
    let _runs_out = runtime.block_on(async { tokio::time::timeout(SHORT, lock.release()).await });
}

impl Kv for BucketKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.bytes.get(key)
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        self.bytes.walk(from, to, backwards, visit)
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        let sequence = self.sequence + 1;
        let pairs = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let header = SegmentHeader {
            format: FORMAT,
            environment: self.head.environment.clone(),
            origin: self.head.origin,
            sequence,
            previous: Some(self.segment.clone()),
            writer: self.writer,
        };
        let (bytes, sum) = frame::seal(&header, pairs)?;
        self.failed = true;
        self.runtime.block_on(self.append(sequence, &bytes))?;
        self.failed = false;
        self.written = true;
        self.sequence = sequence;
        self.segment = sum;
        self.segments += 1;
        self.segment_bytes += bytes.len();
        self.bytes.write(changes)
    }

    /// What is in memory, and what is in the bucket.
    fn verify(&self) -> Result<Vec<String>, StateError> {
        let again = self.runtime.block_on(chain::load(&self.objects, &self.head.environment));
        let problem = match again {
            Ok(Some(chain)) if chain.sequence == self.sequence => {
                if chain.map == self.bytes.0 && chain.segment == self.segment {
                    return Ok(Vec::new());
                }
                "the bucket has not what was written".to_owned()
            }
            // Others may write while it is only looked at.
            Ok(Some(chain)) if self.lock.is_none() && chain.sequence > self.sequence => {
                return Ok(Vec::new());
            }
            Ok(Some(chain)) => {
                let (now, before) = (chain.sequence, self.sequence);
                format!("its last commit is {now}, and should be {before}")
            }
            Ok(None) => "it is gone from the bucket".to_owned(),
            Err(StateError::Damaged { what, .. }) => what,
            Err(error @ (StateError::Newer { .. } | StateError::OtherEnvironment { .. })) => {
                error.to_string()
            }
            Err(error) => return Err(error),
        };
        Ok(vec![problem])
    }

    /// What goes wrong here does no harm: what was committed is in the bucket.
    fn close(mut self) {
        if self.written && !self.failed {
            let _next_time = if self.is_long() { self.compact() } else { self.advance() };
        }
        self.abandon();
    }

    fn abandon(self) {
        if let Some(lock) = &self.lock {
            release(&self.runtime, lock);
        }
    }
}
