//! The planner, by example and by law.

mod examples;
mod guarded;
mod laws;
mod review;
mod world;
