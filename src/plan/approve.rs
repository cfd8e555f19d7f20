//! What a plan asks people to agree to becomes what they have agreed to.

use std::collections::HashSet;

use super::{Action, Change, Plan, ReviewStatus, Summary};
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
        (self.counted(), left_out)
    }

    /// The same plan with at most this number of changes that create a message, and how many that leaves out: for an
    /// API that has just been out.
    #[must_use]
    pub fn with_creates(mut self, most: usize) -> (Self, u64) {
        let (all, mut creates) = (self.changes.len(), 0);
        self.changes.retain(|change| {
            creates += usize::from(change.creates());
            !change.creates() || creates <= most
        });
        let left_out = (all - self.changes.len()) as u64;
        (self.counted(), left_out)
    }

    /// The same plan without the deliveries that need a decision, and how many they are: nothing is done for them.
    #[must_use]
    pub fn without_unknown(self) -> (Self, u64) {
        self.without(|change| change.action() == Action::Unknown)
    }

    /// The same plan without some changes, and how many they are.
    #[must_use]
    pub fn without(mut self, leaves_out: impl Fn(&Change) -> bool) -> (Self, u64) {
        let all = self.changes.len();
        self.changes.retain(|change| !leaves_out(change));
        let left_out = (all - self.changes.len()) as u64;
        (self.counted(), left_out)
    }

    fn counted(self) -> Self {
        let summary = Summary::of(&self.changes, self.summary.unchanged);
        Self { summary, budget: self.budget.with(summary.requests), ..self }
    }
}
