//! Older snapshots: which there are, and how one becomes the current state again.

use jiff::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    backing::{pairs, segment},
    chain::{self, Chain, Map},
    compact,
    config::Bucket,
    frame::{self, SnapshotHeader},
    head::{HEAD, Head, Last, SEGMENTS, SNAPSHOTS, segment_name, sequence_in},
    lock::{self, Clock, Lock},
    objects::{Objects, Put},
    store::runtime,
};
use crate::state::{
    Meta, OpenOptions, StateError, codec, keys,
    ledger::{FORMAT, Ledger},
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
    let (header, map) = read(objects, &options.environment, name).await?;
    let before = Before::find(objects, options, &header).await?;

    let mut map = map;
    let mut ledger = ledger(objects.place(), &map)?;
    ledger.sequence = before.sequence + 1;
    ledger.meta.serial = before.serial.max(ledger.meta.serial).saturating_add(1);
    map.insert(keys::LEDGER.to_vec(), ledger.encode()?.bytes);

    // What is there now can be brought back in its turn.
    if let Some(chain) = &before.chain
        && chain.segments > 0
    {
        let now = self::ledger(objects.place(), &chain.map)?;
        compact::snapshot(objects, &chain.head, &now, &chain.segment, &chain.map).await?;
    }
    // A commit like any other, but of everything: it follows whatever there was.
    let (bytes, sum) = segment(&before.head, ledger.sequence, None, Uuid::new_v4(), pairs(&map))?;
    lock.check().await?;
    match objects.create(&segment_name(ledger.sequence), &bytes).await? {
        Put::Done { .. } => lock.was_ours().await?,
        Put::Refused(_) => {
            return Err(objects.unavailable("somebody else writes to it: run again"));
        }
    }
    let (base, _) = compact::snapshot(objects, &before.head, &ledger, &sum, &map).await?;
    let last = Last { sequence: ledger.sequence, segment: sum };
    match before.etag {
        Some(etag) => {
            compact::advance(objects, before.head, etag, &last, Some(&base)).await?;
        }
        None => {
            let head = Head { snapshot: Some(base), last, ..before.head };
            put_head(objects, &head).await?;
        }
    }
    Ok(ledger.meta)
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
        Put::Refused(_) => Err(objects.unavailable("somebody else writes to it: run again")),
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
    let none = || StateError::NoSnapshot { place: place.to_owned(), name: name.to_owned() };
    sequence_in(&full).filter(|_| !name.contains('/')).ok_or_else(none)?;
    let found = objects.get(&full).await?.ok_or_else(none)?;
    let what = format!("its snapshot {name}");
    let opened = frame::open::<SnapshotHeader>(&found.bytes, place, &what)?;
    if opened.header.environment != environment {
        return Err(StateError::OtherEnvironment {
            place: place.to_owned(),
            found: opened.header.environment,
            wanted: environment.to_owned(),
        });
    }
    let pairs =
        opened.pairs.iter().filter_map(|(key, value)| Some((key.to_vec(), (*value)?.to_vec())));
    Ok((opened.header.clone(), pairs.collect()))
}

fn ledger(place: &str, map: &Map) -> Result<Ledger, StateError> {
    let bad = || StateError::damaged(place, "the ledger of a snapshot cannot be read");
    let bytes = map.get(keys::LEDGER).ok_or_else(bad)?;
    Ok(codec::decode(keys::LEDGER, bytes).map_err(|_| bad())?.0)
}

/// What there is, as far as it can be read.
struct Before {
    head: Head,
    /// None if the head is to be made anew.
    etag: Option<String>,
    /// None if it is damaged.
    chain: Option<Chain>,
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
                let serial = ledger(objects.place(), &chain.map)?.meta.serial;
                Ok(Self {
                    head: chain.head.clone(),
                    etag: Some(chain.etag.clone()),
                    sequence: chain.sequence,
                    serial,
                    chain: Some(chain),
                })
            }
            Ok(Some(_)) => {
                let what = "the snapshot is of another state";
                Err(StateError::damaged(objects.place(), what))
            }
            Ok(None) | Err(StateError::Damaged { .. }) => Self::damaged(objects, header).await,
            Err(error) => Err(error),
        }
    }

    /// Of a damaged state only the numbers count: none is used again.
    async fn damaged(objects: &Objects, header: &SnapshotHeader) -> Result<Self, StateError> {
        let found = match objects.get(HEAD).await? {
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
        let newest = list(objects).await?.into_iter().next();
        let (from, serial) = newest
            .map_or((header.sequence, header.serial), |newest| (newest.sequence, newest.serial));
        if let Some((head, _)) = &found {
            sequence = sequence.max(head.last.sequence);
        }
        // A commit raises the serial by one at most.
        let serial = serial.saturating_add(sequence.saturating_sub(from));
        let (head, etag) = match found {
            Some((head, etag)) => (head, Some(etag)),
            None => {
                let head = Head {
                    format: FORMAT,
                    snapshot: None,
                    ..Head::new(&header.environment, header.origin, Timestamp::UNIX_EPOCH)
                };
                (head, None)
            }
        };
        Ok(Self { head, etag, chain: None, sequence, serial })
    }
}
