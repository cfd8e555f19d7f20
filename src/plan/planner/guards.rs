//! Counts the deliveries of messages whose audience sets a guard.

use std::collections::BTreeMap;

use crate::{
    model::{Address, Approval, Key, Target, WindowState},
    plan::{Guarded, Inputs},
};

/// The numbers of each such message, in the order of keys.
pub(super) struct Guards {
    all: Vec<Count>,
    /// The one that was counted last: neighbours have the same key.
    last: usize,
}

struct Count {
    key: Key,
    /// Records.
    sent: u64,
    /// Of these, those that somebody has agreed to let go.
    leaving: u64,
    /// Agreed to, and not sent yet.
    waiting: u64,
    /// Adopted by this plan: they were sent before.
    adopted: u64,
    /// What the manifest has.
    wanted: u64,
}

impl Guards {
    /// Nothing but the approvals and the creates without outcome are counted yet. `intents` are the addresses of
    /// the latter after `moved`.
    pub(super) fn new<'a>(
        inputs: &Inputs,
        approvals: &BTreeMap<Address, Approval>,
        intents: impl Iterator<Item = &'a Address>,
    ) -> Self {
        let guarded = inputs.declared.iter().filter(|(_, declared)| {
            let guards = &declared.guards;
            let counts = guards.change.is_some() || guards.queried;
            guards.secret.is_some() || (counts && !is_over(declared.presence))
        });
        let all = guarded.map(|(key, _)| Count {
            key: key.clone(),
            sent: 0,
            leaving: 0,
            waiting: 0,
            adopted: 0,
            wanted: 0,
        });
        let mut guards =
            Self { all: if inputs.destroy { Vec::new() } else { all.collect() }, last: 0 };
        if guards.all.is_empty() {
            return guards;
        }
        for approval in approvals.values().filter(|approval| is_to_come(approval)) {
            let key = approval.address.key();
            let key = inputs.moved.get(&key).unwrap_or(&key);
            if let Some(count) = guards.of(key.as_str()) {
                count.waiting += 1;
            }
        }
        for address in intents {
            let approved = approvals.get(address).is_some_and(is_to_come);
            if let Some(count) = guards.of(address.key_str()).filter(|_| !approved) {
                count.waiting += 1;
            }
        }
        guards
    }

    fn of(&mut self, key: &str) -> Option<&mut Count> {
        if self.all.get(self.last).is_none_or(|count| count.key.as_str() != key) {
            let found = self.all.binary_search_by(|count| count.key.as_str().cmp(key));
            self.last = found.ok()?;
        }
        self.all.get_mut(self.last)
    }

    /// A delivery of the manifest.
    pub(super) fn wanted(&mut self, key: &str) {
        if let Some(count) = self.of(key) {
            count.wanted += 1;
        }
    }

    /// A delivery of the manifest that is adopted.
    pub(super) fn adopted(&mut self, key: &str) {
        if let Some(count) = self.of(key) {
            count.adopted += 1;
        }
    }

    /// A record that is as it should be, and of which nobody has agreed to anything.
    pub(super) fn sent(&mut self, key: &str) {
        if let Some(count) = self.of(key) {
            count.sent += 1;
        }
    }

    /// A record, with what somebody has agreed to for its addresses, old and new, and whether its create has no
    /// outcome.
    pub(super) fn recorded<'a>(
        &mut self,
        key: &str,
        approvals: impl Iterator<Item = &'a Approval>,
        unknown: bool,
    ) {
        let Some(count) = self.of(key) else { return };
        count.sent += 1;
        let (mut leaves, mut comes) = (false, 0);
        for approval in approvals {
            comes += u64::from(is_to_come(approval));
            leaves |= !approval.lapsed && !matches!(approval.target, Target::Present(_));
        }
        if unknown && comes == 0 {
            comes = 1;
        }
        count.waiting = count.waiting.saturating_sub(comes);
        count.leaving += u64::from(leaves);
    }

    /// The numbers, with the guards that hold.
    pub(super) fn finish(self, inputs: &Inputs) -> Vec<Guarded> {
        let selection = &inputs.selection;
        let counted = self.all.into_iter().filter_map(|count| {
            let Count { key, sent, leaving, waiting, adopted, wanted } = count;
            let declared = inputs.declared.get(&key)?;
            let guards = &declared.guards;
            let whole = selection.is_all() || selection.keys.contains(&key);
            let named =
                whole || selection.addresses.iter().any(|one| one.key_str() == key.as_str());
            let over = is_over(declared.presence);
            let earlier = inputs.moved.iter().filter(|(_, to)| **to == key);
            let guarded = Guarded {
                earlier: earlier.map(|(from, _)| from.clone()).collect(),
                sent,
                waiting,
                before: (sent + waiting + adopted).saturating_sub(leaving),
                after: named.then_some(if over { 0 } else { wanted }),
                change: guards.change.filter(|_| whole && !over),
                empty_query: named && !over && guards.queried && guards.rows == 0,
                secret: guards.secret,
                variable: guards.variable.as_deref().map(str::to_owned),
                key,
            };
            let holds = guarded.change.is_some() || guarded.empty_query || guarded.secret.is_some();
            holds.then_some(guarded)
        });
        counted.collect()
    }
}

fn is_over(presence: WindowState) -> bool {
    matches!(presence, WindowState::Over(_))
}

/// Whether somebody has agreed to a delivery that was not sent yet, as far as its approval tells.
fn is_to_come(approval: &Approval) -> bool {
    matches!(approval.target, Target::Present(_)) && !approval.opened && !approval.lapsed
}
