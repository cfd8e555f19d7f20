//! Problems of the input, their places, and their cures.
//!
//! A [`Diagnostic`] is a value; [`show`] shows it, with the lines of the source, a caret and colours.

mod code;
mod diagnostic;
mod masks;
mod report;
pub mod sarif;
pub mod show;
mod sources;
pub mod workflow;

pub use code::Code;
pub use diagnostic::{Diagnostic, Related, Severity};
pub use masks::Masks;
pub use report::Report;
pub use sources::{Excerpts, Names, Secrets, Sources};
