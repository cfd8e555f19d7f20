//! A state as JSON lines, and back: a backup that diffs well.
//!
//! The first line says what it is (format, environment, lineage, serial, counts, digest). Then
//! comes a line for each record in address order, for each intent in address order, and for each
//! run, the oldest first. The last line repeats the counts and has a checksum over all lines
//! before it, so that an export that was cut off or edited is noticed. The same state gives the
//! same bytes. The API's budget is not part of it: it is old news by the time of a restore.
//!
//! It holds texts and visitor ids: write it with [`super::private_file`].

mod read;
mod sealed;
mod write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{BaseUrl, Intent, Record};

use super::{Digest, Run, RunPart};

pub use read::import;
pub(super) use sealed::is_sealed;
pub use sealed::{Sealer, opened};
pub use write::export;

/// The part of the format's name before its version.
const NAME: &str = "pushsync/state/";
/// The version this version of pushsync writes, and the newest it reads.
const VERSION: u32 = 1;

/// The longest line has so many changes of a run; further ones are parts of it.
const CHANGES: usize = 1000;

/// How much an export holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// How many records.
    pub records: u64,
    /// How many intents.
    pub intents: u64,
    /// How many runs.
    pub runs: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    environment: String,
    lineage: Uuid,
    serial: u64,
    created_at: Timestamp,
    /// See [`super::Meta::api`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api: Option<BaseUrl>,
    counts: Counts,
    /// For who compares exports. What was read is checked by the last line's checksum, which
    /// does not depend on how values look at rest.
    digest: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Record(Box<Record>),
    Intent(Box<Intent>),
    Run(Box<Run>),
    Part(Box<RunPart>),
    End(End),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    counts: Counts,
    /// BLAKE3 of all bytes before this line, in hex.
    checksum: String,
}
