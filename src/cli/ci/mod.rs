//! The kit for CI: `ci plan`, `ci apply` and `ci resume`. What it says and asks is in [`crate::ci`]; here are the
//! environment, the process, and the calls of the commands.

mod arguments;
mod check;
mod earlier_merges;
mod entry;
mod job;
mod order;
mod plan;
mod run_commands;
mod session;
mod start;
mod state;
mod tell;

pub(super) use entry::run;
