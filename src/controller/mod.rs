//! `pushsync run`: keeps the API as the project says, until it is stopped.
//!
//! `schedule` decides when the next cycle begins and why, as a value; `drive` is the thin loop around it. A
//! [`Cycle`] is one time of load, plan and apply; `live` is what is known of the process meanwhile.

mod breaker;
mod cycle;
mod drive;
mod live;
mod schedule;

pub use breaker::CircuitBreaker;
pub use cycle::{Cycle, CycleOutcome, Pending};
pub use drive::{Driven, drive};
pub use live::{Live, Phase, Snapshot};
pub use schedule::{Next, Schedule, Wake};
