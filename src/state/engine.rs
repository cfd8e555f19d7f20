//! A state on top of sorted bytes: everything that all stores have in common.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    mem,
    ops::Bound,
};

mod approvals;
mod verify;

use serde::de::DeserializeOwned;

use super::{
    Amendment, Digest, Meta, Mode, Page, Run, RunPart, StateError, Write,
    approvals::{Pages, StoredPage},
    cipher::{Cipher, StateKey},
    codec::{self, Undecodable},
    commit::{self, Beside},
    encrypted_kv::EncryptedKv,
    header::{StateHeader, Tally},
    id_index,
    keys::{self, Table},
    kv::{Changes, Kv},
    page,
};
use crate::model::{Address, Intent, MessageId, Record};

/// What a commit has to know of the things that it changes.
#[derive(Default)]
struct Stored {
    digests: BTreeMap<Vec<u8>, Digest>,
    records: Vec<Record>,
    approvals: Vec<StoredPage>,
}

/// A state: its bytes, and its header as last written.
pub(super) struct Engine<K> {
    kv: EncryptedKv<K>,
    pub(super) header: StateHeader,
    location: String,
    /// A write failed half way: the bytes in the store may be the old or the new ones.
    failed: bool,
    /// The open intents that were written here: each create makes one, and then settles it. They
    /// need not be read for that.
    fresh: HashMap<Vec<u8>, Digest>,
    /// The pages of approvals, once a commit has needed them.
    approval_pages: Option<Pages>,
}

impl<K: Kv> Engine<K> {
    /// The state in these bytes, of which [`StateHeader::stored`] is known. `key` decrypts it.
    pub(super) fn new(
        kv: K,
        location: &str,
        header: StateHeader,
        key: Option<&StateKey>,
        mode: Mode,
    ) -> Result<Self, StateError> {
        let cipher = match header.unlock(location, key) {
            Err(StateError::Moved { .. }) if mode == Mode::TakeOver => {
                let cipher = Self::cipher_of_moved(&header, location, key)?;
                let mut engine = Self::of(EncryptedKv::new(kv, location, cipher), header, location);
                engine.empty()?;
                return Ok(engine);
            }
            unlocked => unlocked?,
        };
        Ok(Self::of(EncryptedKv::new(kv, location, cipher), header, location))
    }

    fn cipher_of_moved(
        header: &StateHeader,
        location: &str,
        key: Option<&StateKey>,
    ) -> Result<Option<Cipher>, StateError> {
        match (&header.wrapped, key) {
            (Some(wrapped), Some(key)) => {
                Cipher::open(key, wrapped).map(Some).map_err(|error| error.of_key(location))
            }
            _ => Ok(None),
        }
    }

    /// Takes everything out of a state that was moved away, so that it can be used again.
    fn empty(&mut self) -> Result<(), StateError> {
        let mut changes = Changes::new();
        let header = || Bound::Excluded(keys::HEADER.to_vec());
        for (from, to) in [(Bound::Unbounded, header()), (header(), Bound::Unbounded)] {
            self.kv.walk(from, to, false, &mut |key, _| {
                changes.insert(key.to_vec(), None);
                Ok(true)
            })?;
        }
        let meta = &self.header.meta;
        let mut next = StateHeader::new(&meta.environment, meta.lineage, meta.created_at);
        next.wrapped.clone_from(&self.header.wrapped);
        next.sequence = self.header.sequence.saturating_add(1);
        let next = next.authenticated(self.kv.cipher.as_ref())?;
        changes.extend(next.alone()?);
        self.write(next, &changes).map(drop)
    }

    /// A new state in these bytes, which must be empty; encrypted, if there is a key.
    pub(super) fn create(
        kv: K,
        location: &str,
        mut header: StateHeader,
        key: Option<&StateKey>,
    ) -> Result<Self, StateError> {
        let mut cipher = None;
        if let Some(key) = key {
            let (made, wrapped) = Cipher::create(key).map_err(|error| error.of_key(location))?;
            (cipher, header.wrapped) = (Some(made), Some(wrapped));
        }
        let header = header.authenticated(cipher.as_ref())?;
        let mut kv = EncryptedKv::new(kv, location, cipher);
        kv.write(&header.alone()?)?;
        Ok(Self::of(kv, header, location))
    }

    fn of(kv: EncryptedKv<K>, header: StateHeader, location: &str) -> Self {
        Self {
            kv,
            header,
            location: location.to_owned(),
            failed: false,
            fresh: HashMap::new(),
            approval_pages: None,
        }
    }

    /// The bytes of the store, as they lie there.
    pub(super) fn kv(&self) -> &K {
        &self.kv.inner
    }

    /// The same, for writes that are not a commit.
    pub(super) fn kv_mut(&mut self) -> &mut K {
        &mut self.kv.inner
    }

    /// The same, without the state on top of them.
    pub(super) fn into_kv(self) -> K {
        self.kv.inner
    }

    /// See [`Kv::close`].
    pub(super) fn close(self) -> Result<(), StateError> {
        self.kv.close()
    }

    /// See [`Kv::abandon`].
    pub(super) fn abandon(self) {
        self.kv.abandon();
    }

    pub(super) fn meta(&self) -> Meta {
        self.header.meta.clone()
    }

    /// See [`Kv::confirm_lock`].
    pub(super) fn confirm_lock(&mut self) -> Result<(), StateError> {
        self.kv.confirm_lock()
    }

    fn check_writable(&self) -> Result<(), StateError> {
        // Its own reason says more than that an earlier write failed.
        self.kv.check_writable()?;
        if self.failed {
            return Err(StateError::Failed { location: self.location.clone() });
        }
        Ok(())
    }

    fn write(&mut self, next: StateHeader, changes: &Changes) -> Result<Meta, StateError> {
        self.failed = true;
        self.kv.write(changes)?;
        self.failed = false;
        self.header = next;
        Ok(self.meta())
    }

    /// Changes what the state says of itself.
    pub(super) fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError> {
        self.check_writable()?;
        let mut next = self.header.clone();
        match amendment {
            Amendment::Rekey(key) => {
                let location = &self.location;
                let Some(cipher) = &self.kv.cipher else {
                    return Err(StateError::NotEncrypted { location: location.clone() });
                };
                let wrapped = cipher.wrap(key).map_err(|error| error.of_key(location))?;
                next.wrapped = Some(wrapped);
            }
            Amendment::Moved { to } => next.moved_to = Some(to.clone()),
        }
        next.sequence = next.sequence.saturating_add(1);
        let next = next.authenticated(self.kv.cipher.as_ref())?;
        let changes = next.alone()?;
        self.write(next, &changes)
    }

    fn decode<T: DeserializeOwned>(
        &self,
        key: &[u8],
        bytes: &[u8],
    ) -> Result<(T, Digest), StateError> {
        codec::decode(key, bytes).map_err(|error| error.at(&self.location, key))
    }

    fn decode_record(&self, key: &[u8], bytes: &[u8]) -> Result<(Record, Digest), StateError> {
        codec::decode_record(key, bytes).map_err(|error| error.at(&self.location, key))
    }

    fn check_name(&self, key: &[u8], address: &Address) -> Result<(), StateError> {
        if key.get(1..) == Some(address.as_str().as_bytes()) {
            return Ok(());
        }
        Err(Undecodable::Name.at(&self.location, key))
    }

    pub(super) fn page(
        &self,
        from: Bound<&str>,
        to: Bound<&str>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let mut page = page::Builder::new(&self.location);
        if limit == 0 {
            return Ok(page.finish());
        }
        let (from, to) = (Table::Records.from(from), Table::Records.to(to));
        self.kv.walk(from, to, false, &mut |key, bytes| {
            page.add(key, bytes)?;
            Ok(page.len() < limit)
        })?;
        Ok(page.finish())
    }

    pub(super) fn record(&self, address: &Address) -> Result<Option<Record>, StateError> {
        let key = Table::Records.key(address.as_str().as_bytes());
        let Some(bytes) = self.kv.get(&key)? else { return Ok(None) };
        Ok(Some(self.decode_record(&key, &bytes)?.0))
    }

    /// All intents; if they are not those of the header, that is damage.
    pub(super) fn intents(&self) -> Result<Vec<Intent>, StateError> {
        let mut intents = Vec::new();
        let mut tally = Tally::default();
        let (from, to) =
            (Table::Intents.from(Bound::Unbounded), Table::Intents.to(Bound::Unbounded));
        self.kv.walk(from, to, false, &mut |key, bytes| {
            let (intent, digest) = self.decode::<Intent>(key, bytes)?;
            self.check_name(key, &intent.address)?;
            tally.add(digest);
            intents.push(intent);
            Ok(true)
        })?;
        match self.header.intents.mismatch(Table::Intents, tally) {
            Some(what) => Err(StateError::damaged(&self.location, what)),
            None => Ok(intents),
        }
    }

    pub(super) fn runs(&self, limit: usize) -> Result<Vec<Run>, StateError> {
        let mut runs = Vec::new();
        if limit == 0 {
            return Ok(runs);
        }
        let (from, to) = (Table::Runs.from(Bound::Unbounded), Table::Runs.to(Bound::Unbounded));
        self.kv.walk(from, to, true, &mut |key, bytes| {
            runs.push(self.decode::<Run>(key, bytes)?.0);
            Ok(runs.len() < limit)
        })?;
        // Their parts lie together, in the same order: one walk, whatever it costs.
        let (Some(newest), Some(oldest)) = (runs.first(), runs.last()) else { return Ok(runs) };
        let (from, to) = (keys::parts_of(oldest).0, keys::parts_of(newest).1);
        let places: HashMap<_, _> = runs.iter().enumerate().map(|(at, run)| (run.id, at)).collect();
        self.kv.walk(from, to, false, &mut |key, bytes| {
            let part = self.decode::<RunPart>(key, bytes)?.0;
            if let Some(run) = places.get(&part.id).and_then(|at| runs.get_mut(*at)) {
                run.changes.extend(part.changes);
            }
            Ok(true)
        })?;
        Ok(runs)
    }

    /// The delivery that has this message, or that is to delete it because it has replaced it.
    pub(super) fn address_of(&self, id: &MessageId) -> Result<Option<Address>, StateError> {
        match self.kv.get(&id_index::key(id))? {
            None => Ok(None),
            Some(_) => self.holder(id).map(Some),
        }
    }

    /// The delivery with an id that the index has.
    fn holder(&self, id: &MessageId) -> Result<Address, StateError> {
        let mut holder = None;
        let (from, to) =
            (Table::Records.from(Bound::Unbounded), Table::Records.to(Bound::Unbounded));
        self.kv.walk(from, to, false, &mut |key, bytes| {
            let (record, _) = self.decode_record(key, bytes)?;
            if id_index::of(&record).any(|one| one == id) {
                holder = Some(record.address);
            }
            Ok(holder.is_none())
        })?;
        let what = "its index of message ids does not fit its records";
        holder.ok_or_else(|| StateError::damaged(&self.location, what))
    }

    /// Reads what lies under these keys.
    fn read(&self, keys: Vec<Vec<u8>>, stored: &mut Stored) -> Result<(), StateError> {
        for (key, bytes) in keys.iter().zip(self.kv.get_all(&keys)?) {
            let Some(bytes) = bytes else { continue };
            let digest = if Table::Records.holds(key) {
                let (record, digest) = self.decode_record(key, &bytes)?;
                stored.records.push(record);
                digest
            } else if Table::Approvals.holds(key) {
                let (page, digest) = self.decode_approvals(key, &bytes)?;
                stored.approvals.push((key.clone(), page));
                digest
            } else {
                codec::check(key, &bytes).map_err(|error| error.at(&self.location, key))?.1
            };
            stored.digests.insert(key.clone(), digest);
        }
        Ok(())
    }

    pub(super) fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        if writes.is_empty() {
            return Ok(self.meta());
        }
        self.check_writable()?;
        if writes.iter().any(announces) {
            self.kv.check_lock()?;
        }
        let after = id_index::After::of(writes)?;
        let keys: BTreeSet<Vec<u8>> =
            writes.iter().filter_map(keys::at).map(|(_, key)| key).chain(after.keys()).collect();
        let mut stored = Stored::default();
        let mut unread = Vec::with_capacity(keys.len());
        for key in keys {
            match self.fresh.get(&key) {
                Some(&digest) => _ = stored.digests.insert(key, digest),
                None => unread.push(key),
            }
        }
        self.read(unread, &mut stored)?;
        let records = mem::take(&mut stored.records);
        let before: HashSet<&MessageId> = records.iter().flat_map(id_index::of).collect();
        let unread = before.iter().map(|id| id_index::key(id));
        let unread = unread.filter(|key| !stored.digests.contains_key(key)).collect();
        self.read(unread, &mut stored)?;
        let ids = match after.changes(&before, |key| stored.digests.contains_key(key)) {
            Ok(ids) => ids,
            Err(taken) => return Err(taken.error(&self.holder(taken.id())?)),
        };
        let approvals = self.effect_on_approvals(writes, &mut stored)?;
        let beside = Beside { ids, approvals };
        let cipher = self.kv.cipher.as_ref();
        let (next, changes) =
            commit::apply(&self.header, &self.location, writes, beside, &stored.digests, cipher)?;
        let meta = self.write(next, &changes)?;
        if let Some(pages) = &mut self.approval_pages {
            pages.follow(&changes);
        }
        for (key, value) in changes {
            match value {
                Some(value) if Table::Intents.holds(&key) => {
                    self.fresh.insert(key, codec::digest(&value));
                }
                _ => _ = self.fresh.remove(&key),
            }
        }
        Ok(meta)
    }
}

/// Whether a request leaves once this is durable.
fn announces(write: &Write) -> bool {
    match write {
        Write::Intend(_) => true,
        Write::Put(record) => record.intent.is_some(),
        _ => false,
    }
}
