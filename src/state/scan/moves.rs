//! Records whose keys are renamed, in the order of their new addresses.

use std::{
    collections::{BTreeMap, btree_map},
    iter::Peekable,
};

use crate::{
    model::{Address, Key, Located, Record},
    state::StateError,
};

use super::{Reader, cursor::Cursor};

/// A key, and the keys that become it: those with the fewest renames first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    target: Key,
    sources: Vec<Key>,
}

impl Group {
    /// All keys that the group is about.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.target).chain(&self.sources)
    }
}

/// Follows the renames to their ends, in the order of the new keys' addresses.
pub(super) fn groups(renames: &[(Key, Key)]) -> Result<Vec<Group>, StateError> {
    let mut next = BTreeMap::new();
    for (from, to) in renames {
        next.entry(from).or_insert(to);
    }
    let mut targets = BTreeMap::<String, (Key, Vec<(usize, Key)>)>::new();
    for from in next.keys() {
        let mut key = *from;
        let mut steps = 0;
        while let Some(to) = next.get(key) {
            key = to;
            steps += 1;
            if steps > next.len() {
                return Err(StateError::MovesInCircle((*from).to_string()));
            }
        }
        // A key sorts by its addresses: "a-b@" comes before "a@".
        let (_, sources) =
            targets.entry(format!("{key}@")).or_insert_with(|| (key.clone(), Vec::new()));
        sources.push((steps, (*from).clone()));
    }
    let groups = targets.into_values().map(|(target, mut sources)| {
        sources.sort();
        Group { target, sources: sources.into_iter().map(|(_, key)| key).collect() }
    });
    Ok(groups.collect())
}

/// A [`Located`] record, decoded.
pub(super) struct Renamed {
    pub(super) record: Record,
    moved_from: Option<Address>,
    blocked: bool,
}

impl From<Renamed> for Located {
    fn from(Renamed { record, moved_from, blocked }: Renamed) -> Self {
        Self { record: record.into(), moved_from, blocked }
    }
}

/// The records of all groups.
#[derive(Default)]
pub(super) struct Moves<'a> {
    groups: std::vec::IntoIter<Group>,
    current: Option<Merge<'a>>,
    head: Option<Renamed>,
    blocked: Option<Peekable<btree_map::IntoValues<Address, Record>>>,
}

impl<'a> Moves<'a> {
    /// Looks for records that cannot have their new addresses: they have to come out under their
    /// old ones, which may be earlier.
    pub(super) fn start(groups: Vec<Group>, reader: &mut Reader<'a>) -> Result<Self, StateError> {
        let mut blocked = BTreeMap::new();
        let before = reader.tally;
        for group in &groups {
            let mut merge = Merge::new(group);
            while let Some((_, losers)) = merge.next(reader)? {
                blocked.extend(losers.into_iter().map(|loser| (loser.address.clone(), loser)));
            }
        }
        // They are all read again.
        reader.tally = before;
        let mut moves = Self {
            groups: groups.into_iter(),
            current: None,
            head: None,
            blocked: Some(blocked.into_values().peekable()),
        };
        moves.head = moves.next_winner(reader)?;
        Ok(moves)
    }

    pub(super) fn next(&mut self, reader: &mut Reader<'a>) -> Result<Option<Renamed>, StateError> {
        let blocked = self.blocked.as_mut().and_then(|blocked| {
            blocked.next_if(|record| {
                self.head.as_ref().is_none_or(|head| record.address < head.record.address)
            })
        });
        if let Some(record) = blocked {
            return Ok(Some(Renamed { record, moved_from: None, blocked: true }));
        }
        let next = if self.head.is_some() { self.next_winner(reader)? } else { None };
        Ok(std::mem::replace(&mut self.head, next))
    }

    fn next_winner(&mut self, reader: &mut Reader<'a>) -> Result<Option<Renamed>, StateError> {
        loop {
            if let Some(merge) = &mut self.current
                && let Some((winner, _)) = merge.next(reader)?
            {
                return Ok(Some(winner));
            }
            let Some(group) = self.groups.next() else { return Ok(None) };
            self.current = Some(Merge::new(&group));
        }
    }
}

/// The records of one group, visitor by visitor.
struct Merge<'a> {
    target: Key,
    /// The target's own first.
    lanes: Vec<Lane<'a>>,
}

struct Lane<'a> {
    cursor: Cursor<'a>,
    head: Option<Record>,
    started: bool,
}

impl<'a> Merge<'a> {
    fn new(group: &Group) -> Self {
        let lane = |key| Lane { cursor: Cursor::of(key), head: None, started: false };
        Self { target: group.target.clone(), lanes: group.keys().map(lane).collect() }
    }

    /// The record that gets the next address, and those that do not.
    fn next(
        &mut self,
        reader: &mut Reader<'a>,
    ) -> Result<Option<(Renamed, Vec<Record>)>, StateError> {
        for lane in &mut self.lanes {
            if !lane.started {
                lane.head = lane.cursor.next_decoded(reader)?;
                lane.started = true;
            }
        }
        let heads = self.lanes.iter().filter_map(|lane| lane.head.as_ref());
        let Some(visitor) = heads.map(|record| record.address.visitor_str()).min() else {
            return Ok(None);
        };
        let visitor = visitor.to_owned();
        let mut winner = None;
        let mut losers = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let Some(mut record) =
                lane.head.take_if(|record| record.address.visitor_str() == visitor)
            else {
                continue;
            };
            lane.head = lane.cursor.next_decoded(reader)?;
            if winner.is_some() {
                losers.push(record);
                continue;
            }
            let moved_from = (index > 0).then(|| {
                let new = record.address.with_key(&self.target);
                std::mem::replace(&mut record.address, new)
            });
            winner = Some(Renamed { record, moved_from, blocked: false });
        }
        Ok(winner.map(|winner| (winner, losers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::parse(text).expect("a valid key")
    }

    fn renames(pairs: &[(&str, &str)]) -> Vec<(Key, Key)> {
        pairs.iter().map(|(from, to)| (key(from), key(to))).collect()
    }

    #[test]
    fn renames_of_renames_are_followed_to_the_end() {
        let found = groups(&renames(&[("a", "b"), ("b", "c"), ("z", "c")])).expect("no circle");
        let sources = vec![key("b"), key("z"), key("a")];
        assert_eq!(found, [Group { target: key("c"), sources }]);
    }

    #[test]
    fn a_circle_is_an_error() {
        for circle in [&[("a", "a")][..], &[("a", "b"), ("b", "a")], &[("x", "a"), ("a", "a")]] {
            assert!(matches!(groups(&renames(circle)), Err(StateError::MovesInCircle(_))));
        }
    }

    #[test]
    fn groups_come_in_the_order_of_their_addresses() {
        let found = groups(&renames(&[("x", "a"), ("y", "a-b")])).expect("no circle");
        let targets: Vec<_> = found.iter().map(|group| group.target.as_str()).collect();
        assert_eq!(targets, ["a-b", "a"]);
    }
}
