//! Runs over simulated servers.
