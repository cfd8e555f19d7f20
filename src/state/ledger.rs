//! What a commit does to a state, as a pure function: every store shares it, so that count,
//! digest and serial mean the same everywhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Digest, Meta, StateError, Write,
    cipher::{Cipher, Mac, Wrapped},
    codec::{self, Encoded},
    keys::{self, Table},
};

/// The format this version writes, and the newest it reads. In format 1, records were JSON: where
/// they are not written anew, they still are.
pub(super) const FORMAT: u32 = 2;

/// How many things a table has, and the sum of their digests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) digest: Digest,
}

impl Tally {
    pub(super) fn add(&mut self, digest: Digest) {
        self.count = self.count.wrapping_add(1);
        self.digest = Digest(self.digest.0.wrapping_add(digest.0));
    }

    fn remove(&mut self, digest: Digest) {
        // Wrapping: a wrong count is found when everything is read, not by a panic here.
        self.count = self.count.wrapping_sub(1);
        self.digest = Digest(self.digest.0.wrapping_sub(digest.0));
    }
}

/// All that a state says of itself. [`Meta`] is its public part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    pub(super) meta: Meta,
    pub(super) intents: Tally,
    pub(super) runs: Tally,
    pub(super) run_parts: Tally,
    /// The key of what is encrypted; none if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wrapped: Option<Wrapped>,
    /// Where the state is now; this one is not used any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) moved_to: Option<String>,
    /// Rises with every commit, whatever it holds: a store that went back in time is noticed.
    pub(super) sequence: u64,
    /// What only the state's own key can say of all of the above; none if nothing is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mac: Option<Mac>,
}

/// The only part of a ledger that every version understands.
#[derive(Deserialize)]
pub(super) struct AnyLedger {
    pub(super) meta: AnyMeta,
}

#[derive(Deserialize)]
pub(super) struct AnyMeta {
    pub(super) format: u32,
}

/// What a commit writes: new values, and `None` for keys to remove.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Encoded>>;

impl Ledger {
    /// The ledger of a state without anything.
    pub(super) fn new(environment: &str, lineage: Uuid, now: Timestamp) -> Self {
        Self {
            meta: Meta {
                format: FORMAT,
                environment: environment.to_owned(),
                lineage,
                serial: 0,
                records: 0,
                digest: Digest::default(),
                created_at: now,
                budget: None,
                api: None,
            },
            intents: Tally::default(),
            runs: Tally::default(),
            run_parts: Tally::default(),
            wrapped: None,
            moved_to: None,
            sequence: 0,
            mac: None,
        }
    }

    /// The same, as this key vouches for it.
    pub(super) fn authenticated(self, cipher: Option<&Cipher>) -> Result<Self, StateError> {
        let plain = Self { mac: None, ..self };
        let mac = cipher.map(|cipher| plain.mac(cipher)).transpose()?;
        Ok(Self { mac, ..plain })
    }

    /// That the writer of this had the key. Nothing in a ledger is believed before: without this, anyone who can
    /// write to a store could take records out of it unseen, or give a state another budget or lineage.
    pub(super) fn check(&self, place: &str, cipher: Option<&Cipher>) -> Result<(), StateError> {
        let expected = cipher.map(|cipher| self.mac(cipher)).transpose()?;
        if self.mac == expected {
            return Ok(());
        }
        let what = "its ledger was not written under the state's key: something else has changed it, or a \
                    version wrote it that did not authenticate it";
        Err(StateError::damaged(place, what))
    }

    /// Over all that is there, whatever fields there are.
    fn mac(&self, cipher: &Cipher) -> Result<Mac, StateError> {
        let bytes = serde_json::to_vec(&Self { mac: None, ..self.clone() })
            .map_err(|error| unstorable("the ledger", &error))?;
        Ok(cipher.authenticate(&bytes))
    }

    /// Count and digest of a table.
    pub(super) fn tally(&self, table: Table) -> Tally {
        match table {
            Table::Records => Tally { count: self.meta.records, digest: self.meta.digest },
            Table::Intents => self.intents,
            Table::Runs => self.runs,
            Table::RunParts => self.run_parts,
        }
    }

    fn set_tally(&mut self, table: Table, tally: Tally) {
        match table {
            Table::Records => {
                self.meta.records = tally.count;
                self.meta.digest = tally.digest;
            }
            Table::Intents => self.intents = tally,
            Table::Runs => self.runs = tally,
            Table::RunParts => self.run_parts = tally,
        }
    }

    /// Its stored form.
    pub(super) fn encode(&self) -> Result<Encoded, StateError> {
        encode(keys::LEDGER, self, "the ledger")
    }

    /// The ledger after these writes, and what has to be written for it (the ledger included).
    /// `stored` has the digests of what is stored now under the keys of these writes.
    pub(super) fn after(
        &self,
        place: &str,
        writes: &[Write],
        stored: &BTreeMap<Vec<u8>, Digest>,
        cipher: Option<&Cipher>,
    ) -> Result<(Self, Changes), StateError> {
        let mut next = self.clone();
        next.meta.format = FORMAT;
        let mut changes = Changes::new();
        let mut touched = false;
        for write in writes {
            match write {
                Write::Budget(note) => {
                    next.meta.budget = Some(*note);
                    continue;
                }
                Write::Api(api) => {
                    touched |= next.meta.api.as_ref() != Some(api);
                    next.meta.api = Some(api.clone());
                    continue;
                }
                Write::Restore { lineage, serial, created_at, api } => {
                    if next.meta.records > 0 || next.intents.count > 0 {
                        return Err(StateError::NotEmpty {
                            place: place.to_owned(),
                            records: next.meta.records,
                            intents: next.intents.count,
                        });
                    }
                    next.meta.lineage = *lineage;
                    next.meta.serial = next.meta.serial.max(*serial);
                    next.meta.created_at = *created_at;
                    next.meta.api = api.clone();
                    touched = true;
                    continue;
                }
                Write::Put(_)
                | Write::Remove(_)
                | Write::Intend(_)
                | Write::Settle(_)
                | Write::Run(_)
                | Write::RunPart(_) => {}
            }
            let Some((table, key)) = keys::at(write) else { continue };
            let value = match write {
                Write::Put(record) => Some(
                    codec::encode_record(&key, record).map_err(|e| unstorable("a record", &e))?,
                ),
                Write::Intend(intent) => Some(encode(&key, intent, "an intent")?),
                Write::Run(run) => Some(encode(&key, run, "a run")?),
                Write::RunPart(part) => Some(encode(&key, part, "a part of a run")?),
                Write::Remove(_)
                | Write::Settle(_)
                | Write::Budget(_)
                | Write::Api(_)
                | Write::Restore { .. } => None,
            };
            touched |= matches!(table, Table::Records | Table::Intents);
            let before = match changes.get(&key) {
                Some(change) => change.as_ref().map(|value| value.digest),
                None => stored.get(&key).copied(),
            };
            let mut tally = next.tally(table);
            if let Some(digest) = before {
                tally.remove(digest);
            }
            if let Some(value) = &value {
                tally.add(value.digest);
            }
            next.set_tally(table, tally);
            changes.insert(key, value);
        }
        if touched {
            next.meta.serial = next.meta.serial.saturating_add(1);
        }
        next.sequence = next.sequence.saturating_add(1);
        let next = next.authenticated(cipher)?;
        changes.insert(keys::LEDGER.to_vec(), Some(next.encode()?));
        Ok((next, changes))
    }
}

fn encode<T: Serialize>(key: &[u8], value: &T, what: &'static str) -> Result<Encoded, StateError> {
    codec::encode(key, value).map_err(|error| unstorable(what, &error))
}

fn unstorable(what: &'static str, error: &serde_json::Error) -> StateError {
    StateError::Unstorable { what, why: error.to_string() }
}
