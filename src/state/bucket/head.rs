//! `head.json`: what this state is, which snapshot its commits are counted from, and how many
//! there are at least.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::frame::Sum;
use crate::state::{
    StateError,
    codec::{FORMAT, newer},
};

pub(super) const HEAD: &str = "head.json";
pub(super) const SEGMENTS: &str = "segments/";
pub(super) const SNAPSHOTS: &str = "snapshots/";

/// The head of a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) format: u32,
    pub(super) environment: String,
    /// The lineage that the state was made with. An import changes the lineage, this never
    /// changes: objects of another state are told by it.
    pub(super) origin: Uuid,
    /// What the segments come after. That of a new state is of commit 0.
    pub(super) snapshot: Base,
    /// A commit that is certainly there. There may be later ones.
    pub(super) last: Last,
}

/// The snapshot that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    /// The name of the object.
    pub(super) name: String,
    /// The number of the last commit that is in it.
    pub(super) sequence: u64,
    pub(super) checksum: Sum,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Last {
    pub(super) sequence: u64,
    /// The checksum of its segment.
    pub(super) segment: Sum,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<H> {
    head: H,
    blake3: Sum,
}

impl Head {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StateError> {
        let unstorable = |error: serde_json::Error| StateError::Unstorable {
            what: HEAD,
            why: error.to_string(),
        };
        let blake3 = sum(self).map_err(unstorable)?;
        let mut bytes =
            serde_json::to_vec_pretty(&Stored { head: self, blake3 }).map_err(unstorable)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8], place: &str) -> Result<Self, StateError> {
        let bad = || StateError::damaged(place, format!("its {HEAD} is not what was written"));
        // The version first: a newer one may say more than this version can read.
        let any: Value = serde_json::from_slice(bytes).map_err(|_| bad())?;
        let format = any.pointer("/head/format").and_then(Value::as_u64).ok_or_else(bad)?;
        if format > u64::from(FORMAT) {
            return Err(newer(place, u32::try_from(format).unwrap_or(u32::MAX)));
        }
        let stored: Stored<Self> = serde_json::from_value(any).map_err(|_| bad())?;
        let matches = sum(&stored.head).is_ok_and(|sum| sum == stored.blake3);
        if matches { Ok(stored.head) } else { Err(bad()) }
    }
}

fn sum(head: &Head) -> Result<Sum, serde_json::Error> {
    Ok(blake3::hash(&serde_json::to_vec(head)?).to_hex().to_string())
}

/// What the first segment follows.
pub(super) fn start(origin: Uuid) -> Sum {
    blake3::hash(origin.as_bytes()).to_hex().to_string()
}

/// The name of a segment. Twenty digits: every number sorts as its name does.
pub(super) fn segment_name(sequence: u64) -> String {
    format!("{SEGMENTS}{sequence:020}")
}

pub(super) fn snapshot_name(sequence: u64, sum: &str) -> String {
    let short: String = sum.chars().take(32).collect();
    format!("{SNAPSHOTS}{sequence:020}-{short}")
}

/// The number in a name; `None` if it is not one of ours.
pub(super) fn sequence_in(name: &str) -> Option<u64> {
    let name = name.strip_prefix(SEGMENTS).or_else(|| name.strip_prefix(SNAPSHOTS))?;
    let digits = name.get(..20).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let ours = name.len() == 20 || name.as_bytes().get(20) == Some(&b'-');
    if ours { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_head_is_noticed() {
        let base = Base { name: "n".into(), sequence: 7, checksum: "c".into() };
        let head = Head {
            format: FORMAT,
            environment: "default".into(),
            origin: Uuid::from_u128(1),
            snapshot: base,
            last: Last { sequence: 9, segment: "s".into() },
        };
        let bytes = head.encode().expect("encodes");
        assert_eq!(Head::decode(&bytes, "p").expect("decodes"), head);
        let text = String::from_utf8(bytes).expect("is text");
        for (from, to) in [("\"sequence\": 9", "\"sequence\": 8"), ("default", "defau1t")] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(Head::decode(changed.as_bytes(), "p").is_err(), "{from} became {to}");
        }
        let newer = text.replace("\"format\": 1", "\"format\": 2");
        assert!(matches!(Head::decode(newer.as_bytes(), "p"), Err(StateError::Newer { .. })));
    }

    #[test]
    fn names_sort_like_their_numbers() {
        assert_eq!(sequence_in(&segment_name(u64::MAX)), Some(u64::MAX));
        assert_eq!(sequence_in(&snapshot_name(9, "abc")), Some(9));
        assert!(segment_name(9) < segment_name(10));
        assert_eq!(sequence_in("segments/backup-of-00000000000000000001"), None);
    }
}
