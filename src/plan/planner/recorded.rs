//! Deliveries that the state has.

use super::{Decoded, Planner, wanted};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{
        ChangeIntent, Content, Delivery, Drift, MessageId, OnMissing, Record, Superseded, Target,
        WindowState,
    },
    plan::{Change, Operation, ProtectMark, Reason, ReviewStatus, Unchanged},
};

impl Planner {
    /// In the manifest and in the state.
    pub(super) fn both(&mut self, delivery: &Delivery, located: Decoded) {
        if !self.is_active(&delivery.spec) {
            return self.not_yet(delivery, located);
        }
        self.managed += 1;
        self.desired += 1;
        self.guards.wanted(delivery.spec.key.as_str());
        self.count_recorded(&located);
        let import = self.take_import(&delivery.address);
        if !self.inputs.selection.contains(&delivery.address) {
            return;
        }
        let Decoded { record, moved_from, blocked: _ } = located;
        // Exhaustive, so that a new field is not forgotten here.
        let Record {
            address: _,
            kind,
            id,
            content,
            answered_text: _,
            restored: _,
            protect: was_protected,
            created_at: _,
            updated_at: _,
            verified_at: _,
            drift,
            superseded,
            intent,
        } = record;
        // What the state has is adopted already; since then it may have become another message.
        self.idle_imports.extend(import.filter(|import| import.id != id));
        if let Some(intents) = self.unknown.remove(&delivery.address) {
            self.unknown(intents, Some(delivery));
            return;
        }
        let protect = delivery.spec.protect.unwrap_or(was_protected);
        if protect != was_protected {
            self.protect.insert(ProtectMark { key: delivery.spec.key.clone(), protect });
        }
        let known_as = id.clone();
        let mut operations = Vec::new();
        let same_content = kind == delivery.spec.kind
            && content.from == delivery.spec.sender
            && delivery.text == content.text;
        let mut push =
            |reason, operation, covered| operations.push(Recorded { reason, operation, covered });
        if let Some(from) = moved_from {
            // What was agreed to for the old address is asked for under the new one.
            self.status(&from, Target::Absent);
            push(Reason::Moved, Operation::Move { from, id: id.clone() }, false);
        }
        if let Some(old) = superseded {
            push(
                Reason::ReplaceUnfinished,
                Operation::FinishReplace { old, id: id.clone(), content: content.clone() },
                true,
            );
        }
        let same_text = delivery.text == content.text;
        let after = || wanted(delivery);
        match (&drift, delivery.spec.on_missing) {
            (Some(Drift::Forgotten), OnMissing::Forget) => {}
            (Some(Drift::Gone), OnMissing::Forget) => {
                push(Reason::Gone, Operation::Forget { id, before: content, remember: true }, true)
            }
            (Some(Drift::Gone | Drift::Forgotten), OnMissing::Resend) => {
                // What was let rest on purpose is not sent again without a review.
                let covered = same_content && matches!(drift, Some(Drift::Gone));
                let operation = Operation::Resend { gone: Some(id), after: after() };
                push(Reason::Gone, operation, covered);
            }
            (there @ (None | Some(Drift::Text(_))), _) => {
                let drifted = there.is_some();
                let deleting = matches!(intent, Some(ChangeIntent::Delete { .. }));
                let updating = matches!(intent, Some(ChangeIntent::Update { .. }));
                // Of the texts that the visitor may see, the one that differs is shown.
                let there = match (there, intent) {
                    (_, Some(ChangeIntent::Update { text, .. })) if text != delivery.text => {
                        Some(text)
                    }
                    (Some(Drift::Text(text)), _) => Some(text.as_str().into()),
                    _ => None,
                };
                let fixed = if kind != delivery.spec.kind {
                    Some(Reason::Kind)
                } else if content.from != delivery.spec.sender {
                    Some(Reason::Sender)
                } else {
                    None
                };
                let before = |content: Content| Content {
                    text: there.unwrap_or(content.text),
                    from: content.from,
                };
                match fixed {
                    Some(reason) => {
                        let old = Superseded { id, kind };
                        let operation =
                            Operation::Replace { old, before: before(content), after: after() };
                        push(reason, operation, false);
                    }
                    None if deleting => {
                        let operation =
                            Operation::Reinstate { id, before: before(content), after: after() };
                        push(Reason::DeleteUnfinished, operation, false);
                    }
                    None if !same_text => {
                        let operation =
                            Operation::Update { id, before: before(content), after: after() };
                        push(Reason::Text, operation, false);
                    }
                    None if drifted || updating => {
                        let reason = if drifted { Reason::Drift } else { Reason::UpdateUnfinished };
                        let operation =
                            Operation::Restore { id, before: before(content), after: after() };
                        push(reason, operation, true);
                    }
                    None => {}
                }
            }
        }
        let is_there = !matches!(drift, Some(Drift::Gone | Drift::Forgotten));
        self.review_recorded(delivery, protect, operations, is_there, known_as);
    }

    /// Counts a record of a message whose audience sets a guard.
    fn count_recorded(&mut self, located: &Decoded) {
        let Decoded { record, moved_from, blocked: _ } = located;
        let addresses = [Some(&record.address), moved_from.as_ref()].into_iter().flatten();
        let approvals = addresses.filter_map(|address| self.approvals.get(address));
        let unknown = self.unknown.contains_key(&record.address);
        self.guards.recorded(record.address.key_str(), approvals, unknown);
    }

    /// Keeps the operations of a delivery that the state has, and asks for a review of what nobody has agreed to.
    fn review_recorded(
        &mut self,
        delivery: &Delivery,
        protect: bool,
        operations: Vec<Recorded>,
        is_there: bool,
        id: MessageId,
    ) {
        let (address, target) = (&delivery.address, self.target_of(delivery));
        let closes = delivery.spec.window.until.is_some();
        let mut status = ReviewStatus::Covered;
        if operations.iter().any(|operation| !operation.covered) {
            status = self.status(address, target);
        } else if closes && is_there {
            status = self.closes_later(address, target);
            if status == ReviewStatus::ToReview {
                self.upcoming(delivery, target, true);
            }
        } else {
            self.reached(address, target);
        }
        if closes && status != ReviewStatus::Covered {
            self.later(delivery, status);
        }
        if operations.is_empty() {
            self.unchanged += 1;
            if self.inputs.keep_unchanged {
                self.listed.push(Unchanged { address: address.clone(), id });
            }
        }
        for Recorded { reason, operation, covered } in operations {
            let review = if covered { ReviewStatus::Covered } else { status };
            self.change_desired(delivery, protect, reason, operation, (target, review));
        }
    }

    /// In the manifest and in the state, before its window opens: it goes, and comes again then.
    fn not_yet(&mut self, delivery: &Delivery, located: Decoded) {
        self.leaving(located, Some(delivery));
    }

    /// In the state, not in the manifest.
    pub(super) fn known_only(&mut self, located: Decoded) {
        self.leaving(located, None);
    }

    /// In the state, and not to be there now. `delivery` is given if its window opens later.
    fn leaving(&mut self, located: Decoded, delivery: Option<&Delivery>) {
        self.managed += 1;
        self.count_recorded(&located);
        if let Some(delivery) = delivery {
            self.guards.wanted(delivery.spec.key.as_str());
        }
        let Decoded { record, moved_from, blocked } = located;
        // What the state has is adopted already, and may go like anything else.
        self.take_import(&record.address);
        if !self.inputs.selection.contains(&record.address) {
            return;
        }
        // It goes either way: renaming it first would only be a detour.
        let address = moved_from.unwrap_or_else(|| record.address.clone());
        if blocked && self.held.contains(&address) {
            // Listed as unknown, under the address that it would have had.
            return;
        }
        if blocked {
            self.diagnostics.push(
                Diagnostic::warning(
                    Code::MoveBlocked,
                    format!(
                        "{} cannot be renamed by moved: the new address is taken",
                        record.address.masked()
                    ),
                )
                .help("it is treated as no longer in the manifest; remove the moved entry, or the message under the new key"),
            );
        } else if let Some(intents) = self.unknown.remove(&record.address) {
            self.unknown(intents, delivery);
            return;
        }
        let key = record.address.key();
        let declared = self.inputs.declared.get(&key).cloned();
        let removed = self.inputs.removed.get(&key).copied();
        let protect = declared.as_ref().and_then(|d| d.protect).unwrap_or(record.protect);
        let kind = record.kind;
        let reason = if self.inputs.destroy {
            Reason::Destroy
        } else if removed.is_some() {
            Reason::Removed
        } else {
            match declared.as_ref().map(|d| d.presence) {
                None => Reason::NotInManifest,
                Some(_) if blocked => Reason::NotInManifest,
                Some(WindowState::Active) => Reason::NotInAudience,
                Some(WindowState::NotYet(_)) => Reason::WindowNotYet,
                Some(WindowState::Over(_)) => Reason::WindowOver,
            }
        };
        let unmanaged = self.gone_target(&key) == Target::Unmanaged;
        let reason = match reason {
            Reason::NotInAudience if unmanaged => Reason::Kept,
            reason => reason,
        };
        let (target, review) = match (delivery, declared) {
            (Some(delivery), _) => {
                let target = self.target_of(delivery);
                let status = self.status(&delivery.address, target);
                self.later(delivery, status);
                (target, status)
            }
            (None, Some(declared)) if reason == Reason::WindowOver => {
                (Target::Absent, self.closing(&address, declared.window))
            }
            (None, _) => {
                let target = self.gone_target(&key);
                (target, self.status(&address, target))
            }
        };
        let mut changes = Vec::new();
        let mut push = |reason, operation, review| {
            changes.push(Change {
                address: address.clone(),
                kind,
                reason,
                priority: 0,
                protect,
                target,
                review,
                language: None,
                source: None,
                operation,
            });
        };
        if let Some(old) = record.superseded {
            let (id, content) = (record.id.clone(), record.content.clone());
            let operation = Operation::FinishReplace { old, id, content };
            push(Reason::ReplaceUnfinished, operation, ReviewStatus::Covered);
        }
        let (id, before) = (record.id, record.content);
        let gone = matches!(record.drift, Some(Drift::Gone | Drift::Forgotten));
        if gone || unmanaged {
            let reason = if gone { Reason::Gone } else { reason };
            let operation = Operation::Forget { id, before, remember: false };
            match delivery {
                None => push(reason, operation, review),
                Some(delivery) => {
                    push(reason, operation, ReviewStatus::Covered);
                    if review == ReviewStatus::ToReview {
                        self.upcoming(delivery, target, false);
                    }
                }
            }
        } else {
            push(reason, Operation::Delete { id, before }, review);
        }
        changes.into_iter().for_each(|change| self.keep(change));
    }
}

/// What a delivery needs that the state has.
struct Recorded {
    reason: Reason,
    operation: Operation,
    /// It only completes or repeats what was applied.
    covered: bool,
}
