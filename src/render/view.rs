//! The formats of plans, and what their readers may see.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    model::Sender,
    plan::{SenderNames, safety::Refusal},
};

/// The format of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, at a terminal or in a log.
    Text,
    /// `pushsync/plan/1`, complete.
    Json,
    /// For a comment on a pull request: at most 65,536 bytes.
    Markdown,
    /// A page that loads nothing from elsewhere.
    Html,
    /// Annotations of a workflow at GitHub.
    Github,
}

/// What a reader may see, and the width.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Whether visitor ids are masked. JSON is always complete.
    pub mask: bool,
    /// Columns. Only for [`Format::Text`].
    pub width: usize,
    /// The reasons why `apply` would refuse the plan. [`Format::Text`] leaves them to the caller.
    pub refusals: &'a [Refusal],
    /// The project's folder, relative to the root of its repository: empty, or ending in `/`. Only for
    /// [`Format::Github`] and the marker of [`Format::Markdown`].
    pub folder: &'a str,
    /// The names of senders, which [`super::plan()`] takes from the plan.
    pub senders: Option<&'a SenderNames>,
    /// Whether the texts of what is approved are shown, too. Only for [`Format::Text`].
    pub approved: bool,
    /// The commands that the reader may copy.
    pub commands: &'a Commands,
}

/// Commands on the project and state of a plan, quoted for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// Says what became of an unknown delivery; it ends where the arguments belong.
    pub resolve: Cow<'static, str>,
    /// What several unknown deliveries look like when they are masked: it names none of them.
    pub unclear: BTreeSet<String>,
    /// Plans again; it ends where more options belong.
    pub plan: Cow<'static, str>,
}

/// Those of a project in the working directory.
static PLAIN: Commands = Commands {
    resolve: Cow::Borrowed("pushsync state resolve"),
    plan: Cow::Borrowed("pushsync plan"),
    unclear: BTreeSet::new(),
};

impl View<'_> {
    /// How a sender is shown: by its name in the manifest, or else by its id.
    pub(super) fn sender(&self, sender: &Sender) -> String {
        match self.senders {
            Some(names) => names.shown(sender),
            None => sender.to_string(),
        }
    }

    /// Without refusals.
    pub fn new(mask: bool, width: usize) -> Self {
        Self {
            mask,
            width,
            refusals: &[],
            folder: "",
            senders: None,
            approved: false,
            commands: &PLAIN,
        }
    }
}
