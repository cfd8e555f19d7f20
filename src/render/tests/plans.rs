//! Plans to show.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    model::{
        Address, BaseUrl, ChangeIntent, CommitId, Content, Delivery, Drift, Endpoint, Intent, Key,
        Kind, Located, MessageId, OnMissing, OnUnknown, Place, Record, Sender, Source, Spec,
        Superseded, Target, UnreadableRecord, Window, WindowState,
    },
    plan::{
        Budget, Change, Commit, Declared, Import, Inputs, Operation, Plan, Reason, ReviewStatus,
        Selection, SenderNames, StateRef, Summary, plan,
    },
};

const LONG: &str = "Dark mode is here! Turn it on under Settings > Appearance, and tell us what \
                    you think of it. We have worked on it since spring.";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

pub(super) fn address(key: &str, n: usize) -> Address {
    Address::parse(&format!("{key}@visitor{n:02}Whf8npAu3H6qd57w2Hv6nh6rn")).expect("valid")
}

pub(super) fn content(text: &str, from: &Sender) -> Content {
    Content { text: text.into(), from: from.clone() }
}

fn record(key: &str, n: usize, text: &str) -> Record {
    Record {
        address: address(key, n),
        kind: Kind::Pushed,
        id: MessageId::new(format!("AXCR3k9bpSY7bp{n:02}")),
        content: content(text, &Sender::Group("PjRBMhWGen6aRHjif".into())),
        protect: false,
        created_at: at(0),
        updated_at: at(0),
        verified_at: at(0),
        drift: None,
        superseded: None,
        intent: None,
        answered_text: None,
        restored: None,
    }
}

fn delivery(key: &str, n: usize, text: &str, line: u32) -> Delivery {
    let spec = Spec {
        key: Key::parse(key).expect("valid"),
        kind: Kind::Pushed,
        sender: Sender::Group("PjRBMhWGen6aRHjif".into()),
        protect: None,
        window: Window::default(),
        on_missing: OnMissing::Resend,
        on_unknown: OnUnknown::Hold,
        on_leave: Default::default(),
        priority: 0,
        source: Source::fixed("messages/all.yaml", line),
    };
    Delivery { address: address(key, n), spec: Arc::new(spec), text: text.into(), language: None }
}

/// A plan with every action.
pub(super) fn everything() -> Plan {
    let mut desired = vec![
        delivery("adopted", 1, "Welcome!", 40),
        delivery("drifted", 1, "Your order has shipped.", 20),
        delivery("gone", 1, "We miss you.", 25),
        delivery("kept", 1, "Nothing new here.", 2),
        delivery("lost", 1, "Your invoice is ready.", 30),
        delivery("new-name", 1, "Moved.", 35),
        delivery("replaced", 1, LONG, 15),
        delivery("put-twice", 1, "Back to this.", 70),
        delivery("deleted", 1, "Wanted again.", 75),
        delivery("text", 1, &LONG.replace("spring", "March"), 10),
    ];
    for n in 0..7 {
        desired.push(delivery("created", n, "Hello\nand welcome.", 5));
    }
    for n in 0..6 {
        desired.push(delivery("greeting", n, &format!("Hi visitor number {n}!"), 50));
    }
    let mut records = vec![
        Record {
            drift: Some(Drift::Text("Your order has \u{1b}[31mshipped\u{1b}[0m!".into())),
            ..record("drifted", 1, "Your order has shipped.")
        },
        Record { drift: Some(Drift::Gone), ..record("gone", 1, "We miss you.") },
        record("kept", 1, "Nothing new here."),
        record("left", 1, "Left where it is."),
        Record { address: address("new-name", 1), ..record("old-name", 1, "Moved.") },
        record("obsolete", 1, "One\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten"),
        Record { content: content(LONG, &Sender::Random), ..record("replaced", 1, LONG) },
        Record {
            intent: Some(ChangeIntent::Update { text: "Perhaps this.".into(), at: at(60) }),
            ..record("put-twice", 1, "Back to this.")
        },
        Record {
            intent: Some(ChangeIntent::Delete { at: at(60) }),
            ..record("deleted", 1, "Wanted again.")
        },
        record("text", 1, LONG),
        Record {
            superseded: Some(Superseded { id: MessageId::new("oldoldold"), kind: Kind::Agent }),
            ..record("unfinished", 1, "Half replaced.")
        },
    ];
    desired.push(delivery("unfinished", 1, "Half replaced.", 60));
    desired.sort_by(|a, b| a.address.cmp(&b.address));
    records.sort_by(|a, b| a.address.cmp(&b.address));
    let key = |name: &str| Key::parse(name).expect("valid");
    let declared = desired
        .iter()
        .map(|delivery| {
            let declared = Declared {
                presence: WindowState::Active,
                window: Window::default(),
                protect: None,
                on_leave: Default::default(),
                guards: Default::default(),
            };
            (delivery.spec.key.clone(), declared)
        })
        .collect();
    let inputs = Inputs {
        environment: "default".into(),
        api: Endpoint::At(BaseUrl::brevo()),
        as_of: at(100),
        state: StateRef { lineage: Some(Uuid::nil()), serial: 12 },
        declared,
        secrets: Default::default(),
        imports: vec![Import {
            to: address("adopted", 1),
            of_file: false,
            id: MessageId::new("eYBEm3gq3zc5ayE2g"),
            place: Place { file: "pushsync.yaml".into(), line: 1, column: 1, length: 1 },
        }],
        removed: BTreeMap::from([(key("left"), false)]),
        moved: BTreeMap::from([(key("old-name"), key("new-name"))]),
        approvals: Vec::new(),
        recheck: Default::default(),
        intents: vec![Intent {
            address: address("lost", 1),
            kind: Kind::Pushed,
            content: content("Your invoice is ready.", &Sender::Random),
            protect: false,
            at: at(50),
            run: Uuid::nil(),
            again: 0,
            trouble: Some("no answer within 30 s".into()),
            request_id: Some("9f2c-1".into()),
        }],
        selection: Selection::default(),
        destroy: false,
        budget: Budget {
            limit: 100,
            remaining: 88,
            resets_in_s: 1200,
            fits: true,
            unlimited: false,
        },
        keep_unchanged: true,
        most_bytes: u64::MAX,
    };
    let located = records.into_iter().map(|record| {
        let moved_from = (record.address.key_str() == "new-name").then(|| address("old-name", 1));
        let record = record.into();
        Ok::<_, UnreadableRecord>(Located { record, moved_from, blocked: false })
    });
    let planned = plan(inputs, desired.into_iter().map(Ok), located).expect("a plan");
    let support = Sender::Group("PjRBMhWGen6aRHjif".into());
    let senders = SenderNames::of(&planned, &[("support".to_owned(), support)].into());
    Plan { senders, location: "state".into(), ..planned }
}

pub(super) fn change(key: &str, n: usize, reason: Reason, operation: Operation) -> Change {
    let target = match &operation {
        Operation::Delete { .. } | Operation::Forget { .. } | Operation::Unknown { .. } => {
            Target::Absent
        }
        Operation::Create { after }
        | Operation::Update { after, .. }
        | Operation::Restore { after, .. }
        | Operation::Reinstate { after, .. }
        | Operation::Replace { after, .. }
        | Operation::FinishReplace { content: after, .. }
        | Operation::Resend { after, .. }
        | Operation::Adopt { after, .. } => Target::present(Kind::Pushed, after, Window::default()),
        Operation::Move { .. } => Target::Unmanaged,
    };
    Change {
        target,
        review: ReviewStatus::ToReview,
        address: address(key, n),
        kind: Kind::Pushed,
        reason,
        priority: 0,
        protect: false,
        language: None,
        source: Some(Place {
            file: format!("messages/{key}.yaml").into(),
            line: 3,
            column: 5,
            length: 1,
        }),
        operation,
    }
}

/// A plan with this number of changes: a third is one text for many visitors, a third a text of its own
/// for each visitor, a third messages of their own.
pub(super) fn sized(count: usize) -> Plan {
    let sender = Sender::Group("PjRBMhWGen6aRHjif".into());
    let third = count / 3;
    let id = |n: usize| MessageId::new(format!("AXCR3k9bpSY7bp{n:05}"));
    let update = |n: usize| Operation::Update {
        id: id(n),
        before: content(LONG, &sender),
        after: content(&LONG.replace("spring", "March"), &sender),
    };
    let create = |text: String| Operation::Create { after: content(&text, &sender) };
    let mut changes = Vec::new();
    changes.extend((0..third).map(|n| change("dark-mode", n, Reason::Text, update(n))));
    changes.extend((0..third).map(|n| {
        let before = content(&format!("Obsolete number {n}."), &sender);
        let key = format!("old-{n:05}");
        change(&key, n, Reason::NotInManifest, Operation::Delete { id: id(n), before })
    }));
    changes
        .extend((third * 2..count).map(|n| {
            change("greeting", n, Reason::New, create(format!("Hi visitor number {n}!")))
        }));
    of(changes)
}

/// A plan of these changes.
pub(super) fn of(changes: Vec<Change>) -> Plan {
    let summary = Summary::of(&changes, 1_234);
    Plan {
        environment: "default".into(),
        api: Endpoint::At(BaseUrl::brevo()),
        as_of: at(100),
        state: StateRef { lineage: Some(Uuid::nil()), serial: 12 },
        location: "state".into(),
        selection: Selection::default(),
        destroy: false,
        managed: 20_000,
        desired: 20_000,
        commit: Some(Commit {
            id: CommitId::parse("0123456789abcdef0123456789abcdef01234567").expect("a hash"),
            dirty: true,
        }),
        summary,
        budget: Budget {
            limit: 100,
            remaining: 88,
            resets_in_s: 1200,
            fits: true,
            unlimited: false,
        },
        protect: Vec::new(),
        guarded: Vec::new(),
        secrets: Default::default(),
        remember: None,
        changes,
        upcoming: Vec::new(),
        later: Vec::new(),
        withdrawn: Vec::new(),
        finished: Vec::new(),
        unchanged: Vec::new(),
        diagnostics: Vec::new(),
        senders: Default::default(),
    }
}
