//! Older snapshots: which there are, and how one becomes the current state again.

use jiff::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    chain::{self, Chain, Map, pairs},
    compact::{self, Of},
    config::Bucket,
    frame::{self, SegmentHeader, SnapshotHeader},
    head::{HEAD, Head, Last, SEGMENTS, SNAPSHOTS, segment_name, sequence_in},
    lock::{self, Clock, Lock},
    objects::{Objects, Put},
    store::runtime,
};
use crate::state::{
    Meta, OpenOptions, StateError,
    cipher::Cipher,
    codec::{self, FORMAT},
    header::StateHeader,
    keys,
};

/// A longer line is no header.
const LONGEST_HEADER: u64 = 4096;

/// A state as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, for [`super::restore`].
    pub name: String,
    /// When it was written, by the server's clock.
    pub at: Timestamp,
    /// The number of the last commit in it.
    pub sequence: u64,
    /// See [`Meta::serial`].
    pub serial: u64,
    /// How many records it has.
    pub records: u64,
}

/// See [`super::snapshots`].
pub(super) async fn list(objects: &Objects) -> Result<Vec<Snapshot>, StateError> {
    let mut asked = JoinSet::new();
    for listed in objects.list(SNAPSHOTS, "").await? {
        if sequence_in(&listed.name).is_none() {
            continue;
        }
        let objects = objects.clone();
        asked.spawn(async move {
            let start = objects.start_of(&listed.name, LONGEST_HEADER).await;
            (listed, start)
        });
    }
    let mut found = Vec::new();
    while let Some(answer) = asked.join_next().await {
        let (listed, start) =
            answer.map_err(|_| objects.unavailable("reading it ended early: run again"))?;
        let Some(start) = start? else { continue };
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // One that is damaged or newer is no choice.
        let Ok(Some(header)) = frame::header::<SnapshotHeader>(line, objects.place()) else {
            continue;
        };
        let SnapshotHeader { sequence, serial, records, .. } = header;
        let name = listed.name.trim_start_matches(SNAPSHOTS).to_owned();
        found.push(Snapshot { name, at: listed.written, sequence, serial, records });
    }
    found.sort_by(|a, b| (b.sequence, &b.name).cmp(&(a.sequence, &a.name)));
    Ok(found)
}

/// See [`super::restore`].
pub(super) fn restore(
    bucket: &Bucket,
    options: &OpenOptions,
    name: &str,
) -> Result<Meta, StateError> {
    let place = bucket.place()?;
    let objects = bucket.objects(&options.environment)?;
    runtime(&place)?.block_on(async {
        let (clock, limits) = (Clock::new(options.now), bucket.limits());
        let lock = lock::take(&objects, &options.holder, clock, limits.lease, options.lock_timeout)
            .await?;
        let restored = carry_out(&objects, options, name, &lock).await;
        let _runs_out = lock.release().await;
        restored
    })
}

async fn carry_out(
    objects: &Objects,
    options: &OpenOptions,
    name: &str,
    lock: &Lock,
) -> Result<Meta, StateError> {
    let (header, mut map) = read(objects, &options.environment, name).await?;
    let before = Before::find(objects, options, &header).await?;

    let mut ledger = ledger(objects.place(), &map)?;
    let cipher = match before.ledger {
        // The key is the same, whatever passphrase it was encrypted under.
        Some(_) => {
            ledger.check(objects.place(), before.cipher.as_ref())?;
            before.cipher
        }
        None => ledger.unlock(objects.place(), options.key.as_ref())?,
    };
    ledger.sequence = before.sequence + 1;
    ledger.meta.serial = before.serial.max(ledger.meta.serial).saturating_add(1);
    if let Some(now) = &before.ledger {
        // A passphrase that was changed since does not come back.
        ledger.wrapped = now.wrapped.clone();
        ledger.meta.budget = now.meta.budget;
    }
    let ledger = ledger.authenticated(cipher.as_ref())?;
    map.insert(keys::HEADER.to_vec(), ledger.encode()?);

    let of = Of { environment: &header.environment, origin: header.origin };
    // What is there now can be brought back in its turn.
    if let Some((chain, now)) = before.chain.as_ref().zip(before.ledger.as_ref())
        && chain.segments > 0
    {
        compact::snapshot(objects, of, now, &chain.segment, &chain.map).await?;
    }
    // A commit like any other, but of everything: it follows whatever there was.
    let segment = SegmentHeader {
        format: FORMAT,
        environment: header.environment.clone(),
        origin: header.origin,
        sequence: ledger.sequence,
        previous: None,
        writer: Uuid::new_v4(),
    };
    let (bytes, sum) = frame::seal(&segment, pairs(&map))?;
    lock.check().await?;
    match objects.create(&segment_name(ledger.sequence), &bytes).await? {
        Put::Done { .. } => lock.was_ours().await?,
        Put::Refused(_) => return Err(others(objects)),
    }
    let (snapshot, _) = compact::snapshot(objects, of, &ledger, &sum, &map).await?;
    let last = Last { sequence: ledger.sequence, segment: sum };
    match before.head {
        Some((head, etag)) => {
            compact::advance(objects, head, etag, &last, Some(&snapshot)).await?;
        }
        None => {
            let SnapshotHeader { environment, origin, .. } = header;
            let head = Head { format: FORMAT, environment, origin, snapshot, last };
            put_head(objects, &head).await?;
        }
    }
    Ok(ledger.meta)
}

fn others(objects: &Objects) -> StateError {
    objects.unavailable("somebody else writes to it: run again")
}

/// The head is missing or damaged, and becomes this one.
async fn put_head(objects: &Objects, head: &Head) -> Result<(), StateError> {
    let bytes = head.encode()?;
    let put = match objects.get(HEAD).await? {
        None => objects.create(HEAD, &bytes).await?,
        Some(damaged) => objects.replace(HEAD, &bytes, &damaged.etag).await?,
    };
    match put {
        Put::Done { .. } => Ok(()),
        Put::Refused(_) => Err(others(objects)),
    }
}

/// A snapshot, whole and of this environment.
async fn read(
    objects: &Objects,
    environment: &str,
    name: &str,
) -> Result<(SnapshotHeader, Map), StateError> {
    let place = objects.place();
    let full = format!("{SNAPSHOTS}{name}");
    let none = || StateError::NoSnapshot { location: place.to_owned(), name: name.to_owned() };
    sequence_in(&full).filter(|_| !name.contains('/')).ok_or_else(none)?;
    let found = objects.get(&full).await?.ok_or_else(none)?;
    let what = format!("its snapshot {name}");
    let opened = frame::open::<SnapshotHeader>(&found.bytes, place, &what)?;
    if opened.header.environment != environment {
        return Err(StateError::OtherEnvironment {
            location: place.to_owned(),
            found: opened.header.environment,
            wanted: environment.to_owned(),
        });
    }
    let pairs =
        opened.pairs.iter().filter_map(|(key, value)| Some((key.to_vec(), (*value)?.to_vec())));
    Ok((opened.header.clone(), pairs.collect()))
}

fn ledger(place: &str, map: &Map) -> Result<StateHeader, StateError> {
    let bad = || StateError::damaged(place, "the ledger of a snapshot cannot be read");
    let bytes = map.get(keys::HEADER).ok_or_else(bad)?;
    Ok(codec::decode(keys::HEADER, bytes).map_err(|_| bad())?.0)
}

/// What there is, as far as it can be read.
struct Before {
    /// None if it is to be made anew.
    head: Option<(Head, String)>,
    /// None if it is damaged.
    chain: Option<Chain>,
    ledger: Option<StateHeader>,
    /// What it is encrypted with.
    cipher: Option<Cipher>,
    /// The highest number that a commit has, and what the serial cannot be above.
    sequence: u64,
    serial: u64,
}

impl Before {
    async fn find(
        objects: &Objects,
        options: &OpenOptions,
        header: &SnapshotHeader,
    ) -> Result<Self, StateError> {
        match chain::load(objects, &options.environment).await {
            Ok(Some(chain)) if chain.head.origin == header.origin => {
                let ledger = ledger(objects.place(), &chain.map)?;
                let cipher = match ledger.unlock(objects.place(), options.key.as_ref()) {
                    Ok(cipher) => cipher,
                    Err(StateError::Damaged { .. }) => return Self::damaged(objects, header).await,
                    Err(error) => return Err(error),
                };
                Ok(Self {
                    head: Some((chain.head.clone(), chain.etag.clone())),
                    sequence: chain.sequence,
                    serial: ledger.meta.serial,
                    ledger: Some(ledger),
                    cipher,
                    chain: Some(chain),
                })
            }
            Ok(Some(_)) => {
                Err(StateError::damaged(objects.place(), "the snapshot is of another state"))
            }
            Ok(None) | Err(StateError::Damaged { .. }) => Self::damaged(objects, header).await,
            Err(error) => Err(error),
        }
    }

    /// Of a damaged state only the numbers count: none is used again.
    async fn damaged(objects: &Objects, header: &SnapshotHeader) -> Result<Self, StateError> {
        let head = match objects.get(HEAD).await? {
            Some(found) => Head::decode(&found.bytes, objects.place())
                .ok()
                .filter(|head| head.origin == header.origin)
                .map(|head| (head, found.etag)),
            None => None,
        };
        let mut sequence = header.sequence;
        for folder in [SEGMENTS, SNAPSHOTS] {
            let listed = objects.list(folder, "").await?;
            let highest = listed.iter().filter_map(|object| sequence_in(&object.name)).max();
            sequence = sequence.max(highest.unwrap_or(0));
        }
        if let Some((head, _)) = &head {
            sequence = sequence.max(head.last.sequence);
        }
        let newest = list(objects).await?.into_iter().next();
        let (from, serial) = newest
            .map_or((header.sequence, header.serial), |newest| (newest.sequence, newest.serial));
        // A commit raises the serial by one at most.
        let serial = serial.saturating_add(sequence.saturating_sub(from));
        Ok(Self { head, chain: None, ledger: None, cipher: None, sequence, serial })
    }
}
