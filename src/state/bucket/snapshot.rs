//! Snapshots: the whole state in one object. Writes, reads and lists them, and removes what a newer
//! one has made needless.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    checkpoint::{Checkpoint, SnapshotRef},
    config::Limits,
    layout::{SEGMENTS, SNAPSHOTS, SnapshotHeader, sequence_in, snapshot_name},
    objects::{Listed, Objects, Put},
};
use crate::state::{
    StateError,
    codec::FORMAT,
    frame::{self, Sum},
    header::StateHeader,
    memory::MemoryKv,
};

/// The most bytes of a header.
const LONGEST_HEADER: u64 = 4096;
/// How many headers are read at the same time.
const AT_ONCE: usize = 16;

/// An older state that can be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, for [`super::restore`].
    pub name: String,
    /// When it was written, by the server's clock.
    pub at: Timestamp,
    /// The number of the last commit in it.
    pub sequence: u64,
    /// See [`crate::state::Meta::serial`].
    pub serial: u64,
    /// How many records it has.
    pub records: u64,
}

/// Writes a snapshot. Nothing reads it before the checkpoint names it.
pub(super) async fn write(
    objects: &Objects,
    origin: Uuid,
    state: &StateHeader,
    segment: &Sum,
    bytes: &MemoryKv,
) -> Result<SnapshotRef, StateError> {
    let header = SnapshotHeader {
        format: FORMAT,
        environment: state.meta.environment.clone(),
        origin,
        sequence: state.sequence,
        segment: segment.clone(),
        serial: state.meta.serial,
        records: state.meta.records,
    };
    let (object, checksum) = frame::seal(&header, pairs(bytes))?;
    let name = snapshot_name(state.sequence, &checksum);
    match objects.create(&name, &object).await? {
        Put::Done { .. } => Ok(SnapshotRef { name, sequence: state.sequence, checksum }),
        // Its name has its checksum in it.
        Put::Refused(_) => {
            Err(StateError::damaged(objects.location(), format!("its snapshot {name} was changed")))
        }
    }
}

/// All keys and values, for a segment or a snapshot of the whole state.
pub(super) fn pairs(bytes: &MemoryKv) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    bytes.0.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())))
}

/// A snapshot whose checksum is right.
pub(super) struct DecodedSnapshot {
    pub(super) header: SnapshotHeader,
    pub(super) checksum: Sum,
    pub(super) bytes: MemoryKv,
}

pub(super) fn decode(
    object: &[u8],
    location: &str,
    name: &str,
) -> Result<DecodedSnapshot, StateError> {
    let opened = frame::open::<SnapshotHeader>(object, location, &format!("its snapshot {name}"))?;
    let pair = |(key, value): &(&[u8], Option<&[u8]>)| Some((key.to_vec(), (*value)?.to_vec()));
    let bytes = MemoryKv(opened.pairs.iter().filter_map(pair).collect());
    Ok(DecodedSnapshot { header: opened.header, checksum: opened.sum, bytes })
}

/// All snapshots that this version can read, the newest first.
pub(super) async fn list(objects: &Objects) -> Result<Vec<Snapshot>, StateError> {
    let listed = objects.list(SNAPSHOTS, "").await?;
    let ours = listed.into_iter().filter(|listed| sequence_in(&listed.name).is_some());
    let read = |listed: Listed| async move {
        let Some(start) = objects.start_of(&listed.name, LONGEST_HEADER).await? else {
            return Ok::<_, StateError>(None);
        };
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // One that is damaged or newer cannot be chosen.
        let header = frame::header::<SnapshotHeader>(line, objects.location()).ok().flatten();
        Ok(header.map(|SnapshotHeader { sequence, serial, records, .. }| {
            let name = listed.name.trim_start_matches(SNAPSHOTS).to_owned();
            Snapshot { name, at: listed.written, sequence, serial, records }
        }))
    };
    let found: Vec<Option<Snapshot>> =
        stream::iter(ours).map(read).buffered(AT_ONCE).try_collect().await?;
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_by(|a, b| (b.sequence, &b.name).cmp(&(a.sequence, &a.name)));
    Ok(found)
}

/// Removes what has been needless for a while: segments that are in the snapshot of this checkpoint,
/// and all but the newest snapshots. What remains after an error is removed the next time.
pub(super) async fn remove_needless(
    objects: &Objects,
    checkpoint: &Checkpoint,
    limits: &Limits,
) -> Result<(), StateError> {
    // Only the server's own clock can tell how old its objects are.
    let Some(now) = objects.server_time() else { return Ok(()) };
    let Ok(before) = now.checked_sub(limits.grace) else { return Ok(()) };
    let current = &checkpoint.snapshot;
    let is_in_it = |object: &Listed| {
        sequence_in(&object.name).is_some_and(|sequence| sequence <= current.sequence)
    };
    let mut needless = objects.list(SEGMENTS, "").await?;
    needless.retain(is_in_it);
    let mut snapshots = objects.list(SNAPSHOTS, "").await?;
    snapshots.retain(|object| is_in_it(object) && object.name != current.name);
    // The current one counts among those that are kept.
    let kept = limits.snapshots.saturating_sub(1);
    snapshots.truncate(snapshots.len().saturating_sub(kept));
    needless.append(&mut snapshots);
    for object in needless.iter().filter(|object| object.written < before) {
        objects.delete(&object.name).await?;
    }
    Ok(())
}
