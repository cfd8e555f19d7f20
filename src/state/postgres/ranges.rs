//! Keys as rows: the first byte of a key is its table, the rest is the name in it.

use std::ops::Bound;

use crate::state::{keys, kv::is_empty};

/// The tables, in the order of their letters.
pub(super) const TABLES: [(u8, &str); 4] = [
    (b'h', "pushsync_runs"),
    (b'i', "pushsync_intents"),
    (b'p', "pushsync_run_parts"),
    (b'r', "pushsync_records"),
];

/// Where a key lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spot<'a> {
    /// In the row of the environment.
    Ledger,
    /// In the table of this number in [`TABLES`], under this name.
    Row(usize, &'a [u8]),
    /// Nowhere.
    Nowhere,
}

pub(super) fn spot(key: &[u8]) -> Spot<'_> {
    if key == keys::HEADER {
        return Spot::Ledger;
    }
    let Some((letter, name)) = key.split_first() else { return Spot::Nowhere };
    match TABLES.iter().position(|(known, _)| known == letter) {
        Some(table) => Spot::Row(table, name),
        None => Spot::Nowhere,
    }
}

/// Names in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    /// Its number in [`TABLES`].
    pub(super) table: usize,
    /// From this name on.
    pub(super) from: Vec<u8>,
    /// Up to, and without, this one; `None` is up to the end.
    pub(super) to: Option<Vec<u8>>,
}

/// The names in each table whose keys lie between the bounds, in the order of the keys.
pub(super) fn between(from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> Vec<Range> {
    if is_empty(from, to) {
        return Vec::new();
    }
    let from = match from {
        Bound::Unbounded => Vec::new(),
        Bound::Included(key) => key.clone(),
        Bound::Excluded(key) => after(key),
    };
    let to = match to {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(after(key)),
        Bound::Excluded(key) => Some(key.clone()),
    };
    let mut ranges = Vec::new();
    for (table, (letter, _)) in TABLES.iter().enumerate() {
        let end = [letter + 1];
        if from.as_slice() >= end.as_slice() {
            continue;
        }
        let from = from.strip_prefix(&[*letter]).map(<[u8]>::to_vec).unwrap_or_default();
        let to = match &to {
            Some(to) if to.as_slice() <= [*letter].as_slice() => continue,
            Some(to) => to.strip_prefix(&[*letter]).map(<[u8]>::to_vec),
            None => None,
        };
        ranges.push(Range { table, from, to });
    }
    ranges
}

/// The key that follows.
pub(super) fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::keys::Table;

    fn range(table: usize, from: &[u8], to: Option<&[u8]>) -> Range {
        Range { table, from: from.to_vec(), to: to.map(<[u8]>::to_vec) }
    }

    #[test]
    fn every_table_has_its_rows() {
        for table in [Table::Records, Table::Intents, Table::Runs, Table::RunParts] {
            let key = table.key(b"name");
            let Spot::Row(at, name) = spot(&key) else { panic!("{table:?} has none") };
            assert_eq!((TABLES[at].0, name), (key[0], &b"name"[..]));
            let all = between(&table.from(Bound::Unbounded), &table.to(Bound::Unbounded));
            assert_eq!(all, [range(at, b"", None)]);
        }
        assert_eq!(spot(keys::HEADER), Spot::Ledger);
        assert!(TABLES.is_sorted());
    }

    #[test]
    fn bounds_are_cut_to_each_table() {
        use Bound::{Excluded, Included, Unbounded};
        let key = |text: &str| text.as_bytes().to_vec();
        for (from, to, expected) in [
            (Included(key("ra")), Excluded(key("rb")), vec![range(3, b"a", Some(b"b"))]),
            (Excluded(key("ra")), Included(key("rb")), vec![range(3, b"a\0", Some(b"b\0"))]),
            (Excluded(key("ra")), Unbounded, vec![range(3, b"a\0", None)]),
            (Included(key("rb")), Included(key("ra")), vec![]),
            (
                Included(key("pz")),
                Included(key("ra")),
                vec![range(2, b"z", None), range(3, b"", Some(b"a\0"))],
            ),
            (Unbounded, Excluded(key("i")), vec![range(0, b"", None)]),
        ] {
            assert_eq!(between(&from, &to), expected, "{from:?} {to:?}");
        }
    }
}
