//! Snapshots: what is written when a state is closed, what is kept of it, and for how long.

use std::time::Duration;

use jiff::SignedDuration;
use uuid::Uuid;

use super::{
    chain::{Map, pairs},
    config::Limits,
    frame::{self, SnapshotHeader, Sum},
    head::{Base, HEAD, Head, Last, SEGMENTS, SNAPSHOTS, sequence_in, snapshot_name},
    objects::{Objects, Put},
};
use crate::state::{StateError, codec::FORMAT, header::StateHeader};

/// What a snapshot is of.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) environment: &'a str,
    pub(super) origin: Uuid,
}

impl<'a> Of<'a> {
    pub(super) fn head(head: &'a Head) -> Self {
        Self { environment: &head.environment, origin: head.origin }
    }
}

/// Writes a snapshot. It counts when the head names it.
pub(super) async fn snapshot(
    objects: &Objects,
    of: Of<'_>,
    ledger: &StateHeader,
    segment: &Sum,
    map: &Map,
) -> Result<(Base, usize), StateError> {
    let header = SnapshotHeader {
        format: FORMAT,
        environment: of.environment.to_owned(),
        origin: of.origin,
        sequence: ledger.sequence,
        segment: segment.clone(),
        serial: ledger.meta.serial,
        records: ledger.meta.records,
    };
    let (bytes, checksum) = frame::seal(&header, pairs(map))?;
    let name = snapshot_name(ledger.sequence, &checksum);
    match objects.create(&name, &bytes).await? {
        Put::Done { .. } => {
            let base = Base { name, sequence: ledger.sequence, checksum };
            Ok((base, bytes.len()))
        }
        // Its name has its checksum in it.
        Put::Refused(_) => {
            Err(StateError::damaged(objects.place(), format!("its snapshot {name} was changed")))
        }
    }
}

/// Moves the head on: to this commit at least, and to this snapshot if there is one. Somebody
/// else may have moved it further meanwhile; it is never moved back.
pub(super) async fn advance(
    objects: &Objects,
    mut head: Head,
    mut etag: String,
    last: &Last,
    base: Option<&Base>,
) -> Result<(Head, String), StateError> {
    loop {
        let mut next = head.clone();
        if last.sequence > next.last.sequence {
            next.last = last.clone();
        }
        if let Some(base) = base
            && base.sequence > head.snapshot.sequence
        {
            next.snapshot = base.clone();
        }
        if next == head {
            return Ok((head, etag));
        }
        match objects.replace(HEAD, &next.encode()?, &etag).await? {
            Put::Done { etag } => return Ok((next, etag)),
            Put::Refused(Some(found)) => {
                let now = Head::decode(&found.bytes, objects.place())?;
                if now.origin != head.origin || now.environment != head.environment {
                    let what = format!("its {HEAD} was replaced by that of another state");
                    return Err(StateError::damaged(objects.place(), what));
                }
                (head, etag) = (now, found.etag);
            }
            Put::Refused(None) => {
                let what = format!("its {HEAD} is missing");
                return Err(StateError::damaged(objects.place(), what));
            }
        }
    }
}

/// Removes what is not needed any more and has been so for a while: segments that are in the
/// snapshot of this head, and all but the newest snapshots. Whatever goes wrong, the next one
/// removes it.
pub(super) async fn sweep(
    objects: &Objects,
    head: &Head,
    limits: &Limits,
) -> Result<(), StateError> {
    // Only the server's own clock says how old its objects are.
    let Some(now) = objects.server_time() else { return Ok(()) };
    let grace = SignedDuration::try_from(limits.grace).unwrap_or(SignedDuration::MAX);
    let Ok(before) = now.checked_sub(grace) else { return Ok(()) };
    let base = &head.snapshot;

    let segments = objects.list(SEGMENTS, "").await?;
    let merged = segments.iter().filter(|object| {
        sequence_in(&object.name).is_some_and(|sequence| sequence <= base.sequence)
    });
    let mut snapshots: Vec<_> = objects
        .list(SNAPSHOTS, "")
        .await?
        .into_iter()
        .filter(|object| {
            let older = sequence_in(&object.name).is_some_and(|number| number <= base.sequence);
            older && object.name != base.name
        })
        .collect();
    // The one that counts is kept in any case.
    let kept = limits.snapshots.saturating_sub(1);
    snapshots.truncate(snapshots.len().saturating_sub(kept));
    let patient = objects.with_patience(Duration::from_secs(5));
    for object in merged.chain(&snapshots).filter(|object| object.written < before) {
        patient.delete(&object.name).await?;
    }
    Ok(())
}
