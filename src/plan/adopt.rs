//! Adopting a message that exists.

use super::{
    action::Reason,
    change::{Change, Operation},
    review_status::ReviewStatus,
};
use crate::model::{Content, Delivery, MessageId, Target};

/// The change that makes message `id` the message of a delivery that the state does not have. Applying it
/// asks the API for the message; nothing is sent.
pub fn adopt(delivery: &Delivery, id: MessageId) -> Change {
    let Delivery { address, spec, text, language } = delivery;
    let after = Content { text: text.clone(), from: spec.sender.clone() };
    Change {
        address: address.clone(),
        kind: spec.kind,
        reason: Reason::Import,
        priority: spec.priority,
        protect: spec.protect.unwrap_or(false),
        language: language.clone(),
        source: Some(spec.source.place()),
        target: Target::present(spec.kind, &after, spec.window),
        review: ReviewStatus::ToReview,
        operation: Operation::Adopt { id, after },
    }
}
