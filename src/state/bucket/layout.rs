//! What a snapshot and a segment say of themselves. See [`crate::state::frame`].

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) use crate::state::frame::{Sum, header, open, seal};

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentHeader {
    pub(super) format: u32,
    pub(super) environment: String,
    /// See [`super::checkpoint::Head::origin`].
    pub(super) origin: Uuid,
    /// The number of the commit.
    pub(super) sequence: u64,
    /// The checksum of the segment before. None if this one has the whole state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Sum>,
    /// Who wrote it: no two writers ever write the same bytes.
    pub(super) writer: Uuid,
}

/// What a snapshot says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotHeader {
    pub(super) format: u32,
    pub(super) environment: String,
    pub(super) origin: Uuid,
    /// The number of the last commit that is in it.
    pub(super) sequence: u64,
    /// The checksum of that commit's segment.
    pub(super) segment: Sum,
    pub(super) serial: u64,
    pub(super) records: u64,
}
