//! The lock, `lock.json`: who writes, and until when. It keeps writers from disturbing each other;
//! what must never happen is prevented by the numbers of the segments (see [`super`]).
//!
//! A lock that was given back stays as an object that says so. So both taking it and giving it back
//! are conditional puts, and neither can hit a lock that another process took meanwhile.

use std::{
    ops::Not,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinHandle, time::sleep};
use uuid::Uuid;

use super::{
    layout::LOCK,
    objects::{Object, Objects, Put},
};
use crate::state::{LockHolder, StateError};

/// How often a process that waits looks at the lock.
const POLL: Duration = Duration::from_millis(500);

/// The time on this machine: the time at which the state was opened, and how long ago that was.
#[derive(Debug, Clone, Copy)]
struct Clock {
    then: Timestamp,
    start: Instant,
}

impl Clock {
    fn now(&self) -> Timestamp {
        later(self.then, self.start.elapsed())
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The content of `lock.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Every process that takes the lock makes a new one.
    id: Uuid,
    holder: LockHolder,
    until: Timestamp,
    #[serde(default, skip_serializing_if = "Not::not")]
    released: bool,
}

impl Note {
    fn encode(&self) -> Result<Vec<u8>, StateError> {
        serde_json::to_vec_pretty(self).map_err(StateError::unstorable("the lock's note"))
    }

    fn decode(object: &Object) -> Option<Self> {
        serde_json::from_slice(&object.bytes).ok()
    }
}

/// A lock that a process has, or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLock {
    /// Its holder; unknown if the object cannot be read.
    pub holder: Option<LockHolder>,
    /// When it ends, unless the holder prolongs it.
    pub until: Option<Timestamp>,
}

impl HeldLock {
    fn new(note: Option<Note>) -> Self {
        let (holder, until) = note.map(|note| (note.holder, note.until)).unzip();
        Self { holder, until }
    }
}

/// The lock as it is now; `None` if nobody has it.
pub(super) async fn holder(objects: &Objects) -> Result<Option<HeldLock>, StateError> {
    let Some(found) = objects.get(LOCK).await? else { return Ok(None) };
    match Note::decode(&found) {
        Some(note) if note.released => Ok(None),
        note => Ok(Some(HeldLock::new(note))),
    }
}

/// Takes the lock from its holder, and gives it back.
pub(super) async fn break_it(objects: &Objects) -> Result<Option<HeldLock>, StateError> {
    loop {
        let Some(found) = objects.get(LOCK).await? else { return Ok(None) };
        let note = Note::decode(&found);
        if note.as_ref().is_some_and(|note| note.released) {
            return Ok(None);
        }
        let broken = HeldLock::new(note.clone());
        let bytes = match note {
            // With another id, its holder sees that it has lost it.
            Some(note) => Note { id: Uuid::new_v4(), released: true, ..note }.encode()?,
            None => br#"{"released":true}"#.to_vec(),
        };
        // Refused if it was prolonged or given back at this moment.
        if let Put::Done { .. } = objects.replace(LOCK, &bytes, &found.etag).await? {
            return Ok(Some(broken));
        }
    }
}

/// Tries with the lock's object whether the server refuses to create an object that exists, and to
/// replace a version that is not the present one.
pub(super) async fn probe(objects: &Objects) -> Result<(), StateError> {
    let attempt = |what: &str| format!("{{\"released\":true,\"{what}\":\"{}\"}}", Uuid::new_v4());
    let first = attempt("first");
    let _exists_now = objects.create(LOCK, first.as_bytes()).await?;
    let created = objects.create(LOCK, attempt("second").as_bytes()).await?;
    let other = "\"00000000000000000000000000000000\"";
    let replaced = objects.replace(LOCK, attempt("third").as_bytes(), other).await?;
    match (created, replaced) {
        (Put::Refused(Some(_)), Put::Refused(Some(_))) => Ok(()),
        _ => Err(objects.unavailable(
            "this server does not keep to If-None-Match and If-Match when it writes, so that two \
             writers could overwrite each other: use one that does (AWS S3, Cloudflare R2, MinIO)",
        )),
    }
}

/// The lock, held until [`Lock::release`]. A task prolongs it.
pub(super) struct Lock {
    held: Arc<Held>,
    prolonging: JoinHandle<()>,
}

struct Held {
    objects: Objects,
    id: Uuid,
    holder: LockHolder,
    clock: Clock,
    lease: Duration,
    version: Mutex<Version>,
    /// Why it is not ours any more.
    lost: OnceLock<String>,
}

/// The object as we last wrote it.
struct Version {
    etag: String,
    /// When the request was sent, and the server's time at its answer.
    at: Instant,
    server: Option<Timestamp>,
}

impl Lock {
    /// Takes the lock, waiting up to `timeout` for its holder. `now` is the time on this machine.
    pub(super) async fn take(
        objects: &Objects,
        holder: &LockHolder,
        now: Timestamp,
        lease: Duration,
        timeout: Duration,
    ) -> Result<Self, StateError> {
        let clock = Clock { then: now, start: Instant::now() };
        let id = Uuid::new_v4();
        // A version of the lock, and when it was first seen.
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let at = Instant::now();
            let until = later(clock.now(), lease);
            let note = Note { id, holder: holder.clone(), until, released: false };
            let bytes = note.encode()?;
            let put = match objects.get(LOCK).await? {
                None => objects.create(LOCK, &bytes).await?,
                Some(found) => {
                    let (_, since) = seen
                        .take_if(|(etag, _)| *etag == found.etag)
                        .unwrap_or_else(|| (found.etag.clone(), Instant::now()));
                    // A holder prolongs it long before that: it is stale, whatever the clocks of
                    // two machines say.
                    let is_stale = since.elapsed() > lease + lease / 2;
                    let note = Note::decode(&found);
                    if is_stale || is_free(&found, note.as_ref(), clock.now(), lease) {
                        objects.replace(LOCK, &bytes, &found.etag).await?
                    } else {
                        let left = timeout.saturating_sub(clock.start.elapsed());
                        if left.is_zero() {
                            let HeldLock { holder, until } = HeldLock::new(note);
                            let location = objects.location().to_owned();
                            return Err(StateError::Locked { location, holder, until });
                        }
                        seen = Some((found.etag, since));
                        sleep(left.min(POLL)).await;
                        continue;
                    }
                }
            };
            // If it was refused, another process was faster.
            if let Put::Done { etag } = put {
                let held = Arc::new(Held {
                    objects: objects.clone(),
                    id,
                    holder: holder.clone(),
                    clock,
                    lease,
                    version: Mutex::new(Version { etag, at, server: objects.server_time() }),
                    lost: OnceLock::new(),
                });
                let prolonging = tokio::spawn(prolong_until_lost(Arc::clone(&held)));
                return Ok(Self { held, prolonging });
            }
        }
    }

    /// Before a write: the lock has some time left.
    pub(super) async fn check(&self) -> Result<(), StateError> {
        self.held.prolong(self.held.lease * 2 / 3).await
    }

    /// After a write: the lock was ours all the time. The server's clock says whether it can have
    /// run out; the clock of this machine stands still while the machine is asleep.
    pub(super) async fn was_ours(&self) -> Result<(), StateError> {
        let version = self.held.version.lock().await;
        let times = self.held.objects.server_time().zip(version.server);
        let passed =
            times.and_then(|(now, then)| Duration::try_from(now.duration_since(then)).ok());
        if passed.is_some_and(|passed| passed <= self.held.lease) {
            return Ok(());
        }
        let found = self.held.objects.get(LOCK).await?;
        if self.held.is_ours(found.as_ref()) { Ok(()) } else { Err(self.held.lose(found.as_ref())) }
    }

    /// Gives it back, if it is still ours.
    pub(super) async fn release(&self) -> Result<(), StateError> {
        self.prolonging.abort();
        let mut version = self.held.version.lock().await;
        match self.held.lost.get() {
            Some(_) => Ok(()),
            None => self.held.write(&mut version, true).await,
        }
    }
}

/// Whether a lock may be taken: it was given back, or its time is up. As the clocks of two machines
/// differ, it gets a little longer.
fn is_free(found: &Object, note: Option<&Note>, now: Timestamp, lease: Duration) -> bool {
    match note {
        Some(note) => note.released || now > later(note.until, lease / 6),
        // A lock that was given back without a holder: see `break_it` and `probe`.
        None => serde_json::from_slice::<serde_json::Value>(&found.bytes)
            .is_ok_and(|value| value.get("released") == Some(&true.into())),
    }
}

async fn prolong_until_lost(held: Arc<Held>) {
    while held.lost.get().is_none() {
        sleep(held.lease / 3).await;
        // If the server does not answer, the next attempt is in time, or a commit sees that the
        // lease has run out.
        let _next_time = held.prolong(held.lease / 3).await;
    }
}

impl Held {
    fn lose(&self, found: Option<&Object>) -> StateError {
        let why = match found.and_then(Note::decode) {
            Some(note) if note.released => "its lock was broken".to_owned(),
            Some(note) => format!("its lock was taken over by {}", note.holder),
            None => "its lock is gone".to_owned(),
        };
        let why = format!(
            "{why}: nothing more is written in this run. What was written before is safe: run again"
        );
        self.objects.unavailable(self.lost.get_or_init(|| why))
    }

    /// Whether an object is this lock, not released.
    fn is_ours(&self, found: Option<&Object>) -> bool {
        found.and_then(Note::decode).is_some_and(|note| note.id == self.id && !note.released)
    }

    /// Writes the note again, with a later end, or as released.
    async fn write(&self, version: &mut Version, released: bool) -> Result<(), StateError> {
        let mut repeats = 0;
        loop {
            let at = Instant::now();
            let until = later(self.clock.now(), self.lease);
            let note = Note { id: self.id, holder: self.holder.clone(), until, released };
            match self.objects.replace(LOCK, &note.encode()?, &version.etag).await? {
                Put::Done { etag } => {
                    *version = Version { etag, at, server: self.objects.server_time() };
                    return Ok(());
                }
                // An earlier attempt had its effect, and its answer was lost.
                Put::Refused(Some(found)) if repeats < 3 && self.is_ours(Some(&found)) => {
                    version.etag = found.etag;
                    repeats += 1;
                }
                Put::Refused(found) => return Err(self.lose(found.as_ref())),
            }
        }
    }

    /// Prolongs it if the last time was `after` ago or earlier.
    async fn prolong(&self, after: Duration) -> Result<(), StateError> {
        let mut version = self.version.lock().await;
        if let Some(why) = self.lost.get() {
            return Err(self.objects.unavailable(why));
        }
        if version.at.elapsed() < after { Ok(()) } else { self.write(&mut version, false).await }
    }
}
