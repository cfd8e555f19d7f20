//! All records of a store, in address order, checked as a whole.

mod cursor;
mod moves;
mod pages;
mod reader;
mod records;

pub use pages::RecordPages;
pub use records::Records;
