//! Windows that open or close later.

use std::collections::BTreeMap;

use super::Planner;
use crate::{
    model::{Delivery, Key, Target},
    plan::{Budget, Later, ReviewStatus, Upcoming},
};

impl Planner {
    /// A delivery whose window opens or closes later, and whether somebody has agreed to that.
    pub(super) fn later(&mut self, delivery: &Delivery, status: ReviewStatus) {
        let spec = &delivery.spec;
        let opens = spec.window.from.filter(|from| *from > self.inputs.as_of);
        let later = self.later.entry(spec.key.clone()).or_insert_with(|| Later {
            key: spec.key.clone(),
            opens,
            closes: spec.window.until,
            visitors: 0,
            approved: 0,
            requests: 0,
            takes_s: 0,
        });
        later.visitors += 1;
        later.approved += u64::from(status == ReviewStatus::Approved);
    }

    /// Asks for a review of a delivery that needs no change now.
    pub(super) fn upcoming(&mut self, delivery: &Delivery, target: Target, opened: bool) {
        let content = super::wanted(delivery);
        self.bytes = self.bytes.saturating_add(content.text.len() as u64);
        if self.is_full() {
            return;
        }
        let source = Some(self.place_of(&delivery.spec));
        self.upcoming.push(Upcoming {
            address: delivery.address.clone(),
            kind: delivery.spec.kind,
            content,
            target,
            opened,
            source,
        });
    }
}

/// The messages with windows to come, and how long their requests take.
pub(super) fn with_times(later: BTreeMap<Key, Later>, budget: &Budget) -> Vec<Later> {
    let times = later.into_values().map(|later| {
        let requests = later.visitors;
        let takes_s = budget.takes(requests).as_secs();
        Later { requests, takes_s, ..later }
    });
    times.collect()
}
