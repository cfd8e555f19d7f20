//! Where each thing lies in a store of sorted bytes: one letter for the table, then its name.

use std::ops::Bound;

use uuid::Uuid;

use crate::model::masked_name;

use super::{Run, RunPart, Write};

/// The header of the state.
pub(super) const HEADER: &[u8] = b"m";

/// One kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Records,
    Intents,
    Runs,
    RunParts,
    /// Which message ids are in use: see [`super::id_index`].
    Ids,
    /// Pages of approvals: see [`super::approvals`].
    Approvals,
}

/// All of them.
pub(super) const TABLES: [Table; 6] =
    [Table::Records, Table::Intents, Table::Runs, Table::RunParts, Table::Ids, Table::Approvals];

impl Table {
    fn letter(self) -> u8 {
        match self {
            Self::Records => b'r',
            Self::Intents => b'i',
            Self::Runs => b'h',
            Self::RunParts => b'p',
            Self::Ids => b'd',
            Self::Approvals => b'a',
        }
    }

    /// Whether names of this table's things hold ids of visitors or messages, which may be hidden.
    pub(super) fn hides(letter: u8) -> bool {
        [Self::Records, Self::Intents, Self::Ids, Self::Approvals]
            .iter()
            .any(|table| table.letter() == letter)
    }

    /// Whether a key is of this table.
    pub(super) fn holds(self, key: &[u8]) -> bool {
        key.first() == Some(&self.letter())
    }

    /// One of them, for messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Records => "record",
            Self::Intents => "intent",
            Self::Runs => "run",
            Self::RunParts => "part of a run",
            Self::Ids => "message id",
            Self::Approvals => "page of approvals",
        }
    }

    /// Several of them.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Intents => "intents",
            Self::Runs => "runs",
            Self::RunParts => "parts of runs",
            Self::Ids => "message ids",
            Self::Approvals => "pages of approvals",
        }
    }

    /// The key of the thing with this name.
    pub(super) fn key(self, name: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(1 + name.len());
        key.push(self.letter());
        key.extend_from_slice(name);
        key
    }

    /// The same bound among all keys; an open end stays inside the table.
    pub(super) fn from(self, name: Bound<&str>) -> Bound<Vec<u8>> {
        match name {
            Bound::Unbounded => Bound::Included(vec![self.letter()]),
            bound => bound.map(|name| self.key(name.as_bytes())),
        }
    }

    /// The same bound among all keys; an open end stays inside the table.
    pub(super) fn to(self, name: Bound<&str>) -> Bound<Vec<u8>> {
        match name {
            Bound::Unbounded => Bound::Excluded(vec![self.letter() + 1]),
            bound => bound.map(|name| self.key(name.as_bytes())),
        }
    }
}

/// Runs are kept in the order in which they began; the id makes the key unique.
pub(super) fn run_name(run: &Run) -> Vec<u8> {
    name_of(run.number, run.id)
}

/// The parts of a run lie together, in their order.
pub(super) fn part_name(part: &RunPart) -> Vec<u8> {
    let mut name = name_of(part.number, part.id);
    name.extend_from_slice(&part.part.to_be_bytes());
    name
}

/// The keys of all parts of a run.
pub(super) fn parts_of(run: &Run) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let first = Table::RunParts.key(&run_name(run));
    // Longer than any part's.
    let end = [&first[..], &[0xff; 5]].concat();
    (Bound::Included(first), Bound::Excluded(end))
}

fn name_of(number: u64, id: Uuid) -> Vec<u8> {
    // The bytes sort like the numbers.
    let mut name = number.to_be_bytes().to_vec();
    name.extend_from_slice(id.as_bytes());
    name
}

/// Where a write goes, if it concerns one thing. An approval shares a page with its neighbours.
pub(super) fn at(write: &Write) -> Option<(Table, Vec<u8>)> {
    let (table, name) = match write {
        Write::Put(record) => (Table::Records, record.address.as_str().as_bytes().to_vec()),
        Write::Remove(address) => (Table::Records, address.as_str().as_bytes().to_vec()),
        Write::Intend(intent) => (Table::Intents, intent.address.as_str().as_bytes().to_vec()),
        Write::Settle(address) => (Table::Intents, address.as_str().as_bytes().to_vec()),
        Write::Run(run) => (Table::Runs, run_name(run)),
        Write::RunPart(part) => (Table::RunParts, part_name(part)),
        Write::Approve(_)
        | Write::Withdraw(_)
        | Write::Budget(_)
        | Write::ForgetBudget
        | Write::Api(_)
        | Write::Secrets(_)
        | Write::Restore { .. } => return None,
    };
    Some((table, table.key(&name)))
}

/// What a key names, fit for a message: visitor ids are masked.
pub(super) fn describe(key: &[u8]) -> String {
    let Some((letter, name)) = key.split_first() else { return "an empty key".to_owned() };
    let table = TABLES.into_iter().find(|table| table.letter() == *letter);
    match table {
        None if key == HEADER => "the header".to_owned(),
        None => "a key of no known kind".to_owned(),
        Some(Table::Runs | Table::RunParts) => "a run of the history".to_owned(),
        Some(Table::Ids) => "an entry of the index of message ids".to_owned(),
        Some(Table::Approvals) => format!("the page of approvals from {} on", masked_name(name)),
        Some(table) => format!("the {} {}", table.noun(), masked_name(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_tables_never_overlap() {
        let Bound::Excluded(end) = Table::Intents.to(Bound::Unbounded) else { panic!("open") };
        assert!(Table::Intents.key(&[0xff; 700]) < end);
        assert!(end <= Table::Records.key(b""));
    }
}
