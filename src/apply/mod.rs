//! Carries a plan out: the only room that changes the world.
//!
//! One delivery is one state machine (`delivery_machine`): it says what to commit and what to send, and
//! is told what came of it; it does neither itself. A run of a plan (`run`) and a `refresh` hand their
//! work to one `executor`: a pool of deliveries under way, each request sent by `request_sender` as far
//! as `rate_limiter` and the table of [`crate::network`] allow, each write committed by `group_committer` together with
//! `run_history`.

pub mod api;
mod confirm;
mod delivery_machine;
mod error;
mod event;
mod executor;
mod group_committer;
mod id_claims;
mod identity;
mod options;
mod outage;
mod outcome;
mod presence;
mod probe;
mod problem;
mod rate_limiter;
mod refresh;
mod request_sender;
mod resolution;
mod run;
mod run_history;
mod settle;
mod steady_clock;

#[cfg(test)]
mod tests;

/// The JSON Schema of the document of an [`Outcome`].
pub const SCHEMA: &str = include_str!("../../schemas/apply.json");

pub use confirm::{Claim, Confirmed, confirm, is_too_early, is_too_late};
pub use error::ApplyError;
pub use event::{Event, Reporter, Silent, WaitReason};
pub use options::{Clock, Options, RunInfo, Session, SourceFiles, Stopper};
pub use outcome::{Failure, Outcome, Rewritten, Stop};
pub use presence::{EVERY as PING_EVERY, Presence, keep_online};
pub use probe::{ProbeEnd, Probed, probe};
pub use problem::Problem;
pub use refresh::{Oldest, Refreshed, refresh};
pub use resolution::{decision, resolution};
pub use run::apply;
pub use settle::{Proof, Settled, settle};
