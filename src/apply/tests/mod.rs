//! Runs over simulated servers.

mod at_once;
mod examples;
mod faults;
mod outage;
mod reviews;
mod rewriting;
mod server;
mod settling;
