//! Runs over simulated servers.

mod examples;
mod faults;
mod server;
