//! Sorted bytes in memory, of which every change is a segment in the bucket before it is here.

use std::{ops::Bound, sync::Arc};

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{
    checkpoint::segment_name,
    layout::{self, SegmentHeader, Sum},
    load::Chain,
    lock::Lock,
    objects::{Objects, Put},
};
use crate::state::{
    StateError,
    engine::{Backing, Visit},
    ledger::{Changes, FORMAT},
    memory::Bytes,
};

/// The state of one environment in a bucket.
pub(super) struct BucketBacking {
    pub(super) runtime: Arc<Runtime>,
    pub(super) objects: Objects,
    /// Without it, nothing is written.
    pub(super) lock: Option<Arc<Lock>>,
    pub(super) bytes: Bytes,
    environment: String,
    origin: Uuid,
    /// The last commit, and the checksum of its segment.
    pub(super) sequence: u64,
    pub(super) segment: Sum,
    /// What came after the snapshot.
    pub(super) segments: usize,
    pub(super) segment_bytes: usize,
    pub(super) snapshot_bytes: usize,
    /// Which no other writer has.
    writer: Uuid,
    /// It is not known whether the last commit was written.
    pub(super) failed: bool,
}

impl BucketBacking {
    pub(super) fn new(
        runtime: Arc<Runtime>,
        objects: Objects,
        lock: Option<Arc<Lock>>,
        chain: Chain,
    ) -> Self {
        let Chain { head, map, sequence, segment, segments, segment_bytes, snapshot_bytes, .. } =
            chain;
        Self {
            runtime,
            objects,
            lock,
            bytes: Bytes(map),
            environment: head.environment,
            origin: head.origin,
            sequence,
            segment,
            segments,
            segment_bytes,
            snapshot_bytes,
            writer: Uuid::new_v4(),
            failed: false,
        }
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

impl Backing for BucketBacking {
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
        let pairs = changes.iter().map(|(key, value)| {
            (key.as_slice(), value.as_ref().map(|value| value.bytes.as_slice()))
        });
        let header = SegmentHeader {
            format: FORMAT,
            environment: self.environment.clone(),
            origin: self.origin,
            sequence,
            previous: Some(self.segment.clone()),
            writer: self.writer,
        };
        let (bytes, sum) = layout::seal(&header, pairs)?;
        self.failed = true;
        self.runtime.block_on(self.append(sequence, &bytes))?;
        self.failed = false;
        self.sequence = sequence;
        self.segment = sum;
        self.segments += 1;
        self.segment_bytes += bytes.len();
        self.bytes.write(changes)
    }
}
