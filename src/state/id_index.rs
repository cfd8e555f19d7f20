//! Which message ids are in use: an index beside the records, in the same commits.
//!
//! Two deliveries with one id are never wanted: to delete one would delete the other's message. So each commit
//! compares the ids that it brings with those that the state has. There were three ways to know these:
//!
//! - to read all records, which an apply of one create should not have to (a million rows of a database);
//! - a set in memory, filled while the plan reads the records: not every command plans, a plan for a few messages
//!   does not read the others, and a write to the store past the plan is not checked;
//! - an index. A commit of creates looks up as many entries as it has new ids, together with the records that it reads
//!   anyway, and writes as many; updates write none. It costs about 60 bytes a delivery.
//!
//! The index is the third. It says only that an id is in use: whose it is stands in the records, which are read for the
//! words of a refusal. It holds the id of each message, and that of the message that one replaces, which is
//! still to be deleted. It is written in the transaction of the records, and its count and digest are in the header,
//! so that it is as safe as they are; `verify` compares it with them. An export does not have it: it is made anew
//! when the records are written.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{StateError, Write, codec, keys::Table, kv::Changes};
use crate::model::{Address, MessageId, Record};

/// Under which key the entry of an id lies. The `@` is where names begin that an encrypted state hides.
pub(super) fn key(id: &MessageId) -> Vec<u8> {
    Table::Ids.key(&[b"@", id.as_str().as_bytes()].concat())
}

/// The ids that a record stands for.
pub(super) fn of(record: &Record) -> impl Iterator<Item = &MessageId> {
    [&record.id].into_iter().chain(record.superseded.as_ref().map(|old| &old.id))
}

/// The ids of the records that a commit touches, as they are after it: the last write of each address counts.
pub(super) struct After<'a> {
    ids: HashMap<&'a MessageId, &'a Address>,
}

impl<'a> After<'a> {
    /// An error if an id is of no use, or in two of the records.
    pub(super) fn of(writes: &'a [Write]) -> Result<Self, StateError> {
        let mut records = BTreeMap::new();
        for write in writes {
            match write {
                Write::Put(record) => _ = records.insert(&record.address, Some(&**record)),
                Write::Remove(address) => _ = records.insert(address, None),
                Write::Intend(_)
                | Write::Settle(_)
                | Write::Approve(_)
                | Write::Withdraw(_)
                | Write::Budget(_)
                | Write::ForgetBudget
                | Write::Run(_)
                | Write::RunPart(_)
                | Write::Api(_)
                | Write::Secrets(_)
                | Write::Restore { .. } => {}
            }
        }
        let mut ids = HashMap::new();
        for (&address, record) in &records {
            for id in record.iter().flat_map(|record| of(record)) {
                id.check().map_err(|why| StateError::UnusableId {
                    address: address.clone(),
                    why: why.to_string(),
                })?;
                if let Some(holder) = ids.insert(id, address) {
                    return Err(in_use(id, address, holder));
                }
            }
        }
        Ok(Self { ids })
    }

    /// The keys of the entries of all ids.
    pub(super) fn keys(&self) -> impl Iterator<Item = Vec<u8>> {
        self.ids.keys().map(|id| key(id))
    }

    /// What the commit changes in the index. `before` has the ids of these records as they were, and `is_known` says
    /// whether the index has an id.
    pub(super) fn changes(
        &self,
        before: &HashSet<&MessageId>,
        is_known: impl Fn(&[u8]) -> bool,
    ) -> Result<Changes, Taken<'a>> {
        let mut changes = Changes::new();
        for (&id, &address) in &self.ids {
            let key = key(id);
            match (is_known(&key), before.contains(id)) {
                (true, true) => {}
                // Its record is none of these: it keeps the id.
                (true, false) => return Err(Taken { id, address }),
                (false, _) => _ = changes.insert(key.clone(), Some(codec::encode_empty(&key))),
            }
        }
        for id in before.iter().filter(|id| !self.ids.contains_key(*id)) {
            changes.insert(key(id), None);
        }
        Ok(changes)
    }
}

/// An id that a record has which the commit does not touch.
pub(super) struct Taken<'a> {
    id: &'a MessageId,
    address: &'a Address,
}

impl Taken<'_> {
    pub(super) fn id(&self) -> &MessageId {
        self.id
    }

    pub(super) fn error(&self, holder: &Address) -> StateError {
        in_use(self.id, self.address, holder)
    }
}

fn in_use(id: &MessageId, address: &Address, holder: &Address) -> StateError {
    StateError::IdInUse { id: id.clone(), address: address.clone(), holder: holder.clone() }
}
