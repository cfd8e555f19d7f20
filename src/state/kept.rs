//! Outcomes that the state could not record: kept in a file of this machine until it can.
//!
//! A message was created, or certainly was not, and the connection to the state was lost before
//! that could be committed. The intent is there, so nothing is sent again; what is known beside
//! it is kept here, and the next run hands it in.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Record, StateError, StateKey, Store, Write, export, private_file};
use crate::model::Address;

/// What became of a create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The state's lineage.
    pub lineage: Uuid,
    /// The run that noted the intent.
    pub run: Uuid,
    /// What became of it.
    pub outcome: Outcome,
}

/// See [`Kept`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The message exists.
    Sent(Box<Record>),
    /// It certainly took no effect.
    NotSent(Address),
}

impl Kept {
    /// The delivery.
    pub fn address(&self) -> &Address {
        match &self.outcome {
            Outcome::Sent(record) => &record.address,
            Outcome::NotSent(address) => address,
        }
    }
}

/// Where the outcomes of an environment are kept, beside its state or what stands for it here.
pub fn file(folder: &Path, environment: &str) -> PathBuf {
    // ':' is in the names of the sandbox's environments, and not in file names everywhere.
    folder.join(format!("unrecorded-{}.jsonl", environment.replace(':', "+")))
}

/// Writes them all, durably, in place of what the file had; encrypted, if there is a key.
///
/// # Errors
///
/// If the file cannot be written.
pub fn keep(file: &Path, all: &[Kept], key: Option<&StateKey>) -> Result<(), StateError> {
    let mut bytes = Vec::new();
    let write = |out: &mut dyn io::Write| {
        all.iter().try_for_each(|one| {
            serde_json::to_writer(&mut *out, one)?;
            out.write_all(b"\n")
        })
    };
    match key {
        None => write(&mut bytes),
        Some(key) => write(&mut export::Sealer::new(&mut bytes, key)?),
    }
    .map_err(StateError::io("write", file))?;
    if let Some(folder) = file.parent() {
        private_file::create_folder(folder)?;
    }
    private_file::replace(file, &bytes)
}

/// What the file has; nothing if there is none.
///
/// # Errors
///
/// If it cannot be read, or is not what was written.
pub fn kept(file: &Path, key: Option<&StateKey>) -> Result<Vec<Kept>, StateError> {
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StateError::io("read", file)(error)),
    };
    let lines = export::opened(Box::new(BufReader::new(opened)), key)?.lines();
    let read = |line: io::Result<String>| {
        // The parser's own words could quote a visitor's id.
        let bad = |_| io::Error::new(io::ErrorKind::InvalidData, "a line is not what was written");
        serde_json::from_str(&line?).map_err(bad)
    };
    lines.map(read).collect::<Result<_, io::Error>>().map_err(StateError::io("read", file))
}

/// Records what is kept for this state, where its intent is still there, and removes the file.
/// Answers with how many deliveries are not unknown any more.
///
/// # Errors
///
/// Those of the store, and of reading or removing the file.
pub async fn hand_in(
    store: &dyn Store,
    file: &Path,
    key: Option<&StateKey>,
) -> Result<u64, StateError> {
    let kept = kept(file, key)?;
    if kept.is_empty() {
        return Ok(0);
    }
    let lineage = store.meta().await?.lineage;
    let intents = store.intents().await?;
    let mut writes = Vec::new();
    let mut settled = 0;
    for one in kept.iter().filter(|one| one.lineage == lineage) {
        // Without its intent it was recorded after all, or somebody has decided.
        let open =
            |intent: &&super::Intent| intent.address == *one.address() && intent.run == one.run;
        if intents.iter().find(open).is_none() {
            continue;
        }
        settled += 1;
        writes.push(Write::Settle(one.address().clone()));
        if let Outcome::Sent(record) = &one.outcome {
            writes.push(Write::Put(record.clone()));
        }
    }
    store.commit(writes).await?;
    // Those of another state stay.
    let others: Vec<Kept> = kept.into_iter().filter(|one| one.lineage != lineage).collect();
    if others.is_empty() {
        fs::remove_file(file).map_err(StateError::io("remove", file))?;
    } else {
        keep(file, &others, key)?;
    }
    Ok(settled)
}
