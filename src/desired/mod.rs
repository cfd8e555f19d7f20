//! Project, environment and instant → the deliveries that should exist, as a stream in the
//! order of their addresses.

mod deliveries;
mod duplicates;
mod render;

pub use deliveries::{Deliveries, check};
