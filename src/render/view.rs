//! The formats of plans, and what their readers may see.

use crate::plan::safety::Refusal;

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, at a terminal or in a log.
    Text,
    /// `pushsync/plan/1`, complete.
    Json,
    /// For a comment on a pull request: at most 65,536 bytes.
    Markdown,
    /// A page of its own, without anything from elsewhere.
    Html,
    /// Annotations of a workflow at GitHub.
    Github,
}

/// What a reader may see, and how much room there is.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Whether visitor ids are masked. JSON is complete all the same.
    pub mask: bool,
    /// Columns. Only for [`Format::Text`].
    pub width: usize,
    /// Why `apply` would refuse the plan. For the formats that are read elsewhere than where the
    /// command ran: [`Format::Text`] leaves it to the caller.
    pub refusals: &'a [Refusal],
    /// The project's folder from the root of its repository on: empty, or ending in `/`. Only for
    /// [`Format::Github`] and the marker of [`Format::Markdown`].
    pub folder: &'a str,
}

impl View<'_> {
    /// Without refusals.
    pub fn new(mask: bool, width: usize) -> Self {
        Self { mask, width, refusals: &[], folder: "" }
    }
}
