//! What somebody has agreed to, compared with what the manifest says now.

use super::Planner;
use crate::{
    model::{Address, Approval, Target, Window, WindowState},
    plan::{ReviewStatus, Withdrawn},
};

impl Planner {
    /// Whether somebody has agreed to `target`, which this delivery has not reached yet.
    pub(super) fn status(&mut self, address: &Address, target: Target) -> ReviewStatus {
        match self.approval(address) {
            None => ReviewStatus::ToReview,
            Some(approval) if !self.agrees(&approval, target) => {
                self.withdraw(address, target, approval.lapsed);
                ReviewStatus::ToReview
            }
            // It was there once as approved: that does not send it again.
            Some(approval) if approval.opened => ReviewStatus::ToReview,
            Some(_) => ReviewStatus::Approved,
        }
    }

    /// The delivery is as it should be, and nothing is to come: its approval ends.
    pub(super) fn reached(&mut self, address: &Address, target: Target) {
        let asked = self.inputs.recheck.contains(address);
        match self.approval(address) {
            None if asked => self.withdraw(address, target, true),
            None => {}
            Some(approval) if self.agrees(&approval, target) => self.finished.push(address.clone()),
            Some(approval) => self.withdraw(address, target, approval.lapsed),
        }
    }

    /// Whether somebody has agreed to the end of this window, at which a delivery goes.
    pub(super) fn closing(&mut self, address: &Address, window: Window) -> ReviewStatus {
        match self.approval(address) {
            Some(approval) if !approval.lapsed && ends_with(&approval, window) => {
                ReviewStatus::Approved
            }
            Some(approval) => {
                self.withdraw(address, Target::Absent, approval.lapsed);
                ReviewStatus::ToReview
            }
            None => ReviewStatus::ToReview,
        }
    }

    /// Whether somebody has agreed to the end of the window of a delivery that is there.
    pub(super) fn closes_later(&mut self, address: &Address, target: Target) -> ReviewStatus {
        match self.approval(address) {
            Some(approval) if self.agrees(&approval, target) => ReviewStatus::Approved,
            Some(approval) => {
                self.withdraw(address, target, approval.lapsed);
                ReviewStatus::ToReview
            }
            None => ReviewStatus::ToReview,
        }
    }

    /// Whether an approval is one of this target. When a window has opened does not matter any more.
    fn agrees(&self, approval: &Approval, target: Target) -> bool {
        match (approval.target, target) {
            _ if approval.lapsed => false,
            (Target::Present(approved), Target::Present(wanted)) => {
                let has_opened =
                    |window: Window| window.from.is_none_or(|from| from <= self.inputs.as_of);
                let (approved_from, wanted_from) = (approved.window.from, wanted.window.from);
                approved.content == wanted.content
                    && approved.window.until == wanted.window.until
                    && (approved_from == wanted_from
                        || (has_opened(approved.window) && has_opened(wanted.window)))
            }
            (approved, wanted) => approved == wanted,
        }
    }

    /// The approval of a delivery. The plan looks at each once.
    fn approval(&mut self, address: &Address) -> Option<Approval> {
        self.inputs.recheck.remove(address);
        self.approvals.remove(address)
    }

    fn withdraw(&mut self, address: &Address, target: Target, lapsed: bool) {
        self.withdrawn.push(Withdrawn { address: address.clone(), target, lapsed });
    }

    /// Deliveries that neither the manifest nor the state has: what was approved for them ends.
    pub(super) fn end_other_approvals(&mut self) {
        for address in std::mem::take(&mut self.inputs.recheck) {
            let key = address.key();
            if self.inputs.selection.contains(&address) {
                let target = self.gone_target(&key);
                self.withdraw(&address, target, true);
            }
        }
        for (address, approval) in std::mem::take(&mut self.approvals) {
            if !self.inputs.selection.contains(&address) {
                continue;
            }
            let key = address.key();
            let declared = self.inputs.declared.get(&key);
            let over = !approval.lapsed
                && declared.is_some_and(|declared| {
                    matches!(declared.presence, WindowState::Over(_))
                        && ends_with(&approval, declared.window)
                });
            let target = self.gone_target(&key);
            let reached = approval.target == target && !approval.lapsed;
            if over || reached {
                self.finished.push(address);
            } else {
                self.withdraw(&address, target, approval.lapsed);
            }
        }
    }
}

/// Whether an approval is one of a delivery that goes when this window ends.
fn ends_with(approval: &Approval, window: Window) -> bool {
    let approved = approval.target.window();
    approval.target == Target::Absent || approved.is_some_and(|own| own.until == window.until)
}
