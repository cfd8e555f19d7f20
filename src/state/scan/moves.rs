//! Records whose keys are renamed.

use std::collections::{BTreeMap, BTreeSet};

use super::{cursor::Cursor, reader::Reader};
use crate::{
    model::{Address, Key, Located},
    state::StateError,
};

/// A key, and the keys that become it: those with the fewest renames first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    target: Key,
    sources: Vec<Key>,
}

/// Follows the renames to their ends.
pub(super) fn groups(renames: &[(Key, Key)]) -> Result<Vec<Group>, StateError> {
    let mut next = BTreeMap::new();
    for (from, to) in renames {
        next.entry(from).or_insert(to);
    }
    let mut targets = BTreeMap::<&Key, Vec<(usize, Key)>>::new();
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
        targets.entry(key).or_default().push((steps, (*from).clone()));
    }
    let groups = targets.into_iter().map(|(target, mut sources)| {
        sources.sort();
        let sources = sources.into_iter().map(|(_, key)| key).collect();
        Group { target: target.clone(), sources }
    });
    Ok(groups.collect())
}

impl Group {
    /// The keys that become another one.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Key> {
        self.sources.iter()
    }

    /// Reads the records that are renamed into `found`, under the addresses at which a plan looks at them.
    pub(super) fn read(
        &self,
        reader: &mut Reader<'_>,
        found: &mut BTreeMap<Address, Located>,
    ) -> Result<(), StateError> {
        // The visitors whose new address is taken.
        let mut taken = None;
        for source in &self.sources {
            let mut records = Cursor::of(source);
            while let Some(record) = records.next(reader)? {
                let taken = match &mut taken {
                    Some(taken) => taken,
                    none => none.insert(self.taken(reader)?),
                };
                let mut record = record.decode()?;
                let blocked = !taken.insert(record.address.visitor_str().to_owned());
                let mut moved_from = None;
                if !blocked {
                    let new = record.address.with_key(&self.target);
                    moved_from = Some(std::mem::replace(&mut record.address, new));
                }
                let address = record.address.clone();
                let record = record.into();
                found.insert(address, Located { record, moved_from, blocked });
            }
        }
        Ok(())
    }

    /// The visitors to whom the target has been sent.
    fn taken(&self, reader: &mut Reader<'_>) -> Result<BTreeSet<String>, StateError> {
        let mut visitors = BTreeSet::new();
        // They are read again later, and count then.
        let before = reader.tally;
        let mut records = Cursor::of(&self.target);
        while let Some(record) = records.next(reader)? {
            visitors.insert(record.decode()?.address.visitor_str().to_owned());
        }
        reader.tally = before;
        Ok(visitors)
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
}
