//! Project, environment and instant → the deliveries that should exist, as a stream in the
//! order of their addresses.

mod check;
mod deliveries;
mod duplicates;
mod failure;
mod failures;
mod language_choice;
mod message_rows;
mod message_text;
mod render;

pub use check::check;
pub use deliveries::Deliveries;
