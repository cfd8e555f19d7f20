use std::fmt;

use serde::{Deserialize, Serialize};

/// What happens to a delivery.
///
/// The order is the one in which they are carried out: first what needs no request, then what
/// corrects what visitors see now, then what is new to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Renamed by `moved`; nothing is sent.
    Move,
    /// Dropped from the state; nothing is sent.
    Forget,
    /// Named by `import`: asked for and recorded.
    Adopt,
    /// Its text was changed on the other side, or may have been, and is put right.
    Restore,
    /// Only its text differs.
    Update,
    /// It should not exist.
    Delete,
    /// What is fixed at creation differs: the new one is posted, then the old one deleted.
    Replace,
    /// It should exist and does not.
    Create,
    /// It was sent, is gone on the other side, and is still wanted.
    Resend,
    /// It may or may not exist: nothing is sent until `state resolve`.
    Unknown,
}

impl Action {
    /// All of them, in the order of the contract's table.
    pub const ALL: [Self; 10] = [
        Self::Create,
        Self::Update,
        Self::Replace,
        Self::Delete,
        Self::Resend,
        Self::Restore,
        Self::Forget,
        Self::Move,
        Self::Adopt,
        Self::Unknown,
    ];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Resend => "resend",
            Self::Restore => "restore",
            Self::Forget => "forget",
            Self::Move => "move",
            Self::Adopt => "adopt",
            Self::Unknown => "unknown",
        }
    }

    /// The sign in texts.
    pub fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update | Self::Restore => '~',
            Self::Replace => '±',
            Self::Delete => '-',
            Self::Resend => '↻',
            Self::Forget => '×',
            Self::Move => '→',
            Self::Adopt => '◇',
            Self::Unknown => '?',
        }
    }

    /// Changes of a lower rank are carried out before those of a higher one.
    pub fn rank(self) -> u8 {
        match self {
            Self::Move => 0,
            Self::Adopt => 1,
            // A forget may come after the end of an interrupted replace of the same delivery.
            Self::Restore | Self::Update | Self::Delete | Self::Replace | Self::Forget => 2,
            Self::Create | Self::Resend => 3,
            Self::Unknown => 4,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a change is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// In the manifest, not in the state.
    New,
    /// The text differs.
    Text,
    /// The sender differs.
    Sender,
    /// The kind differs.
    Kind,
    /// A replace was interrupted after the new message was posted.
    ReplaceUnfinished,
    /// An earlier update of the message has no outcome.
    UpdateUnfinished,
    /// An earlier delete of the message has no outcome, and it is wanted again.
    DeleteUnfinished,
    /// The message is no longer in the manifest.
    NotInManifest,
    /// The message is in the manifest; this visitor is no longer in its audience.
    NotInAudience,
    /// The same, and `on_leave: keep` leaves the message where it is.
    Kept,
    /// A `removed` entry names it.
    Removed,
    /// Its window has not opened yet.
    WindowNotYet,
    /// Its window has closed.
    WindowOver,
    /// `--destroy` was given.
    Destroy,
    /// It is gone on the other side.
    Gone,
    /// Its text was changed on the other side.
    Drift,
    /// A `moved` entry renames it.
    Moved,
    /// An `import` entry names it.
    Import,
    /// The answer to its create was lost, or the run that sent it died.
    LostAnswer,
}

impl Reason {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Text => "text",
            Self::Sender => "sender",
            Self::Kind => "kind",
            Self::ReplaceUnfinished => "replace-unfinished",
            Self::UpdateUnfinished => "update-unfinished",
            Self::DeleteUnfinished => "delete-unfinished",
            Self::NotInManifest => "not-in-manifest",
            Self::NotInAudience => "not-in-audience",
            Self::Kept => "kept",
            Self::Removed => "removed",
            Self::WindowNotYet => "window-not-yet",
            Self::WindowOver => "window-over",
            Self::Destroy => "destroy",
            Self::Gone => "gone",
            Self::Drift => "drift",
            Self::Moved => "moved",
            Self::Import => "import",
            Self::LostAnswer => "lost-answer",
        }
    }

    /// The same for people.
    pub fn explained(self) -> &'static str {
        match self {
            Self::New => "not sent yet",
            Self::Text => "the text differs",
            Self::Sender => "the sender differs, and the API cannot change it",
            Self::Kind => "the kind differs, and the API cannot change it",
            Self::ReplaceUnfinished => "an earlier run posted the new one; the old one is left",
            Self::UpdateUnfinished => "an earlier update has no outcome; the text is sent again",
            Self::DeleteUnfinished => "an earlier delete has no outcome; the API is asked first",
            Self::NotInManifest => "no longer in the manifest",
            Self::NotInAudience => "the visitor is no longer in the audience",
            Self::Kept => "the visitor is no longer in the audience; the message stays there",
            Self::Removed => "named by removed",
            Self::WindowNotYet => "its window has not opened yet",
            Self::WindowOver => "its window has closed",
            Self::Destroy => "--destroy",
            Self::Gone => "gone on the other side",
            Self::Drift => "the text was changed on the other side",
            Self::Moved => "renamed by moved",
            Self::Import => "named by import",
            Self::LostAnswer => "it was sent, and no answer came",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
