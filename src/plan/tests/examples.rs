use std::sync::Arc;

use super::world::*;
use crate::{
    model::{
        Drift, Kind, Located, MessageId, OnMissing, OnUnknown, PackedRecords, Place, Record,
        Sender, Superseded, UnreadableRecord, WindowState, packed_record::pack,
    },
    plan::{
        Action, Import, Operation, PlanError, Reason, plan,
        safety::{self, Agreed, Limit, Limits, Refusal},
        wire,
    },
};

fn only(world: &World) -> (Action, Reason, Operation) {
    let plan = world.planned();
    assert_eq!(plan.changes.len(), 1, "{:?}", plan.changes);
    let change = plan.changes.into_iter().next().expect("one");
    (change.action(), change.reason, change.operation)
}

fn with_record(record: Record) -> World {
    let mut world = World::default();
    world.records.insert(record.address.clone(), record);
    world
}

#[test]
fn what_is_only_in_the_manifest_is_created() {
    let world = World { desired: vec![delivery(&spec("hello"), "v", "Hi")], ..World::default() };
    let (action, reason, operation) = only(&world);
    assert_eq!((action, reason), (Action::Create, Reason::New));
    assert_eq!(operation, Operation::Create { after: content("Hi", &Sender::Random) });
}

#[test]
fn what_is_as_it_should_be_is_counted_and_not_listed() {
    let mut world = with_record(record("hello@v", "Hi"));
    world.desired = vec![delivery(&spec("hello"), "v", "Hi")];
    let plan = world.planned();
    assert!(plan.is_empty());
    assert_eq!(plan.summary.unchanged, 1);
}

#[test]
fn another_text_is_an_update() {
    let mut world = with_record(record("hello@v", "Hi"));
    world.desired = vec![delivery(&spec("hello"), "v", "Hello")];
    let (action, reason, _) = only(&world);
    assert_eq!((action, reason), (Action::Update, Reason::Text));
}

#[test]
fn another_sender_or_kind_is_a_replace_of_two_requests() {
    let mut world = with_record(record("hello@v", "Hi"));
    let mut wanted = spec("hello");
    wanted.sender = Sender::Group("g".to_owned());
    world.desired = vec![delivery(&wanted, "v", "Hi")];
    assert_eq!(only(&world).1, Reason::Sender);
    assert_eq!(world.planned().summary.requests, 2);

    wanted.kind = Kind::Agent;
    wanted.sender = Sender::Agent { id: "a".to_owned(), received_from: None };
    world.desired = vec![delivery(&wanted, "v", "Hi")];
    let (_, reason, operation) = only(&world);
    assert_eq!(reason, Reason::Kind);
    let Operation::Replace { old, .. } = operation else { panic!("{operation:?}") };
    assert_eq!(old, Superseded { id: MessageId::new("id-of-hello@v"), kind: Kind::Pushed });
}

#[test]
fn an_interrupted_replace_goes_on_before_anything_else_happens_to_the_delivery() {
    let old = Superseded { id: MessageId::new("old"), kind: Kind::Agent };
    let mut world =
        with_record(Record { superseded: Some(old.clone()), ..record("hello@v", "Hi") });
    world.desired = vec![delivery(&spec("hello"), "v", "Hello")];
    let plan = world.planned();
    let actions: Vec<_> = plan.changes.iter().map(|c| (c.action(), c.reason)).collect();
    assert_eq!(
        actions,
        [(Action::Replace, Reason::ReplaceUnfinished), (Action::Update, Reason::Text)]
    );
    assert_eq!(plan.summary.requests, 2);
}

#[test]
fn a_delete_says_why_the_message_is_not_wanted() {
    let world = with_record(record("hello@v", "Hi"));
    assert_eq!(only(&world).1, Reason::NotInManifest);
    for (presence, reason) in [
        (WindowState::Active, Reason::NotInAudience),
        (WindowState::NotYet(at(200)), Reason::WindowNotYet),
        (WindowState::Over(at(50)), Reason::WindowOver),
    ] {
        let mut world = world.clone();
        world.presence.insert(key("hello"), presence);
        assert_eq!(only(&world).1, reason);
    }
    let mut removed = world.clone();
    removed.removed.insert(key("hello"), true);
    assert_eq!((only(&removed).0, only(&removed).1), (Action::Delete, Reason::Removed));
    removed.removed.insert(key("hello"), false);
    assert_eq!((only(&removed).0, only(&removed).1), (Action::Forget, Reason::Removed));
    let mut destroyed = world;
    destroyed.desired = vec![delivery(&spec("hello"), "v", "Hi")];
    destroyed.destroy = true;
    assert_eq!((only(&destroyed).0, only(&destroyed).1), (Action::Delete, Reason::Destroy));
}

#[test]
fn a_message_deleted_elsewhere_is_resent_or_forgotten_for_good() {
    let mut world = with_record(Record { drift: Some(Drift::Gone), ..record("hello@v", "Hi") });
    let mut wanted = spec("hello");
    world.desired = vec![delivery(&wanted, "v", "Hi")];
    assert_eq!((only(&world).0, only(&world).1), (Action::Resend, Reason::Gone));

    wanted.on_missing = OnMissing::Forget;
    world.desired = vec![delivery(&wanted, "v", "Hi")];
    let plan = world.planned();
    assert_eq!(plan.changes[0].action(), Action::Forget);
    assert_eq!(plan.summary.requests, 0);
    world.apply(&plan);
    assert!(world.planned().is_empty(), "a forgotten message is not created again");

    world.desired.clear();
    assert_eq!(only(&world).0, Action::Forget);
}

#[test]
fn a_text_changed_elsewhere_is_restored() {
    let drift = Some(Drift::Text("Hacked".to_owned()));
    let mut world = with_record(Record { drift, ..record("hello@v", "Hi") });
    world.desired = vec![delivery(&spec("hello"), "v", "Hi")];
    let (action, _, operation) = only(&world);
    assert_eq!(action, Action::Restore);
    let Operation::Restore { before, .. } = operation else { panic!("{operation:?}") };
    assert_eq!(&*before.text, "Hacked", "the diff starts from what the visitor sees");
}

#[test]
fn an_unanswered_create_is_held_until_somebody_decides() {
    let mut world = World::default();
    world.intents.insert(address("hello@v"), intent("hello@v", "Hi"));
    assert_eq!(only(&world).0, Action::Unknown);
    let mut wanted = spec("hello");
    world.desired = vec![delivery(&wanted, "v", "Hi")];
    assert_eq!(only(&world).0, Action::Unknown);
    assert_eq!(world.planned().summary.requests, 0);
    wanted.on_unknown = OnUnknown::Resend;
    world.desired = vec![delivery(&wanted, "v", "Hi")];
    assert_eq!((only(&world).0, only(&world).1), (Action::Resend, Reason::LostAnswer));
}

#[test]
fn an_unanswered_create_under_a_renamed_key_is_not_sent_under_the_new_one() {
    let mut world = World::default();
    world.moved.insert(key("hello"), key("welcome"));
    world.intents.insert(address("hello@v"), intent("hello@v", "Hi"));
    world.desired = vec![delivery(&spec("welcome"), "v", "Hi")];
    let plan = world.planned();
    assert_eq!(plan.changes.len(), 1);
    assert_eq!(plan.changes[0].action(), Action::Unknown);
    assert_eq!(plan.changes[0].address, address("hello@v"), "the address that resolve takes");
}

#[test]
fn a_renamed_message_moves_without_a_request() {
    let mut world = with_record(record("hello@v", "Hi"));
    world.moved.insert(key("hello"), key("welcome"));
    world.desired = vec![delivery(&spec("welcome"), "v", "Hi")];
    let (action, _, operation) = only(&world);
    assert_eq!(action, Action::Move);
    assert!(matches!(operation, Operation::Move { from, .. } if from == address("hello@v")));
    assert_eq!(world.planned().summary.requests, 0);
}

#[test]
fn a_move_onto_a_taken_address_is_told_and_the_old_message_goes() {
    let mut world = with_record(record("hello@v", "Hi"));
    world.records.insert(address("welcome@v"), record("welcome@v", "Hi"));
    world.moved.insert(key("hello"), key("welcome"));
    world.desired = vec![delivery(&spec("welcome"), "v", "Hi")];
    let plan = world.planned();
    assert_eq!(plan.summary.delete, 1);
    assert_eq!(plan.summary.unchanged, 1);
    assert_eq!(plan.diagnostics[0].code.as_str(), "move-blocked");
}

#[test]
fn an_import_is_adopted_once_and_must_be_wanted() {
    let place = Place { file: "pushsync.yaml".into(), line: 9, column: 3, length: 2 };
    let import = |to, id| Import {
        to: address(to),
        id: MessageId::new(id),
        place: place.clone(),
        of_file: false,
    };
    let mut world = World {
        desired: vec![delivery(&spec("hello"), "v", "Hi")],
        imports: vec![import("hello@v", "there")],
        ..World::default()
    };
    assert_eq!((only(&world).0, world.planned().summary.requests), (Action::Adopt, 1));
    world.imports = vec![import("hello@w", "there")];
    assert!(world.plan().is_err(), "nobody wants hello@w");

    let mut world = with_record(record("hello@v", "Hi"));
    world.desired = vec![delivery(&spec("hello"), "v", "Hi")];
    world.imports = vec![import("hello@v", "id-of-hello@v")];
    assert!(world.planned().is_empty(), "an import that was done stays harmless");
    // After a replace or a resend it has another id: the import does nothing, and says so.
    world.imports = vec![import("hello@v", "another")];
    let plan = world.planned();
    assert!(plan.is_empty());
    assert_eq!(plan.diagnostics[0].code.as_str(), "import-idle");
}

#[test]
fn an_import_stops_no_plan_of_another_message() {
    let place = Place { file: "pushsync.yaml".into(), line: 9, column: 3, length: 2 };
    let import = |to, id| Import {
        to: address(to),
        id: MessageId::new(id),
        place: place.clone(),
        of_file: false,
    };
    let mut world = World {
        desired: vec![delivery(&spec("hello"), "v", "Hi"), delivery(&spec("other"), "v", "Hi")],
        imports: vec![import("hello@nobody", "there"), import("gone@v", "elsewhere")],
        ..World::default()
    };
    assert!(world.plan().is_err());
    world.selection.keys.insert(key("other"));
    assert_eq!(only(&world).0, Action::Create);
    world.selection = Default::default();
    world.selection.addresses.insert(address("hello@v"));
    assert_eq!(only(&world).0, Action::Create);
    world.selection.addresses.insert(address("hello@nobody"));
    assert!(world.plan().is_err(), "this one is meant");
}

#[test]
fn an_import_does_not_keep_a_message_whose_window_closes_or_that_is_renamed() {
    let place = Place { file: "pushsync.yaml".into(), line: 9, column: 3, length: 2 };
    let import = Import {
        to: address("hello@v"),
        id: MessageId::new("id-of-hello@v"),
        place,
        of_file: false,
    };
    for presence in [WindowState::Over(at(50)), WindowState::NotYet(at(500))] {
        let mut world = with_record(record("hello@v", "Hi"));
        world.imports = vec![import.clone()];
        world.presence.insert(key("hello"), presence);
        assert_eq!(only(&world).0, Action::Delete);
        // Once it is deleted, the entry stops nothing.
        world.records.clear();
        let plan = world.planned();
        assert!(plan.is_empty());
        assert_eq!(plan.diagnostics[0].code.as_str(), "import-not-desired");
        // An unknown delivery is in the state, too.
        world.intents.insert(address("hello@v"), intent("hello@v", "Hi"));
        assert_eq!(only(&world).0, Action::Unknown);
    }
    let mut world = with_record(record("hello@v", "Hi"));
    world.imports = vec![import];
    world.moved.insert(key("hello"), key("hi"));
    world.desired = vec![delivery(&spec("hi"), "v", "Hi")];
    assert_eq!(only(&world).0, Action::Move);
}

#[test]
fn corrections_go_before_new_sends_then_by_priority_then_by_address() {
    let mut urgent = spec("z-urgent");
    urgent.priority = 9;
    let mut world = with_record(record("text@v", "old"));
    world.desired = vec![
        delivery(&spec("a-new"), "v", "Hi"),
        delivery(&urgent, "v", "Hi"),
        delivery(&spec("text"), "v", "new"),
    ];
    let plan = world.planned();
    let order: Vec<_> = plan.changes.iter().map(|c| c.address.key_str()).collect();
    assert_eq!(order, ["text", "z-urgent", "a-new"]);
}

#[test]
fn a_selection_leaves_everything_else_alone() {
    let mut world = with_record(record("old@v", "x"));
    world.desired = vec![
        delivery(&spec("a"), "v", "1"),
        delivery(&spec("a"), "w", "1"),
        delivery(&spec("b"), "v", "1"),
    ];
    world.selection.addresses.insert(address("a@w"));
    world.selection.keys.insert(key("b"));
    let plan = world.planned();
    let touched: Vec<_> = plan.changes.iter().map(|c| c.address.as_str()).collect();
    assert_eq!(touched, ["a@w", "b@v"]);
}

#[test]
fn a_protected_message_is_not_deleted_even_after_its_block_is_gone() {
    let limits = Limits {
        creates: Limit::All,
        deletes: Limit::Percent(20.0),
        resends: Limit::Percent(20.0),
        ..Limits::default()
    };
    let mut world = with_record(Record { protect: true, ..record("hello@v", "Hi") });
    world.records.insert(address("other@v"), record("other@v", "Hi"));
    world.desired = vec![delivery(&spec("other"), "v", "Hi")];
    let refusals = safety::check(&world.planned(), &limits, Agreed::Unreviewed);
    assert!(matches!(&refusals[..], [Refusal::Protected { .. }]), "{refusals:?}");

    let mut wanted = spec("hello");
    wanted.protect = Some(false);
    world.desired.push(delivery(&wanted, "v", "Hi"));
    let plan = world.planned();
    assert!(!plan.is_empty(), "the state has to hear of it");
    assert_eq!(plan.summary.requests, 0);
    world.apply(&plan);
    world.desired.pop();
    assert_eq!(safety::check(&world.planned(), &limits, Agreed::Unreviewed), []);
}

#[test]
fn thresholds_bind_only_above_five_deliveries() {
    let limits = Limits {
        creates: Limit::All,
        deletes: Limit::Percent(20.0),
        resends: Limit::Count(2),
        ..Limits::default()
    };
    let world = |kept: usize, gone: usize| {
        let mut world = World::default();
        for n in 0..kept + gone {
            let name = format!("m{n}@v");
            world.records.insert(address(&name), record(&name, "Hi"));
            if n < kept {
                world.desired.push(delivery(&spec(&format!("m{n}")), "v", "Hi"));
            }
        }
        world.planned()
    };
    assert_eq!(safety::check(&world(5, 5), &limits, Agreed::Unreviewed), []);
    assert_eq!(safety::check(&world(94, 6), &limits, Agreed::Unreviewed), []);
    assert!(matches!(
        &safety::check(&world(6, 6), &limits, Agreed::Unreviewed)[..],
        [Refusal::TooManyDeletes { deletes: 6, managed: 12, .. }]
    ));
    let allowed = Limits { creates: Limit::All, deletes: Limit::Count(6), ..limits.clone() };
    assert_eq!(safety::check(&world(6, 6), &allowed, Agreed::Unreviewed), []);
}

#[test]
fn thresholds_do_not_bind_what_was_said_on_purpose() {
    let limits = Limits {
        creates: Limit::Count(0),
        deletes: Limit::Count(0),
        resends: Limit::Count(0),
        ..Limits::default()
    };
    let mut world = World::default();
    for n in 0..9 {
        let name = format!("a@{n}");
        world.records.insert(address(&name), record(&name, "Hi"));
        world.desired.push(delivery(&spec("b"), &n.to_string(), "Hi"));
    }
    let refused = safety::check(&world.planned(), &limits, Agreed::Unreviewed);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(safety::check(&world.planned(), &limits, Agreed::Reviewed), []);
    // A review says nothing of messages that somebody deleted on the other side.
    let mut gone = world.clone();
    gone.records.values_mut().for_each(|record| record.drift = Some(Drift::Gone));
    gone.desired = (0..9).map(|n| delivery(&spec("a"), &n.to_string(), "Hi")).collect();
    assert!(matches!(
        &safety::check(&gone.planned(), &limits, Agreed::Reviewed)[..],
        [Refusal::TooManyResends { resends: 9, .. }]
    ));
    let plan = world.planned();
    world.approve(&plan);
    assert_eq!(safety::check(&world.planned(), &limits, Agreed::Unreviewed), []);
    world.approvals.clear();
    world.desired.clear();
    world.removed.insert(key("a"), true);
    assert_eq!(safety::check(&world.planned(), &limits, Agreed::Unreviewed), []);
    // A reviewed revert of a launch may leave nothing.
    world.removed.clear();
    assert_eq!(safety::check(&world.planned(), &limits, Agreed::Unreviewed).len(), 1);
    assert_eq!(safety::check(&world.planned(), &limits, Agreed::Reviewed), []);
}

#[test]
fn a_manifest_that_resolves_to_nothing_is_refused() {
    let limits = Limits {
        creates: Limit::All,
        deletes: Limit::Percent(100.0),
        resends: Limit::Count(0),
        ..Limits::default()
    };
    let mut world = with_record(record("hello@v", "Hi"));
    assert!(matches!(
        &safety::check(&world.planned(), &limits, Agreed::Unreviewed)[..],
        [Refusal::EmptyManifest { managed: 1 }]
    ));
    let allowed = Limits { creates: Limit::All, deletes: Limit::All, ..limits.clone() };
    assert_eq!(safety::check(&world.planned(), &allowed, Agreed::Unreviewed), []);
    world.presence.insert(key("hello"), WindowState::Over(at(1)));
    assert_eq!(
        safety::check(&world.planned(), &limits, Agreed::Unreviewed),
        [],
        "a window may close"
    );
    world.presence.clear();
    world.destroy = true;
    assert_eq!(safety::check(&world.planned(), &limits, Agreed::Unreviewed), []);
}

#[test]
fn a_saved_plan_that_was_changed_by_hand_is_refused() {
    let mut world = with_record(record("gone@v", "Bye"));
    world.desired = vec![delivery(&spec("hello"), "v", "Hi there")];
    let bytes = wire::encode(&world.planned()).expect("encodes");
    let text = String::from_utf8(bytes).expect("utf-8");
    assert_eq!(wire::decode(text.as_bytes()).expect("whole"), world.planned());
    let altered = text.replace("Hi there", "Hi, buy now");
    assert!(matches!(wire::decode(altered.as_bytes()), Err(wire::WireError::Altered)));
    let newer = text.replace("pushsync/plan/1", "pushsync/plan/2");
    assert!(matches!(wire::decode(newer.as_bytes()), Err(wire::WireError::Format { .. })));
    assert!(matches!(wire::decode(b"{}"), Err(wire::WireError::Shape(_))));
}

#[test]
fn a_record_that_cannot_be_decoded_is_an_error_unless_it_is_certainly_unchanged() {
    // Its id is not text: a plan that changes nothing does not look at it.
    let broken = |text: &str| {
        let (mut bytes, mut records) = (Vec::new(), PackedRecords::new("here"));
        let record = record("a@1", text);
        pack(&record, &mut bytes).expect("packs");
        let id = record.id.as_str().as_bytes();
        let at = bytes.windows(id.len()).position(|part| part == id).expect("its id");
        bytes[at] = 0xff;
        records.push(b"a@1", &bytes);
        Arc::new(records).get(0).expect("one")
    };
    for (same, wanted) in [(true, "a@1"), (false, "a@1"), (true, "a@0"), (true, "a@2")] {
        let (_, visitor) = wanted.split_once('@').expect("an address");
        let world = World { desired: vec![delivery(&spec("a"), visitor, "t")], ..World::default() };
        let record = broken(if same { "t" } else { "another text" });
        let located = Located { record, moved_from: None, blocked: false };
        let plan = plan(
            world.inputs(),
            world.desired.iter().cloned().map(Ok),
            std::iter::once(Ok::<_, UnreadableRecord>(located)),
        );
        match plan {
            Ok(plan) => {
                assert!(same && wanted == "a@1" && plan.is_empty(), "{wanted}");
                assert_eq!((plan.managed, plan.desired, plan.summary.unchanged), (1, 1, 1));
            }
            Err(PlanError::Records(error)) => {
                assert!(!same || wanted != "a@1", "{wanted}");
                assert!(error.what.contains("matches its checksum but cannot be read"), "{error}");
            }
            Err(PlanError::Manifest(_)) => panic!("the manifest has no errors"),
        }
    }
}
