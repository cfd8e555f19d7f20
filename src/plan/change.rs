use jiff::Timestamp;

use super::{Action, Reason, ReviewStatus};
use crate::model::{Address, Content, Kind, Language, MessageId, Place, Superseded, Target};

/// One step of a plan: what happens to one delivery, with everything that is needed to do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The delivery.
    pub address: Address,
    /// The kind it has afterwards (or had, where it goes).
    pub kind: Kind,
    /// Why.
    pub reason: Reason,
    /// Under a small budget, higher goes first.
    pub priority: i32,
    /// Whether the delivery is protected once this is done.
    pub protect: bool,
    /// What the delivery is to be.
    pub target: Target,
    /// Whether somebody has to agree to that.
    pub review: ReviewStatus,
    /// The language of its text, if the message has one text for each.
    pub language: Option<Language>,
    /// Where the message is written, if it is.
    pub source: Option<Place>,
    /// What happens.
    pub operation: Operation,
}

/// What happens to a delivery, and the facts that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// POST.
    Create {
        /// What is sent.
        after: Content,
    },
    /// PUT, because the manifest has another text.
    Update {
        /// The message.
        id: MessageId,
        /// What the visitor sees now, as far as is known.
        before: Content,
        /// What the visitor is to see.
        after: Content,
    },
    /// PUT, because the other side has another text.
    Restore {
        /// The message.
        id: MessageId,
        /// What the visitor sees now.
        before: Content,
        /// What the visitor is to see.
        after: Content,
    },
    /// GET, because an earlier DELETE has no outcome and the message is wanted again; then a PUT if
    /// it is there with another text, or a POST if it is gone.
    Reinstate {
        /// The message.
        id: MessageId,
        /// What the visitor sees now, if the message is there.
        before: Content,
        /// What the visitor is to see.
        after: Content,
    },
    /// POST, then DELETE of the old one.
    Replace {
        /// The message that goes.
        old: Superseded,
        /// What the visitor sees now.
        before: Content,
        /// What is sent.
        after: Content,
    },
    /// DELETE of the old one: its replacement exists.
    FinishReplace {
        /// The message that goes.
        old: Superseded,
        /// The message that stays.
        id: MessageId,
        /// What the visitor sees of it.
        content: Content,
    },
    /// DELETE.
    Delete {
        /// The message.
        id: MessageId,
        /// What the visitor sees now.
        before: Content,
    },
    /// POST of what was sent before and is not there, or may not be there.
    Resend {
        /// The message that is gone; none if its create was never answered.
        gone: Option<MessageId>,
        /// What is sent.
        after: Content,
    },
    /// No request: the record is dropped.
    Forget {
        /// The message.
        id: MessageId,
        /// What was last applied.
        before: Content,
        /// The manifest still has it (`on_missing: forget`): that it is gone must be remembered,
        /// or the next plan would send it again.
        remember: bool,
    },
    /// No request: the record gets a new address.
    Move {
        /// The address that it has.
        from: Address,
        /// The message.
        id: MessageId,
    },
    /// GET, then recorded.
    Adopt {
        /// The message.
        id: MessageId,
        /// What the manifest wants of it.
        after: Content,
    },
    /// Nothing, until `state resolve`.
    Unknown {
        /// What was sent.
        sent: Content,
        /// When.
        at: Timestamp,
        /// What went wrong, as far as is known.
        trouble: Option<String>,
        /// `sib-request-id` of the answer, if there was one.
        request_id: Option<String>,
    },
}

impl Change {
    /// The action of the contract's table.
    pub fn action(&self) -> Action {
        match self.operation {
            Operation::Create { .. } => Action::Create,
            Operation::Update { .. } => Action::Update,
            Operation::Restore { .. } | Operation::Reinstate { .. } => Action::Restore,
            Operation::Replace { .. } | Operation::FinishReplace { .. } => Action::Replace,
            Operation::Delete { .. } => Action::Delete,
            Operation::Resend { .. } => Action::Resend,
            Operation::Forget { .. } => Action::Forget,
            Operation::Move { .. } => Action::Move,
            Operation::Adopt { .. } => Action::Adopt,
            Operation::Unknown { .. } => Action::Unknown,
        }
    }

    /// Whether somebody has agreed to it, and it waits for the budget. An unknown delivery waits for a decision.
    pub fn waits(&self) -> bool {
        self.review == ReviewStatus::Approved && self.action() != Action::Unknown
    }

    /// Whether it creates a message. Nothing can take that back, and a lost answer leaves it unknown.
    pub fn creates(&self) -> bool {
        match self.operation {
            Operation::Create { .. }
            | Operation::Replace { .. }
            | Operation::Reinstate { .. }
            | Operation::Resend { .. } => true,
            Operation::Update { .. }
            | Operation::Restore { .. }
            | Operation::FinishReplace { .. }
            | Operation::Delete { .. }
            | Operation::Adopt { .. }
            | Operation::Forget { .. }
            | Operation::Move { .. }
            | Operation::Unknown { .. } => false,
        }
    }

    /// How many requests it takes if all goes well, at most.
    pub fn requests(&self) -> u64 {
        match self.operation {
            Operation::Replace { .. } | Operation::Reinstate { .. } => 2,
            Operation::Create { .. }
            | Operation::Update { .. }
            | Operation::Restore { .. }
            | Operation::FinishReplace { .. }
            | Operation::Delete { .. }
            | Operation::Resend { .. }
            | Operation::Adopt { .. } => 1,
            Operation::Forget { .. } | Operation::Move { .. } | Operation::Unknown { .. } => 0,
        }
    }

    /// The id that the API has for it before the change, if it has one.
    pub fn id(&self) -> Option<&MessageId> {
        match &self.operation {
            Operation::Create { .. } | Operation::Unknown { .. } => None,
            Operation::Update { id, .. }
            | Operation::Restore { id, .. }
            | Operation::Reinstate { id, .. }
            | Operation::FinishReplace { id, .. }
            | Operation::Delete { id, .. }
            | Operation::Forget { id, .. }
            | Operation::Move { id, .. }
            | Operation::Adopt { id, .. } => Some(id),
            Operation::Replace { old, .. } => Some(&old.id),
            Operation::Resend { gone, .. } => gone.as_ref(),
        }
    }

    /// The address that a delivery leaves when it gets another one.
    pub fn leaves(&self) -> Option<&Address> {
        match &self.operation {
            Operation::Move { from, .. } => Some(from),
            _ => None,
        }
    }

    /// What the visitor sees before it, if anything (as far as is known).
    pub fn before(&self) -> Option<&Content> {
        match &self.operation {
            Operation::Update { before, .. }
            | Operation::Restore { before, .. }
            | Operation::Reinstate { before, .. }
            | Operation::Replace { before, .. }
            | Operation::Delete { before, .. }
            | Operation::Forget { before, .. } => Some(before),
            Operation::FinishReplace { content, .. } => Some(content),
            Operation::Unknown { .. }
            | Operation::Create { .. }
            | Operation::Resend { .. }
            | Operation::Move { .. }
            | Operation::Adopt { .. } => None,
        }
    }

    /// What the visitor sees after it, if anything.
    pub fn after(&self) -> Option<&Content> {
        match &self.operation {
            Operation::Create { after }
            | Operation::Update { after, .. }
            | Operation::Restore { after, .. }
            | Operation::Reinstate { after, .. }
            | Operation::Replace { after, .. }
            | Operation::Resend { after, .. }
            | Operation::Adopt { after, .. } => Some(after),
            Operation::FinishReplace { content, .. } => Some(content),
            Operation::Unknown { sent, .. } => Some(sent),
            Operation::Delete { .. } | Operation::Forget { .. } | Operation::Move { .. } => None,
        }
    }

    /// How much it takes, with its texts, as if it shared none of them with another one.
    pub(super) fn bytes(&self) -> u64 {
        let contents = self.before().into_iter().chain(self.after());
        let contents = contents.map(|content| content.text.len() + content.from.bytes());
        (size_of::<Self>() + self.address.as_str().len() + contents.sum::<usize>()) as u64
    }

    /// The place in the plan: by rank, then by priority (higher first), then by address.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        (self.action().rank(), -i64::from(self.priority), &self.address).cmp(&(
            other.action().rank(),
            -i64::from(other.priority),
            &other.address,
        ))
    }
}
