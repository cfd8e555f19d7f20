//! Keys as rows: the first byte of a key says its table, the rest is its name there.

use std::ops::Bound;

use crate::state::{keys, kv::is_empty};

/// A table of names and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SqlTable {
    /// The first byte of its keys.
    pub(super) letter: u8,
    pub(super) name: &'static str,
}

/// The tables, in the order of their letters.
pub(super) const TABLES: [SqlTable; 6] = [
    SqlTable { letter: b'a', name: "pushsync_approvals" },
    SqlTable { letter: b'd', name: "pushsync_ids" },
    SqlTable { letter: b'h', name: "pushsync_runs" },
    SqlTable { letter: b'i', name: "pushsync_intents" },
    SqlTable { letter: b'p', name: "pushsync_run_parts" },
    SqlTable { letter: b'r', name: "pushsync_records" },
];

/// Where the value of a key lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowKey<'a> {
    /// In the row of the environment.
    Header,
    /// In a table, under this name.
    Row(SqlTable, &'a [u8]),
}

impl<'a> RowKey<'a> {
    /// `None` if there is no table for this key.
    pub(super) fn of(key: &'a [u8]) -> Option<Self> {
        if key == keys::HEADER {
            return Some(Self::Header);
        }
        let (letter, name) = key.split_first()?;
        let table = TABLES.into_iter().find(|table| table.letter == *letter)?;
        Some(Self::Row(table, name))
    }
}

/// A range of names in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameRange {
    pub(super) table: SqlTable,
    /// The first name.
    pub(super) from: Vec<u8>,
    /// The name at which the range ends, which is not in it. `None` is the end of the table.
    pub(super) to: Option<Vec<u8>>,
}

impl NameRange {
    /// The ranges of names, table by table, whose keys lie between the bounds.
    pub(super) fn between(from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> Vec<Self> {
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
        let in_table = |table: SqlTable| {
            let letter = [table.letter];
            let ends_before = to.as_ref().is_some_and(|to| to[..] <= letter[..]);
            if ends_before || from[..] >= [table.letter + 1][..] {
                return None;
            }
            let name = |key: &Vec<u8>| key.strip_prefix(&letter).map(<[u8]>::to_vec);
            let (from, to) = (name(&from).unwrap_or_default(), to.as_ref().and_then(name));
            Some(Self { table, from, to })
        };
        TABLES.into_iter().filter_map(in_table).collect()
    }

    /// Whether a name lies before the end.
    pub(super) fn ends_after(&self, name: &[u8]) -> bool {
        self.to.as_ref().is_none_or(|to| name < to.as_slice())
    }
}

/// The key that follows.
pub(super) fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::keys;

    const IDS: usize = 1;
    const PARTS: usize = 4;
    const RECORDS: usize = 5;

    fn range(table: usize, from: &[u8], to: Option<&[u8]>) -> NameRange {
        let table = TABLES[table];
        NameRange { table, from: from.to_vec(), to: to.map(<[u8]>::to_vec) }
    }

    #[test]
    fn every_table_has_its_rows() {
        for table in keys::TABLES {
            let key = table.key(b"name");
            let Some(RowKey::Row(at, name)) = RowKey::of(&key) else {
                panic!("{table:?} has none")
            };
            assert_eq!((at.letter, name), (key[0], &b"name"[..]));
            let all =
                NameRange::between(&table.from(Bound::Unbounded), &table.to(Bound::Unbounded));
            assert_eq!(all, [NameRange { table: at, from: Vec::new(), to: None }]);
        }
        assert_eq!(RowKey::of(keys::HEADER), Some(RowKey::Header));
        assert_eq!(RowKey::of(b"x"), None);
        assert!(TABLES.is_sorted());
    }

    #[test]
    fn bounds_are_cut_to_each_table() {
        use Bound::{Excluded, Included, Unbounded};
        let key = |text: &str| text.as_bytes().to_vec();
        for (from, to, expected) in [
            (Included(key("ra")), Excluded(key("rb")), vec![range(RECORDS, b"a", Some(b"b"))]),
            (Excluded(key("ra")), Included(key("rb")), vec![range(RECORDS, b"a\0", Some(b"b\0"))]),
            (Excluded(key("ra")), Unbounded, vec![range(RECORDS, b"a\0", None)]),
            (Included(key("rb")), Included(key("ra")), vec![]),
            (
                Included(key("pz")),
                Included(key("ra")),
                vec![range(PARTS, b"z", None), range(RECORDS, b"", Some(b"a\0"))],
            ),
            (Included(key("d")), Excluded(key("h")), vec![range(IDS, b"", None)]),
        ] {
            assert_eq!(NameRange::between(&from, &to), expected, "{from:?} {to:?}");
        }
    }
}
