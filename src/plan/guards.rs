//! What audiences say against a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::{Guarded, Operation, Plan, Reason, ReviewStatus};
use crate::model::KnownSecrets;

/// A variable with another secret than the state knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OtherSecret {
    pub(super) variable: String,
    /// How many messages would be sent again.
    pub(super) again: u64,
    /// How many would be sent for the first time.
    pub(super) first: u64,
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

    /// The variables whose secrets are not those that the state knows, and that this plan uses.
    ///
    /// A variable that the state knows must hold what it held, whatever was sent. One that it does not know holds
    /// another secret if it is neither a known one under a new name, nor one of messages that nobody has got.
    pub(super) fn other_secrets(&self) -> Vec<OtherSecret> {
        let mut by_variable: BTreeMap<&str, Vec<&Guarded>> = BTreeMap::new();
        for guarded in self.guarded.iter().filter(|one| one.secret.is_some()) {
            by_variable.entry(guarded.variable()).or_default().push(guarded);
        }
        let concerned = self.changes_numbers_of();
        let is_other = |variable: &str, messages: &[&Guarded]| {
            let used = || messages.iter().filter(|one| one.after.is_some());
            if let Some(known) = self.secrets.get(variable) {
                return used().any(|one| one.secret.as_ref() != Some(known));
            }
            let has_some = messages.iter().any(|one| one.sent > 0 || one.waiting > 0);
            !self.secrets.is_empty()
                && has_some
                && used().any(|one| one.is_among(&concerned))
                && !messages.iter().all(|one| self.knows_under_another_name(one))
        };
        let others = by_variable.into_iter().filter(|(variable, all)| is_other(variable, all));
        let counted = others.map(|(variable, messages)| {
            let mut other = OtherSecret { variable: variable.to_owned(), again: 0, first: 0 };
            for guarded in messages {
                let after = guarded.after.unwrap_or_default();
                let again = after.min(guarded.sent);
                other.again += again;
                other.first += after - again;
            }
            other
        });
        counted.collect()
    }

    /// Whether the secret of a message, in a variable that the state does not know, is a known one: that of a variable
    /// that no message uses any more, if there are such variables.
    fn knows_under_another_name(&self, guarded: &Guarded) -> bool {
        let is_left = |name: &str| self.guarded.iter().all(|one| one.variable() != name);
        let any_left = self.secrets.keys().any(|name| is_left(name));
        let mut known = self.secrets.iter().filter(|(name, _)| !any_left || is_left(name));
        known.any(|(_, secret)| guarded.secret == Some(*secret))
    }

    /// What the state is to remember of secrets once somebody agrees to this plan; `None` if that is what it knows.
    /// With `anew`, the present secrets take the place of those that it knew, and it forgets variables that no message
    /// uses any more.
    pub fn secrets_to_remember(&self, anew: bool) -> Option<KnownSecrets> {
        // Then it deletes what there is, whatever the secrets are.
        if self.destroy {
            return None;
        }
        let mut remembered = self.secrets.clone();
        if anew {
            remembered.retain(|name, _| self.guarded.iter().any(|one| one.variable() == name));
        }
        for guarded in &self.guarded {
            let (Some(secret), Some(after)) = (guarded.secret, guarded.after) else { continue };
            match remembered.get_mut(guarded.variable()) {
                Some(known) if anew => *known = secret,
                None if anew || after > 0 => {
                    remembered.insert(guarded.variable().to_owned(), secret);
                }
                _ => {}
            }
        }
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
