//! Reads a state: its checkpoint, the snapshot that this names, and every segment after that.

use std::{collections::BTreeMap, pin::pin};

use futures_util::{StreamExt as _, stream};

use super::{
    checkpoint::{LastCommit, StoredCheckpoint},
    layout::{CHECKPOINT, SEGMENTS, SegmentHeader, segment_name, sequence_in},
    objects::Objects,
    snapshot,
};
use crate::state::{StateError, frame, memory::MemoryKv};

/// How many segments are read at the same time.
const AT_ONCE: usize = 16;
/// How often reading starts again because a writer moved the checkpoint.
const ATTEMPTS: usize = 8;

/// A state as it was read.
pub(super) struct LoadedState {
    pub(super) checkpoint: StoredCheckpoint,
    pub(super) bytes: MemoryKv,
    pub(super) last: LastCommit,
    /// How many segments were read after the snapshot, and the bytes of both.
    pub(super) segments: usize,
    pub(super) segment_bytes: usize,
    pub(super) snapshot_bytes: usize,
}

/// Why a state could not be read.
enum Unread {
    /// An object does not exist. A writer may have moved the checkpoint and removed it.
    Missing(String),
    Failed(StateError),
}

impl From<StateError> for Unread {
    fn from(error: StateError) -> Self {
        Self::Failed(error)
    }
}

/// The whole state; `None` if there is none.
pub(super) async fn load(
    objects: &Objects,
    environment: &str,
) -> Result<Option<LoadedState>, StateError> {
    for _ in 0..ATTEMPTS {
        let Some(checkpoint) = StoredCheckpoint::read(objects, environment).await? else {
            return Ok(None);
        };
        let etag = checkpoint.etag.clone();
        let what = match follow(objects, checkpoint).await {
            Ok(state) => return Ok(Some(state)),
            Err(Unread::Failed(error)) => return Err(error),
            Err(Unread::Missing(what)) => what,
        };
        let moved = objects.get(CHECKPOINT).await?.is_some_and(|now| now.etag != etag);
        if !moved {
            return Err(StateError::damaged(objects.location(), what));
        }
    }
    Err(StateError::Changed { location: objects.location().to_owned() })
}

async fn follow(objects: &Objects, stored: StoredCheckpoint) -> Result<LoadedState, Unread> {
    let location = objects.location();
    let base = stored.content.snapshot.clone();
    let missing = || Unread::Missing(format!("its snapshot {} is missing", base.name));
    let found = objects.get(&base.name).await?.ok_or_else(missing)?;
    let snapshot = snapshot::decode(&found.bytes, location, &base.name)?;
    let header = &snapshot.header;
    let same_state =
        header.environment == stored.content.environment && header.origin == stored.content.origin;
    if !same_state || header.sequence != base.sequence || snapshot.checksum != base.checksum {
        let what = format!("its snapshot {} is another one", base.name);
        return Err(StateError::damaged(location, what).into());
    }
    let mut state = LoadedState {
        checkpoint: stored,
        bytes: snapshot.bytes,
        last: LastCommit { sequence: base.sequence, segment: snapshot.header.segment },
        segments: 0,
        segment_bytes: 0,
        snapshot_bytes: found.bytes.len(),
    };
    state.check_last(location)?;
    let listed = objects.list(SEGMENTS, &format!("{:020}", base.sequence)).await?;
    let listed = listed.iter().filter_map(|object| sequence_in(&object.name)).max();
    let end = listed.max(Some(state.checkpoint.content.last.sequence)).unwrap_or_default();
    let get = |sequence| async move { (sequence, objects.get(&segment_name(sequence)).await) };
    let mut segments = pin!(stream::iter(base.sequence + 1..=end).map(get).buffered(AT_ONCE));
    while let Some((sequence, found)) = segments.next().await {
        // The list may lack a segment that was written meanwhile. One that does not exist although
        // there are later ones is missing.
        let missing = || Unread::Missing(format!("its commit {sequence} is missing"));
        state.apply(sequence, &found?.ok_or_else(missing)?.bytes, location)?;
    }
    Ok(state)
}

impl LoadedState {
    /// Carries out one commit.
    fn apply(&mut self, sequence: u64, bytes: &[u8], location: &str) -> Result<(), StateError> {
        let what = format!("its commit {sequence}");
        let opened = frame::open::<SegmentHeader>(bytes, location, &what)?;
        let header = &opened.header;
        let same_state = self.checkpoint.content.is_of(&header.environment, header.origin);
        if !same_state || header.sequence != sequence {
            return Err(StateError::damaged(location, format!("{what} is another one")));
        }
        let map: &mut BTreeMap<_, _> = &mut self.bytes.0;
        match &header.previous {
            None => map.clear(),
            Some(previous) if *previous == self.last.segment => {}
            Some(_) => {
                let what = format!("{what} does not follow the one before");
                return Err(StateError::damaged(location, what));
            }
        }
        for (key, value) in opened.pairs {
            match value {
                Some(value) => map.insert(key.to_vec(), value.to_vec()),
                None => map.remove(key),
            };
        }
        self.last = LastCommit { sequence, segment: opened.sum };
        self.segments += 1;
        self.segment_bytes += bytes.len();
        self.check_last(location)
    }

    /// Compares the commit that the checkpoint names with the one that was read.
    fn check_last(&self, location: &str) -> Result<(), StateError> {
        let checkpoint = &self.checkpoint.content;
        let last = &checkpoint.last;
        let other = last.sequence == self.last.sequence && last.segment != self.last.segment;
        // No checkpoint names a commit before its snapshot.
        if other || last.sequence < checkpoint.snapshot.sequence {
            let what = format!("its commit {} is not the one that was written", last.sequence);
            return Err(StateError::damaged(location, what));
        }
        Ok(())
    }
}
