//! All records of a store, in address order, checked as a whole.

mod cursor;
mod moves;
mod reader;
mod records;

pub use records::Records;
