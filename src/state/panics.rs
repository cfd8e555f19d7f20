//! sled panics on some damaged files, in our thread or in its own. Neither may reach a user.
//!
//! A panic in our thread is caught. After one in a thread of sled's, anyone who waits for that
//! thread would wait for ever, so all who wait are told, and every open store of the process is
//! done for: its pool of threads is shared.
//!
//! The words of these panics are dropped, as they may quote keys and values; the location in sled's
//! source is kept.

use std::{
    any::Any,
    cell::RefCell,
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// The name of our threads that call sled.
pub(super) const THREAD: &str = "pushsync-state";
/// How sled's threads are called.
const SLED_THREADS: &str = "sled-io-";

type OnDeath = Box<dyn FnOnce(&str) + Send>;

static DEATHS: AtomicU64 = AtomicU64::new(0);
static NEXT: AtomicU64 = AtomicU64::new(0);
static WAITING: Mutex<Option<HashMap<u64, OnDeath>>> = Mutex::new(None);

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
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
            if background {
                DEATHS.fetch_add(1, Ordering::SeqCst);
                let all = waiting().take();
                for told in all.into_iter().flatten() {
                    told.1(&location);
                }
            } else {
                LAST.set(Some(location));
            }
        }));
    });
}

/// How many of sled's threads have died in this process.
pub(super) fn deaths() -> u64 {
    DEATHS.load(Ordering::SeqCst)
}

/// Runs this; a panic becomes words about where it was.
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_: Box<dyn Any + Send>| {
        LAST.take().unwrap_or_else(|| "reading it panicked".to_owned())
    })
}

/// Tells when a thread of sled's dies, as long as this lives.
pub(super) struct Watch(u64);

impl Watch {
    pub(super) fn new(on_death: impl FnOnce(&str) + Send + 'static) -> Self {
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
