//! Any sequence of commits: all stores agree, and their digests are the sums of what they hold.

use proptest::prelude::*;
use std::ops::Bound;

use pushsync::{
    model::Record,
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
    ]
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
