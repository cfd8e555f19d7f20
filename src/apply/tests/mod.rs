//! Runs over simulated servers.

mod at_once;
mod examples;
mod faults;
mod rewriting;
mod server;
