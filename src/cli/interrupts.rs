//! What happens to a process that goes on: signals, changed files, events. It wakes the process, stops what it is doing,
//! or ends it.

use std::{
    collections::BTreeSet,
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::{
    apply::{Stop, Stopper},
    controller::Wake,
};

/// A run under way goes on for this long although files change: so that it gets somewhere while they change all the
/// time.
const LEAST_RUN: Duration = Duration::from_secs(5);

/// What has happened since the last cycle began.
#[derive(Debug, Default)]
pub(super) struct Interrupts {
    happened: Mutex<BTreeSet<Wake>>,
    is_over: AtomicBool,
    is_over_at_once: AtomicBool,
    at_once: Notify,
    news: Notify,
    under_way: Mutex<Option<(Stopper, Instant)>>,
}

impl Interrupts {
    /// Something happened that a cycle has to see.
    pub(super) fn happened(&self, what: Wake) {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
        self.news.notify_one();
    }

    /// The process is to end in good order.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some((stopper, _)) = &*self.under_way() {
            stopper.stop(Stop::Signal);
        }
        self.news.notify_one();
    }

    /// The process is to end at once.
    pub(super) fn end_at_once(&self) {
        self.is_over_at_once.store(true, Ordering::SeqCst);
        self.at_once.notify_waiters();
        self.news.notify_one();
    }

    pub(super) fn is_over_at_once(&self) -> bool {
        self.is_over_at_once.load(Ordering::SeqCst)
    }

    /// Waits until the process is to end at once.
    pub(super) async fn at_once(&self) {
        let told = self.at_once.notified();
        if !self.is_over_at_once() {
            told.await;
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// A cycle begins: what has happened so far, it sees.
    pub(super) fn seen(&self) {
        mem::take(&mut *self.happened.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The first thing that has happened and that no cycle has seen.
    pub(super) fn first(&self) -> Option<Wake> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).first().copied()
    }

    /// Waits until something happens.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// The stopper of a run that begins now.
    pub(super) fn begin(&self) -> Stopper {
        let stopper = Stopper::default();
        *self.under_way() = Some((stopper.clone(), Instant::now()));
        // A signal may have come before.
        if self.is_over() {
            stopper.stop(Stop::Signal);
        }
        stopper
    }

    /// Stops the run under way because the files have changed: what it sends may not be meant any more. One that has
    /// only just begun goes on for a while.
    pub(super) async fn stop_outdated(&self) {
        let Some((stopper, began)) = self.under_way().clone() else { return };
        tokio::time::sleep(LEAST_RUN.saturating_sub(began.elapsed())).await;
        stopper.stop(Stop::Changed);
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, Option<(Stopper, Instant)>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
