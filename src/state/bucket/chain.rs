//! Reads a state: its head, the snapshot that the head names, and every segment after that.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::{
    frame::{self, SegmentHeader, SnapshotHeader, Sum},
    head::{Base, HEAD, Head, SEGMENTS, SNAPSHOTS, segment_name, sequence_in},
    objects::{Object, Objects},
};
use crate::state::StateError;

/// So many objects are asked for at once.
const AT_ONCE: usize = 16;
/// So often it is begun anew when others move the head meanwhile.
const ATTEMPTS: usize = 8;

/// All keys and values.
pub(super) type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// All pairs of a map, as a segment or a snapshot has them.
pub(super) fn pairs(map: &Map) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    map.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())))
}

/// A state as it was read.
pub(super) struct Chain {
    pub(super) head: Head,
    pub(super) etag: String,
    pub(super) map: Map,
    /// The last commit, and the checksum of its segment.
    pub(super) sequence: u64,
    pub(super) segment: Sum,
    /// How many segments were read, and their bytes; and those of the snapshot.
    pub(super) segments: usize,
    pub(super) segment_bytes: usize,
    pub(super) snapshot_bytes: usize,
}

/// The head; `None` if there is no state. Objects without a head are damage, but for a snapshot of
/// commit 0: it has nothing in it, and is left of a making that was cut off.
pub(super) async fn head(
    objects: &Objects,
    environment: &str,
) -> Result<Option<(Head, String)>, StateError> {
    let Some(Object { bytes, etag }) = objects.get(HEAD).await? else {
        for folder in [SNAPSHOTS, SEGMENTS] {
            // A state could have been made in between: then it has a head now.
            let listed = objects.list(folder, "").await?;
            let any = listed.iter().any(|object| sequence_in(&object.name) != Some(0));
            if any && objects.get(HEAD).await?.is_none() {
                let what = format!("its {HEAD} is missing");
                return Err(StateError::damaged(objects.place(), what));
            }
        }
        return Ok(None);
    };
    let head = Head::decode(&bytes, objects.place())?;
    if head.environment != environment {
        return Err(StateError::OtherEnvironment {
            location: objects.place().to_owned(),
            found: head.environment,
            wanted: environment.to_owned(),
        });
    }
    Ok(Some((head, etag)))
}

/// Why what the head names could not be had.
enum Unread {
    /// It is not there. If the head has moved, that is no wonder.
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
) -> Result<Option<Chain>, StateError> {
    for _ in 0..ATTEMPTS {
        let Some((head, etag)) = self::head(objects, environment).await? else { return Ok(None) };
        let what = match follow(objects, head, etag.clone()).await {
            Ok(chain) => return Ok(Some(chain)),
            Err(Unread::Failed(error)) => return Err(error),
            Err(Unread::Missing(what)) => what,
        };
        let moved = objects.get(HEAD).await?.is_some_and(|now| now.etag != etag);
        if !moved {
            return Err(StateError::damaged(objects.place(), what));
        }
    }
    Err(StateError::Changed { location: objects.place().to_owned() })
}

async fn follow(objects: &Objects, head: Head, etag: String) -> Result<Chain, Unread> {
    let place = objects.place().to_owned();
    let base = head.snapshot.clone();
    let missing = || Unread::Missing(format!("its snapshot {} is missing", base.name));
    let found = objects.get(&base.name).await?.ok_or_else(missing)?;
    let (header, map) = snapshot(&found.bytes, &head, &base, &place)?;
    let base = base.sequence;
    let mut chain = Chain {
        head,
        etag,
        map,
        sequence: base,
        segment: header.segment,
        segments: 0,
        segment_bytes: 0,
        snapshot_bytes: found.bytes.len(),
    };
    chain.check_last(&place)?;
    let listed = objects.list(SEGMENTS, &format!("{base:020}")).await?;
    let last = listed.iter().filter_map(|object| sequence_in(&object.name)).max();
    let last = last.unwrap_or(base).max(chain.head.last.sequence);
    let mut next = base + 1;
    while next <= last {
        let end = last.min(next + AT_ONCE as u64 - 1);
        for (sequence, found) in segments(objects, next, end).await? {
            // One that the list left out may have been written while it was made; one that is
            // not there at all, although there are later ones, is missing.
            let missing = || Unread::Missing(format!("its commit {sequence} is missing"));
            chain.apply(sequence, &found.ok_or_else(missing)?, &place)?;
        }
        next = end + 1;
    }
    Ok(chain)
}

/// Checks a snapshot against what the head says of it.
fn snapshot(
    bytes: &[u8],
    head: &Head,
    base: &Base,
    place: &str,
) -> Result<(SnapshotHeader, Map), StateError> {
    let what = format!("its snapshot {}", base.name);
    let opened = frame::open::<SnapshotHeader>(bytes, place, &what)?;
    let SnapshotHeader { environment, origin, sequence, .. } = &opened.header;
    let ours = *environment == head.environment && *origin == head.origin;
    if !ours || *sequence != base.sequence || opened.sum != base.checksum {
        return Err(StateError::damaged(place, format!("{what} is another one")));
    }
    let map = opened
        .pairs
        .iter()
        .filter_map(|(key, value)| value.map(|value| (key.to_vec(), value.to_vec())));
    Ok((opened.header.clone(), map.collect()))
}

/// The segments with these numbers, in their order.
async fn segments(
    objects: &Objects,
    first: u64,
    last: u64,
) -> Result<BTreeMap<u64, Option<Vec<u8>>>, StateError> {
    let mut asked = JoinSet::new();
    for sequence in first..=last {
        let objects = objects.clone();
        asked.spawn(async move { (sequence, objects.get(&segment_name(sequence)).await) });
    }
    let mut found = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        let (sequence, object) =
            answer.map_err(|_| objects.unavailable("reading it ended early: run again"))?;
        found.insert(sequence, object?.map(|object| object.bytes));
    }
    Ok(found)
}

impl Chain {
    /// Carries out one commit.
    fn apply(&mut self, sequence: u64, bytes: &[u8], place: &str) -> Result<(), StateError> {
        let what = format!("its commit {sequence}");
        let opened = frame::open::<SegmentHeader>(bytes, place, &what)?;
        let header = &opened.header;
        let ours = header.environment == self.head.environment && header.origin == self.head.origin;
        if !ours || header.sequence != sequence {
            return Err(StateError::damaged(place, format!("{what} is another one")));
        }
        match &header.previous {
            None => self.map.clear(),
            Some(previous) if *previous == self.segment => {}
            Some(_) => {
                let what = format!("{what} does not follow the one before");
                return Err(StateError::damaged(place, what));
            }
        }
        for (key, value) in opened.pairs {
            match value {
                Some(value) => self.map.insert(key.to_vec(), value.to_vec()),
                None => self.map.remove(key),
            };
        }
        self.sequence = sequence;
        self.segment = opened.sum;
        self.segments += 1;
        self.segment_bytes += bytes.len();
        self.check_last(place)
    }

    /// Compares the commit that the head knows with what was found.
    fn check_last(&self, place: &str) -> Result<(), StateError> {
        let last = &self.head.last;
        let other = last.sequence == self.sequence && last.segment != self.segment;
        // No head says less than its own snapshot.
        if other || last.sequence < self.head.snapshot.sequence {
            let what = format!("its commit {} is not the one that was written", last.sequence);
            return Err(StateError::damaged(place, what));
        }
        Ok(())
    }
}
