//! The effect of a commit on a state, as a pure function: every store shares it, so that count,
//! digest and serial mean the same everywhere.

use std::collections::BTreeMap;

use super::{
    Digest, Meta, StateError, Write,
    approvals::Effect,
    cipher::Cipher,
    codec,
    header::StateHeader,
    keys::{self, Table},
    kv::Changes,
};

/// What the writes of a commit change beside what they name.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// In the index of message ids.
    pub(super) ids: Changes,
    /// In the approvals.
    pub(super) approvals: Effect,
}

/// The header after these writes, and everything that has to be written for it (the header included).
/// `stored` has the digests of the values that are stored now under the keys of these writes, and of `beside`.
pub(super) fn apply(
    header: &StateHeader,
    location: &str,
    writes: &[Write],
    beside: Beside,
    stored: &BTreeMap<Vec<u8>, Digest>,
    cipher: Option<&Cipher>,
) -> Result<(StateHeader, Changes), StateError> {
    let mut next = header.clone();
    let mut changes = Changes::new();
    let mut touched = false;
    for write in writes {
        let at = keys::at(write);
        let key = at.as_ref().map_or(&[][..], |(_, key)| key);
        let value = match write {
            Write::Put(record) => {
                let value = codec::encode_record(key, record);
                Some(value.map_err(StateError::unstorable("a record"))?)
            }
            Write::Intend(intent) => Some(encode(key, intent, "an intent")?),
            Write::Run(run) => {
                next.meta.last_run = next.meta.last_run.max(run.number);
                if let Some(files) = &run.files {
                    next.meta.files.note(files, run.number, run.command == "run");
                }
                Some(encode(key, run, "a run")?)
            }
            Write::RunPart(part) => Some(encode(key, part, "a part of a run")?),
            Write::Remove(_) | Write::Settle(_) => None,
            // They are pages already: see below.
            Write::Approve(_) | Write::Withdraw(_) => continue,
            Write::Budget(note) => {
                next.meta.budget = Some(*note);
                continue;
            }
            Write::ForgetBudget => {
                next.meta.budget = None;
                continue;
            }
            Write::Api(api) => {
                touched |= next.meta.api.as_ref() != Some(api);
                // The budget is that of the API.
                if next.meta.api.as_ref().is_some_and(|before| before != api) {
                    next.meta.budget = None;
                }
                next.meta.api = Some(api.clone());
                continue;
            }
            Write::Secrets(secrets) => {
                touched |= next.meta.secrets != *secrets;
                next.meta.secrets.clone_from(secrets);
                continue;
            }
            Write::Restore { lineage, serial, created_at, api, secrets } => {
                let Meta { records, approvals, .. } = next.meta;
                if records > 0 || approvals > 0 || next.intents.count > 0 {
                    return Err(StateError::NotEmpty {
                        location: location.to_owned(),
                        records,
                        intents: next.intents.count,
                        approvals,
                    });
                }
                next.meta.lineage = *lineage;
                next.meta.serial = next.meta.serial.max(*serial);
                next.meta.created_at = *created_at;
                next.meta.api = api.clone();
                next.meta.secrets.clone_from(secrets);
                touched = true;
                continue;
            }
        };
        let Some((table, key)) = at else { continue };
        touched |= matches!(table, Table::Records | Table::Intents);
        put(&mut next, &mut changes, stored, table, key, value);
    }
    for (key, value) in beside.ids {
        put(&mut next, &mut changes, stored, Table::Ids, key, value);
    }
    let Effect { changes: pages, added, removed } = beside.approvals;
    touched |= !pages.is_empty();
    next.meta.approvals = next.meta.approvals.wrapping_add(added).wrapping_sub(removed);
    for (key, value) in pages {
        put(&mut next, &mut changes, stored, Table::Approvals, key, value);
    }
    if touched {
        next.meta.serial = next.meta.serial.saturating_add(1);
    }
    next.sequence = next.sequence.saturating_add(1);
    let next = next.authenticated(cipher)?;
    changes.extend(next.alone()?);
    Ok((next, changes))
}

/// Adds one change, and counts it.
fn put(
    header: &mut StateHeader,
    changes: &mut Changes,
    stored: &BTreeMap<Vec<u8>, Digest>,
    table: Table,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
) {
    let before = match changes.get(&key) {
        Some(change) => change.as_deref().map(codec::digest),
        None => stored.get(&key).copied(),
    };
    let mut tally = header.tally(table);
    if let Some(digest) = before {
        tally.remove(digest);
    }
    if let Some(value) = &value {
        tally.add(codec::digest(value));
    }
    header.set_tally(table, tally);
    changes.insert(key, value);
}

fn encode<T: serde::Serialize>(
    key: &[u8],
    value: &T,
    what: &'static str,
) -> Result<Vec<u8>, StateError> {
    codec::encode(key, value).map_err(StateError::unstorable(what))
}
