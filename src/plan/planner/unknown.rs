//! Creates without outcome.

use super::{Planner, wanted};
use crate::{
    model::{Delivery, Intent, OnUnknown, Target},
    plan::{Change, Operation, Reason, ReviewStatus},
};

impl Planner {
    /// Creates without outcome: nothing is sent for them, unless the manifest says so.
    pub(super) fn unknown(&mut self, intents: Vec<Intent>, delivery: Option<&Delivery>) {
        let target = match delivery {
            Some(delivery) => self.target_of(delivery),
            None => intents.first().map_or(Target::Absent, |intent| {
                let key = intent.address.key();
                self.gone_target(self.inputs.moved.get(&key).unwrap_or(&key))
            }),
        };
        let address = delivery.map(|delivery| &delivery.address);
        let review = match address.or_else(|| intents.first().map(|intent| &intent.address)) {
            Some(address) => self.status(&address.clone(), target),
            None => return,
        };
        if let Some(delivery) = delivery.filter(|delivery| !delivery.spec.window.is_open()) {
            self.later(delivery, review);
        }
        // After a rename two intents can stand for one delivery; then it is not known what one more
        // would add to.
        if let (Some(delivery), [intent]) = (delivery, &intents[..])
            && delivery.spec.on_unknown == OnUnknown::Resend
            && intent.address == delivery.address
            && self.is_active(&delivery.spec)
        {
            let operation = Operation::Resend { gone: None, after: wanted(delivery) };
            let protect = delivery.spec.protect.unwrap_or(intent.protect);
            let reason = Reason::LostAnswer;
            self.change_desired(delivery, protect, reason, operation, (target, review));
            return;
        }
        // It waits for a decision, not for the budget.
        let review = match review {
            ReviewStatus::Approved => ReviewStatus::Covered,
            other => other,
        };
        for intent in intents {
            let Intent {
                address,
                kind,
                content,
                protect,
                at,
                run: _,
                again: _,
                trouble,
                request_id,
            } = intent;
            let source = delivery.map(|delivery| self.place_of(&delivery.spec));
            self.keep(Change {
                address,
                kind,
                reason: Reason::LostAnswer,
                priority: delivery.map_or(0, |delivery| delivery.spec.priority),
                protect,
                target,
                review,
                language: None,
                source,
                operation: Operation::Unknown { sent: content, at, trouble, request_id },
            });
        }
    }
}
