//! Runs over simulated servers.

mod at_once;
mod examples;
mod faults;
mod outage;
mod rewriting;
mod server;
