//! What somebody has agreed to, and what nobody agrees to any more, message by message.

use std::collections::BTreeMap;

use super::{
    groups::{Group, groups},
    humanize,
};
use crate::plan::{Action, Plan};

/// The changes of a plan that somebody has to agree to, or that need no agreement.
pub(super) fn groups_to_review(plan: &Plan) -> Vec<Group<'_>> {
    groups(plan.changes.iter().filter(|change| !change.waits()))
}

/// Those that somebody has agreed to, and that wait for the budget.
pub(super) fn groups_approved(plan: &Plan) -> Vec<Group<'_>> {
    groups(plan.changes.iter().filter(|change| change.waits()))
}

/// Such a group in words, around its key: `1,800 approved creates of `, ` wait for the budget`.
pub(super) fn waits(group: &Group<'_>) -> (String, &'static str) {
    let (one, many) = nouns(group.action());
    let noun = if group.len() == 1 { one } else { many };
    let end = match (group.len(), group.first().requests()) {
        (1, 0) => " waits for the next apply",
        (_, 0) => " wait for the next apply",
        (1, _) => " waits for the budget",
        _ => " wait for the budget",
    };
    (format!("{} approved {noun} of ", humanize::number(group.len() as u64)), end)
}

/// The approvals that end, by message, around its key: `3 approvals of `, ` end: the manifest …`.
pub(super) fn withdrawn(plan: &Plan) -> Vec<(String, &str, &'static str)> {
    let mut keys: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for withdrawn in &plan.withdrawn {
        *keys.entry((withdrawn.address.key_str(), withdrawn.lapsed)).or_default() += 1;
    }
    let line = |((key, lapsed), n): (_, u64)| {
        let end = match (n, lapsed) {
            (1, false) => " ends: the manifest does not say that any more",
            (_, false) => " end: the manifest does not say that any more",
            (1, true) => " has ended: the manifest does not say that any more",
            (_, true) => " have ended: the manifest does not say that any more",
        };
        (format!("{} of ", humanize::count(n, "approval", "approvals")), key, end)
    };
    keys.into_iter().map(line).collect()
}

/// One and several of an action.
fn nouns(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("create", "creates"),
        Action::Update => ("update", "updates"),
        Action::Replace => ("replace", "replaces"),
        Action::Delete => ("delete", "deletes"),
        Action::Resend => ("resend", "resends"),
        Action::Restore => ("restore", "restores"),
        Action::Forget => ("forget", "forgets"),
        Action::Move => ("move", "moves"),
        Action::Adopt => ("adoption", "adoptions"),
        Action::Unknown => ("unknown delivery", "unknown deliveries"),
    }
}
