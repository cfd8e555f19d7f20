//! The lines of an export.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    model::{Approval, BaseUrl, Intent, KnownSecrets, Record},
    state::{Digest, Run, RunPart},
};

/// The part of the format's name before its version.
pub(super) const NAME: &str = "pushsync/state/";
/// The version this version of pushsync writes, and the newest it reads.
pub(super) const VERSION: u32 = 1;

/// The most changes of a run in one line. The following ones are parts of the run.
pub(super) const CHANGES: usize = 1000;

/// How much an export holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// How many records.
    pub records: u64,
    /// How many intents.
    pub intents: u64,
    /// How many approvals.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approvals: u64,
    /// How many runs.
    pub runs: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) environment: String,
    pub(super) lineage: Uuid,
    pub(super) serial: u64,
    pub(super) created_at: Timestamp,
    /// See [`crate::state::Meta::api`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) api: Option<BaseUrl>,
    /// See [`crate::state::Meta::secrets`].
    #[serde(default, skip_serializing_if = "KnownSecrets::is_empty")]
    pub(super) secrets: KnownSecrets,
    pub(super) counts: Counts,
    /// For people who compare exports. An import is checked by the checksum of the last line, which
    /// does not depend on how a store encodes values.
    pub(super) digest: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    Record(Box<Record>),
    Intent(Box<Intent>),
    Approval(Box<Approval>),
    Run(Box<Run>),
    Part(Box<RunPart>),
    End(End),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) counts: Counts,
    /// BLAKE3 of all bytes before this line, in hex.
    pub(super) checksum: String,
}

/// The version of the format that a first line names; `None` if it does not name this format.
pub(super) fn version(first: &[u8], name: &str) -> Option<u32> {
    #[derive(Deserialize)]
    struct AnyHeader {
        format: String,
    }
    let any: AnyHeader = serde_json::from_slice(first).ok()?;
    any.format.strip_prefix(name)?.parse().ok()
}
