//! The object `head.json`: which state this is, the snapshot from which it is read, and the last
//! commit that is certainly there.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    layout::{CHECKPOINT, SEGMENTS, SNAPSHOTS, sequence_in},
    objects::{Objects, Put},
};
use crate::state::{
    StateError,
    codec::{FORMAT, newer},
    frame::Sum,
};

/// The content of `head.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    pub(super) format: u32,
    pub(super) environment: String,
    /// The lineage with which the state was made. It never changes, even if an import changes the
    /// lineage, and tells objects of another state.
    pub(super) origin: Uuid,
    /// The snapshot before the segments. That of a new state is of commit 0.
    pub(super) snapshot: SnapshotRef,
    /// A commit that is certainly there. There may be later ones.
    pub(super) last: LastCommit,
}

/// Names a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotRef {
    /// The name of the object.
    pub(super) name: String,
    /// The number of the last commit in it.
    pub(super) sequence: u64,
    pub(super) checksum: Sum,
}

/// Names a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastCommit {
    pub(super) sequence: u64,
    /// The checksum of its segment.
    pub(super) segment: Sum,
}

/// The object with its own checksum.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<C> {
    head: C,
    blake3: Sum,
}

impl Checkpoint {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StateError> {
        let encoded = || {
            let stored = Stored { head: self, blake3: self.checksum()? };
            let mut bytes = serde_json::to_vec_pretty(&stored)?;
            bytes.push(b'\n');
            Ok(bytes)
        };
        encoded().map_err(StateError::unstorable(CHECKPOINT))
    }

    pub(super) fn decode(bytes: &[u8], location: &str) -> Result<Self, StateError> {
        let bad = || StateError::damaged(location, format!("its {CHECKPOINT} is not as written"));
        // The version first: a newer one may have fields that this version cannot read.
        let any: Value = serde_json::from_slice(bytes).map_err(|_| bad())?;
        let format = any.pointer("/head/format").and_then(Value::as_u64).ok_or_else(bad)?;
        if format > u64::from(FORMAT) {
            return Err(newer(location, u32::try_from(format).unwrap_or(u32::MAX)));
        }
        let stored: Stored<Self> = serde_json::from_value(any).map_err(|_| bad())?;
        let matches = stored.head.checksum().is_ok_and(|checksum| checksum == stored.blake3);
        matches.then_some(stored.head).ok_or_else(bad)
    }

    /// Whether a segment or snapshot with this header is of the same state.
    pub(super) fn is_of(&self, environment: &str, origin: Uuid) -> bool {
        self.environment == environment && self.origin == origin
    }

    fn checksum(&self) -> Result<Sum, serde_json::Error> {
        Ok(blake3::hash(&serde_json::to_vec(self)?).to_hex().to_string())
    }
}

/// The checkpoint as it is in the bucket.
#[derive(Debug, Clone)]
pub(super) struct StoredCheckpoint {
    pub(super) content: Checkpoint,
    pub(super) etag: String,
}

impl StoredCheckpoint {
    /// `None` if there is no state. Other objects without a checkpoint are damage, except a
    /// snapshot of commit 0: it is empty, and left by a writer that died while it made a state.
    pub(super) async fn read(
        objects: &Objects,
        environment: &str,
    ) -> Result<Option<Self>, StateError> {
        let Some(found) = objects.get(CHECKPOINT).await? else {
            for folder in [SNAPSHOTS, SEGMENTS] {
                let listed = objects.list(folder, "").await?;
                let any = listed.iter().any(|object| sequence_in(&object.name) != Some(0));
                // It may have been made meanwhile.
                if any && objects.get(CHECKPOINT).await?.is_none() {
                    return Err(missing(objects));
                }
            }
            return Ok(None);
        };
        let checkpoint = Checkpoint::decode(&found.bytes, objects.location())?;
        StateError::check_environment(objects.location(), &checkpoint.environment, environment)?;
        Ok(Some(Self { content: checkpoint, etag: found.etag }))
    }

    /// Moves it to this commit at least, and to this snapshot if there is one. Another writer may
    /// have moved it further; it never goes back.
    pub(super) async fn advance(
        &mut self,
        objects: &Objects,
        last: &LastCommit,
        snapshot: Option<&SnapshotRef>,
    ) -> Result<(), StateError> {
        loop {
            let mut next = self.content.clone();
            if last.sequence > next.last.sequence {
                next.last = last.clone();
            }
            if let Some(snapshot) = snapshot.filter(|s| s.sequence > next.snapshot.sequence) {
                next.snapshot = snapshot.clone();
            }
            if next == self.content {
                return Ok(());
            }
            match objects.replace(CHECKPOINT, &next.encode()?, &self.etag).await? {
                Put::Done { etag } => {
                    *self = Self { content: next, etag };
                    return Ok(());
                }
                Put::Refused(Some(found)) => {
                    let now = Checkpoint::decode(&found.bytes, objects.location())?;
                    if !now.is_of(&next.environment, next.origin) {
                        let what = format!("its {CHECKPOINT} was replaced by another state's");
                        return Err(StateError::damaged(objects.location(), what));
                    }
                    *self = Self { content: now, etag: found.etag };
                }
                Put::Refused(None) => return Err(missing(objects)),
            }
        }
    }
}

fn missing(objects: &Objects) -> StateError {
    StateError::damaged(objects.location(), format!("its {CHECKPOINT} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_checkpoint_is_noticed() {
        let snapshot = SnapshotRef { name: "n".into(), sequence: 7, checksum: "c".into() };
        let checkpoint = Checkpoint {
            format: FORMAT,
            environment: "default".into(),
            origin: Uuid::from_u128(1),
            snapshot,
            last: LastCommit { sequence: 9, segment: "s".into() },
        };
        let bytes = checkpoint.encode().expect("encodes");
        assert_eq!(Checkpoint::decode(&bytes, "p").expect("decodes"), checkpoint);
        let text = String::from_utf8(bytes).expect("is text");
        for (from, to) in [("\"sequence\": 9", "\"sequence\": 8"), ("default", "defau1t")] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(Checkpoint::decode(changed.as_bytes(), "p").is_err(), "{from} became {to}");
        }
        let newer = text.replace(&format!("\"format\": {FORMAT}"), "\"format\": 99");
        assert!(matches!(Checkpoint::decode(newer.as_bytes(), "p"), Err(StateError::Newer { .. })));
    }
}
