//! Outcomes of creates that the state could not record: they wait in a file until it can.
//!
//! A message was created, or certainly was not, and the connection to the state was lost before the commit.
//! The intent is in the state, so nothing is sent again. The outcome is written to a file of this machine, and
//! the next run that holds the lock records it.

use std::{
    collections::HashMap,
    fs,
    io::{self, BufRead, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{StateError, StateKey, Store, Write, export, private_file};
use crate::{
    files,
    model::{Address, Intent, Record},
};

/// The most bytes of a file. It has one line for each request that was under way.
const MAX_BYTES: u64 = 256 << 20;

/// The outcome of one create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnrecordedOutcome {
    /// The state's lineage.
    pub lineage: Uuid,
    /// The run that noted the intent.
    pub run: Uuid,
    /// The outcome.
    pub create: CreateOutcome,
}

/// Whether the message exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateOutcome {
    /// The message exists.
    Sent(Box<Record>),
    /// It certainly took no effect.
    NotSent(Address),
}

impl UnrecordedOutcome {
    /// The delivery.
    pub fn address(&self) -> &Address {
        match &self.create {
            CreateOutcome::Sent(record) => &record.address,
            CreateOutcome::NotSent(address) => address,
        }
    }
}

/// The outcomes that wait for one state, and their file.
#[derive(Debug)]
pub struct UnrecordedOutcomes {
    file: PathBuf,
    lineage: Uuid,
    outcomes: Vec<UnrecordedOutcome>,
}

impl UnrecordedOutcomes {
    /// The file in `folder` for the state of this lineage.
    pub fn file(folder: &Path, lineage: Uuid) -> PathBuf {
        folder.join(format!("unrecorded-{lineage}.jsonl"))
    }

    /// Reads what waits in `folder` for the state of this lineage; nothing if there is no file.
    ///
    /// # Errors
    ///
    /// [`StateError::Unrecorded`] if the file is not as it was written: of another state, or not encrypted
    /// although there is a key. [`StateError::Io`] if it cannot be read.
    pub fn load(folder: &Path, lineage: Uuid, key: Option<&StateKey>) -> Result<Self, StateError> {
        let file = Self::file(folder, lineage);
        let mut bytes = Vec::new();
        let read =
            files::open(&file).and_then(|opened| opened.take(MAX_BYTES).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::io("read", file)(error));
            }
            _ => {}
        }
        let outcomes = parse(&bytes, lineage, key)
            .map_err(|why| StateError::Unrecorded { file: file.clone(), why })?;
        Ok(Self { file, lineage, outcomes })
    }

    /// Adds an outcome durably to those that wait in `folder`, encrypted if there is a key. Answers with the
    /// file.
    ///
    /// # Errors
    ///
    /// Those of [`Self::load`], and if the file cannot be written. What was in it stays then.
    pub fn append(
        folder: &Path,
        outcome: &UnrecordedOutcome,
        key: Option<&StateKey>,
    ) -> Result<PathBuf, StateError> {
        private_file::create_folder(folder)?;
        let mut all = Self::load(folder, outcome.lineage, key)?;
        if !all.outcomes.contains(outcome) {
            all.outcomes.push(outcome.clone());
        }
        all.write(key)?;
        Ok(all.file)
    }

    fn write(&self, key: Option<&StateKey>) -> Result<(), StateError> {
        let mut bytes = Vec::new();
        let write = |out: &mut dyn io::Write| {
            self.outcomes.iter().try_for_each(|one| {
                serde_json::to_writer(&mut *out, one)?;
                out.write_all(b"\n")
            })
        };
        match key {
            None => write(&mut bytes),
            Some(key) => write(&mut export::Sealer::new(&mut bytes, key)?),
        }
        .map_err(StateError::io("write", &self.file))?;
        private_file::replace(&self.file, &bytes)
    }

    /// Records them in the store, which is open for writing, and removes the file. Only an outcome whose
    /// intent is still there counts: of the same run, for a message of the same kind. A delivery whose message is
    /// that of another one stays unknown. A message that was sent although another run has decided otherwise
    /// meanwhile stays in the file.
    ///
    /// # Errors
    ///
    /// Those of the store, and of removing or writing the file.
    pub async fn replay(
        self,
        store: &dyn Store,
        key: Option<&StateKey>,
    ) -> Result<Replayed, StateError> {
        let Self { file, lineage, outcomes } = self;
        if store.meta().await?.lineage != lineage {
            let why = "they are of another state".to_owned();
            return Err(StateError::Unrecorded { file, why });
        }
        let mut left = Vec::new();
        let intents = store.intents().await?;
        let mut writes = Vec::new();
        let mut settled = 0;
        let mut ids = HashMap::new();
        for one in &outcomes {
            // Without its intent it was recorded after all, or resolved by hand.
            let intent = intents
                .iter()
                .find(|intent| intent.address == *one.address() && intent.run == one.run);
            match (&one.create, intent) {
                // Of one that was to be sent again, the message before may be there.
                (CreateOutcome::NotSent(_), Some(intent)) if intent.again == 0 => {}
                (CreateOutcome::NotSent(_), _) => continue,
                (CreateOutcome::Sent(record), Some(intent)) if record.kind == intent.kind => {
                    let holder = match ids.get(&record.id) {
                        Some(&address) => Some(Address::clone(address)),
                        None => store.address_of(&record.id).await?,
                    };
                    let why = match holder.filter(|holder| *holder != record.address) {
                        Some(holder) => Some(format!("is that of {} already", holder.masked())),
                        None => record.id.check().err().map(|error| error.to_string()),
                    };
                    if let Some(why) = why {
                        let trouble = Some(format!("answered, but message {} {why}", record.id));
                        writes.push(Write::Intend(Box::new(Intent { trouble, ..intent.clone() })));
                        continue;
                    }
                    ids.insert(&record.id, &record.address);
                    writes.push(Write::Put(record.clone()));
                }
                (CreateOutcome::Sent(record), _) => {
                    if !knows(store, record).await? {
                        left.push(one.clone());
                    }
                    continue;
                }
            }
            writes.push(Write::Settle(one.address().clone()));
            settled += 1;
        }
        if !writes.is_empty() {
            store.commit(writes).await?;
        }
        if !left.is_empty() {
            let left = Self { file, lineage, outcomes: left };
            if left.outcomes != outcomes {
                left.write(key)?;
            }
            return Ok(Replayed { settled, left });
        }
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("remove", file)(error))
            }
            _ => Ok(Replayed { settled, left: Self { file, lineage, outcomes: left } }),
        }
    }

    /// The messages that exist and that the state does not know.
    pub fn sent(&self) -> impl Iterator<Item = &Record> {
        self.outcomes.iter().filter_map(|one| match &one.create {
            CreateOutcome::Sent(record) => Some(&**record),
            CreateOutcome::NotSent(_) => None,
        })
    }

    /// Their file.
    pub fn path(&self) -> &Path {
        &self.file
    }
}

/// What became of the outcomes that waited.
#[derive(Debug)]
pub struct Replayed {
    /// How many deliveries are not unknown any more.
    pub settled: u64,
    /// Messages that exist, and that the state cannot take: another run had its lock, and decided that they were not
    /// sent, or has sent others. They stay in their file.
    pub left: UnrecordedOutcomes,
}

/// Whether the state has this message under its address.
async fn knows(store: &dyn Store, record: &Record) -> Result<bool, StateError> {
    let known = store.record(&record.address).await?;
    Ok(known.is_some_and(|known| {
        known.id == record.id || known.superseded.is_some_and(|old| old.id == record.id)
    }))
}

fn parse(
    bytes: &[u8],
    lineage: Uuid,
    key: Option<&StateKey>,
) -> Result<Vec<UnrecordedOutcome>, String> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if key.is_some() && !export::is_sealed(bytes) {
        return Err("they are not encrypted, and the state has a key: this was not written for it"
            .to_owned());
    }
    let lines = export::opened(Box::new(bytes), key).map_err(|error| match error {
        StateError::Encrypted { .. } => "they are encrypted: set PUSHSYNC_STATE_KEY".to_owned(),
        StateError::WrongKey { .. } => "they are encrypted under another key".to_owned(),
        StateError::BadExport { line, .. } => format!("line {line} is not as it was written"),
        error => error.to_string(),
    })?;
    let mut outcomes = Vec::new();
    for (at, line) in lines.lines().enumerate() {
        // The parser's own words could quote a visitor's id.
        let outcome = line.ok().and_then(|line| serde_json::from_str(&line).ok());
        match outcome {
            Some(UnrecordedOutcome { lineage: of, .. }) if of != lineage => {
                return Err(format!("line {} is of another state", at + 1));
            }
            Some(outcome) => outcomes.push(outcome),
            None => return Err(format!("line {} is not as it was written", at + 1)),
        }
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        model::{Content, Kind, Sender},
        state::MemoryStore,
    };

    #[tokio::test]
    async fn a_create_that_was_not_sent_again_leaves_the_one_before_unknown() {
        let now = Timestamp::UNIX_EPOCH;
        for (again, left) in [(0, 0), (1, 1)] {
            let (folder, run) = (tempfile::tempdir().expect("a folder"), Uuid::from_u128(7));
            let store = MemoryStore::new("default", Uuid::nil(), now).expect("an empty state");
            let address = Address::parse("note@adaMvWhf8npAu3H6qd57w2Hv6nh6rnxvg").expect("one");
            let intent = Intent {
                address: address.clone(),
                kind: Kind::Pushed,
                content: Content { text: "hi".into(), from: Sender::Random },
                protect: false,
                at: now,
                run,
                again,
                trouble: None,
                request_id: None,
            };
            store.commit(vec![Write::Intend(Box::new(intent))]).await.expect("recorded");
            let create = CreateOutcome::NotSent(address);
            let outcome = UnrecordedOutcome { lineage: Uuid::nil(), run, create };
            UnrecordedOutcomes::append(folder.path(), &outcome, None).expect("written");
            let waiting = UnrecordedOutcomes::load(folder.path(), Uuid::nil(), None).expect("read");
            waiting.replay(&store, None).await.expect("recorded");
            assert_eq!(store.intents().await.expect("read").len(), left);
        }
    }
}
