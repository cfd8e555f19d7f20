//! The header of a state: what a state says of itself, with the count and digest of everything in it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Digest, FilesHistory, Meta, StateError, StateKey,
    cipher::{Cipher, Mac, Wrapped},
    codec::{self, FORMAT},
    keys::{self, Table},
    kv::{Changes, Kv},
};
use crate::model::KnownSecrets;

/// How many things a table has, and the sum of their digests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) digest: Digest,
}

impl Tally {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn add(&mut self, digest: Digest) {
        self.count = self.count.wrapping_add(1);
        self.digest = Digest(self.digest.0.wrapping_add(digest.0));
    }

    pub(super) fn remove(&mut self, digest: Digest) {
        // Wrapping: a wrong count is found when everything is read, not by a panic here.
        self.count = self.count.wrapping_sub(1);
        self.digest = Digest(self.digest.0.wrapping_sub(digest.0));
    }

    /// How the things that were found in a table differ from this, in words; `None` if they do not.
    pub(super) fn mismatch(self, table: Table, found: Self) -> Option<String> {
        let things = table.plural();
        if self.count != found.count {
            let (expected, found) = (self.count, found.count);
            return Some(format!("it should have {expected} {things}, and {found} could be read"));
        }
        (self.digest != found.digest).then(|| {
            format!("its {things} are not the ones that were written (their digest differs)")
        })
    }
}

/// All that a state says of itself. [`Meta`] is its public part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateHeader {
    pub(super) meta: Meta,
    pub(super) intents: Tally,
    pub(super) runs: Tally,
    pub(super) run_parts: Tally,
    pub(super) ids: Tally,
    /// Of the pages, not of the approvals on them.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub(super) approval_pages: Tally,
    /// The encrypted key of an encrypted state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wrapped: Option<Wrapped>,
    /// Where the state is now; this one is not used any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) moved_to: Option<String>,
    /// Rises with every commit, whatever it holds: a store that went back in time is noticed.
    pub(super) sequence: u64,
    /// A code over everything above, which needs the key of an encrypted state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mac: Option<Mac>,
}

/// The only part of a header that every version understands.
#[derive(Deserialize)]
struct AnyHeader {
    meta: AnyMeta,
}

#[derive(Deserialize)]
struct AnyMeta {
    format: u32,
}

impl StateHeader {
    /// The header of an empty state.
    pub(super) fn new(environment: &str, lineage: Uuid, now: Timestamp) -> Self {
        Self {
            meta: Meta {
                format: FORMAT,
                environment: environment.to_owned(),
                lineage,
                serial: 0,
                records: 0,
                digest: Digest::default(),
                approvals: 0,
                created_at: now,
                last_run: 0,
                files: FilesHistory::default(),
                budget: None,
                api: None,
                secrets: KnownSecrets::new(),
            },
            intents: Tally::default(),
            runs: Tally::default(),
            run_parts: Tally::default(),
            ids: Tally::default(),
            approval_pages: Tally::default(),
            wrapped: None,
            moved_to: None,
            sequence: 0,
            mac: None,
        }
    }

    /// The header in these bytes, whatever it says.
    pub(super) fn decode(location: &str, bytes: &[u8]) -> Result<Self, StateError> {
        let bad = |error: codec::Undecodable| error.at(location, keys::HEADER);
        // The version first: a newer one may say more than this version can read.
        let (any, _) = codec::decode::<AnyHeader>(keys::HEADER, bytes).map_err(bad)?;
        if any.meta.format > FORMAT {
            return Err(codec::newer(location, any.meta.format));
        }
        Ok(codec::decode(keys::HEADER, bytes).map_err(bad)?.0)
    }

    /// Its stored form.
    pub(super) fn encode(&self) -> Result<Vec<u8>, StateError> {
        codec::encode(keys::HEADER, self).map_err(StateError::unstorable("the header"))
    }

    /// The header of a stored state, which must be of this environment; `None` if there is none.
    pub(super) fn stored<K: Kv>(
        kv: &K,
        location: &str,
        environment: &str,
    ) -> Result<Option<Self>, StateError> {
        let Some(bytes) = kv.get(keys::HEADER)? else { return Ok(None) };
        let header = Self::decode(location, &bytes)?;
        StateError::check_environment(location, &header.meta.environment, environment)?;
        Ok(Some(header))
    }

    /// The header that a commit writes.
    pub(super) fn among(changes: &Changes, location: &str) -> Result<Self, StateError> {
        let bytes = changes.get(keys::HEADER).and_then(Option::as_deref);
        Self::decode(location, bytes.unwrap_or_default())
    }

    /// Only the header itself, as a commit.
    pub(super) fn alone(&self) -> Result<Changes, StateError> {
        Ok(Changes::from([(keys::HEADER.to_vec(), Some(self.encode()?))]))
    }

    /// The cipher of the state, if it is encrypted. The header is believed from here on: it was written under the
    /// key, and the state is still used.
    pub(super) fn unlock(
        &self,
        location: &str,
        key: Option<&StateKey>,
    ) -> Result<Option<Cipher>, StateError> {
        let cipher = match (&self.wrapped, key) {
            (None, _) => None,
            (Some(wrapped), Some(key)) => {
                Some(Cipher::open(key, wrapped).map_err(|error| error.of_key(location))?)
            }
            (Some(_), None) => {
                return Err(StateError::Encrypted { location: location.to_owned() });
            }
        };
        self.check(location, cipher.as_ref())?;
        if let Some(to) = &self.moved_to {
            return Err(StateError::Moved { location: location.to_owned(), to: to.clone() });
        }
        if key.is_some() && cipher.is_none() {
            return Err(StateError::NotEncrypted { location: location.to_owned() });
        }
        Ok(cipher)
    }

    /// The same, with the code that needs this key.
    pub(super) fn authenticated(self, cipher: Option<&Cipher>) -> Result<Self, StateError> {
        let plain = Self { mac: None, ..self };
        let mac = cipher.map(|cipher| plain.mac(cipher)).transpose()?;
        Ok(Self { mac, ..plain })
    }

    /// That the writer of this had the key. Nothing in a header is believed before: without this, anyone who can
    /// write to a store could take records out of it unseen, or give a state another budget or lineage.
    pub(super) fn check(&self, location: &str, cipher: Option<&Cipher>) -> Result<(), StateError> {
        let expected = cipher.map(|cipher| self.mac(cipher)).transpose()?;
        if self.mac == expected {
            return Ok(());
        }
        let what = "its header was not written under the state's key: something else has changed it, or a \
                    version wrote it that did not authenticate it";
        Err(StateError::damaged(location, what))
    }

    /// Over all fields, whatever they are.
    fn mac(&self, cipher: &Cipher) -> Result<Mac, StateError> {
        let bytes = serde_json::to_vec(&Self { mac: None, ..self.clone() })
            .map_err(StateError::unstorable("the header"))?;
        Ok(cipher.authenticate(&bytes))
    }

    /// Count and digest of a table.
    pub(super) fn tally(&self, table: Table) -> Tally {
        match table {
            Table::Records => Tally { count: self.meta.records, digest: self.meta.digest },
            Table::Intents => self.intents,
            Table::Runs => self.runs,
            Table::RunParts => self.run_parts,
            Table::Ids => self.ids,
            Table::Approvals => self.approval_pages,
        }
    }

    pub(super) fn set_tally(&mut self, table: Table, tally: Tally) {
        match table {
            Table::Records => {
                self.meta.records = tally.count;
                self.meta.digest = tally.digest;
            }
            Table::Intents => self.intents = tally,
            Table::Runs => self.runs = tally,
            Table::RunParts => self.run_parts = tally,
            Table::Ids => self.ids = tally,
            Table::Approvals => self.approval_pages = tally,
        }
    }
}
