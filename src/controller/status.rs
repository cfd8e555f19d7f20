//! What there is, what waits and until when, what is unknown, the budget, the last runs: as a value.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::Statuses;
use crate::{
    model::{Address, BudgetNote, DeliveryStatus},
    plan::Action,
    state::LockHolder,
};

/// The state of a project, at one moment: the document `pushsync/status/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `pushsync/status/1`.
    pub format: &'static str,
    /// The environment.
    pub environment: String,
    /// The moment.
    pub as_of: Timestamp,
    /// The API's URL, or `sandbox`; none if the manifest does not say it.
    pub api: Option<String>,
    /// The manifest.
    pub manifest: ManifestStatus,
    /// The store.
    pub state: StateStatus,
    /// How many deliveries the state has, by status; none if it could not be read.
    pub deliveries: Option<Statuses>,
    /// The messages of the manifest and of the state, in the order of their keys.
    pub messages: Vec<MessageStatus>,
    /// What is not as the manifest says, and what it waits for.
    pub waits: Vec<Wait>,
    /// The deliveries that are unknown, in the order of their addresses.
    pub unknown: Vec<UnknownDelivery>,
    /// The budget; none if nothing was heard of it yet.
    pub budget: Option<BudgetStatus>,
    /// The next edge of a window; none if no window opens or closes later.
    pub next_window: Option<WindowEdge>,
    /// The last runs, the newest first.
    pub runs: Vec<RunSummary>,
}

/// How the manifest is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ManifestStatus {
    /// Whether it has no errors.
    pub ok: bool,
    /// How many errors it has.
    pub errors: u64,
    /// The first of them, with its place.
    pub problem: Option<String>,
}

/// How the store of the state is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StateStatus {
    /// Where it is, without passwords.
    pub location: String,
    /// Whether there is one; none if another process has its lock.
    pub exists: Option<bool>,
    /// Its lineage.
    pub lineage: Option<Uuid>,
    /// Its serial.
    pub serial: Option<u64>,
    /// Who has its lock, so that it could not be read.
    pub locked_by: Option<LockHolder>,
    /// What is wrong with it: `pushsync.lock` names another one, or its messages are at another API.
    pub problem: Option<String>,
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MessageStatus {
    /// Its key.
    pub key: String,
    /// How many deliveries should be there now; none if that is not known: the manifest has errors, or a query or a
    /// secret is needed to know.
    pub wanted: Option<u64>,
    /// How many are there, as far as the state knows.
    pub live: u64,
    /// The deliveries of the state, by status.
    pub statuses: Statuses,
    /// What is to be done now, by action.
    pub changes: BTreeMap<Action, u64>,
    /// When its window opens, if that is to come.
    pub opens: Option<Timestamp>,
    /// When its window closes, if it does.
    pub closes: Option<Timestamp>,
}

/// What something waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitFor {
    /// The next apply, or the next cycle: nothing else is in the way.
    Apply,
    /// The API's budget.
    Budget,
    /// Somebody who agrees.
    Approval,
    /// A decision about what is unknown.
    Decision,
    /// A window that opens.
    Opening,
    /// A window that closes.
    Closing,
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// For what.
    #[serde(rename = "for")]
    pub what: WaitFor,
    /// The message, if it is one.
    pub key: Option<String>,
    /// How many changes; of a window or of what is unknown, how many deliveries.
    pub count: u64,
    /// Until when: the budget has room again, or the window opens or closes.
    pub until: Option<Timestamp>,
    /// When the last of them can be done, as far as the budget allows.
    pub done_at: Option<Timestamp>,
}

/// A delivery that is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownDelivery {
    /// Its address.
    pub address: String,
    /// When it was sent, or was about to be.
    pub sent_at: Timestamp,
    /// What became of the request, as far as it is known.
    pub trouble: Option<String>,
}

/// The budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetStatus {
    /// Requests in one period.
    pub limit: u64,
    /// Requests that are left in this one.
    pub remaining: u64,
    /// When this period ends; none while none runs.
    pub resets_at: Option<Timestamp>,
    /// Until when the API wants a pause.
    pub retry_at: Option<Timestamp>,
    /// Whether the API never told the limit.
    pub assumed: bool,
}

/// An edge of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowEdge {
    /// The message.
    pub key: String,
    /// When.
    pub at: Timestamp,
    /// Whether it opens; otherwise, it closes.
    pub opens: bool,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// The command.
    pub command: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The commit of the manifest.
    pub commit: Option<String>,
    /// Whether there were changes that are not in that commit.
    pub dirty: bool,
    /// How many requests it made.
    pub requests: u64,
    /// Changes that were carried out.
    pub done: u64,
    /// Changes that failed.
    pub failed: u64,
    /// Changes that may have happened.
    pub unknown: u64,
    /// Why it ended early.
    pub stopped: Option<String>,
}

impl Status {
    /// The name of its document.
    pub const FORMAT: &'static str = "pushsync/status/1";

    /// The same for a page: without whole visitor ids.
    #[must_use]
    pub fn masked(mut self) -> Self {
        for unknown in &mut self.unknown {
            unknown.address = masked(&unknown.address);
        }
        self
    }
}

fn masked(address: &str) -> String {
    Address::parse(address).map_or_else(|_| "…".to_owned(), |address| address.masked())
}

impl BudgetStatus {
    /// As a note says at this time.
    pub fn of(note: &BudgetNote, now: Timestamp) -> Self {
        let budget = BudgetNote::at(Some(note), now, note.limit);
        Self {
            limit: budget.limit,
            remaining: budget.remaining,
            resets_at: Some(note.resets_at).filter(|at| *at > now && budget.resets_at == *at),
            retry_at: budget.retry_at,
            assumed: budget.assumed,
        }
    }
}

impl MessageStatus {
    /// Whether all that should be there is there, and nothing else.
    pub fn is_right(&self) -> bool {
        let as_applied = self
            .statuses
            .iter()
            .all(|(status, count)| *count == 0 || *status == DeliveryStatus::Ok);
        as_applied && self.changes.is_empty() && self.wanted == Some(self.live)
    }

    /// Takes in the deliveries that the state has.
    pub fn count(&mut self, statuses: &Statuses) {
        let live = statuses.iter().filter(|(status, _)| status.is_live());
        self.live = live.map(|(_, count)| count).sum();
        self.statuses = statuses.clone();
    }
}
