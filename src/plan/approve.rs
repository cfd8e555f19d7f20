//! What a plan asks people to agree to becomes what they have agreed to.

use std::collections::HashSet;

use super::{Plan, ReviewStatus, Summary};
use crate::model::{Address, Approval, Target};

impl Plan {
    /// How many deliveries it asks a review of.
    pub fn targets_to_review(&self) -> u64 {
        super::review::targets(self).len() as u64
    }

    /// The approvals of somebody who agrees to all of it, in the run with this number.
    pub fn approvals(&self, run: u64) -> Vec<Approval> {
        let mut seen = HashSet::new();
        let changes = self.changes.iter().filter(|change| change.review == ReviewStatus::ToReview);
        let changes = changes.flat_map(|change| {
            let left = change.leaves().map(|from| (from, Target::Absent, false));
            left.into_iter().chain([(&change.address, change.target, false)])
        });
        let upcoming = self.upcoming.iter();
        let upcoming =
            upcoming.map(|upcoming| (&upcoming.address, upcoming.target, upcoming.opened));
        let approvals = changes.chain(upcoming).filter(|(address, ..)| seen.insert(*address));
        let approvals = approvals.map(|(address, target, opened)| Approval {
            address: address.clone(),
            target,
            run,
            opened,
            lapsed: false,
        });
        approvals.collect()
    }

    /// The deliveries whose approvals end once somebody agrees, whether or not others take their place.
    pub fn ended_approvals(&self) -> impl Iterator<Item = &Address> {
        self.withdrawn.iter().map(|gone| &gone.address).chain(&self.finished)
    }

    /// The deliveries whose approvals have lapsed: the manifest says something else, and nobody has agreed to
    /// that yet.
    pub fn lapsed_approvals(&self) -> impl Iterator<Item = &Address> {
        self.withdrawn.iter().filter(|gone| !gone.lapsed).map(|gone| &gone.address)
    }

    /// Only what somebody has agreed to, and what needs no approval; and how many changes that leaves out. Nobody
    /// agrees to anything with it: what it says of approvals is for [`Self::lapsed_approvals`] alone.
    #[must_use]
    pub fn only_approved(mut self) -> (Self, u64) {
        let all = self.changes.len();
        self.changes.retain(|change| change.review != ReviewStatus::ToReview);
        let left_out = (all - self.changes.len()) as u64;
        self.upcoming.clear();
        self.guard_only_approved();
        // To protect a message takes nobody's agreement.
        self.protect.retain(|mark| mark.protect);
        self.summary = Summary::of(&self.changes, self.summary.unchanged);
        self.budget = self.budget.with(self.summary.requests);
        (self, left_out)
    }
}
