//! `pushsync run`: keeps the API as the project says, until it is stopped.
//!
//! `schedule` decides when the next cycle begins and why, as a value; `drive` is the thin loop around it. A
//! `precedence` decides whose files count when several checkouts are applied to one state.
//! [`Cycle`] is one time of load, plan and apply; `live` is what is known of the process meanwhile. `metrics` counts,
//! `counting` listens to what a run does, `health` judges, `status` is what people are shown, and `server` and `page`
//! serve it all. [`webhooks`] settles unknown deliveries by what Brevo reports.

mod breaker;
mod counting;
mod cycle;
mod deliveries;
mod drive;
mod headers;
mod health;
mod live;
mod metrics;
mod page;
mod precedence;
mod schedule;
mod server;
mod status;
mod wake;
pub mod webhooks;

pub use breaker::CircuitBreaker;
pub use counting::Observers;
pub use cycle::{Cycle, CycleOutcome, Pending};
pub use deliveries::{DeliveryCounts, Statuses};
pub use drive::{Driven, drive};
pub use health::{Health, alive, ready};
pub use live::{Live, Phase, Snapshot};
pub use metrics::{CONTENT_TYPE as METRICS_CONTENT_TYPE, ChangeOutcome, EventOutcome, Metrics};
pub use precedence::{Overtaken, Precedence};
pub use schedule::Schedule;
pub use server::{ListenError, Server, ServerOptions};
pub use status::{
    BudgetStatus, ManifestStatus, MessageStatus, RunSummary, StateStatus, Status, UnknownDelivery,
    Wait, WaitFor, WindowEdge,
};
pub use wake::{Next, Wake};
