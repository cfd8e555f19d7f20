//! The names of a state's objects, and the headers of segments and snapshots. See
//! [`crate::state::frame`] for what follows a header.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::state::frame::Sum;

pub(super) const CHECKPOINT: &str = "head.json";
pub(super) const LOCK: &str = "lock.json";
pub(super) const SEGMENTS: &str = "segments/";
pub(super) const SNAPSHOTS: &str = "snapshots/";

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentHeader {
    pub(super) format: u32,
    pub(super) environment: String,
    /// See [`super::checkpoint::Checkpoint::origin`].
    pub(super) origin: Uuid,
    /// The number of the commit.
    pub(super) sequence: u64,
    /// The checksum of the segment before. `None` if this one has the whole state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Sum>,
    /// The id of its writer: no two writers ever write the same bytes.
    pub(super) writer: Uuid,
}

/// The header of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotHeader {
    pub(super) format: u32,
    pub(super) environment: String,
    pub(super) origin: Uuid,
    /// The number of the last commit in it.
    pub(super) sequence: u64,
    /// The checksum of that commit's segment.
    pub(super) segment: Sum,
    pub(super) serial: u64,
    pub(super) records: u64,
}

/// The checksum that the first segment names as that of the one before.
pub(super) fn first_checksum(origin: Uuid) -> Sum {
    blake3::hash(origin.as_bytes()).to_hex().to_string()
}

/// The name of a segment. With twenty digits, names sort like their numbers.
pub(super) fn segment_name(sequence: u64) -> String {
    format!("{SEGMENTS}{sequence:020}")
}

pub(super) fn snapshot_name(sequence: u64, checksum: &str) -> String {
    format!("{SNAPSHOTS}{sequence:020}-{checksum:.32}")
}

/// The number in a name; `None` if no state has such an object.
pub(super) fn sequence_in(name: &str) -> Option<u64> {
    let name = name.strip_prefix(SEGMENTS).or_else(|| name.strip_prefix(SNAPSHOTS))?;
    let (digits, rest) = name.split_at_checked(20)?;
    let ours =
        digits.bytes().all(|b| b.is_ascii_digit()) && (rest.is_empty() || rest.starts_with('-'));
    digits.parse().ok().filter(|_| ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_like_their_numbers() {
        assert_eq!(sequence_in(&segment_name(u64::MAX)), Some(u64::MAX));
        assert_eq!(sequence_in(&snapshot_name(9, "abc")), Some(9));
        assert!(segment_name(9) < segment_name(10));
        assert_eq!(sequence_in("segments/backup-of-00000000000000000001"), None);
    }
}
