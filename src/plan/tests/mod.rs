//! The planner, by example and by law.

mod examples;
mod laws;
mod review;
mod world;
