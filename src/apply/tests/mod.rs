//! Runs over simulated servers.

mod ahead;
mod examples;
mod faults;
mod server;
