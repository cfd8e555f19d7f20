//! The sorted bytes of one environment: in memory for reading, while every write is a segment in the
//! bucket first.

use std::{ops::Bound, sync::Arc, time::Duration};

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{
    checkpoint::{Checkpoint, LastCommit},
    config::Limits,
    layout::{SegmentHeader, segment_name},
    load::{self, LoadedState},
    lock::Lock,
    objects::{Objects, Put},
    snapshot,
};
use crate::state::{
    StateError,
    codec::FORMAT,
    frame,
    header::StateHeader,
    kv::{Changes, Kv, Visit},
};

/// How long it waits for requests whose failure does no harm.
const SHORT: Duration = Duration::from_secs(5);

/// The state of one environment in a bucket.
pub(super) struct BucketKv {
    runtime: Arc<Runtime>,
    objects: Objects,
    limits: Limits,
    /// Without it, nothing can be written.
    lock: Option<Lock>,
    state: LoadedState,
    /// No other writer has this id.
    writer: Uuid,
    /// Something was committed since it was opened.
    written: bool,
    /// It is not known whether the last commit was written.
    failed: bool,
}

impl BucketKv {
    pub(super) fn new(
        runtime: Arc<Runtime>,
        objects: Objects,
        limits: Limits,
        lock: Option<Lock>,
        state: LoadedState,
    ) -> Self {
        let (writer, written, failed) = (Uuid::new_v4(), false, false);
        Self { runtime, objects, limits, lock, state, writer, written, failed }
    }

    /// The number of the last commit.
    pub(super) fn sequence(&self) -> u64 {
        self.state.last.sequence
    }

    /// Writes the next segment, with a number that no other writer can have used.
    async fn append(&self, sequence: u64, bytes: &[u8]) -> Result<(), StateError> {
        let Some(lock) = &self.lock else {
            return Err(self.objects.unavailable("it was opened for reading"));
        };
        lock.check().await?;
        match self.objects.create(&segment_name(sequence), bytes).await? {
            Put::Done { .. } => lock.was_ours().await,
            Put::Refused(_) => {
                let rest = lock.why_lost().await.unwrap_or_else(|| {
                    "this run sends and records nothing more. What it recorded before is safe: run again".to_owned()
                });
                let why = format!("another process has written commit {sequence}: {rest}");
                Err(self.objects.unavailable(why))
            }
        }
    }

    /// Lets the checkpoint name the last commit.
    pub(super) fn advance(&mut self) -> Result<(), StateError> {
        let objects = self.objects.with_patience(SHORT);
        let LoadedState { checkpoint, last, .. } = &mut self.state;
        self.runtime.block_on(checkpoint.advance(&objects, last, None))
    }

    /// Whether there are enough segments for a snapshot.
    fn is_long(&self) -> bool {
        let LoadedState { segments, segment_bytes, snapshot_bytes, .. } = &self.state;
        *segments >= self.limits.segments || segment_bytes >= snapshot_bytes
    }

    /// Writes a snapshot, and removes what it makes needless.
    fn compact(&mut self) -> Result<(), StateError> {
        let objects = self.objects.with_patience(SHORT);
        let LoadedState { checkpoint, bytes, last, .. } = &mut self.state;
        self.runtime.block_on(async {
            if let Some(lock) = &self.lock {
                // The snapshot can wait for the next writer; the end of this command should not.
                let slow = |_| objects.unavailable("its lock was not confirmed in time");
                tokio::time::timeout(SHORT, lock.check()).await.map_err(slow)??;
            }
            let Checkpoint { origin, environment, .. } = &checkpoint.content;
            let Some(header) = StateHeader::stored(bytes, objects.location(), environment)? else {
                return Ok(());
            };
            let snapshot =
                snapshot::write(&objects, *origin, &header, &last.segment, bytes).await?;
            checkpoint.advance(&objects, last, Some(&snapshot)).await?;
            snapshot::remove_needless(&objects, &checkpoint.content, &self.limits).await
        })
    }
}

impl Kv for BucketKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.state.bytes.get(key)
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        self.state.bytes.walk(from, to, backwards, visit)
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        let sequence = self.state.last.sequence + 1;
        let Checkpoint { environment, origin, .. } = &self.state.checkpoint.content;
        let header = SegmentHeader {
            format: FORMAT,
            environment: environment.clone(),
            origin: *origin,
            sequence,
            previous: Some(self.state.last.segment.clone()),
            writer: self.writer,
        };
        let pairs = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let (bytes, segment) = frame::seal(&header, pairs)?;
        self.failed = true;
        self.runtime.block_on(self.append(sequence, &bytes))?;
        (self.failed, self.written) = (false, true);
        self.state.last = LastCommit { sequence, segment };
        self.state.segments += 1;
        self.state.segment_bytes += bytes.len();
        self.state.bytes.write(changes)
    }

    fn confirm_lock(&mut self) -> Result<(), StateError> {
        let Some(lock) = &self.lock else {
            return Err(self.objects.unavailable("it was opened for reading"));
        };
        self.runtime.block_on(lock.confirm())
    }

    /// Compares the bucket with the bytes in memory.
    fn verify(&self) -> Result<Vec<String>, StateError> {
        let environment = &self.state.checkpoint.content.environment;
        let again = self.runtime.block_on(load::load(&self.objects, environment));
        let expected = self.sequence();
        let problem = match again {
            Ok(Some(again)) if again.last.sequence == expected => {
                if again.last == self.state.last && again.bytes.0 == self.state.bytes.0 {
                    return Ok(Vec::new());
                }
                "the bucket does not have the bytes that were written".to_owned()
            }
            // Others may write while this one reads.
            Ok(Some(again)) if self.lock.is_none() && again.last.sequence > expected => {
                return Ok(Vec::new());
            }
            Ok(Some(again)) => {
                let found = again.last.sequence;
                format!("its last commit is {found}, and should be {expected}")
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

    /// Errors do no harm: every commit is in the bucket.
    fn close(mut self) -> Result<(), StateError> {
        if self.written && !self.failed {
            let _next_time = if self.is_long() { self.compact() } else { self.advance() };
        }
        Ok(())
    }
}

/// Gives the lock back. If that fails, the lock runs out.
impl Drop for BucketKv {
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            let _runs_out =
                self.runtime.block_on(async { tokio::time::timeout(SHORT, lock.release()).await });
        }
    }
}
