//! Makes an older snapshot the current state again.

use uuid::Uuid;

use super::{
    checkpoint::{Checkpoint, LastCommit, StoredCheckpoint},
    config::Limits,
    layout::{
        CHECKPOINT, SEGMENTS, SNAPSHOTS, SegmentHeader, SnapshotHeader, segment_name, sequence_in,
    },
    load::{self, LoadedState},
    lock::Lock,
    objects::{Object, Objects, Put},
    snapshot::{self, DecodedSnapshot, pairs},
};
use crate::state::{
    Meta, OpenOptions, StateError,
    cipher::Cipher,
    codec::FORMAT,
    frame,
    header::{StateHeader, Tally},
    keys::{self, Table},
    memory::MemoryKv,
};

/// A state that was brought back.
#[derive(Debug)]
pub struct Restored {
    /// What it says of itself now.
    pub meta: Meta,
    /// How many approvals the snapshot had: none of them came back.
    pub approvals: u64,
}

/// See [`super::restore`].
pub(super) async fn restore_snapshot(
    objects: &Objects,
    limits: &Limits,
    options: &OpenOptions,
    name: &str,
) -> Result<Restored, StateError> {
    let OpenOptions { holder, lock_timeout, .. } = options;
    let lock = Lock::take(objects, holder, limits.lease, *lock_timeout).await?;
    let restored = restore_locked(objects, options, name, &lock).await;
    let _runs_out = lock.release().await;
    restored
}

async fn restore_locked(
    objects: &Objects,
    options: &OpenOptions,
    name: &str,
    lock: &Lock,
) -> Result<Restored, StateError> {
    let location = objects.location();
    let DecodedSnapshot { header: of, mut bytes, .. } = read(objects, options, name).await?;
    let current = CurrentState::read(objects, options, &of).await?;

    let mut header = stored_header(&bytes, location, options)?;
    let unlocked;
    let cipher = match &current.loaded {
        // The state's key is the same, whatever the passphrase was at the time.
        Some(loaded) => {
            header.check(location, loaded.cipher.as_ref())?;
            // A passphrase that was changed since does not come back.
            header.wrapped = loaded.header.wrapped.clone();
            header.meta.budget = loaded.header.meta.budget;
            loaded.cipher.as_ref()
        }
        None => {
            unlocked = header.unlock(location, options.key.as_ref())?;
            unlocked.as_ref()
        }
    };
    let approvals = drop_approvals(&mut header, &mut bytes);
    header.sequence = current.sequence + 1;
    header.meta.serial = current.serial.max(header.meta.serial).saturating_add(1);
    let header = header.authenticated(cipher)?;
    bytes.0.insert(keys::HEADER.to_vec(), header.encode()?);

    // The current state can be brought back in its turn.
    if let Some(Loaded { state, header, .. }) = &current.loaded
        && state.segments > 0
    {
        snapshot::write(objects, of.origin, header, &state.last.segment, &state.bytes).await?;
    }
    // This commit has the whole state, so it follows any other.
    let segment_header = SegmentHeader {
        format: FORMAT,
        environment: of.environment.clone(),
        origin: of.origin,
        sequence: header.sequence,
        previous: None,
        writer: Uuid::new_v4(),
    };
    let (object, segment) = frame::seal(&segment_header, pairs(&bytes))?;
    lock.check().await?;
    match objects.create(&segment_name(header.sequence), &object).await? {
        Put::Done { .. } => lock.was_ours().await?,
        Put::Refused(_) => return Err(disturbed(objects)),
    }
    let snapshot = snapshot::write(objects, of.origin, &header, &segment, &bytes).await?;
    let last = LastCommit { sequence: header.sequence, segment };
    match current.checkpoint {
        Some(mut checkpoint) => checkpoint.advance(objects, &last, Some(&snapshot)).await?,
        None => {
            let SnapshotHeader { environment, origin, .. } = of;
            put(objects, &Checkpoint { format: FORMAT, environment, origin, snapshot, last })
                .await?;
        }
    }
    Ok(Restored { meta: header.meta, approvals })
}

/// Whatever was carried out since the snapshot is not in it: its approvals would send that again. Answers with their
/// number.
fn drop_approvals(header: &mut StateHeader, bytes: &mut MemoryKv) -> u64 {
    bytes.0.retain(|key, _| !Table::Approvals.holds(key));
    header.set_tally(Table::Approvals, Tally::default());
    std::mem::take(&mut header.meta.approvals)
}

fn disturbed(objects: &Objects) -> StateError {
    objects.unavailable("another process writes to it: run again")
}

/// Writes a checkpoint in the place of one that is missing or damaged.
async fn put(objects: &Objects, checkpoint: &Checkpoint) -> Result<(), StateError> {
    let bytes = checkpoint.encode()?;
    let put = match objects.get(CHECKPOINT).await? {
        None => objects.create(CHECKPOINT, &bytes).await?,
        Some(damaged) => objects.replace(CHECKPOINT, &bytes, &damaged.etag).await?,
    };
    match put {
        Put::Done { .. } => Ok(()),
        Put::Refused(_) => Err(disturbed(objects)),
    }
}

/// The snapshot of this name, which must be of this environment.
async fn read(
    objects: &Objects,
    options: &OpenOptions,
    name: &str,
) -> Result<DecodedSnapshot, StateError> {
    let location = objects.location();
    let object = format!("{SNAPSHOTS}{name}");
    let none = || StateError::NoSnapshot { location: location.to_owned(), name: name.to_owned() };
    sequence_in(&object).filter(|_| !name.contains('/')).ok_or_else(none)?;
    let found = objects.get(&object).await?.ok_or_else(none)?;
    let snapshot = snapshot::decode(&found.bytes, location, name)?;
    StateError::check_environment(location, &snapshot.header.environment, &options.environment)?;
    Ok(snapshot)
}

fn stored_header(
    bytes: &MemoryKv,
    location: &str,
    options: &OpenOptions,
) -> Result<StateHeader, StateError> {
    StateHeader::stored(bytes, location, &options.environment)?
        .ok_or_else(|| StateError::damaged(location, "its header is missing"))
}

/// The state that is replaced, as far as it can be read.
struct CurrentState {
    /// `None` if it is missing or damaged.
    checkpoint: Option<StoredCheckpoint>,
    loaded: Option<Loaded>,
    /// The highest number of a commit, and a serial that no commit exceeds.
    sequence: u64,
    serial: u64,
}

struct Loaded {
    state: LoadedState,
    header: StateHeader,
    cipher: Option<Cipher>,
}

impl CurrentState {
    async fn read(
        objects: &Objects,
        options: &OpenOptions,
        snapshot: &SnapshotHeader,
    ) -> Result<Self, StateError> {
        let state = match load::load(objects, &options.environment).await {
            Err(StateError::Damaged { .. }) => None,
            state => state?,
        };
        if state.as_ref().is_some_and(|s| s.checkpoint.content.origin != snapshot.origin) {
            let what = "the snapshot is of another state";
            return Err(StateError::damaged(objects.location(), what));
        }
        let loaded = state.map(|state| Loaded::new(state, objects.location(), options));
        let loaded = match loaded.transpose() {
            Err(StateError::Damaged { .. }) => None,
            loaded => loaded?,
        };
        if let Some(Loaded { state, header, .. }) = &loaded {
            return Ok(Self {
                checkpoint: Some(state.checkpoint.clone()),
                sequence: state.last.sequence,
                serial: header.meta.serial,
                loaded,
            });
        }
        // Of a damaged state only the numbers count: none may be used again.
        let decode = |found: Object| {
            let content = Checkpoint::decode(&found.bytes, objects.location()).ok()?;
            Some(StoredCheckpoint { content, etag: found.etag })
        };
        let checkpoint = objects.get(CHECKPOINT).await?.and_then(decode);
        let checkpoint = checkpoint.filter(|stored| stored.content.origin == snapshot.origin);
        let last = checkpoint.as_ref().map_or(0, |stored| stored.content.last.sequence);
        let mut sequence = snapshot.sequence.max(last);
        for folder in [SEGMENTS, SNAPSHOTS] {
            let listed = objects.list(folder, "").await?;
            let numbers = listed.iter().filter_map(|object| sequence_in(&object.name));
            sequence = numbers.fold(sequence, u64::max);
        }
        let newest = snapshot::list(objects).await?.into_iter().next();
        let (from, serial) = newest.map_or((snapshot.sequence, snapshot.serial), |newest| {
            (newest.sequence, newest.serial)
        });
        // A commit raises the serial by one at most.
        let serial = serial.saturating_add(sequence.saturating_sub(from));
        Ok(Self { checkpoint, loaded: None, sequence, serial })
    }
}

impl Loaded {
    fn new(state: LoadedState, location: &str, options: &OpenOptions) -> Result<Self, StateError> {
        let header = stored_header(&state.bytes, location, options)?;
        let cipher = header.unlock(location, options.key.as_ref())?;
        Ok(Self { state, header, cipher })
    }
}
