//! Texts as templates: what the language may do, and where in a YAML file its errors are.

pub(crate) mod bounds;
pub(crate) mod checks;
#[cfg(test)]
mod checks_tests;
mod engine;
mod expressions;
mod places;

pub use engine::engine;
pub(crate) use engine::{FUEL, is_same_for_all, is_template, message_of, range_of, undefined_name};
pub(crate) use places::place_in;
