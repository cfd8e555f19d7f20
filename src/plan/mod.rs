//! Desired deliveries × records → a [`Plan`]: a value with no choice left in it.
//!
//! Nothing in this room does I/O, looks at the clock or draws lots: the same values in give the
//! same plan out.

mod action;
mod adopt;
mod budget;
mod change;
mod planner;
pub mod safety;
pub mod wire;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use action::{Action, Reason};
pub use adopt::adopt;
pub use budget::{Budget, Forecast};
pub use change::{Change, Operation};
pub use planner::{Declared, Import, Inputs, PlanError, Selection, plan};

use crate::{
    diagnostics::Diagnostic,
    model::{Address, CommitId, Endpoint, Key, MessageId},
};

/// The JSON Schema of a plan's document.
pub const SCHEMA: &str = include_str!("../../schemas/plan.json");

/// What [`plan`] found to do, in the order in which it is done.
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
    /// What it is limited to.
    pub selection: Selection,
    /// Whether it was made with `--destroy`.
    pub destroy: bool,
    /// How many deliveries the state has: what thresholds are a share of.
    pub managed: u64,
    /// How many deliveries the manifest wants.
    pub desired: u64,
    /// The commit that the manifest is of, if it is in a repository. The planner does not know;
    /// whoever made the plan says so.
    pub commit: Option<Commit>,
    /// Counts.
    pub summary: Summary,
    /// Whether the API's budget has room for it.
    pub budget: Budget,
    /// Messages whose protection changes; this takes no request.
    pub protect: Vec<ProtectMark>,
    /// What is done.
    pub changes: Vec<Change>,
    /// What is as it should be, if [`Inputs::keep_unchanged`] asked for it.
    pub unchanged: Vec<Unchanged>,
    /// What was noticed on the way.
    pub diagnostics: Vec<Diagnostic>,
}

impl Plan {
    /// Whether applying it would do nothing at all.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.protect.is_empty()
    }
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

/// Counts of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Changes of that action, and so on.
    pub create: u64,
    /// See [`Action::Update`].
    pub update: u64,
    /// See [`Action::Replace`].
    pub replace: u64,
    /// See [`Action::Delete`].
    pub delete: u64,
    /// See [`Action::Resend`].
    pub resend: u64,
    /// See [`Action::Restore`].
    pub restore: u64,
    /// See [`Action::Forget`].
    pub forget: u64,
    /// See [`Action::Move`].
    pub r#move: u64,
    /// See [`Action::Adopt`].
    pub adopt: u64,
    /// See [`Action::Unknown`].
    pub unknown: u64,
    /// Deliveries that are as they should be.
    pub unchanged: u64,
    /// Requests that all changes take together, if all goes well.
    pub requests: u64,
}

impl Summary {
    /// Counts `changes`.
    pub fn of(changes: &[Change], unchanged: u64) -> Self {
        let mut summary = Self { unchanged, ..Self::default() };
        for change in changes {
            *summary.slot(change.action()) += 1;
            summary.requests += change.requests();
        }
        summary
    }

    fn slot(&mut self, action: Action) -> &mut u64 {
        match action {
            Action::Create => &mut self.create,
            Action::Update => &mut self.update,
            Action::Replace => &mut self.replace,
            Action::Delete => &mut self.delete,
            Action::Resend => &mut self.resend,
            Action::Restore => &mut self.restore,
            Action::Forget => &mut self.forget,
            Action::Move => &mut self.r#move,
            Action::Adopt => &mut self.adopt,
            Action::Unknown => &mut self.unknown,
        }
    }

    /// How many changes of this action there are.
    pub fn count(mut self, action: Action) -> u64 {
        *self.slot(action)
    }
}

#[cfg(test)]
mod tests;
