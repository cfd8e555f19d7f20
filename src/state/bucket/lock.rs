//! The lock, `lock.json`: who writes, and until when. It keeps writers from disturbing each other;
//! what must never happen is prevented by the numbers of the segments (see [`super`]).
//!
//! A lock that was given back stays as an object that says so. So both taking it and giving it back
//! are conditional puts, and neither can hit a lock that another process took meanwhile.

use std::{
    ops::Not,
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinHandle, time::sleep};
use uuid::Uuid;

use super::{
    layout::LOCK,
    objects::{Object, Objects, Put},
};
use crate::state::{LockHolder, StateError, boot_clock::BootInstant};

/// How often a process that waits looks at the lock.
const POLL: Duration = Duration::from_millis(500);
/// A lock that was prolonged this recently is not prolonged again before a request to the API.
const RECENT: Duration = Duration::from_millis(100);
/// How often it is asked whether the lock is ours, if answers take long.
const ATTEMPTS: usize = 5;
/// The server's times have whole seconds.
const SECOND: Duration = Duration::from_secs(1);

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The content of `lock.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Every process that takes the lock makes a new one.
    id: Uuid,
    holder: LockHolder,
    /// By the server's clock; `None` if its answers do not tell the time.
    until: Option<Timestamp>,
    /// How often it was prolonged: so no two versions have the same bytes, and with them the same tag.
    renewals: u64,
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
        Self { holder, until: until.flatten() }
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

/// The lock, held until [`Lock::release`]. A task prolongs it.
pub(super) struct Lock {
    held: Arc<Held>,
    prolonging: JoinHandle<()>,
}

struct Held {
    objects: Objects,
    id: Uuid,
    holder: LockHolder,
    lease: Duration,
    version: Mutex<Version>,
    /// Why it is not ours any more.
    lost: OnceLock<String>,
}

/// The object as we last wrote it.
struct Version {
    etag: String,
    renewals: u64,
    /// When the request was sent, and the server's time at its answer.
    at: BootInstant,
    server: Option<Timestamp>,
}

impl Lock {
    /// Takes the lock, waiting up to `timeout` for its holder.
    pub(super) async fn take(
        objects: &Objects,
        holder: &LockHolder,
        lease: Duration,
        timeout: Duration,
    ) -> Result<Self, StateError> {
        let start = BootInstant::now();
        let id = Uuid::new_v4();
        // A version of the lock, and when it was first seen.
        let mut seen: Option<(String, BootInstant)> = None;
        loop {
            let found = objects.get(LOCK).await?;
            if let Some(found) = &found {
                let (_, since) = seen
                    .take_if(|(etag, _)| *etag == found.etag)
                    .unwrap_or_else(|| (found.etag.clone(), BootInstant::now()));
                let note = Note::decode(found);
                // A holder prolongs it long before that: it is stale, whatever any clock says.
                let stale_after = lease + lease / 2;
                let is_stale = since.elapsed() > stale_after;
                if !is_stale && !is_free(found, note.as_ref(), objects.server_time(), lease) {
                    let left = timeout.saturating_sub(start.elapsed());
                    if left.is_zero() {
                        return Err(locked(objects, HeldLock::new(note), stale_after));
                    }
                    seen = Some((found.etag.clone(), since));
                    sleep(left.min(POLL)).await;
                    continue;
                }
            }
            let at = BootInstant::now();
            let until = objects.server_time().map(|now| later(now, lease));
            let note = Note { id, holder: holder.clone(), until, renewals: 0, released: false };
            let bytes = note.encode()?;
            let put = match &found {
                None => objects.create(LOCK, &bytes).await?,
                Some(found) => objects.replace(LOCK, &bytes, &found.etag).await?,
            };
            // If it was refused, another process was faster.
            let Put::Done { etag } = put else { continue };
            let version = Version { etag, renewals: 0, at, server: objects.server_time() };
            let held = Arc::new(Held {
                objects: objects.clone(),
                id,
                holder: holder.clone(),
                lease,
                version: Mutex::new(version),
                lost: OnceLock::new(),
            });
            let prolonging = tokio::spawn(prolong_until_lost(Arc::clone(&held)));
            let lock = Self { held, prolonging };
            return match lock.held.prove_conditions(found.map(|found| found.etag)).await {
                Ok(()) => Ok(lock),
                Err(error) => {
                    let _runs_out = lock.release().await;
                    Err(error)
                }
            };
        }
    }

    /// Before a write: the lock has some time left.
    pub(super) async fn check(&self) -> Result<(), StateError> {
        self.held.prolong(self.held.lease * 2 / 3).await
    }

    /// Before a request to the API: the lock is ours now, by an answer of the server that is younger than a lease.
    pub(super) async fn confirm(&self) -> Result<(), StateError> {
        let Held { objects, lease, .. } = &*self.held;
        for _ in 0..ATTEMPTS {
            self.held.prolong(RECENT.min(*lease / 4)).await?;
            if self.held.version.lock().await.at.elapsed() < *lease * 2 / 3 {
                return Ok(());
            }
        }
        Err(objects.unavailable(format!(
            "the server's answers take about as long as its lock lasts ({} s): this run sends and records nothing \
             more. What it recorded is safe: run again when the network is faster",
            lease.as_secs_f32()
        )))
    }

    /// After a write: the lock was ours all the time. The server's clock says whether it can have
    /// run out; the clock of this machine stands still while the machine is asleep.
    pub(super) async fn was_ours(&self) -> Result<(), StateError> {
        let version = self.held.version.lock().await;
        let times = self.held.objects.server_time().zip(version.server);
        let passed = times.map(|(now, then)| now.duration_since(then));
        // It tells whole seconds, so that it may seem to go back.
        let is_within = |passed: SignedDuration| {
            passed.unsigned_abs() <= self.held.lease && passed > SignedDuration::from_secs(-2)
        };
        if passed.is_some_and(is_within) {
            return Ok(());
        }
        let found = self.held.objects.get(LOCK).await?;
        if self.held.is_ours(found.as_ref()) { Ok(()) } else { Err(self.held.lose(found.as_ref())) }
    }

    /// Why the lock is not ours any more, if the server says so.
    pub(super) async fn why_lost(&self) -> Option<String> {
        let found = self.held.objects.get(LOCK).await.ok()?;
        if !self.held.is_ours(found.as_ref()) {
            let _told_below = self.held.lose(found.as_ref());
        }
        self.held.lost.get().cloned()
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

/// The error for a second process.
fn locked(objects: &Objects, held: HeldLock, stale_after: Duration) -> StateError {
    let location = objects.location().to_owned();
    let HeldLock { holder, until } = held;
    if objects.server_time().is_some() {
        return StateError::Locked { location, holder, until };
    }
    let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
    objects.unavailable(format!(
        "it is in use by {holder}, and the server tells no time (its answers have no Date), so that nobody can see \
         whether that lock has run out: wait with --lock-timeout, which takes it over once it has stood still for \
         {} s; or, if that run has certainly ended, `pushsync state unlock --force`",
        stale_after.as_secs()
    ))
}

/// Whether a lock may be taken: it was given back, or its time is up. Only the server's own clock counts: that of
/// the holder's machine may be wrong, and so may ours. Both what the holder wrote and when the server says that the
/// object was written must be longer ago than a lease; a server that tells no time leaves it at [`Lock::take`]'s look at whether
/// the lock stands still.
fn is_free(found: &Object, note: Option<&Note>, now: Option<Timestamp>, lease: Duration) -> bool {
    match note {
        Some(note) if note.released => true,
        Some(note) => {
            let margin = lease / 6 + SECOND;
            let is_over = |end: Timestamp| now.is_some_and(|now| now > later(end, margin));
            note.until.is_some_and(is_over) && is_over(later(found.written, lease))
        }
        // A lock that was given back without a holder: see `break_it`.
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
    /// Proves with the lock's own object, which exists and is ours, that the server refuses to create an object that
    /// exists and to replace a version that is not the present one. Without that, nothing keeps two writers apart.
    /// `stale` is the tag of the version before; without it, there is none yet.
    async fn prove_conditions(&self, stale: Option<String>) -> Result<(), StateError> {
        let stale = match stale {
            Some(stale) => stale,
            None => {
                let mut version = self.version.lock().await;
                let first = version.etag.clone();
                self.write(&mut version, false).await?;
                first
            }
        };
        // If they are written after all, nobody holds the lock.
        let attempt = || {
            let (id, holder) = (Uuid::new_v4(), self.holder.clone());
            Note { id, holder, until: None, renewals: 0, released: true }.encode()
        };
        let creates = !self.objects.refuses(LOCK, &attempt()?, None).await?;
        let replaces = !self.objects.refuses(LOCK, &attempt()?, Some(&stale)).await?;
        let ignored = match (creates, replaces) {
            (false, false) => return Ok(()),
            (true, false) => "If-None-Match",
            (false, true) => "If-Match",
            (true, true) => "If-None-Match and If-Match",
        };
        Err(self.objects.unavailable(format!(
            "this server, or something on the way to it, does not keep to {ignored} when it writes, so that two \
             writers could overwrite each other and send everything twice: nothing was sent. Use a server that keeps \
             to both (AWS S3, Cloudflare R2, MinIO), and no proxy that drops headers"
        )))
    }

    fn lose(&self, found: Option<&Object>) -> StateError {
        let who = match found.map(Note::decode) {
            None => "its lock is gone, and nobody holds it now".to_owned(),
            Some(None) => "its lock was overwritten by something else".to_owned(),
            Some(Some(note)) if note.released && note.holder == self.holder => {
                "its lock was broken (`pushsync state unlock --force`), and nobody holds it now"
                    .to_owned()
            }
            Some(Some(note)) if note.released => {
                format!("its lock was taken over by {}, which has given it back", note.holder)
            }
            Some(Some(note)) => {
                format!("its lock was taken over by {}, which holds it now", note.holder)
            }
        };
        let why = format!(
            "{who}: this run sends and records nothing more. What it recorded before is safe: run again, and read \
             the new plan"
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
            let at = BootInstant::now();
            let until = self.objects.server_time().map(|now| later(now, self.lease));
            let renewals = version.renewals + 1;
            let (id, holder) = (self.id, self.holder.clone());
            let note = Note { id, holder, until, renewals, released };
            match self.objects.replace(LOCK, &note.encode()?, &version.etag).await? {
                Put::Done { etag } => {
                    *version = Version { etag, renewals, at, server: self.objects.server_time() };
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
