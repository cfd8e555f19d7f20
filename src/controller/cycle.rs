//! One time of load, plan and apply, and how it ended.

use jiff::Timestamp;
use serde::Serialize;

use super::Wake;
use crate::model::BudgetNote;

/// One cycle that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cycle {
    /// Why it began.
    pub why: Wake,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub outcome: CycleOutcome,
    /// What went wrong, on one line, without a whole visitor id.
    pub problem: Option<String>,
    /// Changes that were carried out.
    pub applied: u64,
    /// Changes that failed.
    pub failed: u64,
    /// Requests that were sent, those of the verification among them.
    pub requests: u64,
    /// Deliveries that were verified with what was left of the budget.
    pub verified: u64,
    /// Those of them that differed: the next cycle begins at once.
    pub drifted: u64,
    /// Unknown deliveries that a webhook's event has settled.
    pub settled: u64,
    /// What is left to do now; none if no plan could be made.
    pub pending: Option<Pending>,
    /// How many deliveries are unknown; none if the state could not be read.
    pub unknown: Option<u64>,
    /// The first edge of a window after it; none if no window opens or closes later, or if no plan could be made.
    pub next_window: Option<Timestamp>,
    /// The budget, as the state knows it.
    pub budget: Option<BudgetNote>,
    /// When the budget has room again, if work waits for it.
    pub resumes_at: Option<Timestamp>,
    /// When the oldest delivery is old enough to be verified again, if the rest of the budget is for that.
    pub verifies_at: Option<Timestamp>,
}

/// Changes that are not carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Somebody has agreed to them, or nobody needs to: they wait for the budget.
    pub approved: u64,
    /// Nobody has agreed to them: only with `--approved`.
    pub unapproved: u64,
}

/// How a cycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CycleOutcome {
    /// All that could be done is done.
    Done,
    /// Work is left: for the budget, or past `--max-requests` or `--max-duration`.
    Stopped,
    /// The files changed while it applied, or a signal came: it stopped in good order.
    Interrupted,
    /// Another process has the lock of the state.
    Locked,
    /// Some changes failed.
    Failed,
    /// The manifest has errors.
    Invalid,
    /// Others have applied newer files than those that are here.
    Outdated,
    /// A threshold, `pushsync.lock`, a protection or an expectation forbids it.
    Refused,
    /// The API does not answer.
    Outage,
    /// The API refuses everything, or cannot be used: 401, a wrong key.
    Api,
    /// The state cannot be used.
    State,
}

impl CycleOutcome {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Stopped,
        Self::Interrupted,
        Self::Locked,
        Self::Failed,
        Self::Invalid,
        Self::Outdated,
        Self::Refused,
        Self::Outage,
        Self::Api,
        Self::State,
    ];

    /// The word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::Locked => "locked",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Outdated => "outdated",
            Self::Refused => "refused",
            Self::Outage => "outage",
            Self::Api => "api",
            Self::State => "state",
        }
    }

    /// Whether the project was loaded and the state open, or another process has it.
    pub fn has_used_state(self) -> bool {
        match self {
            Self::Done
            | Self::Stopped
            | Self::Interrupted
            | Self::Locked
            | Self::Failed
            | Self::Outdated
            | Self::Outage => true,
            Self::Invalid | Self::Refused | Self::Api | Self::State => false,
        }
    }

    /// Whether nothing went wrong.
    pub fn is_good(self) -> bool {
        match self {
            Self::Done | Self::Stopped | Self::Interrupted | Self::Locked => true,
            Self::Failed
            | Self::Invalid
            | Self::Outdated
            | Self::Refused
            | Self::Outage
            | Self::Api
            | Self::State => false,
        }
    }
}

impl Cycle {
    /// One that begins now, and of which nothing is known yet.
    pub fn begun(why: Wake, now: Timestamp) -> Self {
        Self {
            why,
            began: now,
            ended: now,
            outcome: CycleOutcome::Done,
            problem: None,
            applied: 0,
            failed: 0,
            requests: 0,
            verified: 0,
            drifted: 0,
            settled: 0,
            pending: None,
            unknown: None,
            next_window: None,
            budget: None,
            resumes_at: None,
            verifies_at: None,
        }
    }

    /// How it ended, in words.
    pub fn words(&self) -> &'static str {
        let waits = self.pending.is_some_and(|pending| pending.unapproved > 0);
        let is_unknown = self.unknown.is_some_and(|unknown| unknown > 0);
        match self.outcome {
            CycleOutcome::Done if waits || is_unknown => "all that can be done is done",
            CycleOutcome::Done => "all is as it should be",
            CycleOutcome::Stopped => "work is left",
            CycleOutcome::Interrupted => "it was interrupted",
            CycleOutcome::Locked => "another process has the lock of the state",
            CycleOutcome::Failed if self.failed == 0 => "some deliveries are unknown",
            CycleOutcome::Failed => "some changes failed",
            CycleOutcome::Invalid => "the manifest has errors",
            CycleOutcome::Outdated => "the files here may be outdated",
            CycleOutcome::Refused => "the changes are refused",
            CycleOutcome::Outage => "the API is out",
            CycleOutcome::Api => "the API cannot be used",
            CycleOutcome::State => "the state cannot be used",
        }
    }
}
