//! What a review asks for, and what is left of it while it is carried out.

use proptest::{prelude::*, sample::select};

use super::world::*;
use crate::{
    model::{Approval, Delivery, Drift, Key, Kind, Record, Sender, Spec, Target, Window},
    plan::{Action, Plan, Review, ReviewStatus, wire},
};

fn window(from: Option<i64>, until: Option<i64>) -> Window {
    Window { from: from.map(at), until: until.map(at) }
}

/// Windows around the instant of the plans of these tests, which is 100.
fn windows() -> impl Strategy<Value = Window> {
    select(vec![
        Window::default(),
        Window::default(),
        window(Some(50), None),
        window(None, Some(200)),
        window(Some(50), Some(200)),
        window(Some(150), Some(200)),
        window(Some(150), None),
        window(None, Some(80)),
    ])
}

const VISITORS: [&str; 4] = ["1", "2", "3", "Z"];

/// A manifest of some messages: their windows, senders, texts and visitors.
fn manifests() -> impl Strategy<Value = Vec<Delivery>> {
    let message = |name: &'static str| {
        let visitors = proptest::collection::btree_set(select(VISITORS.to_vec()), 0..4);
        let senders = select(vec![Sender::Random, Sender::Group("g".to_owned())]);
        (windows(), senders, select(vec!["t1", "t2"]), visitors).prop_map(
            move |(window, sender, text, visitors)| {
                let spec = Spec { window, sender, ..spec(name) };
                let over = window.until.is_some_and(|until| until <= at(100));
                let visitors = visitors.into_iter().filter(move |_| !over);
                visitors.map(|visitor| delivery(&spec, visitor, text)).collect::<Vec<_>>()
            },
        )
    };
    (message("a"), message("b"), message("c"))
        .prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect())
}

/// A state that earlier manifests left behind.
fn states() -> impl Strategy<Value = World> {
    let record = (select(vec!["a", "b", "c", "d"]), select(VISITORS.to_vec()));
    let record = (record, select(vec!["t1", "t2", "t0"]));
    proptest::collection::vec(record, 0..10).prop_map(|records| {
        let records = records.into_iter().map(|((key, visitor), text)| {
            let record = record_of(key, visitor, text);
            (record.address.clone(), record)
        });
        World { records: records.collect(), ..World::default() }
    })
}

fn record_of(key: &str, visitor: &str, text: &str) -> Record {
    record(&format!("{key}@{visitor}"), text)
}

fn with(world: &World, desired: &[Delivery]) -> World {
    World { desired: desired.to_vec(), ..world.clone() }
}

/// Which of the changes are carried out.
fn part<'p>(plan: &'p Plan, chosen: &'p [bool]) -> impl Iterator<Item = &'p crate::plan::Change> {
    let chosen = chosen.iter().copied().chain(std::iter::repeat(true));
    plan.changes.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(change, _)| change)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn carrying_out_any_part_of_a_plan_leaves_what_others_ask_for_as_it_was(
        world in states(), first in manifests(), other in manifests(), removed in any::<Option<bool>>(),
        chosen in proptest::collection::vec(any::<bool>(), 0..12),
    ) {
        let mut world = world;
        let mut first = with(&world, &first);
        // What one plan deletes, another one cannot leave where it is.
        if removed == Some(false) {
            first.removed.insert(key("d"), false);
        }
        let plan = first.planned();
        world.approve(&plan);
        let other = |world: &World| {
            let mut other = with(world, &other);
            if let Some(delete) = removed {
                other.removed.insert(key("d"), delete);
            }
            Review::of(&other.planned())
        };
        let before = other(&world);
        for change in part(&plan, &chosen) {
            world.carry_out(change);
        }
        let after = other(&world);
        prop_assert!(after.is(&before));
        prop_assert_eq!(after, before);
    }

    #[test]
    fn a_resumed_run_changes_nothing_of_what_its_own_manifest_asks_for(
        world in states(), first in manifests(), second in manifests(),
        chosen in proptest::collection::vec(any::<bool>(), 0..12),
    ) {
        let mut world = world;
        let plan = with(&world, &first).planned();
        world.approve(&plan);
        for change in part(&plan, &chosen) {
            world.carry_out(change);
        }
        let mut world = with(&world, &second);
        let asked = world.planned();
        let (resumed, _) = asked.clone().only_approved();
        world.lapse(&resumed);
        for change in &resumed.changes {
            world.carry_out(change);
        }
        prop_assert_eq!(Review::of(&world.planned()), Review::of(&asked));
        // What has lapsed is not approved again by the old manifest.
        world.desired = first;
        for change in &world.planned().only_approved().0.changes {
            prop_assert!(!asked.withdrawn.iter().any(|gone| gone.address == change.address));
        }
    }

    #[test]
    fn what_was_approved_asks_for_nothing_and_is_all_that_is_carried_out(
        world in states(), manifest in manifests(),
        chosen in proptest::collection::vec(any::<bool>(), 0..12),
    ) {
        let mut world = with(&world, &manifest);
        let plan = world.planned();
        world.approve(&plan);
        let nothing = Review::of(&World::default().planned());
        for change in part(&plan, &chosen) {
            world.carry_out(change);
        }
        let again = world.planned();
        prop_assert!(Review::of(&again).is(&nothing));
        prop_assert!(again.withdrawn.is_empty());
        let (resumed, left_out) = again.clone().only_approved();
        prop_assert_eq!((resumed.changes.len(), left_out), (again.changes.len(), 0));
        for change in &resumed.changes {
            world.carry_out(change);
        }
        let end = world.planned();
        prop_assert!(end.changes.is_empty(), "{:?}", end.changes);
        // Only windows to come are still approved.
        for approval in world.approvals.values() {
            let Some(window) = approval.target.window() else { panic!("{approval:?}") };
            prop_assert!(window.until.or(window.from).is_some_and(|edge| edge > at(100)), "{approval:?}");
        }
    }

    #[test]
    fn without_an_approval_nothing_but_what_was_applied_is_carried_out(
        world in states(), manifest in manifests(), drifted in select(VISITORS.to_vec()),
    ) {
        let mut world = with(&world, &manifest);
        for record in world.records.values_mut().filter(|record| record.address.visitor_str() == drifted) {
            record.drift = Some(Drift::Gone);
        }
        let (resumed, _) = world.planned().only_approved();
        for change in &resumed.changes {
            prop_assert_eq!(change.review, ReviewStatus::Covered);
            if change.requests() == 0 {
                continue;
            }
            let applied = world.records.get(&change.address).expect("it was applied");
            prop_assert_eq!(change.after(), Some(&applied.content));
        }
    }

    #[test]
    fn a_saved_plan_with_windows_and_approvals_reads_back_as_it_was(
        world in states(), first in manifests(), second in manifests(),
    ) {
        let mut world = with(&world, &first);
        let plan = world.planned();
        world.approve(&plan);
        let mut plan = with(&world, &second).planned();
        let bytes = wire::encode(&plan).expect("encodes");
        plan.diagnostics.clear();
        let sources = plan.changes.iter_mut().map(|change| &mut change.source);
        let sources = sources.chain(plan.upcoming.iter_mut().map(|upcoming| &mut upcoming.source));
        for place in sources.flatten() {
            (place.column, place.length) = (1, 1);
        }
        let read = wire::decode(&bytes).expect("decodes");
        prop_assert_eq!(Review::of(&read), Review::of(&plan));
        prop_assert_eq!(read, plan);
    }
}

fn wants(texts: &[(&str, &str)]) -> World {
    let desired = texts.iter().map(|(name, text)| {
        let (key, visitor) = name.split_once('@').expect("an address");
        delivery(&spec(key), visitor, text)
    });
    World { desired: desired.collect(), ..World::default() }
}

#[test]
fn a_create_and_an_update_to_one_text_have_one_target() {
    let create = wants(&[("a@1", "new")]);
    let mut update = create.clone();
    update.records.insert(address("a@1"), record("a@1", "old"));
    let (create, update) = (create.planned(), update.planned());
    assert_eq!(create.changes[0].action(), Action::Create);
    assert_eq!(update.changes[0].action(), Action::Update);
    assert_eq!(create.changes[0].target, update.changes[0].target);
    assert_eq!(Review::of(&create), Review::of(&update));
}

#[test]
fn neither_order_nor_id_nor_instant_nor_budget_nor_place_is_in_a_review() {
    let plan = wants(&[("a@1", "one"), ("b@1", "two")]).planned();
    let mut other = plan.clone();
    other.changes.reverse();
    other.as_of = at(5_000);
    other.state.serial += 9;
    other.budget.remaining = 0;
    other.location = "elsewhere".to_owned();
    for change in &mut other.changes {
        change.source = None;
        change.priority += 1;
    }
    assert_eq!(Review::of(&plan), Review::of(&other));
}

#[test]
fn kind_sender_text_window_visitor_environment_and_api_are_in_a_review() {
    let plan = |spec: &Spec, visitor: &str, text: &str| {
        World { desired: vec![delivery(spec, visitor, text)], ..World::default() }.planned()
    };
    let first = plan(&spec("a"), "1", "one");
    let environment = Plan { environment: "staging".to_owned(), ..first.clone() };
    let api = Plan { api: crate::model::Endpoint::Sandbox, ..first.clone() };
    let others = [
        plan(&Spec { kind: Kind::Agent, ..spec("a") }, "1", "one"),
        plan(&Spec { sender: Sender::Group("g".to_owned()), ..spec("a") }, "1", "one"),
        plan(&Spec { window: window(None, Some(500)), ..spec("a") }, "1", "one"),
        plan(&Spec { window: window(Some(400), Some(500)), ..spec("a") }, "1", "one"),
        plan(&spec("b"), "1", "one"),
        plan(&spec("a"), "2", "one"),
        plan(&spec("a"), "1", "two"),
        environment,
        api,
    ];
    for other in others {
        assert!(!Review::of(&other).is(&Review::of(&first)), "{:?}", other.changes);
    }
}

#[test]
fn to_leave_a_message_where_it_is_is_not_to_delete_it() {
    let mut deletes = World::default();
    deletes.records.insert(address("a@1"), record("a@1", "one"));
    let mut leaves = deletes.clone();
    leaves.removed.insert(key("a"), false);
    let (deletes, leaves) = (deletes.planned(), leaves.planned());
    assert_eq!(deletes.changes[0].target, Target::Absent);
    assert_eq!(leaves.changes[0].target, Target::Unmanaged);
    assert!(!Review::of(&deletes).is(&Review::of(&leaves)));
}

#[test]
fn a_window_to_come_is_reviewed_like_one_that_is_open_already() {
    let spec = Spec { window: window(Some(150), Some(200)), ..spec("a") };
    let world = World { desired: vec![delivery(&spec, "1", "one")], ..World::default() };
    let plan = world.planned();
    assert!(plan.changes.is_empty());
    let [upcoming] = &plan.upcoming[..] else { panic!("{plan:?}") };
    let [later] = &plan.later[..] else { panic!("{plan:?}") };
    assert_eq!((later.opens, later.closes), (Some(at(150)), Some(at(200))));
    assert_eq!((later.visitors, later.approved, later.requests), (1, 0, 1));
    assert!(!upcoming.opened);
    let open = World { now: 160, ..world.clone() }.planned();
    assert_eq!(open.changes[0].action(), Action::Create);
    assert!(Review::of(&open).is(&Review::of(&plan)));
}

#[test]
fn an_approved_window_opens_and_closes_with_no_further_review() {
    let spec = Spec { window: window(Some(150), Some(200)), ..spec("a") };
    let mut world = World { desired: vec![delivery(&spec, "1", "one")], ..World::default() };
    let plan = world.planned();
    world.approve(&plan);
    assert!(world.planned().upcoming.is_empty());
    world.now = 160;
    let (opens, _) = world.planned().only_approved();
    assert_eq!(opens.changes[0].action(), Action::Create);
    world.apply(&opens);
    assert!(world.approvals[&address("a@1")].opened);
    // It does not send what somebody takes out of the state.
    let mut taken = world.clone();
    taken.records.clear();
    assert!(taken.planned().only_approved().0.changes.is_empty());
    world.now = 250;
    world.desired.clear();
    world.over.insert(key("a"), spec.window);
    let (closes, _) = world.planned().only_approved();
    assert_eq!(closes.changes[0].action(), Action::Delete);
    world.apply(&closes);
    assert!(world.approvals.is_empty() && world.records.is_empty());
}

#[test]
fn another_window_is_reviewed_again() {
    let with_end = |until| Spec { window: window(None, Some(until)), ..spec("a") };
    let mut world =
        World { desired: vec![delivery(&with_end(200), "1", "one")], ..World::default() };
    let plan = world.planned();
    world.approve(&plan);
    world.apply(&plan);
    let same = world.planned();
    assert!(same.upcoming.is_empty() && same.withdrawn.is_empty());
    assert_eq!((same.later[0].visitors, same.later[0].approved), (1, 1));
    world.desired = vec![delivery(&with_end(300), "1", "one")];
    let longer = world.planned();
    assert!(longer.changes.is_empty());
    assert_eq!(longer.upcoming.len(), 1);
    world.approve(&longer);
    // Nothing is sent for it: the message is there.
    assert!(world.approvals[&address("a@1")].opened);
}

#[test]
fn a_review_says_which_messages_are_new_missing_or_otherwise() {
    let reviewed =
        Review::of(&wants(&[("a@1", "one"), ("b@1", "two"), ("c@1", "three")]).planned());
    let text = reviewed.to_string();
    assert_eq!(text.len(), 64 + 1 + 3 * 16);
    let read: Review = text.to_uppercase().parse().expect("a digest");
    assert_eq!(read, reviewed);
    let now = wants(&[("a@1", "one"), ("b@1", "else"), ("d@1", "four"), ("d@2", "four")]).planned();
    let known = || ["a", "b", "c", "d"].into_iter().map(key);
    let differences = read.differences(&now, known()).expect("they are told");
    assert_eq!(differences.new, [(key("d"), 2)]);
    assert_eq!(differences.otherwise, [(key("b"), 1)]);
    assert_eq!((differences.missing, differences.missing_without_name), (vec![key("c")], 0));
    // Nobody knows the name of a message that is neither in the manifest nor in the state.
    let unnamed = read.differences(&now, std::iter::empty::<Key>()).expect("they are told");
    assert_eq!((unnamed.missing.len(), unnamed.missing_without_name), (0, 1));
    // The digits of the whole alone tell no message.
    let total: Review = text[..64].parse().expect("a digest");
    assert!(total.is(&reviewed));
    assert_eq!(total.differences(&now, known()), None);
    for bad in ["", "abc", &text[..63], &text[..65 + 8], &format!("{}-", &text[..40])] {
        assert!(bad.parse::<Review>().is_err(), "{bad}");
    }
}

#[test]
fn a_review_of_many_messages_is_short() {
    let names: Vec<String> = (0..65).map(|n| format!("m{n}@1")).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), "one")).collect();
    assert_eq!(Review::of(&wants(&all[..64]).planned()).to_string().len(), 65 + 64 * 16);
    assert_eq!(Review::of(&wants(&all).planned()).to_string().len(), 64);
}

#[test]
fn what_the_manifest_does_not_say_any_more_loses_its_approval() {
    let mut world = wants(&[("a@1", "one"), ("a@2", "one"), ("b@1", "two")]);
    let plan = world.planned();
    world.approve(&plan);
    world.carry_out(&plan.changes[0]);
    world.desired = wants(&[("a@2", "else")]).desired;
    let plan = world.planned();
    // One was sent, and goes; one is to be another text; one is not to be sent.
    let withdrawn: Vec<_> = plan.withdrawn.iter().map(|gone| gone.address.as_str()).collect();
    assert_eq!(withdrawn, ["a@2", "b@1"]);
    assert_eq!(plan.targets_to_review(), 3);
    let (resumed, left_out) = plan.only_approved();
    assert_eq!((resumed.changes.len(), left_out), (0, 2));
    let asked = Review::of(&world.planned());
    world.lapse(&resumed);
    assert!(world.approvals.values().all(|approval| approval.lapsed));
    // That changes nothing of what is asked for.
    let plan = world.planned();
    assert!(Review::of(&plan).is(&asked));
    assert_eq!(plan.lapsed_approvals().count(), 0);
    world.approve(&plan);
    world.apply(&plan);
    assert_eq!(world.approvals.values().collect::<Vec<&Approval>>(), Vec::<&Approval>::new());
}
