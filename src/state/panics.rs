//! sled panics on some damaged files and where a disk fails, in our thread or in its own. Neither may reach a user.
//!
//! A panic in our thread is caught. After one in a thread of sled's, anyone who waits for that
//! thread would wait for ever, so all who wait are told, and every open store of the process is
//! done for: its pool of threads is shared.
//!
//! The words of these panics are dropped, as they may quote keys and values; the location in sled's
//! source is kept, and the number of an error of the system, which says that the disk failed and not the state.

use std::{
    any::Any,
    cell::RefCell,
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
    thread,
};

/// The name of our threads that call sled.
pub(super) const THREAD: &str = "pushsync-state";
/// How sled's threads are called.
const SLED_THREADS: &str = "sled-io-";

/// Why nothing can be done with a store any more.
#[derive(Debug, Clone)]
pub(super) enum Death {
    /// A panic, and where it was.
    Panic(String),
    /// An error of the system, by its number.
    Disk(i32),
    /// A call does not end, and the disk has told no error.
    Hanging,
}

type OnDeath = Box<dyn FnOnce(&Death) + Send>;

/// The first error of the system that sled met in this process; 0 if there was none.
static DISK_ERROR: AtomicI32 = AtomicI32::new(0);
static LAST_DEATH: Mutex<Option<Death>> = Mutex::new(None);
static DEATHS: AtomicU64 = AtomicU64::new(0);
static NEXT: AtomicU64 = AtomicU64::new(0);
static WAITING: Mutex<Option<HashMap<u64, OnDeath>>> = Mutex::new(None);

thread_local! {
    static LAST: RefCell<Option<Death>> = const { RefCell::new(None) };
}

/// Makes the panics of our and sled's threads silent; those of all others are as before.
pub(super) fn install() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let current = thread::current();
            let name = current.name().unwrap_or_default();
            let background = name.starts_with(SLED_THREADS);
            if !background && name != THREAD {
                return before(info);
            }
            let location = info.location().map_or_else(
                || "sled panicked".to_owned(),
                |at| {
                    let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
                    // Other stores are called by a thread of this name, too.
                    let sled = background || at.file().contains("sled");
                    let who = if sled { "sled" } else { "pushsync" };
                    format!("{who} panicked ({file}:{})", at.line())
                },
            );
            let payload = info.payload();
            let words = payload.downcast_ref::<String>().map(String::as_str);
            if let Some(code) = words.and_then(os_error) {
                note_disk_error(code);
            }
            let death = disk_error().map_or(Death::Panic(location), Death::Disk);
            if background {
                give_up(death);
            } else {
                LAST.set(Some(death));
            }
        }));
    });
}

/// Tells all who wait that they need not wait any more.
pub(super) fn give_up(death: Death) {
    *LAST_DEATH.lock().unwrap_or_else(PoisonError::into_inner) = Some(death.clone());
    DEATHS.fetch_add(1, Ordering::SeqCst);
    let all = waiting().take();
    for told in all.into_iter().flatten() {
        told.1(&death);
    }
}

/// How many of sled's threads have died in this process.
pub(super) fn deaths() -> u64 {
    DEATHS.load(Ordering::SeqCst)
}

/// Why the last one of them died.
pub(super) fn last_death() -> Death {
    let last = LAST_DEATH.lock().unwrap_or_else(PoisonError::into_inner);
    last.clone().unwrap_or_else(|| Death::Panic("a thread of sled's has died".to_owned()))
}

/// The number of the error of the system that these words of sled's quote, if they do.
pub(super) fn os_error(words: &str) -> Option<i32> {
    let (_, rest) = words.split_once("Os { code: ")?;
    rest.split_once(',')?.0.parse().ok()
}

/// The first error of the system that sled met in this process.
pub(super) fn disk_error() -> Option<i32> {
    Some(DISK_ERROR.load(Ordering::SeqCst)).filter(|code| *code != 0)
}

/// Keeps the first error of the system that sled met.
pub(super) fn note_disk_error(code: i32) {
    let _first = DISK_ERROR.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
}

impl Death {
    /// From the words of an error of sled's.
    pub(super) fn of(words: &str) -> Self {
        if let Some(code) = os_error(words) {
            note_disk_error(code);
        }
        let other = || Self::Panic("sled does not answer after an error".to_owned());
        disk_error().map_or_else(other, Self::Disk)
    }
}

/// Runs this; a panic becomes the death of the store.
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Death> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_: Box<dyn Any + Send>| {
        LAST.take().unwrap_or_else(|| Death::Panic("reading it panicked".to_owned()))
    })
}

/// Tells when a thread of sled's dies, as long as this lives.
pub(super) struct Watch(u64);

impl Watch {
    pub(super) fn new(on_death: impl FnOnce(&Death) + Send + 'static) -> Self {
        let id = NEXT.fetch_add(1, Ordering::SeqCst);
        waiting().get_or_insert_default().insert(id, Box::new(on_death));
        Self(id)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let gone = waiting().as_mut().and_then(|all| all.remove(&self.0));
        drop(gone);
    }
}

fn waiting() -> MutexGuard<'static, Option<HashMap<u64, OnDeath>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_systems_error_is_found_in_the_words_of_sled() {
        for (words, code) in [
            (
                "called `Result::unwrap()` on an `Err` value: Os { code: 28, kind: StorageFull, message: \"x\" }",
                Some(28),
            ),
            (
                "IO error: Os { code: 5, kind: Uncategorized, message: \"Input/output error\" }",
                Some(5),
            ),
            ("assertion failed: code: 7, of a key", None),
            ("Os { code: x }", None),
        ] {
            assert_eq!(os_error(words), code, "{words}");
        }
    }
}
