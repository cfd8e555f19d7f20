//! What somebody probably did wrong in a file that is not YAML, and how it is written right.
//!
//! [`explain`] finds the line that the parser stumbles over, and asks [`layout`] and [`scalars`] for mistakes that
//! people make. A mistake counts only if the file can be read further once it is mended: so what is
//! told is what is wrong.

mod explain;
mod layout;
mod lines;
mod scalars;
mod slip;

pub(crate) use explain::start;
pub(super) use explain::{explain, layout_of_key, odd_key};
pub(super) use lines::{is_known, quoted, shows, texts_of_line, value_region};
