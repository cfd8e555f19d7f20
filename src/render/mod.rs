//! Plans → bytes, one file for each format.
//!
//! Nothing here decides anything. The text has ANSI colours, which the caller's stream drops where they do
//! not belong.

mod approved;
mod diff;
mod escape;
mod github;
mod groups;
mod html;
pub mod humanize;
mod json;
mod languages;
mod later;
mod lookalikes;
mod markdown;
pub mod markdown_escape;
mod question;
mod size_limit;
mod summary;
mod text;
mod urgent;
mod view;
mod wrap;
mod write;

#[cfg(test)]
mod tests;

pub use question::question;
pub use view::{Commands, Format, View};
pub use wrap::{display_width, wrapped};
pub use write::plan;
