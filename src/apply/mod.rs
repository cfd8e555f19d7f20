//! Carries a plan out: the only room that changes the world.
//!
//! One delivery is one state machine ([`delivery_machine`]): it says what to commit and what to send, and
//! is told what came of it; it does neither itself. The driver (`run`) does, with the budget
//! (`pace`), a place for each request (`line`), the rules for repeating ([`retry_table`]) and one committer for all (`journal`), with the history that is
//! committed along (`chronicle`).

pub mod api;
mod client;
pub mod delivery_machine;
mod event;
mod group_committer;
mod options;
mod outcome;
mod presence;
mod rate_limiter;
mod refresh;
mod request_sender;
pub mod retry_table;
mod run;
mod run_history;
mod tempo;

#[cfg(test)]
mod tests;

/// The JSON Schema of the document of an [`Outcome`].
pub const SCHEMA: &str = include_str!("../../schemas/apply.json");

pub use client::ping;
pub use delivery_machine::resolution;
pub use event::{Event, Reporter, Silent};
pub use options::{Clock, Options, RunInfo, Session, Stopper};
pub use outcome::{Failure, Outcome, Stop};
pub use presence::{EVERY as PING_EVERY, Presence, keep_online};
pub use refresh::{Refreshed, refresh};
pub use run::{ApplyError, apply};
