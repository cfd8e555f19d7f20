//! Any sequence of commits: all stores agree, and their digests are the sums of what they hold.

use std::{collections::BTreeMap, ops::Bound};

use jiff::Timestamp;
use proptest::prelude::*;
use pushsync::{
    model::{Address, Approval, Record, Target, Window},
    state::{self, Store, Write},
};

use super::support::*;

fn write() -> impl Strategy<Value = Write> {
    let name = (0..4_u32, 0..5_u32).prop_map(|(key, visitor)| format!("key-{key}@v{visitor}"));
    let text = prop_oneof![
        4 => "[a-z ]{0,40}",
        1 => (1..4_usize).prop_map(|n| "long ".repeat(n * 4000)),
    ];
    prop_oneof![
        6 => (name.clone(), text).prop_map(|(name, text)| put(&name, &text)),
        3 => name.clone().prop_map(|name| Write::Remove(address(&name))),
        1 => name.clone().prop_map(|name| intend(&name)),
        1 => name.prop_map(|name| Write::Settle(address(&name))),
        1 => (0..9_u32).prop_map(log),
        1 => (0..9_u32, 1..4_u32).prop_map(|(run, at)| part(run, at, "update")),
        1 => (0..100_u64).prop_map(|left| Write::Budget(budget(left))),
        1 => Just(Write::ForgetBudget),
        2 => (visitor(), 0..3_u8).prop_map(|(name, text)| approve(&agreed(&name, text, 0, 1))),
        1 => visitor().prop_map(|name| Write::Withdraw(address(&name))),
    ]
}

fn visitor() -> impl Strategy<Value = String> {
    (0..4_u32, 0..5_u32).prop_map(|(key, visitor)| format!("key-{key}@v{visitor}"))
}

/// An approval of one of some targets.
fn agreed(name: &str, text: u8, window: u8, run: u64) -> Approval {
    let window = match window {
        0 => Window::default(),
        1 => until(60),
        _ => Window { from: Some(time(-5)), until: Some(Timestamp::MAX) },
    };
    let present = approval(name, &format!("text {text}"), window);
    let target = match text {
        7 => Target::Absent,
        8 => Target::Unmanaged,
        _ => present.target,
    };
    Approval { target, run, ..present }
}

/// Visitors of two messages, with ids of every form.
fn many() -> impl Strategy<Value = String> {
    let id = prop_oneof![
        3 => (0..300_u64).prop_map(|n| format!("{:064x}", u128::from(n) << 100 | 7)),
        3 => (0..300_u32).prop_map(|n| format!("kZMvWhf8npAu3H6qd57w2Hv6nh6r{n:04}")),
        1 => (0..20_u32).prop_map(|n| format!("liz.{n}@example.com")),
        1 => (0..9_u32).prop_map(|n| "\u{e4}".repeat(n as usize * 20 + 1)),
    ];
    (prop::bool::ANY, id).prop_map(|(a, id)| format!("{}@{id}", if a { "a" } else { "a-b" }))
}

fn about_approvals() -> impl Strategy<Value = Write> {
    let agreed = (many(), 0..9_u8, 0..3_u8, 0..3_u64)
        .prop_map(|(name, text, window, run)| approve(&agreed(&name, text, window, run)));
    prop_oneof![
        8 => agreed,
        3 => many().prop_map(|name| Write::Withdraw(address(&name))),
        3 => (many(), 0..3_u8).prop_map(|(name, text)| put(&name, &format!("text {text}"))),
        1 => many().prop_map(|name| put(&name, "with drift")),
        2 => many().prop_map(|name| Write::Remove(address(&name))),
    ]
}

/// The rules, in a map.
fn carry_out(write: &Write, map: &mut BTreeMap<Address, Approval>) {
    let (address, left) = match write {
        Write::Approve(approval) => (&approval.address, Some((**approval).clone())),
        Write::Withdraw(address) => (address, None),
        Write::Put(record) if record.drift.is_none() => {
            let left = map.remove(&record.address);
            let left = left.and_then(|one| one.once_sent(record.kind, &record.content));
            (&record.address, left)
        }
        Write::Remove(address) => (address, map.remove(address).and_then(Approval::once_gone)),
        _ => return,
    };
    match left {
        Some(left) => _ = map.insert(address.clone(), left),
        None => _ = map.remove(address),
    }
}

/// All records, in pages of this size.
fn in_pages(store: &dyn Store, size: usize) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let from = all.last().map(|record| record.address.as_str().to_owned());
        let from = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let page = runtime().block_on(store.page(from, Bound::Unbounded, size)).expect("reads");
        let last = page.len() < size;
        all.extend(page.records().expect("reads"));
        if last {
            return all;
        }
    }
}

fn commits() -> impl Strategy<Value = Vec<(Vec<Write>, bool)>> {
    let writes = prop::collection::vec(write(), 0..8);
    prop::collection::vec((writes, prop::bool::weighted(0.15)), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(32)
    })]

    #[test]
    fn memory_and_sled_agree_after_every_commit(commits in commits()) {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = memory();
        let mut sled = open(folder.path()).expect("opens");
        for (writes, reopen) in commits {
            commit(&memory, writes.clone());
            commit(&*sled, writes);
            if reopen {
                drop(sled);
                sled = open(folder.path()).expect("opens again");
            }
            prop_assert_eq!(contents(&memory).expect("reads"), contents(&*sled).expect("reads"));
        }
        let meta = runtime().block_on(sled.meta()).expect("answers");
        prop_assert_eq!(digest_of(&*sled), (meta.records, meta.digest));
        let found = runtime().block_on(sled.verify()).expect("answers");
        prop_assert_eq!(found.problems, Vec::<String>::new());
    }

    #[test]
    fn approvals_are_those_of_a_map_whatever_is_committed(
        commits in prop::collection::vec(prop::collection::vec(about_approvals(), 0..300), 1..8),
    ) {
        let store = memory();
        let mut map = BTreeMap::new();
        for writes in commits {
            writes.iter().for_each(|write| carry_out(write, &mut map));
            commit(&store, writes);
            let found = runtime().block_on(store.approvals()).expect("reads");
            prop_assert!(found.iter().eq(map.values()), "{:?} and {:?}", found, map);
            let meta = runtime().block_on(store.meta()).expect("answers");
            prop_assert_eq!(meta.approvals, map.len() as u64);
        }
        let found = runtime().block_on(store.verify()).expect("answers");
        prop_assert_eq!(found.problems, Vec::<String>::new());
    }

    #[test]
    fn an_encrypted_state_is_the_same_state(commits in commits()) {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = memory();
        let mut sled = state::open(encrypted(folder.path())).expect("opens");
        for (writes, reopen) in commits {
            commit(&memory, writes.clone());
            commit(&*sled, writes);
            if reopen {
                drop(sled);
                sled = state::open(encrypted(folder.path())).expect("opens again");
            }
            prop_assert_eq!(contents(&memory).expect("reads"), contents(&*sled).expect("reads"));
        }
        for size in 1..4 {
            prop_assert_eq!(in_pages(&*sled, size), in_pages(&memory, size), "pages of {}", size);
        }
        let found = runtime().block_on(sled.verify()).expect("answers");
        prop_assert_eq!(found.problems, Vec::<String>::new());
    }

    #[test]
    fn the_digest_is_that_of_the_same_records_put_at_once(commits in commits()) {
        let (long_way, at_once) = (memory(), memory());
        for (writes, _) in commits {
            commit(&long_way, writes);
        }
        let records = scan(&long_way).expect("reads");
        commit(&at_once, records.into_iter().map(|l| Write::Put(Box::new(l))).collect());
        prop_assert_eq!(digest_of(&long_way), digest_of(&at_once));
    }
}
