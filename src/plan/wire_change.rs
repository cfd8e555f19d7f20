//! A change of a plan as JSON, and back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Change, Operation, Reason, ReviewStatus};
use crate::model::{
    Address, Content, Key, Kind, Language, MessageId, Place, Superseded, Target, VisitorId,
};

/// The value of `format`.
pub const FORMAT: &str = "pushsync/plan/1";

/// Why a saved plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No JSON, or not of this shape.
    #[error("not a saved plan: {0}")]
    Shape(#[from] serde_json::Error),
    /// Made by another version.
    #[error("its format is {found:?}, this pushsync reads {FORMAT:?}")]
    Format {
        /// What `format` says.
        found: String,
    },
    /// A change lacks something.
    #[error("change {index} ({action} of {address}) has no {field}")]
    Lacks {
        /// Which change, from 1.
        index: usize,
        /// Its action.
        action: Action,
        /// Its delivery, masked.
        address: String,
        /// What it lacks.
        field: &'static str,
    },
    /// The digest does not match.
    #[error("its digest does not match its content: it was changed after it was made")]
    Altered,
}

/// A change, flat.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireChange {
    address: Address,
    key: Key,
    visitor: VisitorId,
    kind: Kind,
    action: Action,
    reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<MessageId>,
    /// The message that a replace deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<Superseded>,
    /// The address that a move starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_address: Option<Address>,
    /// A forget whose absence stays wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    remember: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    protect: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    priority: i32,
    /// The language of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<Language>,
    source: Option<WireSource>,
    before: Option<Content>,
    after: Option<Content>,
    target: Target,
    /// Somebody has agreed to it; it waits for the budget, or for its turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    approved: bool,
    /// It completes or repeats what was applied, and needs no approval.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    covered: bool,
    /// Of an unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(priority: &i32) -> bool {
    *priority == 0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSource {
    file: String,
    line: u32,
}

impl From<&Place> for WireSource {
    fn from(place: &Place) -> Self {
        Self { file: place.file.to_string(), line: place.line }
    }
}

impl WireSource {
    pub(super) fn place(self) -> Place {
        Place { file: self.file.into(), line: self.line, column: 1, length: 1 }
    }
}

impl From<&Change> for WireChange {
    fn from(change: &Change) -> Self {
        let (replaces, previous_address) = match &change.operation {
            Operation::Replace { old, .. } | Operation::FinishReplace { old, .. } => {
                (Some(old.clone()), None)
            }
            Operation::Move { from, .. } => (None, Some(from.clone())),
            _ => (None, None),
        };
        let remember = matches!(change.operation, Operation::Forget { remember: true, .. });
        let (sent_at, trouble, request_id) = match &change.operation {
            Operation::Unknown { sent: _, at, trouble, request_id } => {
                (Some(*at), trouble.clone(), request_id.clone())
            }
            _ => (None, None, None),
        };
        Self {
            address: change.address.clone(),
            key: change.address.key(),
            visitor: change.address.visitor(),
            kind: change.kind,
            action: change.action(),
            reason: change.reason,
            id: change.id().cloned(),
            replaces,
            previous_address,
            remember,
            protect: change.protect,
            priority: change.priority,
            locale: change.language.clone(),
            source: change.source.as_ref().map(WireSource::from),
            before: change.before().cloned(),
            after: change.after().cloned(),
            target: change.target,
            approved: change.review == ReviewStatus::Approved,
            covered: change.review == ReviewStatus::Covered,
            sent_at,
            trouble,
            request_id,
        }
    }
}

impl WireChange {
    pub(super) fn decode(self, index: usize) -> Result<Change, WireError> {
        let Self {
            address,
            key,
            visitor,
            kind,
            action,
            reason,
            id,
            replaces,
            previous_address,
            remember,
            protect,
            priority,
            locale: language,
            source,
            before,
            after,
            target,
            approved,
            covered,
            sent_at,
            trouble,
            request_id,
        } = self;
        let review = match (approved, covered) {
            (true, true) => return Err(WireError::Altered),
            (true, false) => ReviewStatus::Approved,
            (false, true) => ReviewStatus::Covered,
            (false, false) => ReviewStatus::ToReview,
        };
        if key.as_str() != address.key_str() || visitor.as_str() != address.visitor_str() {
            return Err(WireError::Altered);
        }
        let masked = address.masked();
        let lacks = |field| {
            let address = masked.clone();
            move || WireError::Lacks { index: index + 1, action, address, field }
        };
        let id = id.ok_or_else(lacks("id"));
        let before = before.ok_or_else(lacks("before"));
        let after = after.ok_or_else(lacks("after"));
        let operation = match action {
            Action::Create => Operation::Create { after: after? },
            Action::Update => Operation::Update { id: id?, before: before?, after: after? },
            Action::Restore if reason == Reason::DeleteUnfinished => {
                Operation::Reinstate { id: id?, before: before?, after: after? }
            }
            Action::Restore => Operation::Restore { id: id?, before: before?, after: after? },
            Action::Replace => {
                let old = replaces.ok_or_else(lacks("replaces"))?;
                if reason == Reason::ReplaceUnfinished {
                    Operation::FinishReplace { old, id: id?, content: after? }
                } else {
                    Operation::Replace { old, before: before?, after: after? }
                }
            }
            Action::Delete => Operation::Delete { id: id?, before: before? },
            Action::Resend => Operation::Resend { gone: id.ok(), after: after? },
            Action::Forget => Operation::Forget { id: id?, before: before?, remember },
            Action::Move => {
                let from = previous_address.ok_or_else(lacks("previous_address"))?;
                Operation::Move { from, id: id? }
            }
            Action::Adopt => Operation::Adopt { id: id?, after: after? },
            Action::Unknown => {
                let at = sent_at.ok_or_else(lacks("sent_at"))?;
                Operation::Unknown { sent: after?, at, trouble, request_id }
            }
        };
        let source = source.map(WireSource::place);
        let change = Change {
            address,
            kind,
            reason,
            priority,
            protect,
            target,
            review,
            language,
            source,
            operation,
        };
        // The end of a replace and what is unknown tell what was sent, not what is to be.
        let tells = !matches!(
            change.operation,
            Operation::FinishReplace { .. } | Operation::Unknown { .. }
        );
        if tells && change.after().is_some_and(|content| !target.has(kind, content)) {
            return Err(WireError::Altered);
        }
        Ok(change)
    }
}
