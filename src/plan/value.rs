use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Budget, Change, Guarded, Later, Selection, Summary, Upcoming, Withdrawn};
use crate::{
    diagnostics::Diagnostic,
    model::{Address, CommitId, Endpoint, Key, KnownSecrets, MessageId, Sender},
};

/// What [`super::plan()`] found to do, in the order in which it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The environment.
    pub environment: String,
    /// The API that it is for.
    pub api: Endpoint,
    /// The instant that it is for.
    pub as_of: jiff::Timestamp,
    /// The state that it was made from.
    pub state: StateRef,
    /// Where that state is, fit for messages. The planner does not know it: the caller adds it.
    pub location: String,
    /// What it is limited to.
    pub selection: Selection,
    /// Whether it was made with `--destroy`.
    pub destroy: bool,
    /// How many deliveries the state has: what thresholds are a share of.
    pub managed: u64,
    /// How many deliveries the manifest wants.
    pub desired: u64,
    /// The commit that the manifest is of, if it is in a repository. The planner does not
    /// know it: the caller adds it.
    pub commit: Option<Commit>,
    /// Counts.
    pub summary: Summary,
    /// Whether the API's budget has room for it.
    pub budget: Budget,
    /// Messages whose protection changes; this takes no request.
    pub protect: Vec<ProtectMark>,
    /// Messages whose audience sets a guard, in the order of their keys.
    pub guarded: Vec<Guarded>,
    /// The secrets that the state knows.
    pub secrets: KnownSecrets,
    /// Those that it is to know once somebody agrees to the plan, if they are others.
    pub remember: Option<KnownSecrets>,
    /// What is done.
    pub changes: Vec<Change>,
    /// Deliveries without a change now, whose windows open or close later: to be reviewed too.
    pub upcoming: Vec<Upcoming>,
    /// Messages whose windows open or close later, in the order of their keys.
    pub later: Vec<Later>,
    /// Deliveries whose approval is not what the manifest says any more.
    pub withdrawn: Vec<Withdrawn>,
    /// Deliveries whose approval has nothing left to do.
    pub finished: Vec<Address>,
    /// What is as it should be, if [`super::Inputs::keep_unchanged`] asked for it.
    pub unchanged: Vec<Unchanged>,
    /// The names that the manifest has for the senders of the changes, and of what comes later. The planner does not know them: the
    /// caller adds them.
    pub senders: SenderNames,
    /// What was noticed on the way.
    pub diagnostics: Vec<Diagnostic>,
}

/// A sender with its name in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedSender {
    name: String,
    from: Sender,
}

/// Names of senders in the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SenderNames(Vec<NamedSender>);

impl SenderNames {
    /// Those of `declared` that the plan names.
    pub fn of(plan: &Plan, declared: &BTreeMap<String, Sender>) -> Self {
        let changes = plan.changes.iter().flat_map(|change| [change.before(), change.after()]);
        let upcoming = plan.upcoming.iter().map(|upcoming| &upcoming.content);
        let used: HashSet<&Sender> =
            changes.flatten().chain(upcoming).map(|content| &content.from).collect();
        let named = declared.iter().filter(|(_, sender)| used.contains(sender));
        let named = named.map(|(name, from)| (name.clone(), from.clone()));
        Self(named.map(|(name, from)| NamedSender { name, from }).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of a sender; if several are the same sender, all of them; without a name, its id.
    pub fn shown(&self, sender: &Sender) -> String {
        let names = self.0.iter().filter(|named| named.from == *sender);
        let names: Vec<_> = names.map(|named| named.name.as_str()).collect();
        if names.is_empty() { sender.to_string() } else { names.join(" or ") }
    }
}

impl Plan {
    /// Whether applying it would send nothing, and nothing of it is to be agreed to. Approvals that have nothing
    /// left to do are no reason to apply it.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.protect.is_empty()
            && self.upcoming.is_empty()
            && self.withdrawn.is_empty()
    }

    /// The counts of what nobody has agreed to yet, and of what needs no agreement.
    pub fn to_review(&self) -> Summary {
        let changes = self.changes.iter();
        let changes = changes.filter(|change| !change.waits());
        Summary::of(changes, self.summary.unchanged)
    }

    /// The counts of what somebody has agreed to, and what waits for the budget.
    pub fn approved(&self) -> Summary {
        let changes = self.changes.iter();
        Summary::of(changes.filter(|change| change.waits()), 0)
    }

    /// How many visitors its changes concern.
    pub fn visitors(&self) -> u64 {
        visitors(self.changes.iter())
    }
}

/// How many visitors these changes concern.
pub fn visitors<'a>(changes: impl Iterator<Item = &'a Change>) -> u64 {
    let mut visitors: Vec<&str> = changes.map(|change| change.address.visitor_str()).collect();
    visitors.sort_unstable();
    visitors.dedup();
    visitors.len() as u64
}

/// A delivery that is as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unchanged {
    /// The delivery.
    pub address: Address,
    /// Its message.
    pub id: MessageId,
}

/// What the manifest was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Its hash in git.
    pub id: CommitId,
    /// Whether the project's folder had changes that were not committed.
    pub dirty: bool,
}

/// Which state, and which moment of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRef {
    /// The state's lineage; none if there is no state yet.
    pub lineage: Option<Uuid>,
    /// The state's serial.
    pub serial: u64,
}

/// All deliveries of this message are to be remembered as protected, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectMark {
    /// The message.
    pub key: Key,
    /// Protected from now on?
    pub protect: bool,
}
