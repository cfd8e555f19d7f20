//! Plans and events → bytes, one file for each format.
//!
//! Nothing here decides anything. Texts come out with ANSI colours; the caller's stream drops
//! them where they do not belong.

mod diff;
mod flow;
mod groups;
mod json;
mod summary;
mod text;
pub mod words;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::plan::Plan;

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, at a terminal or in a log.
    Text,
    /// `pushsync/plan/1`, complete.
    Json,
}

/// What a reader may see, and how much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Whether visitor ids are masked. Only for [`Format::Text`]: JSON is complete.
    pub mask: bool,
    /// Columns.
    pub width: usize,
}

/// Writes `plan` to `out`.
pub fn plan(plan: &Plan, format: Format, view: View, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::plan(plan, view, out),
        Format::Json => json::plan(plan, out),
    }
}
