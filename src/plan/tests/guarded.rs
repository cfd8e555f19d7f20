//! What an audience says against a plan: other numbers than expected, a query without rows, another secret.

use std::collections::BTreeSet;

use proptest::{collection::btree_set, prelude::*};

use super::world::*;
use crate::{
    model::{ChangeLimit, KnownSecrets, SecretFingerprint, Spec, Window, WindowState},
    plan::{
        AudienceGuards, Plan,
        safety::{Agreed, Limits, Refusal, check},
        wire,
    },
};

const MINE: SecretFingerprint = SecretFingerprint([1; 8]);
const OTHER: SecretFingerprint = SecretFingerprint([2; 8]);

fn in_variable(name: &str, secret: SecretFingerprint) -> AudienceGuards {
    AudienceGuards {
        secret: Some(secret),
        variable: Some(name.into()),
        ..AudienceGuards::default()
    }
}

fn known<const N: usize>(secrets: [(&str, SecretFingerprint); N]) -> KnownSecrets {
    secrets.map(|(name, secret)| (name.to_owned(), secret)).into()
}

fn limited(change: ChangeLimit) -> AudienceGuards {
    AudienceGuards { change: Some(change), rows: 1, ..AudienceGuards::default() }
}

/// A message `a` to the visitors with these numbers; those of `sent` have it.
fn world(sent: &BTreeSet<u8>, wanted: &BTreeSet<u8>, guards: AudienceGuards) -> World {
    let mut world = World::default();
    let name = |n: &u8| format!("a@v{n:03}");
    world.records.extend(sent.iter().map(|n| (address(&name(n)), record(&name(n), "Hi"))));
    want(&mut world, wanted);
    world.guards.insert(key("a"), guards);
    world
}

fn want(world: &mut World, wanted: &BTreeSet<u8>) {
    world.desired =
        wanted.iter().map(|n| delivery(&spec("a"), &format!("v{n:03}"), "Hi")).collect();
}

/// What is refused, although somebody has agreed to the plan; a saved plan is refused like this one.
fn refusals(plan: &Plan) -> Vec<Refusal> {
    let refused = check(plan, &Limits::default(), Agreed::Reviewed);
    assert_eq!(check(plan, &Limits::default(), Agreed::Unreviewed), refused);
    let saved = wire::decode(&wire::encode(plan).expect("encodes")).expect("decodes");
    assert_eq!(check(&saved, &Limits::default(), Agreed::Reviewed), refused);
    assert_eq!(saved.remember, plan.remember);
    refused
}

fn numbers(range: std::ops::Range<u8>) -> BTreeSet<u8> {
    range.collect()
}

fn limits() -> impl Strategy<Value = ChangeLimit> {
    prop_oneof![
        (0..20_u64).prop_map(ChangeLimit::Count),
        (0..130_u32).prop_map(ChangeLimit::Percent)
    ]
}

fn visitors() -> impl Strategy<Value = BTreeSet<u8>> {
    btree_set(0..40_u8, 0..40)
}

proptest! {
    #[test]
    fn a_plan_that_is_not_refused_changes_the_number_by_at_most_the_limit(
        sent in visitors(), wanted in visitors(), limit in limits(),
    ) {
        let mut world = world(&sent, &wanted, limited(limit));
        let plan = world.planned();
        let (before, after) = (sent.len() as u64, wanted.len() as u64);
        let refused = !refusals(&plan).is_empty();
        prop_assert_eq!(refused, before > 0 && !limit.admits(before, after));
        let mut allowed = Limits::default();
        allowed.changes.insert(key("a"));
        prop_assert_eq!(check(&plan, &allowed, Agreed::Unreviewed), []);
        world.apply(&plan);
        prop_assert_eq!(world.records.len() as u64, after);
        prop_assert_eq!(refusals(&world.planned()), []);
    }

    #[test]
    fn a_rollout_that_was_agreed_to_never_meets_its_own_expectation(
        sent in visitors(), wanted in visitors(), limit in limits(), steps in proptest::collection::vec(0..9_usize, 1..6),
    ) {
        let mut world = world(&sent, &wanted, limited(limit));
        let plan = world.planned();
        world.approve(&plan);
        for step in steps {
            let plan = world.planned();
            prop_assert_eq!(refusals(&plan), []);
            let (resumed, _) = plan.only_approved();
            prop_assert_eq!(refusals(&resumed), []);
            resumed.changes.iter().take(step).for_each(|change| world.carry_out(change));
        }
        // The end is the one that was agreed to.
        let rest = world.planned();
        world.apply(&rest);
        prop_assert_eq!(world.records.len(), wanted.len());
    }

    #[test]
    fn a_resumed_run_is_refused_only_if_it_ends_more_approvals_than_the_number_may_fall(
        sent in visitors(), agreed in visitors(), now in visitors(), limit in limits(),
    ) {
        let mut world = world(&sent, &agreed, limited(limit));
        let plan = world.planned();
        world.approve(&plan);
        want(&mut world, &now);
        let (resumed, _) = world.planned().only_approved();
        let (before, after) = (agreed.len() as u64, now.len() as u64);
        let ends = !resumed.withdrawn.is_empty();
        let falls = after < before && !limit.admits(before, after);
        prop_assert_eq!(!refusals(&resumed).is_empty(), ends && falls);
    }

    #[test]
    fn a_variable_that_the_state_knows_must_hold_what_it_held_and_another_one_what_was_sent_with(
        sent in visitors(), approved in visitors(), wanted in visitors(),
        knows in any::<bool>(), same in any::<bool>(), renamed in any::<bool>(),
    ) {
        let held = if same { MINE } else { OTHER };
        let mut world = world(&sent, &approved, in_variable("A", MINE));
        let plan = world.planned();
        world.approve(&plan);
        want(&mut world, &wanted);
        world.guards.insert(key("a"), in_variable(if renamed { "B" } else { "A" }, held));
        world.secrets.extend(knows.then(|| ("A".to_owned(), MINE)));
        let plan = world.planned();
        let refused = !refusals(&plan).is_empty();
        let waiting = approved.iter().any(|one| !sent.contains(one));
        let changes = !plan.changes_numbers_of().is_empty();
        let touched = (!sent.is_empty() || waiting) && changes;
        prop_assert_eq!(refused, knows && !same && (!renamed || touched));
        let (resumed, _) = plan.clone().only_approved();
        prop_assert!(!refused || renamed || !refusals(&resumed).is_empty());
        let allowed = Limits { new_secret: true, ..Limits::default() };
        prop_assert_eq!(check(&plan, &allowed, Agreed::Unreviewed), []);
        // Once it is meant, the same plan is not refused again.
        world.secrets = plan.secrets_to_remember(true).unwrap_or(plan.secrets);
        prop_assert_eq!(refusals(&world.planned()), []);
    }
}

#[test]
fn a_query_without_rows_is_no_empty_audience_whatever_else_is_allowed() {
    let queried = |rows| AudienceGuards { queried: true, rows, ..AudienceGuards::default() };
    let mut world = world(&numbers(0..7), &numbers(0..0), queried(0));
    let refused = [Refusal::EmptyQuery { key: key("a"), before: 7 }];
    assert_eq!(refusals(&world.planned()), refused);
    // Nothing was sent yet, but somebody has agreed to it: no approval ends.
    world.records.clear();
    want(&mut world, &numbers(0..7));
    let plan = world.planned();
    assert_eq!(refusals(&plan), [], "nothing goes");
    world.approve(&plan);
    want(&mut world, &numbers(0..0));
    assert_eq!(refusals(&world.planned()), refused);
    assert_eq!(refusals(&world.planned().only_approved().0), refused);
    // Where nothing was sent or agreed to, it may be empty; and where others have rows, `where` may leave none.
    world.approvals.clear();
    assert_eq!(refusals(&world.planned()), []);
    let filtered = self::world(&numbers(0..7), &numbers(0..0), queried(3));
    assert_eq!(refusals(&filtered.planned()), []);
}

#[test]
fn closed_windows_single_deliveries_and_the_end_of_everything_are_meant() {
    let guards = || limited(ChangeLimit::Count(0));
    let all = || world(&numbers(0..9), &numbers(0..2), guards());
    assert_eq!(refusals(&all().planned()).len(), 1);
    let mut one = all();
    one.selection.addresses.insert(address("a@v008"));
    assert_eq!(refusals(&one.planned()), []);
    one.selection.keys.insert(key("a"));
    assert_eq!(refusals(&one.planned()).len(), 1);
    let mut other = all();
    other.selection.keys.insert(key("b"));
    assert_eq!(refusals(&other.planned()), []);
    let destroyed = World { destroy: true, ..all() };
    assert_eq!(refusals(&destroyed.planned()), []);
    let mut over = world(&numbers(0..9), &numbers(0..0), guards());
    over.presence.insert(key("a"), WindowState::Over(at(50)));
    assert_eq!(refusals(&over.planned()), []);
}

#[test]
fn a_renamed_message_is_measured_by_what_it_was() {
    let mut world = world(&numbers(0..0), &numbers(0..4), limited(ChangeLimit::Percent(50)));
    for n in 0..10 {
        let name = format!("old@v{n:03}");
        world.records.insert(address(&name), record(&name, "Hi"));
    }
    world.moved.insert(key("old"), key("a"));
    let limit = ChangeLimit::Percent(50);
    let refused = [Refusal::UnexpectedChange { key: key("a"), before: 10, after: 4, limit }];
    assert_eq!(refusals(&world.planned()), refused);
    want(&mut world, &numbers(0..5));
    assert_eq!(refusals(&world.planned()), []);
}

#[test]
fn a_rollout_to_fewer_does_not_let_more_through_than_are_still_there() {
    let mut world = world(&numbers(0..9), &numbers(0..0), limited(ChangeLimit::Percent(50)));
    let plan = world.planned();
    world.approve(&plan);
    assert_eq!(refusals(&world.planned()), [], "that all go is agreed to");
    want(&mut world, &numbers(0..40));
    let limit = ChangeLimit::Percent(50);
    let refused = [Refusal::UnexpectedChange { key: key("a"), before: 9, after: 40, limit }];
    assert_eq!(refusals(&world.planned()), refused);
    want(&mut world, &numbers(0..9));
    assert_eq!(refusals(&world.planned()), []);
}

#[test]
fn who_gets_it_once_a_window_opens_is_measured_before_it_opens() {
    let guards = limited(ChangeLimit::Percent(20));
    let mut world = world(&numbers(0..0), &numbers(0..10), guards);
    let opens_later = |world: &mut World| {
        for delivery in &mut world.desired {
            let window = Window { from: Some(at(500)), until: None };
            delivery.spec = Spec { window, ..(*delivery.spec).clone() }.into();
        }
    };
    opens_later(&mut world);
    let plan = world.planned();
    assert_eq!((refusals(&plan), plan.upcoming.len()), (vec![], 10));
    world.approve(&plan);
    want(&mut world, &numbers(0..40));
    opens_later(&mut world);
    let limit = ChangeLimit::Percent(20);
    let refused = [Refusal::UnexpectedChange { key: key("a"), before: 10, after: 40, limit }];
    assert_eq!(refusals(&world.planned()), refused);
}

#[test]
fn secrets_that_change_places_or_come_without_deliveries_are_refused_with_what_would_be_sent() {
    let refused = |variable: &str, again, first| Refusal::OtherSecret {
        variable: variable.to_owned(),
        again,
        first,
    };
    let mut world = world(&numbers(0..3), &numbers(0..5), in_variable("A", OTHER));
    world.guards.insert(key("b"), in_variable("B", MINE));
    world.desired.extend((0..4).map(|n| delivery(&spec("b"), &format!("v{n}"), "Hi")));
    world.secrets = known([("A", MINE), ("B", OTHER)]);
    // They have changed places; nothing was sent yet of one of them.
    assert_eq!(refusals(&world.planned()), [refused("A", 3, 2), refused("B", 0, 4)]);
    let words = [refused("A", 3, 2), refused("B", 0, 4), refused("B", 0, 0), refused("B", 1, 0)];
    let words = words.map(|refusal| refusal.to_string());
    assert!(
        words[0].contains("3 messages would be sent again, and 2 for the first time, to other")
    );
    assert!(words[1].ends_with("4 messages would be sent to other visitors' ids"));
    assert!(words[2].ends_with("visitors would have other ids"));
    assert!(words[3].contains("1 message would be sent again, to other"));
    // What has nothing to do with them may go on, and so may the end of everything.
    world.selection.keys.insert(key("c"));
    assert_eq!(refusals(&world.planned()), []);
    world.selection.keys.clear();
    world.destroy = true;
    let plan = world.planned();
    assert_eq!((refusals(&plan), plan.secrets_to_remember(true)), (vec![], None));
    world.destroy = false;
    // Also once the window is over.
    world.presence.insert(key("a"), WindowState::Over(at(50)));
    want(&mut world, &numbers(0..0));
    assert_eq!(refusals(&world.planned()), [refused("A", 0, 0), refused("B", 0, 0)]);
}

#[test]
fn a_new_name_of_a_variable_is_fine_unless_it_is_that_of_a_secret_that_is_still_in_use() {
    let mut world = world(&numbers(0..3), &numbers(0..5), in_variable("C", MINE));
    world.guards.insert(key("b"), in_variable("B", OTHER));
    world.secrets = known([("A", MINE), ("B", OTHER)]);
    let plan = world.planned();
    let all = known([("A", MINE), ("B", OTHER), ("C", MINE)]);
    assert_eq!((refusals(&plan), &plan.remember), (vec![], &Some(all)));
    // `A` is gone, and its message has the secret of `B`.
    world.guards.insert(key("a"), in_variable("C", OTHER));
    assert_eq!(refusals(&world.planned()).len(), 1);
    // Without deliveries it is a new audience.
    world.records.clear();
    assert_eq!(refusals(&world.planned()), []);
}

#[test]
fn the_state_learns_secrets_and_forgets_one_only_if_that_is_meant() {
    // A first secret, and one of a message that is new.
    let mut world = world(&numbers(0..3), &numbers(0..3), in_variable("A", MINE));
    assert_eq!(world.planned().remember, Some(known([("A", MINE)])));
    world.secrets = known([("A", MINE)]);
    assert_eq!(world.planned().remember, None);
    world.guards.insert(key("b"), in_variable("B", OTHER));
    world.desired.push(delivery(&spec("b"), "v", "Hi"));
    let plan = world.planned();
    let both = known([("A", MINE), ("B", OTHER)]);
    assert_eq!((refusals(&plan), &plan.remember), (vec![], &Some(both)));
    // A message that gets nobody teaches nothing, and neither does a run that only goes on.
    world.desired.pop();
    assert_eq!(world.planned().remember, None);
    world.secrets.clear();
    assert_eq!(world.planned().only_approved().0.remember, None);
    // Another secret in the place of the first; a variable that no message uses any more is forgotten.
    world.secrets = known([("A", MINE), ("OLD", MINE)]);
    world.guards.insert(key("a"), in_variable("A", OTHER));
    let plan = world.planned();
    assert_eq!((plan.remember.clone(), refusals(&plan).len()), (None, 1));
    assert_eq!(plan.secrets_to_remember(true), Some(known([("A", OTHER), ("B", OTHER)])));
}
