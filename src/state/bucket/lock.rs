//! `lock.json`: who writes, and until when. It keeps writers from getting into each other's way;
//! what they may not do whatever happens is kept by the numbers of the segments (see [`super`]).
//!
//! A released lock stays as an object that says so: releasing it is a conditional put then, as
//! taking it is, and neither can meet a lock that somebody else has got in between.

use std::{
    sync::{Arc, Mutex as Plain, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinHandle, time::sleep};
use uuid::Uuid;

use super::objects::{Object, Objects, Put};
use crate::state::{LockHolder, StateError};

pub(super) const LOCK: &str = "lock.json";
/// How often somebody who waits looks again.
const POLL: Duration = Duration::from_millis(500);

/// The time on this machine: what it was when the state was opened, and what has passed since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    then: Timestamp,
    start: Instant,
}

impl Clock {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { then: now, start: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        later(self.then, self.start.elapsed())
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// What the object says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Made anew by everyone who takes it.
    id: Uuid,
    holder: LockHolder,
    until: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    released: bool,
}

impl Note {
    fn encode(&self) -> Result<Vec<u8>, StateError> {
        serde_json::to_vec_pretty(self)
            .map_err(|e| StateError::Unstorable { what: "the lock's note", why: e.to_string() })
    }

    fn read(object: &Object) -> Option<Self> {
        serde_json::from_slice(&object.bytes).ok()
    }
}

/// A lock that somebody has, or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLock {
    /// Who; unknown if the object cannot be read.
    pub holder: Option<LockHolder>,
    /// Until when, unless the holder prolongs it.
    pub until: Option<Timestamp>,
}

impl HeldLock {
    fn of(note: Option<Note>) -> Self {
        let (holder, until) = note.map(|note| (note.holder, note.until)).unzip();
        Self { holder, until }
    }
}

/// Who has it; `None` if nobody has.
pub(super) async fn holder(objects: &Objects) -> Result<Option<HeldLock>, StateError> {
    let Some(found) = objects.get(LOCK).await? else { return Ok(None) };
    match Note::read(&found) {
        Some(note) if note.released => Ok(None),
        note => Ok(Some(HeldLock::of(note))),
    }
}

/// Takes it from whoever has it, and gives it back.
pub(super) async fn break_it(objects: &Objects) -> Result<Option<HeldLock>, StateError> {
    loop {
        let Some(found) = objects.get(LOCK).await? else { return Ok(None) };
        let note = Note::read(&found);
        if note.as_ref().is_some_and(|note| note.released) {
            return Ok(None);
        }
        let broken = HeldLock::of(note.clone());
        let bytes = match note {
            // Under another id: whoever has it finds that it is not theirs any more.
            Some(note) => Note { id: Uuid::new_v4(), released: true, ..note }.encode()?,
            None => br#"{"released":true}"#.to_vec(),
        };
        match objects.replace(LOCK, &bytes, &found.etag).await? {
            Put::Done { .. } => return Ok(Some(broken)),
            // Prolonged at this moment, or given back.
            Put::Refused(_) => {}
        }
    }
}

/// What a server must hold to, tried on the lock's object: what is written only if there is
/// nothing must fail if there is something, and so must what is written over another version.
pub(super) async fn probe(objects: &Objects) -> Result<(), StateError> {
    let attempt = |what: &str| format!("{{\"released\":true,\"{what}\":\"{}\"}}", Uuid::new_v4());
    let first = attempt("first");
    let _there_in_any_case = objects.create(LOCK, first.as_bytes()).await?;
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

/// The lock, held until [`Lock::release`]. It is prolonged in the background.
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
    now: Mutex<Now>,
    /// Why it is not ours any more.
    lost: Plain<Option<String>>,
}

struct Now {
    etag: String,
    /// When it was prolonged, and the server's time then.
    at: Instant,
    server: Option<Timestamp>,
}

/// Takes the lock, waiting up to `timeout` for who has it.
pub(super) async fn take(
    objects: &Objects,
    holder: &LockHolder,
    clock: Clock,
    lease: Duration,
    timeout: Duration,
) -> Result<Lock, StateError> {
    let start = Instant::now();
    let id = Uuid::new_v4();
    // A version of the lock, and since when it has been the same.
    let mut seen: Option<(String, Instant)> = None;
    loop {
        let at = Instant::now();
        let until = later(clock.now(), lease);
        let note = Note { id, holder: holder.clone(), until, released: false };
        let bytes = note.encode()?;
        let put = match objects.get(LOCK).await? {
            None => objects.create(LOCK, &bytes).await?,
            Some(found) => {
                let note = Note::read(&found);
                // Whoever has it prolongs it long before that: if not, it is stale whatever the
                // clocks of two machines say.
                let same = seen.as_ref().filter(|(etag, _)| *etag == found.etag);
                let stood = same.is_some_and(|(_, since)| since.elapsed() > lease + lease / 2);
                if same.is_none() {
                    seen = Some((found.etag.clone(), Instant::now()));
                }
                if stood || is_free(&found, note.as_ref(), clock.now(), lease) {
                    objects.replace(LOCK, &bytes, &found.etag).await?
                } else {
                    let left = timeout.saturating_sub(start.elapsed());
                    if left.is_zero() {
                        let HeldLock { holder, until } = HeldLock::of(note);
                        let place = objects.place().to_owned();
                        return Err(StateError::Locked { location: place, holder, until });
                    }
                    sleep(left.min(POLL)).await;
                    continue;
                }
            }
        };
        // If not, somebody else was faster.
        if let Put::Done { etag } = put {
            let now = Mutex::new(Now { etag, at, server: objects.server_time() });
            let held = Arc::new(Held {
                objects: objects.clone(),
                id,
                holder: holder.clone(),
                clock,
                lease,
                now,
                lost: Plain::new(None),
            });
            let prolonging = tokio::spawn(prolong_for_ever(Arc::clone(&held)));
            return Ok(Lock { held, prolonging });
        }
    }
}

/// Whether a lock may be taken over: it was released, or its time is up. The clocks of two
/// machines differ, so a little longer is waited.
fn is_free(found: &Object, note: Option<&Note>, now: Timestamp, lease: Duration) -> bool {
    match note {
        Some(note) => note.released || now > later(note.until, lease / 6),
        // A released one without a holder: see `break_it` and `probe`.
        None => serde_json::from_slice::<serde_json::Value>(&found.bytes)
            .is_ok_and(|value| value.get("released") == Some(&true.into())),
    }
}

async fn prolong_for_ever(held: Arc<Held>) {
    loop {
        sleep(held.lease / 3).await;
        // If the server does not answer, the next attempt comes in time or too late: a commit
        // looks at that.
        if held.prolong(held.lease / 3).await.is_err() && held.lost().is_some() {
            return;
        }
    }
}

impl Held {
    fn lost(&self) -> Option<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lose(&self, found: Option<&Object>) -> StateError {
        let why = match found.and_then(Note::read) {
            Some(note) if note.released => "its lock was broken".to_owned(),
            Some(note) => format!("its lock was taken over by {}", note.holder),
            None => "its lock is gone".to_owned(),
        };
        let why = format!(
            "{why}: nothing more is written in this run. What was written before is safe: run again"
        );
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        self.objects.unavailable(why)
    }

    /// Whether an object is this lock, not released.
    fn is_ours(&self, found: Option<&Object>) -> bool {
        found.and_then(Note::read).is_some_and(|note| note.id == self.id && !note.released)
    }

    /// Writes the note anew, with a later end, or as released.
    async fn write(&self, now: &mut Now, released: bool) -> Result<(), StateError> {
        let mut attempt = 0;
        loop {
            let at = Instant::now();
            let until = later(self.clock.now(), self.lease);
            let note = Note { id: self.id, holder: self.holder.clone(), until, released };
            match self.objects.replace(LOCK, &note.encode()?, &now.etag).await? {
                Put::Done { etag } => {
                    *now = Now { etag, at, server: self.objects.server_time() };
                    return Ok(());
                }
                // An earlier attempt had its effect, and its answer was lost.
                Put::Refused(Some(found)) if attempt < 3 && self.is_ours(Some(&found)) => {
                    now.etag = found.etag;
                    attempt += 1;
                }
                Put::Refused(found) => return Err(self.lose(found.as_ref())),
            }
        }
    }

    /// Prolongs it if it was not prolonged for so long.
    async fn prolong(&self, after: Duration) -> Result<(), StateError> {
        let mut now = self.now.lock().await;
        if let Some(why) = self.lost() {
            return Err(self.objects.unavailable(why));
        }
        if now.at.elapsed() < after { Ok(()) } else { self.write(&mut now, false).await }
    }
}

impl Lock {
    /// Before something is written: the lock has some time left.
    pub(super) async fn check(&self) -> Result<(), StateError> {
        self.held.prolong(self.held.lease * 2 / 3).await
    }

    /// After something was written: it was ours all the time. The server's clock says whether it
    /// can have run out; this machine's may have stood still, if the machine was asleep.
    pub(super) async fn was_ours(&self) -> Result<(), StateError> {
        let now = self.held.now.lock().await;
        let passed = self
            .held
            .objects
            .server_time()
            .zip(now.server)
            .and_then(|(now, then)| Duration::try_from(now.duration_since(then)).ok());
        if passed.is_some_and(|passed| passed <= self.held.lease) {
            return Ok(());
        }
        let found = self.held.objects.get(LOCK).await?;
        if self.held.is_ours(found.as_ref()) { Ok(()) } else { Err(self.held.lose(found.as_ref())) }
    }

    /// Gives it back, if it is still ours.
    pub(super) async fn release(&self) -> Result<(), StateError> {
        self.prolonging.abort();
        let mut now = self.held.now.lock().await;
        if self.held.lost().is_some() { Ok(()) } else { self.held.write(&mut now, true).await }
    }
}
