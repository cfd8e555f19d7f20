//! A tree of blocks is a sorted map, whatever is written to it.

use std::{collections::BTreeMap, ops::Bound, path::Path};

use proptest::prelude::*;

use super::blocks::Blocks;
use crate::state::kv::is_empty;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;
/// One write: new values, and keys to remove.
type Change = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn tree() -> sled::Tree {
    let db = sled::Config::new().temporary(true).open().expect("opens");
    db.open_tree("environment:default").expect("a tree")
}

fn blocks(tree: &sled::Tree) -> Blocks {
    Blocks::new(tree.clone(), Path::new("here"), "here")
}

fn write(blocks: &Blocks, change: &Change) {
    let change = change.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
    blocks.write(change).expect("is written");
}

fn walked(
    blocks: &Blocks,
    from: &Bound<Vec<u8>>,
    to: &Bound<Vec<u8>>,
    back: bool,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let walked = blocks.walk(from, to, back, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        Ok(true)
    });
    walked.expect("walks");
    found
}

fn all(blocks: &Blocks) -> Map {
    walked(blocks, &Bound::Unbounded, &Bound::Unbounded, false).into_iter().collect()
}

/// How many blocks there are.
fn count(tree: &sled::Tree) -> usize {
    tree.scan_prefix(b"b").count()
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof!["m", "r[ab]@[0-9]{1,3}", "[hip][0-9]{1,2}"].prop_map(String::into_bytes)
}

fn changes() -> impl Strategy<Value = Change> {
    // Some larger than a block, and than a piece of it.
    let byte = any::<u8>();
    let length = prop_oneof![8 => 0..300_usize, 1 => 2_000..20_000_usize];
    let value = (byte, length).prop_map(|(byte, length)| {
        (0..length)
            .map(|at| byte.wrapping_mul((at % 251) as u8).wrapping_add((at >> 3) as u8))
            .collect()
    });
    proptest::collection::btree_map(keys(), proptest::option::weighted(0.7, value), 1..60)
}

#[test]
fn scattered_changes_are_written_in_parts_as_large_as_their_blocks() {
    let tree = tree();
    let blocks = blocks(&tree);
    let key = |n: u32| format!("ra@{n:05}").into_bytes();
    // Nothing that could be compressed.
    let mut random = fastrand::Rng::with_seed(5);
    let mut value = || Some(std::iter::repeat_with(|| random.u8(..)).take(200).collect());
    write(&blocks, &(0..3000).map(|n| (key(n), value())).collect());
    let change: Change = (0..3000).step_by(50).map(|n| (key(n), value())).collect();
    let entries: Vec<_> = change.iter().map(|(key, v)| (key.as_slice(), v.as_deref())).collect();
    let (mut rest, mut parts) = (entries.as_slice(), 0);
    while !rest.is_empty() {
        let written = blocks.write_some(rest, 16 << 10).expect("is written");
        assert!((1..20).contains(&written), "{written}");
        rest = &rest[written..];
        parts += 1;
    }
    assert!(parts > 5, "{parts}");
    let all = all(&blocks);
    assert_eq!(all.len(), 3000);
    assert!(change.iter().all(|(key, value)| all.get(key) == value.as_ref()));
}

#[test]
fn what_comes_at_the_end_of_one_block_is_written_in_parts_too() {
    let tree = tree();
    let blocks = blocks(&tree);
    let change: Change =
        (0..1000).map(|n| (format!("ra@{n:05}").into_bytes(), Some(vec![b'x'; 200]))).collect();
    let entries: Vec<_> = change.iter().map(|(key, v)| (key.as_slice(), v.as_deref())).collect();
    let mut rest = entries.as_slice();
    while !rest.is_empty() {
        let written = blocks.write_some(rest, 16 << 10).expect("is written");
        assert!((1..=80).contains(&written), "{written}");
        rest = &rest[written..];
    }
    assert_eq!(all(&blocks).len(), 1000);
}

fn bounds() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        keys().prop_map(Bound::Included),
        keys().prop_map(Bound::Excluded)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blocks_are_a_sorted_map(
        writes in proptest::collection::vec(changes(), 1..8),
        ranges in proptest::collection::vec((bounds(), bounds()), 8),
    ) {
        let tree = tree();
        let mut map = Map::new();
        let blocks = blocks(&tree);
        for change in &writes {
            write(&blocks, change);
            for (key, value) in change {
                match value {
                    Some(value) => map.insert(key.clone(), value.clone()),
                    None => map.remove(key),
                };
                prop_assert_eq!(blocks.get(key).expect("reads"), value.clone());
            }
        }
        prop_assert_eq!(&all(&blocks), &map);
        prop_assert_eq!(&all(&self::blocks(&tree)), &map, "opened again");
        for (from, to) in ranges {
            let mut expected = Vec::new();
            if !is_empty(&from, &to) {
                let range = map.range::<Vec<u8>, _>((from.as_ref(), to.as_ref()));
                expected.extend(range.map(|(key, value)| (key.clone(), value.clone())));
            }
            prop_assert_eq!(&walked(&blocks, &from, &to, false), &expected);
            expected.reverse();
            prop_assert_eq!(&walked(&blocks, &from, &to, true), &expected);
        }
        for key in map.keys() {
            prop_assert_eq!(blocks.get(key).expect("reads"), map.get(key).cloned());
        }
        // What is removed leaves nothing behind, not even pieces.
        write(&blocks, &map.into_keys().map(|key| (key, None)).collect());
        prop_assert_eq!(tree.len(), 0);
    }
}

/// 200 bytes of its own.
fn noise(n: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(n as u64);
    std::iter::repeat_with(|| random.u8(..)).take(200).collect()
}

fn key(n: usize) -> Vec<u8> {
    format!("rnews@{n:08}").into_bytes()
}

#[test]
fn what_is_appended_fills_its_blocks() {
    let tree = tree();
    let blocks = blocks(&tree);
    for start in (0..2000).step_by(20) {
        write(&blocks, &(start..start + 20).map(|n| (key(n), Some(noise(n)))).collect());
    }
    // 220 bytes each before they are compressed, and 3,000 in a block beside its first.
    assert!((140..=150).contains(&count(&tree)), "{} blocks", count(&tree));
}

#[test]
fn a_long_text_for_many_is_kept_a_few_times_only() {
    let (tree, count) = (tree(), 1000);
    let blocks = blocks(&tree);
    let text: Vec<u8> = (0..10).flat_map(noise).collect();
    // What a record has beside its text, and the text.
    let value = |n: usize| [&noise(n + 10)[..60], &text].concat();
    for start in (0..count).step_by(20) {
        write(&blocks, &(start..start + 20).map(|n| (key(n), Some(value(n)))).collect());
    }
    assert_eq!(all(&blocks).len(), count);
    let size: usize = tree.iter().map(|entry| entry.expect("reads").1.len()).sum();
    let each = size / count;
    assert!((60..200).contains(&each), "{each} bytes for each of {count}, of a text of 2,000");
}

#[test]
fn what_is_written_in_no_order_leaves_no_block_nearly_empty() {
    let tree = tree();
    let blocks = blocks(&tree);
    for n in 0..2000 {
        let n = n * 1103 % 2000;
        write(&blocks, &Change::from([(key(n), Some(noise(n)))]));
    }
    assert_eq!(all(&blocks).len(), 2000);
    // A block of 14 that is cut in two leaves 7 in each.
    assert!(count(&tree) <= 2000 / 5, "{} blocks", count(&tree));
}

#[test]
fn a_change_writes_only_the_blocks_that_it_touches() {
    let tree = tree();
    let blocks = blocks(&tree);
    write(&blocks, &(0..2000).map(|n| (key(n), Some(noise(n)))).collect());
    let before: Vec<_> = tree.iter().map(|entry| entry.expect("reads")).collect();
    write(&blocks, &Change::from([(key(1003), Some(b"other".to_vec())), (key(1004), None)]));
    let after: Vec<_> = tree.iter().map(|entry| entry.expect("reads")).collect();
    let changed = before.iter().filter(|entry| !after.contains(entry)).count();
    assert_eq!((changed, after.len()), (1, before.len()));
}

#[test]
fn a_block_that_leads_back_is_damage() {
    let tree = tree();
    let blocks = blocks(&tree);
    write(&blocks, &(0..200).map(|n| (key(n), Some(vec![1; 200]))).collect());
    let (_, first) = tree.first().expect("reads").expect("a block");
    tree.insert([b"b".as_slice(), &key(199)].concat(), first).expect("is inserted");
    let walked = blocks.walk(&Bound::Unbounded, &Bound::Unbounded, false, &mut |_, _| Ok(true));
    let said = walked.expect_err("is damaged").to_string();
    assert!(said.contains("out of order"), "{said}");
}

#[test]
fn bytes_that_are_not_a_block_are_damage() {
    let tree = tree();
    let blocks = blocks(&tree);
    write(&blocks, &Change::from([(key(1), Some(vec![1; 200]))]));
    let (name, _) = tree.first().expect("reads").expect("a block");
    for (bytes, what) in
        [(&b"\0\x07"[..], "cannot be read"), (b"\x07", "no known form"), (b"\x01\0", "cut off")]
    {
        tree.insert(&name, bytes).expect("is inserted");
        let said = blocks.get(&key(1)).expect_err("is damaged").to_string();
        assert!(said.contains(what), "{said}");
        let change = [(key(2), Some(vec![1]))];
        let change = change.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        assert!(blocks.write(change).is_err(), "nothing is written over it");
    }
}
