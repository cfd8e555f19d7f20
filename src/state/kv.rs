//! Sorted bytes: each layer below a state takes keys and values, and hands the same ones back.

use std::{collections::BTreeMap, ops::Bound};

use super::StateError;

/// The writes of one commit: new values, and `None` for keys to remove.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Visits one key and value; `false` ends the walk.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool, StateError> + 'a;

/// The sorted bytes of one environment: a folder, a bucket, a database, memory, or a layer on one of them.
pub(super) trait Kv: Sized {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;

    /// The values of these keys, in their order. A store behind a network asks once.
    fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// Walks over the keys between the bounds, in their order or backwards.
    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError>;

    /// Writes all changes at once, durably. The header of the state is among them.
    fn write(&mut self, changes: &Changes) -> Result<(), StateError>;

    /// An error if it is known before a write that nothing can be written any more.
    fn check_writable(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// An error if the lock is not ours any more, with words that say who has it now. Asks whatever the lock is
    /// in, not what is remembered of it.
    fn confirm_lock(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    /// An error if another process could believe that it has the lock: nothing is sent any more. What was sent
    /// can be written all the same.
    fn check_lock(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// Problems of everything that a walk does not see. What is read after this comes from the store itself.
    fn verify(&self) -> Result<Vec<String>, StateError> {
        Ok(Vec::new())
    }

    /// Nobody will call any more. Everything that was written is durable already; an error says that the next
    /// opening has more to do.
    fn close(self) -> Result<(), StateError> {
        Ok(())
    }

    /// A call panicked: what is in memory is not written any more, and not dropped if that could do harm. Only
    /// locks are given back.
    fn abandon(self) {}
}

/// Whether nothing lies between the bounds. Maps panic on some of these.
pub(super) fn is_empty(from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
    }
}
