//! sled itself, with a watch on its calls.
//!
//! After an I/O error, threads of sled 0.34.7 may wait for each other for ever: one of them notes the error and
//! does not wake those who wait for its write. And its `Drop` writes, and panics where it cannot: in a thread that
//! panics already, that would abort the process.

use std::{
    mem,
    ops::Deref,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use sled::{Config, Db};

use super::{error::sled_error, overflow::SEGMENT};
use crate::state::{
    StateError,
    panics::{self, Death},
};

/// How long a call may go on after sled has seen an I/O error.
const AFTER_AN_ERROR: Duration = Duration::from_secs(2);
/// How long any call may take. All of them are short, unless the disk hangs.
const AT_MOST: Duration = Duration::from_secs(600);
/// How often the calls are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// An open database of sled's.
pub(super) struct Database {
    db: Db,
    config: Config,
    // Dropped last.
    watch: Watch,
}

impl Database {
    /// Opens (or creates) sled's files in this folder.
    pub(super) fn open(folder: &Path, location: &str) -> Result<Self, StateError> {
        let config = Config::new()
            .path(folder)
            .segment_size(SEGMENT)
            // A scan reads every page once: a larger cache saves nothing (measured).
            .cache_capacity(4 << 20)
            .flush_every_ms(None)
            .use_compression(false);
        let watch = Watch::start(config.clone());
        let db = {
            let _call = watch.call();
            config.open().map_err(|error| sled_error(&error, location, folder))?
        };
        Ok(Self { db, config, watch })
    }

    /// Marks a call of sled's, which is watched until the answer is dropped. They do not nest.
    pub(super) fn call(&self) -> Call<'_> {
        self.watch.call()
    }

    /// An error in our words. Once sled has seen an I/O error, all that it finds later follows from it.
    pub(super) fn error(&self, error: &sled::Error, location: &str, folder: &Path) -> StateError {
        match self.config.global_error() {
            Err(first) => sled_error(&first, location, folder),
            Ok(()) => sled_error(error, location, folder),
        }
    }
}

impl Deref for Database {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if thread::panicking() {
            // It is never dropped then, as something still counts on it.
            mem::forget(self.db.clone());
        } else {
            // Its own `Drop` comes next.
            mem::forget(self.watch.call());
        }
    }
}

/// A thread that looks whether a call of sled's ends.
struct Watch(Arc<Mutex<Watched>>);

enum Watched {
    Idle,
    Calling(Instant),
    Closed,
}

/// A call that is watched.
pub(super) struct Call<'a>(&'a Watch);

impl Watch {
    fn start(config: Config) -> Self {
        let watched = Arc::new(Mutex::new(Watched::Idle));
        let seen = Arc::clone(&watched);
        let look = move || {
            let mut failed: Option<Instant> = None;
            loop {
                thread::park_timeout(LOOK);
                let since = match *seen.lock().unwrap_or_else(PoisonError::into_inner) {
                    Watched::Closed => return,
                    Watched::Calling(since) => since.elapsed(),
                    Watched::Idle => Duration::ZERO,
                };
                let death = match config.global_error() {
                    Err(error) => {
                        let failed = failed.get_or_insert_with(Instant::now).elapsed();
                        (since.min(failed) > AFTER_AN_ERROR).then(|| Death::of(&error.to_string()))
                    }
                    Ok(()) => (since > AT_MOST).then_some(Death::Hanging),
                };
                if let Some(death) = death {
                    return panics::give_up(death);
                }
            }
        };
        // Without the thread, an error may be waited for; it is not lost.
        let _started = thread::Builder::new().name("pushsync-watch".to_owned()).spawn(look);
        Self(watched)
    }

    fn call(&self) -> Call<'_> {
        self.set(Watched::Calling(Instant::now()));
        Call(self)
    }

    fn set(&self, watched: Watched) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.set(Watched::Closed);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.set(Watched::Idle);
    }
}
