//! Windows that open or close later.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Planner;
use crate::{
    diagnostics::Diagnostic,
    model::{Delivery, Key, Place, Target, Window},
    plan::{
        Action, Budget, Change, Later, ReviewStatus, Upcoming,
        window_length::{WindowSends, too_short},
    },
};

impl Planner {
    /// A delivery whose window opens or closes later, and whether somebody has agreed to that.
    pub(super) fn later(&mut self, delivery: &Delivery, status: ReviewStatus) {
        let spec = &delivery.spec;
        let opens = spec.window.from.filter(|from| *from > self.inputs.as_of);
        let place = self.place_of(spec);
        let (later, _) = self.later.entry(spec.key.clone()).or_insert_with(|| {
            let (key, closes) = (spec.key.clone(), spec.window.until);
            let later =
                Later { key, opens, closes, visitors: 0, approved: 0, requests: 0, takes_s: 0 };
            (later, place)
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
            language: delivery.language.clone(),
            source,
        });
    }
}

/// The messages with windows to come, how long their requests take, and the warnings about windows that are
/// shorter.
pub(super) fn with_times(
    later: BTreeMap<Key, (Later, Place)>,
    changes: &[Change],
    budget: &Budget,
    as_of: Timestamp,
) -> (Vec<Later>, Vec<Diagnostic>) {
    let mut pending: BTreeMap<&str, u64> = BTreeMap::new();
    for change in changes.iter().filter(|change| {
        !later.is_empty() && matches!(change.action(), Action::Create | Action::Resend)
    }) {
        *pending.entry(change.address.key_str()).or_default() += 1;
    }
    let warnings = later.values().filter_map(|(message, place)| {
        let Later { key, opens, closes, visitors, .. } = message;
        let sends = match opens {
            Some(_) => *visitors,
            None => pending.get(key.as_str()).copied().unwrap_or_default(),
        };
        let window = Window { from: *opens, until: *closes };
        too_short(&WindowSends { key, place: Some(place), window, sends }, budget, as_of)
    });
    let warnings = warnings.collect();
    let later = later.into_values().map(|(later, _)| {
        let requests = later.visitors;
        let takes_s = budget.takes(requests).as_secs();
        Later { requests, takes_s, ..later }
    });
    (later.collect(), warnings)
}
