//! A state on top of sorted bytes: what the stores that keep bytes have in common.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use serde::de::DeserializeOwned;

use crate::model::Address;

use super::{
    Amendment, Digest, Intent, Meta, Page, Record, Run, RunPart, StateError, Verification, Write,
    cipher::{Cipher, StateKey, Undecipherable},
    codec::{self, Undecodable},
    keys::{self, Table},
    ledger::{AnyLedger, Changes, FORMAT, Ledger, Tally},
    page,
    vault::Vault,
};

/// Visits one key and value; `false` ends the walk.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool, StateError> + 'a;

/// Sorted bytes under one environment's name.
pub(super) trait Backing {
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

    /// Writes all changes at once, durably.
    fn write(&mut self, changes: &Changes) -> Result<(), StateError>;
}

/// At most this many problems are listed: a store of which nothing is left would fill the screen.
const MAX_PROBLEMS: usize = 100;

/// A state: its bytes, and its ledger as last written.
pub(super) struct Engine<B> {
    vault: Vault<B>,
    pub(super) ledger: Ledger,
    place: String,
    /// A write failed half way: what is stored may be the old or the new.
    failed: bool,
    /// The open intents that were written here: each create makes one, and then settles it. They
    /// need not be read for that.
    fresh: HashMap<Vec<u8>, Digest>,
}

/// The ledger in these bytes, which must be of this environment; `None` if there is none.
pub(super) fn stored_ledger<B: Backing>(
    backing: &B,
    place: &str,
    environment: &str,
) -> Result<Option<Ledger>, StateError> {
    let Some(bytes) = backing.get(keys::LEDGER)? else { return Ok(None) };
    let ledger = read_ledger(place, &bytes)?;
    if ledger.meta.environment != environment {
        return Err(StateError::OtherEnvironment {
            place: place.to_owned(),
            found: ledger.meta.environment,
            wanted: environment.to_owned(),
        });
    }
    Ok(Some(ledger))
}

/// What a state is encrypted with, if it is. Its ledger is believed from here on: it was written under the
/// key, and the state is still used.
pub(super) fn unlocked(
    place: &str,
    ledger: &Ledger,
    key: Option<&StateKey>,
) -> Result<Option<Cipher>, StateError> {
    let cipher = match (&ledger.wrapped, key) {
        (None, _) => None,
        (Some(wrapped), Some(key)) => {
            Some(Cipher::open(key, wrapped).map_err(|error| undecipherable(place, error))?)
        }
        (Some(_), None) => return Err(StateError::Encrypted { place: place.to_owned() }),
    };
    ledger.check(place, cipher.as_ref())?;
    if let Some(to) = &ledger.moved_to {
        return Err(StateError::Moved { place: place.to_owned(), to: to.clone() });
    }
    if key.is_some() && cipher.is_none() {
        return Err(StateError::NotEncrypted { place: place.to_owned() });
    }
    Ok(cipher)
}

impl<B: Backing> Engine<B> {
    /// The state in these bytes, of which [`stored_ledger`] is known. `key` decrypts it.
    pub(super) fn new(
        backing: B,
        place: &str,
        ledger: Ledger,
        key: Option<&StateKey>,
    ) -> Result<Self, StateError> {
        let cipher = unlocked(place, &ledger, key)?;
        let vault = Vault::new(backing, place, cipher);
        Ok(Self::of(vault, ledger, place))
    }

    /// A new state in these bytes, which must be empty; encrypted, if there is a key.
    pub(super) fn create(
        backing: B,
        place: &str,
        mut ledger: Ledger,
        key: Option<&StateKey>,
    ) -> Result<Self, StateError> {
        let mut cipher = None;
        if let Some(key) = key {
            let (made, wrapped) =
                Cipher::create(key).map_err(|error| undecipherable(place, error))?;
            (cipher, ledger.wrapped) = (Some(made), Some(wrapped));
        }
        let ledger = ledger.authenticated(cipher.as_ref())?;
        let changes = Changes::from([(keys::LEDGER.to_vec(), Some(ledger.encode()?))]);
        let mut vault = Vault::new(backing, place, cipher);
        vault.write(&changes)?;
        Ok(Self::of(vault, ledger, place))
    }

    fn of(vault: Vault<B>, ledger: Ledger, place: &str) -> Self {
        Self { vault, ledger, place: place.to_owned(), failed: false, fresh: HashMap::new() }
    }

    /// Where the bytes are.
    pub(super) fn backing(&self) -> &B {
        self.vault.backing()
    }

    /// The same, to write what it holds back.
    pub(super) fn backing_mut(&mut self) -> &mut B {
        self.vault.backing_mut()
    }

    /// Where the bytes are; nothing else is done with them here.
    pub(super) fn into_backing(self) -> B {
        self.vault.into_backing()
    }

    /// Changes what the state says of itself.
    pub(super) fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError> {
        if self.failed {
            return Err(StateError::Failed { place: self.place.clone() });
        }
        let mut next = self.ledger.clone();
        match amendment {
            Amendment::Rekey(key) => {
                let place = &self.place;
                let Some(cipher) = self.vault.cipher() else {
                    return Err(StateError::NotEncrypted { place: place.clone() });
                };
                let wrapped = cipher.wrap(key).map_err(|error| undecipherable(place, error))?;
                next.wrapped = Some(wrapped);
            }
            Amendment::Moved { to } => next.moved_to = Some(to.clone()),
        }
        next.sequence = next.sequence.saturating_add(1);
        let next = next.authenticated(self.vault.cipher())?;
        let changes = Changes::from([(keys::LEDGER.to_vec(), Some(next.encode()?))]);
        self.failed = true;
        self.vault.write(&changes)?;
        self.failed = false;
        self.ledger = next;
        Ok(self.ledger.meta.clone())
    }

    fn decode<T: DeserializeOwned>(
        &self,
        key: &[u8],
        bytes: &[u8],
    ) -> Result<(T, Digest), StateError> {
        codec::decode(key, bytes).map_err(|error| undecodable(&self.place, key, &error))
    }

    fn decode_record(&self, key: &[u8], bytes: &[u8]) -> Result<(Record, Digest), StateError> {
        codec::open(key, bytes)
            .and_then(|(payload, digest)| Ok((payload.record(key)?, digest)))
            .map_err(|error| undecodable(&self.place, key, &error))
    }

    fn check_name(&self, key: &[u8], address: &Address) -> Result<(), StateError> {
        if key.get(1..) == Some(address.as_str().as_bytes()) {
            return Ok(());
        }
        Err(undecodable(&self.place, key, &Undecodable::Name))
    }

    pub(super) fn page(
        &self,
        from: Bound<&str>,
        to: Bound<&str>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let mut page = page::Builder::new(&self.place);
        if limit == 0 {
            return Ok(page.finish());
        }
        let (from, to) = (Table::Records.from(from), Table::Records.to(to));
        self.vault.walk(from, to, false, &mut |key, bytes| {
            page.add(key, bytes)?;
            Ok(page.len() < limit)
        })?;
        Ok(page.finish())
    }

    pub(super) fn record(&self, address: &Address) -> Result<Option<Record>, StateError> {
        let key = Table::Records.key(address.as_str().as_bytes());
        let Some(bytes) = self.vault.get(&key)? else { return Ok(None) };
        Ok(Some(self.decode_record(&key, &bytes)?.0))
    }

    /// All intents; fewer or others than the ledger says is damage.
    pub(super) fn intents(&self) -> Result<Vec<Intent>, StateError> {
        let mut intents = Vec::new();
        let mut tally = Tally::default();
        let (from, to) =
            (Table::Intents.from(Bound::Unbounded), Table::Intents.to(Bound::Unbounded));
        self.vault.walk(from, to, false, &mut |key, bytes| {
            let (intent, digest) = self.decode::<Intent>(key, bytes)?;
            self.check_name(key, &intent.address)?;
            tally.add(digest);
            intents.push(intent);
            Ok(true)
        })?;
        match mismatch(Table::Intents, self.ledger.intents, tally) {
            Some(what) => Err(StateError::damaged(&self.place, what)),
            None => Ok(intents),
        }
    }

    pub(super) fn runs(&self, limit: usize) -> Result<Vec<Run>, StateError> {
        let mut runs = Vec::new();
        if limit == 0 {
            return Ok(runs);
        }
        let (from, to) = (Table::Runs.from(Bound::Unbounded), Table::Runs.to(Bound::Unbounded));
        self.vault.walk(from, to, true, &mut |key, bytes| {
            runs.push(self.decode::<Run>(key, bytes)?.0);
            Ok(runs.len() < limit)
        })?;
        // Their parts lie together, in the same order: one walk, whatever it costs.
        let (Some(newest), Some(oldest)) = (runs.first(), runs.last()) else { return Ok(runs) };
        let (from, to) = (keys::parts_of(oldest).0, keys::parts_of(newest).1);
        let places: HashMap<_, _> = runs.iter().enumerate().map(|(at, run)| (run.id, at)).collect();
        self.vault.walk(from, to, false, &mut |key, bytes| {
            let part = self.decode::<RunPart>(key, bytes)?.0;
            if let Some(run) = places.get(&part.id).and_then(|at| runs.get_mut(*at)) {
                run.changes.extend(part.changes);
            }
            Ok(true)
        })?;
        Ok(runs)
    }

    pub(super) fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        if writes.is_empty() {
            return Ok(self.ledger.meta.clone());
        }
        if self.failed {
            return Err(StateError::Failed { place: self.place.clone() });
        }
        let keys: BTreeSet<Vec<u8>> = writes.iter().filter_map(keys::of).collect();
        let mut stored = BTreeMap::new();
        let mut unread = Vec::with_capacity(keys.len());
        for key in keys {
            match self.fresh.get(&key) {
                Some(&digest) => _ = stored.insert(key, digest),
                None => unread.push(key),
            }
        }
        let keys = unread;
        for (key, bytes) in keys.iter().zip(self.vault.get_all(&keys)?) {
            let Some(bytes) = bytes else { continue };
            match codec::open(key, &bytes) {
                Ok((_, digest)) => _ = stored.insert(key.clone(), digest),
                Err(error) => return Err(undecodable(&self.place, key, &error)),
            }
        }
        let (next, changes) =
            self.ledger.after(&self.place, writes, &stored, self.vault.cipher())?;
        self.failed = true;
        self.vault.write(&changes)?;
        self.failed = false;
        self.ledger = next;
        for (key, value) in changes {
            match value {
                Some(value) if Table::Intents.holds(&key) => {
                    self.fresh.insert(key, value.digest);
                }
                _ => _ = self.fresh.remove(&key),
            }
        }
        Ok(self.ledger.meta.clone())
    }

    pub(super) fn verify(&self) -> Result<Verification, StateError> {
        let mut found = Verification::default();
        let mut problems = Problems::default();
        match self.vault.get(keys::LEDGER)? {
            None => problems.add("the ledger is missing".to_owned()),
            Some(bytes) => match read_ledger(&self.place, &bytes) {
                Ok(ledger) if ledger == self.ledger => {}
                Ok(_) => problems.add("the ledger is not what was last written".to_owned()),
                Err(error) => problems.add_error(error)?,
            },
        }
        found.records = self.verify_table(Table::Records, &mut problems, |key, bytes| {
            self.decode_record(key, bytes).map(|(_, digest)| digest)
        })?;
        found.intents = self.verify_named::<Intent>(Table::Intents, &mut problems)?;
        found.runs = self.verify_named::<Run>(Table::Runs, &mut problems)?;
        self.verify_named::<RunPart>(Table::RunParts, &mut problems)?;
        found.problems = problems.into_list();
        Ok(found)
    }

    fn verify_named<T: DeserializeOwned + Named>(
        &self,
        table: Table,
        problems: &mut Problems,
    ) -> Result<u64, StateError> {
        self.verify_table(table, problems, |key, bytes| {
            let (value, digest) = self.decode::<T>(key, bytes)?;
            if key.get(1..) == Some(&value.name()) {
                return Ok(digest);
            }
            Err(undecodable(&self.place, key, &Undecodable::Name))
        })
    }

    /// `check` reads one of them, and answers with its digest.
    fn verify_table(
        &self,
        table: Table,
        problems: &mut Problems,
        check: impl Fn(&[u8], &[u8]) -> Result<Digest, StateError>,
    ) -> Result<u64, StateError> {
        let mut tally = Tally::default();
        let (from, to) = (table.from(Bound::Unbounded), table.to(Bound::Unbounded));
        let mut whole = true;
        let walked = self.vault.walk(from, to, false, &mut |key, bytes| {
            match check(key, bytes) {
                Ok(digest) => tally.add(digest),
                Err(error) => {
                    whole = false;
                    problems.add_error(error)?;
                }
            }
            Ok(true)
        });
        if let Err(error) = walked {
            whole = false;
            problems.add_error(error)?;
        }
        if let Some(what) = mismatch(table, self.ledger.tally(table), tally) {
            // With a bad value among them, a wrong sum is no news; a wrong count may be.
            if whole || tally.count != self.ledger.tally(table).count {
                problems.add(what);
            }
        }
        Ok(tally.count)
    }
}

/// Things that know the name they are stored under.
trait Named {
    fn name(&self) -> Vec<u8>;
}

impl Named for Intent {
    fn name(&self) -> Vec<u8> {
        self.address.as_str().as_bytes().to_vec()
    }
}

impl Named for Run {
    fn name(&self) -> Vec<u8> {
        keys::run_name(self)
    }
}

impl Named for RunPart {
    fn name(&self) -> Vec<u8> {
        keys::part_name(self)
    }
}

#[derive(Default)]
struct Problems {
    list: Vec<String>,
    more: usize,
}

impl Problems {
    fn add(&mut self, problem: String) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Damage is a finding; anything else (a file that cannot be read) ends the search.
    fn add_error(&mut self, error: StateError) -> Result<(), StateError> {
        match error {
            StateError::Damaged { what, .. } => self.add(what),
            StateError::Newer { .. } => self.add(error.to_string()),
            other => return Err(other),
        }
        Ok(())
    }

    fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more", self.more));
        }
        self.list
    }
}

/// How what was read differs from what the ledger says, in words; `None` if it does not.
pub(super) fn mismatch(table: Table, expected: Tally, found: Tally) -> Option<String> {
    let noun = table.noun();
    if expected.count != found.count {
        let (expected, found) = (expected.count, found.count);
        return Some(format!("it should have {expected} {noun}s, and {found} could be read"));
    }
    (expected.digest != found.digest)
        .then(|| format!("its {noun}s are not the ones that were written (their digest differs)"))
}

/// The ledger in these bytes, whatever it says.
pub(super) fn read_ledger(place: &str, bytes: &[u8]) -> Result<Ledger, StateError> {
    let bad = |error: &Undecodable| undecodable(place, keys::LEDGER, error);
    // The version first: a newer one may say more than this version can read.
    let (any, _) = codec::decode::<AnyLedger>(keys::LEDGER, bytes).map_err(|e| bad(&e))?;
    if any.meta.format > FORMAT {
        return Err(newer(place, any.meta.format));
    }
    Ok(codec::decode(keys::LEDGER, bytes).map_err(|e| bad(&e))?.0)
}

pub(super) fn newer(place: &str, found: u32) -> StateError {
    StateError::Newer { place: place.to_owned(), found, known: FORMAT }
}

fn undecipherable(place: &str, error: Undecipherable) -> StateError {
    let place = place.to_owned();
    match error {
        Undecipherable::WrongKey => StateError::WrongKey { place },
        other => StateError::Damaged { place, what: format!("its key: {other}") },
    }
}

pub(super) fn undecodable(place: &str, key: &[u8], error: &Undecodable) -> StateError {
    match error {
        Undecodable::Newer(layout) => newer(place, u32::from(*layout)),
        error => StateError::damaged(place, format!("{} {error}", keys::describe(key))),
    }
}
