//! Texts as templates: what the language may do, and where in a YAML file its errors are.

pub(crate) mod bounds;
pub(crate) mod checks;
#[cfg(test)]
mod checks_tests;
mod compare;
mod engine;
mod expressions;
mod filters;
mod kinds;
mod lines;
pub(crate) mod lints;
pub(crate) mod meaning;
pub(crate) mod mistakes;
mod names;
mod places;
pub(crate) mod program;
pub(crate) mod scope;
pub(crate) mod values;

pub use engine::engine;
pub(crate) use engine::{
    FUEL, column_of, cure_of, is_same_for_all, is_template, message_of, range_of, undefined_name,
};
pub(crate) use places::place_in;
