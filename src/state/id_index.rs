//! Which delivery has which message id: an index beside the records, in the same commits.
//!
//! Two deliveries with one id are never wanted: to delete one would delete the other's message. So each commit
//! compares the ids that it brings with those that the state has. There were three ways to know these:
//!
//! - to read all records, which an apply of one create should not have to (a million rows of a database);
//! - a set in memory, filled while the plan reads the records: not every command plans, a plan for a few messages
//!   does not read the others, and whoever writes to the store past the plan is not checked;
//! - an index. A commit of creates looks up as many entries as it has new ids, together with the records that it reads
//!   anyway, and writes as many; updates write none. It costs about 60 bytes a delivery.
//!
//! The index is the third. It holds the id of each message, and that of the message that one replaces, which is
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

/// The stored form of an entry.
pub(super) fn entry(key: &[u8], address: &Address) -> Result<Vec<u8>, StateError> {
    codec::encode(key, address).map_err(StateError::unstorable("a message id"))
}

/// The ids that a record stands for.
pub(super) fn of(record: &Record) -> impl Iterator<Item = &MessageId> {
    [&record.id].into_iter().chain(record.superseded.as_ref().map(|old| &old.id))
}

/// The records that a commit touches, as they are after it: the last write of each address counts.
pub(super) struct After<'a> {
    records: BTreeMap<&'a Address, Option<&'a Record>>,
    /// The ids of all these records.
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
                | Write::Budget(_)
                | Write::Run(_)
                | Write::RunPart(_)
                | Write::Api(_)
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
        Ok(Self { records, ids })
    }

    /// The keys of the entries of all ids.
    pub(super) fn keys(&self) -> impl Iterator<Item = Vec<u8>> {
        self.ids.keys().map(|id| key(id))
    }

    /// The ids of these records, as they were before, that are in none of them any more.
    pub(super) fn dropped<'b>(
        &self,
        before: impl IntoIterator<Item = &'b Record>,
    ) -> HashSet<&'b MessageId> {
        let ids = before.into_iter().flat_map(of);
        ids.filter(|id| !self.ids.contains_key(id)).collect()
    }

    /// What the commit changes in the index. `holder` says whose an id was before.
    pub(super) fn changes(
        &self,
        dropped: &HashSet<&MessageId>,
        holder: impl Fn(&MessageId) -> Option<Address>,
    ) -> Result<Changes, StateError> {
        let mut changes = Changes::new();
        for (&id, &address) in &self.ids {
            match holder(id) {
                Some(holder) if holder == *address => continue,
                // Its record goes, or gets another id, in this commit: otherwise the id would be in it twice.
                Some(holder) if !self.records.contains_key(&holder) => {
                    return Err(in_use(id, address, &holder));
                }
                _ => {}
            }
            let key = key(id);
            let entry = entry(&key, address)?;
            changes.insert(key, Some(entry));
        }
        for id in dropped {
            if holder(id).is_some_and(|holder| self.records.contains_key(&holder)) {
                changes.insert(key(id), None);
            }
        }
        Ok(changes)
    }
}

fn in_use(id: &MessageId, address: &Address, holder: &Address) -> StateError {
    StateError::IdInUse { id: id.clone(), address: address.clone(), holder: holder.clone() }
}
