use std::collections::BTreeMap;

use proptest::{prelude::*, sample::select};

use super::world::*;
use crate::{
    model::{
        ChangeIntent, Drift, Kind, MessageId, OnLeave, OnMissing, OnUnknown, Record, Sender, Spec,
        Superseded, UnreadableRecord, Window,
    },
    plan::{Action, Inputs, Reason, Selection, planner, wire},
};

fn senders() -> impl Strategy<Value = (Kind, Sender)> {
    select(vec![
        (Kind::Pushed, Sender::Random),
        (Kind::Pushed, Sender::Group("g".to_owned())),
        (Kind::Pushed, Sender::Agent { id: "a".to_owned(), received_from: None }),
        (Kind::Agent, Sender::Agent { id: "a".to_owned(), received_from: None }),
    ])
}

fn specs(name: &'static str) -> impl Strategy<Value = Spec> {
    let choices = (any::<bool>(), any::<bool>(), any::<bool>());
    (senders(), choices, -1..2_i32, any::<Option<bool>>()).prop_map(
        move |((kind, sender), (forget, resend, keep), priority, protect)| Spec {
            on_leave: if keep { OnLeave::Keep } else { OnLeave::Delete },
            kind,
            sender,
            window: Window::default(),
            on_missing: if forget { OnMissing::Forget } else { OnMissing::Resend },
            on_unknown: if resend { OnUnknown::Resend } else { OnUnknown::Hold },
            priority,
            protect,
            ..spec(name)
        },
    )
}

const KEYS: [&str; 4] = ["a", "a-b", "b", "c.d"];
const VISITORS: [&str; 3] = ["1", "2", "Z"];

fn records() -> impl Strategy<Value = BTreeMap<crate::model::Address, Record>> {
    let one = (
        select(KEYS.to_vec()),
        select(VISITORS.to_vec()),
        select(vec!["t1", "t2"]),
        senders(),
        select(vec![
            None,
            None,
            Some(Drift::Gone),
            Some(Drift::Forgotten),
            Some(Drift::Text("t1".to_owned())),
            Some(Drift::Text("t3".to_owned())),
        ]),
        any::<(bool, bool)>(),
        select(vec![
            None,
            None,
            None,
            Some(ChangeIntent::Update { text: "t1".into(), at: at(2) }),
            Some(ChangeIntent::Update { text: "t3".into(), at: at(2) }),
            Some(ChangeIntent::Delete { at: at(2) }),
        ]),
    );
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        all.into_iter()
            .map(|(key, visitor, text, (kind, from), drift, (protect, replacing), intent)| {
                let name = format!("{key}@{visitor}");
                let old = Superseded { id: MessageId::new("old"), kind: Kind::Pushed };
                // What is known to be gone has no request without an outcome.
                let gone = matches!(drift, Some(Drift::Gone | Drift::Forgotten));
                let record = Record {
                    kind,
                    content: content(text, &from),
                    intent: intent.filter(|_| !gone),
                    drift,
                    protect,
                    superseded: replacing.then_some(old),
                    ..record(&name, text)
                };
                (record.address.clone(), record)
            })
            .collect()
    })
}

fn worlds() -> impl Strategy<Value = World> {
    let wanted = (
        specs("a"),
        specs("a-b"),
        specs("b"),
        proptest::collection::btree_set((0..3_usize, select(VISITORS.to_vec())), 0..9),
        select(vec!["t1", "t2"]),
    );
    let unknown =
        proptest::collection::btree_set((select(KEYS.to_vec()), select(VISITORS.to_vec())), 0..3);
    let entries = (any::<bool>(), any::<Option<bool>>(), any::<bool>());
    (wanted, records(), unknown, entries).prop_map(
        |((a, ab, b, pairs, text), records, unknown, (moved, removed, destroy))| {
            let specs = [a, ab, b];
            let mut world = World {
                desired: pairs
                    .into_iter()
                    .map(|(n, visitor)| delivery(&specs[n], visitor, text))
                    .collect(),
                records,
                destroy,
                ..World::default()
            };
            for (key, visitor) in unknown {
                let intent = intent(&format!("{key}@{visitor}"), "t1");
                world.intents.insert(intent.address.clone(), intent);
            }
            // "c.d" is never declared, so it may be renamed or removed.
            if moved {
                world.moved.insert(key("c.d"), key("a"));
            } else if let Some(delete) = removed {
                world.removed.insert(key("c.d"), delete);
            }
            world
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn visitors_who_leave_cost_no_request_if_their_messages_stay(world in worlds()) {
        let kept: Vec<_> = world
            .desired
            .iter()
            .filter(|delivery| delivery.spec.on_leave == OnLeave::Keep)
            .map(|delivery| delivery.spec.key.clone())
            .collect();
        let plan = world.planned();
        for change in plan.changes {
            let key = change.address.key();
            let stays = kept.contains(world.moved.get(&key).unwrap_or(&key));
            match change.reason {
                Reason::Kept => prop_assert!(stays && change.action() == Action::Forget),
                Reason::NotInAudience => prop_assert!(!stays && change.action() == Action::Delete),
                _ => {}
            }
        }
    }

    #[test]
    fn after_apply_only_unknowns_are_left(mut world in worlds()) {
        // What blocks a move is deleted at the earliest in this run; the rest comes in the next.
        for _ in 0..2 {
            let plan = world.planned();
            world.apply(&plan);
        }
        let again = world.planned();
        prop_assert!(again.protect.is_empty());
        prop_assert!(
            again.changes.iter().all(|change| change.action() == Action::Unknown),
            "{:#?}", again.changes
        );
    }

    #[test]
    fn one_apply_is_enough_where_nothing_is_renamed(mut world in worlds()) {
        world.moved.clear();
        let plan = world.planned();
        world.apply(&plan);
        let again = world.planned();
        prop_assert!(again.changes.iter().all(|change| change.action() == Action::Unknown));
    }

    #[test]
    fn no_delivery_is_lost_or_decided_twice(world in worlds()) {
        let plan = world.planned();
        let mut decided: BTreeMap<_, Vec<Action>> = BTreeMap::new();
        for change in &plan.changes {
            decided.entry(change.address.clone()).or_default().push(change.action());
        }
        // A rename, and the end of an interrupted replace, come with what happens besides.
        let finals = |actions: &Vec<Action>| {
            actions.iter().filter(|action| **action != Action::Move).count()
        };
        for actions in decided.values() {
            let replaces = actions.iter().filter(|a| **a == Action::Replace).count();
            prop_assert!(finals(actions) <= 1 + replaces, "{actions:?}");
        }
        // What was to be renamed, and goes or is held instead, is listed under its old address.
        let old_name = |address: &crate::model::Address| {
            world.moved.iter().find(|(_, to)| **to == address.key())
                .map(|(from, _)| address.with_key(from))
        };
        let expected = if world.destroy {
            world.located().into_iter().map(|located| located.record.decode().expect("decodes").address).collect()
        } else {
            world.addresses()
        };
        let silent = expected.iter().filter(|address| {
            !decided.contains_key(address)
                && !old_name(address).is_some_and(|old| {
                    decided.get(&old).is_some_and(|actions| {
                        actions.contains(&Action::Unknown) || !expected.contains(&old)
                    })
                })
        });
        prop_assert_eq!(silent.count() as u64, plan.summary.unchanged);
        let counted: u64 = Action::ALL.iter().map(|action| plan.summary.count(*action)).sum();
        prop_assert_eq!(counted, plan.changes.len() as u64);
    }

    #[test]
    fn nothing_is_sent_for_an_unknown_delivery_unless_the_manifest_says_so(world in worlds()) {
        for change in world.planned().changes {
            let held = world.intents.contains_key(&change.address)
                && !world.desired.iter().any(|delivery| {
                    delivery.address == change.address
                        && delivery.spec.on_unknown == OnUnknown::Resend
                });
            if held && !world.located().iter().any(|l| l.blocked && l.record.name() == change.address.as_str().as_bytes()) {
                prop_assert_eq!(change.action(), Action::Unknown);
            }
        }
    }

    #[test]
    fn a_message_with_an_unfinished_update_or_delete_is_made_sure_of(world in worlds()) {
        let plan = world.planned();
        for located in world.located() {
            let record = located.record.decode().expect("decodes");
            let changes: Vec<_> = plan.changes.iter()
                .filter(|change| change.id() == Some(&record.id) && change.action() != Action::Move)
                .collect();
            let held = world.intents.keys().any(|address| {
                *address == record.address || located.moved_from.as_ref() == Some(address)
                    || world.moved.get(&address.key()).is_some_and(|to| address.with_key(to) == record.address)
            });
            if record.intent.is_none() || held {
                continue;
            }
            let sends = |action| !matches!(action, Action::Forget | Action::Move | Action::Unknown);
            let forgotten = changes.iter().any(|change| {
                change.action() == Action::Forget
                    && matches!(change.reason, Reason::Removed | Reason::Kept)
            });
            prop_assert!(forgotten || changes.iter().any(|change| sends(change.action())), "{record:?}: {changes:?}");
            let wanted = world.desired.iter().find(|delivery| delivery.address == record.address && !world.destroy);
            let same = wanted.is_some_and(|wanted| wanted.text == record.content.text
                && wanted.spec.kind == record.kind && wanted.spec.sender == record.content.from);
            if same && record.drift.is_none() && record.superseded.is_none() && !located.blocked {
                let [change] = &changes[..] else { panic!("{record:?}: {changes:?}") };
                let asked_first = matches!(record.intent, Some(ChangeIntent::Delete { .. }));
                let reason = if asked_first { Reason::DeleteUnfinished } else { Reason::UpdateUnfinished };
                prop_assert_eq!((change.action(), change.reason), (Action::Restore, reason));
            }
        }
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(world in worlds(), seed in any::<u64>()) {
        let mut shuffled = world.clone();
        let mut random = seed;
        shuffled.desired.sort_by_key(|delivery| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33, delivery.address.clone())
        });
        prop_assert_eq!(world.planned(), shuffled.planned());
        let mut inputs = world.inputs();
        inputs.intents.reverse();
        inputs.imports.reverse();
        let mut desired = world.desired.clone();
        desired.sort_by(|a, b| a.address.cmp(&b.address));
        let plan = planner::plan(
            inputs, desired.into_iter().map(Ok), world.located().into_iter().map(Ok::<_, UnreadableRecord>),
        ).expect("no errors");
        prop_assert_eq!(world.planned(), plan);
    }

    #[test]
    fn what_is_plainly_unchanged_needs_no_decoding_and_changes_no_plan(
        world in worlds(), list in any::<bool>(), only in any::<Option<bool>>(),
    ) {
        let mut world = world;
        if let Some(key_only) = only {
            let (keys, addresses) = match key_only {
                true => ([key("a")].into(), [].into()),
                false => ([].into(), [address("a@1"), address("b@2")].into()),
            };
            world.selection = Selection { keys, addresses };
        }
        let inputs = Inputs { keep_unchanged: list, ..world.inputs() };
        let mut desired = world.desired.clone();
        desired.sort_by(|a, b| a.address.cmp(&b.address));
        let desired = || desired.iter().cloned().map(Ok);
        let whole = planner::plan(inputs.clone(), desired(), world.located().into_iter().map(Ok::<_, UnreadableRecord>));
        let sketched = planner::plan(inputs, desired(), world.packed().into_iter().map(Ok::<_, UnreadableRecord>));
        prop_assert_eq!(sketched.expect("no errors"), whole.expect("no errors"));
    }

    #[test]
    fn a_saved_plan_reads_back_as_it_was(world in worlds()) {
        let mut plan = world.planned();
        let bytes = wire::encode(&plan).expect("encodes");
        plan.diagnostics.clear();
        for change in &mut plan.changes {
            if let Some(place) = &mut change.source {
                (place.column, place.length) = (1, 1);
            }
        }
        prop_assert_eq!(wire::decode(&bytes).expect("decodes"), plan);
    }
}
