//! What audiences say against a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::{Guarded, Operation, Plan, Reason, ReviewStatus};
use crate::model::SecretFingerprint;

/// Messages that were sent with another secret than the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OtherSecret {
    pub(super) variable: String,
    /// How many messages would be sent again.
    pub(super) sent: u64,
}

impl Plan {
    /// The messages whose number of deliveries the plan changes in a way that nobody has agreed to. The rest of
    /// what somebody has agreed to is not among it.
    pub(super) fn changes_numbers_of(&self) -> BTreeSet<&str> {
        let changes = self.changes.iter().filter(|change| {
            // Who leaves the audience may be kept, which takes nobody's agreement.
            let agreed = match change.reason {
                Reason::NotInAudience => change.review == ReviewStatus::Approved,
                _ => change.review != ReviewStatus::ToReview,
            };
            !agreed
                && matches!(
                    change.operation,
                    Operation::Create { .. }
                        | Operation::Resend { .. }
                        | Operation::Delete { .. }
                        | Operation::Forget { .. }
                        | Operation::Adopt { .. }
                )
        });
        let upcoming = self.upcoming.iter().map(|upcoming| upcoming.address.key_str());
        let ended = self.withdrawn.iter().filter(|gone| !gone.lapsed);
        let ended = ended.map(|gone| gone.address.key_str());
        changes.map(|change| change.address.key_str()).chain(upcoming).chain(ended).collect()
    }

    /// The secrets that the state does not know, although it knows others, and although messages were sent before
    /// whose visitors' ids would be made with them now.
    pub(super) fn other_secrets(&self) -> Vec<OtherSecret> {
        if self.secrets.is_empty() {
            return Vec::new();
        }
        let mut others: BTreeMap<SecretFingerprint, OtherSecret> = BTreeMap::new();
        for guarded in &self.guarded {
            let Some(secret) = guarded.secret.filter(|secret| !self.secrets.contains(secret))
            else {
                continue;
            };
            let variable = guarded.variable.clone().unwrap_or_default();
            others.entry(secret).or_insert(OtherSecret { variable, sent: 0 }).sent += guarded.sent;
        }
        let concerned = self.changes_numbers_of();
        let is_used = |secret: &SecretFingerprint| {
            let mut using = self.guarded.iter().filter(|one| one.secret.as_ref() == Some(secret));
            using.any(|one| one.after.is_some() && one.is_among(&concerned))
        };
        let others = others.into_iter().filter(|(secret, other)| other.sent > 0 && is_used(secret));
        others.map(|(_, other)| other).collect()
    }

    /// What the state is to remember of secrets once somebody agrees to this plan; `None` if that is what it knows.
    /// With `anew`, it forgets those that no message uses any more.
    pub fn secrets_to_remember(&self, anew: bool) -> Option<BTreeSet<SecretFingerprint>> {
        let used = |guarded: &&Guarded| guarded.after.is_some_and(|after| after > 0);
        let now: BTreeSet<_> =
            self.guarded.iter().filter(used).filter_map(|guarded| guarded.secret).collect();
        let mut remembered = self.secrets.clone();
        if anew {
            remembered.retain(|known| self.guarded.iter().any(|one| one.secret == Some(*known)));
        }
        remembered.extend(now);
        (remembered != self.secrets).then_some(remembered)
    }

    /// That nothing is carried out but what somebody has agreed to: more deliveries do not come.
    pub(super) fn guard_only_approved(&mut self) {
        self.remember = None;
        for guarded in &mut self.guarded {
            guarded.after = guarded.after.map(|after| after.min(guarded.before));
        }
    }
}
