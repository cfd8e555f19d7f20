//! Desired deliveries × records → a [`Plan`]: a value with no choice left in it.
//!
//! Nothing in this room does I/O, looks at the clock or draws lots: the same values in give the
//! same plan out.

mod action;
mod adopt;
mod approve;
mod budget;
mod change;
mod guarded;
mod guards;
mod inputs;
mod planner;
mod review;
mod review_status;
pub mod safety;
mod selection;
mod summary;
#[cfg(test)]
mod tests;
mod value;
mod window_length;
pub mod wire;
mod wire_change;
mod wire_upcoming;

pub use action::{Action, Reason};
pub use adopt::adopt;
pub use budget::{Budget, Forecast};
pub use change::{Change, Operation};
pub use guarded::Guarded;
pub use inputs::{AudienceGuards, Declared, Import, Inputs};
pub use planner::{PlanError, plan};
pub use review::{Differences, ParseReviewError, Review};
pub use review_status::{Later, ReviewStatus, Upcoming, Withdrawn};
pub use selection::Selection;
pub use summary::Summary;
pub use value::{Commit, Plan, ProtectMark, SenderNames, StateRef, Unchanged, visitors};

/// The JSON Schema of a plan's document.
pub const SCHEMA: &str = include_str!("../../schemas/plan.json");
