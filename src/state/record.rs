use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FilesHistory, RunFiles, StateKey};
use crate::model::{
    Address, Approval, BaseUrl, BudgetNote, Intent, KnownSecrets, MessageId, Record,
};

/// The public part of a state's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// The version of the store's layout.
    pub format: u32,
    /// The environment whose deliveries it holds.
    pub environment: String,
    /// Made once: two states with different lineages never compare.
    pub lineage: Uuid,
    /// Rises with every commit that changes records or intents.
    pub serial: u64,
    /// How many records there are.
    pub records: u64,
    /// The sum of the digests of all records.
    pub digest: Digest,
    /// How many approvals there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approvals: u64,
    /// When the state was made.
    pub created_at: Timestamp,
    /// The highest [`Run::number`] in the history.
    pub last_run: u64,
    /// The files of the project that were applied.
    #[serde(default, skip_serializing_if = "FilesHistory::is_empty")]
    pub files: FilesHistory,
    /// The API's budget as last heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetNote>,
    /// The API that its messages are at: the one that first answered a request. None until then,
    /// and for a sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<BaseUrl>,
    /// The secrets that visitors' ids were made with, as far as it was told.
    #[serde(default, skip_serializing_if = "KnownSecrets::is_empty")]
    pub secrets: KnownSecrets,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The sum (modulo 2^128) of the checksums of some records: it does not depend on their order,
/// and a record more, less or altered changes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(pub u128);

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        format!("{:032x}", digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

/// One run that changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its own id; intents name it.
    pub id: Uuid,
    /// Its place in the history: one more than [`Meta::last_run`] when it began. Clocks say nothing of the order.
    pub number: u64,
    /// The command: `apply`, `refresh`, `state mv`.
    pub command: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The manifest's git commit, if it is in a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the work tree had changes that are not in that commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
    /// The files of the project that it applied; none if it was about the state alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<RunFiles>,
    /// How many requests it made.
    pub requests: u64,
    /// How many targets somebody agreed to for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approved: u64,
    /// Why it ended early: `budget`, `duration`, `signal`, `outage`, `fatal`; `killed` while it is under
    /// way, and so for good if it never came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Its changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<RunChange>,
}

/// Further changes of a [`Run`]. They are stored as they happen, so that a run that is killed has
/// them in the history too; [`super::Store::runs`] puts them back into their run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunPart {
    /// [`Run::id`].
    pub id: Uuid,
    /// [`Run::number`].
    pub number: u64,
    /// The parts of a run are put together in the order of this.
    pub part: u32,
    /// The changes.
    pub changes: Vec<RunChange>,
}

/// One change of a [`Run`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunChange {
    /// The delivery.
    pub address: Address,
    /// `create`, `update`, …
    pub action: String,
    /// `done`, `failed` or `unknown`.
    pub outcome: String,
    /// The message's id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// The error, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What somebody decided about an unknown delivery, so that it can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Box<Decided>>,
}

/// What the state had before somebody said what became of a create. With an id in its [`RunChange`], the
/// message was sent; without one, it was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The create.
    pub intent: Intent,
    /// The record of the message that it was to replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Record>,
    /// What somebody had agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

/// One write of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Adds a record, or replaces the one of that address. An approval ends that it reaches
    /// ([`Approval::once_sent`]); a record with an intent or drift reaches none.
    Put(Box<Record>),
    /// Removes a record; it is not an error if there is none. An approval ends of which nothing is left then
    /// ([`Approval::once_gone`]).
    Remove(Address),
    /// Notes an approval, or replaces the one of that address.
    Approve(Box<Approval>),
    /// Drops an approval; it is not an error if there is none.
    Withdraw(Address),
    /// Notes an intent, or replaces the one of that address.
    Intend(Box<Intent>),
    /// Clears an intent: its outcome is known.
    Settle(Address),
    /// Notes the budget. Alone, it does not raise the serial.
    Budget(BudgetNote),
    /// Drops what is known of the budget. Alone, it does not raise the serial.
    ForgetBudget,
    /// Adds a run to the history, or replaces it. Alone, it does not raise the serial.
    Run(Box<Run>),
    /// Adds changes to a run. Alone, it does not raise the serial.
    RunPart(Box<RunPart>),
    /// Remembers which API the messages are at.
    Api(BaseUrl),
    /// Which secrets visitors' ids were made with, in place of those that it knew.
    Secrets(KnownSecrets),
    /// Takes over the identity of a state whose export is read back. Only a state without
    /// records, intents and approvals can; its serial becomes the larger of both, and rises by one.
    Restore {
        /// See [`Meta::lineage`].
        lineage: Uuid,
        /// See [`Meta::serial`].
        serial: u64,
        /// See [`Meta::created_at`].
        created_at: Timestamp,
        /// See [`Meta::api`].
        api: Option<BaseUrl>,
        /// See [`Meta::secrets`].
        secrets: KnownSecrets,
    },
}

/// A change of a state's header.
#[derive(Debug, Clone)]
pub enum Amendment {
    /// Another passphrase opens it from now on.
    Rekey(StateKey),
    /// It was moved, and is not used any more: opening it is [`super::StateError::Moved`].
    Moved {
        /// Where it is now, without passwords.
        to: String,
    },
}

/// The result of [`super::Store::verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// How many records were read and found whole.
    pub records: u64,
    /// How many intents.
    pub intents: u64,
    /// How many approvals.
    pub approvals: u64,
    /// How many runs.
    pub runs: u64,
    /// The problems, each with its record or file; empty if all is well.
    pub problems: Vec<String>,
}
