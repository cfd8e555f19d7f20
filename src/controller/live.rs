//! What is known of the process while it runs: for its health, its metrics and its page.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{Cycle, DeliveryCounts, Next, Pending, Status};
use crate::{chats::ChangeNotifier, model::BudgetNote};

/// What the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has begun a cycle, at this time.
    Working(Timestamp),
    /// It waits for this.
    Waiting(Next),
    /// It ends.
    Ending,
}

/// What is known at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// When the process began.
    pub started: Timestamp,
    /// What it does.
    pub phase: Phase,
    /// When the loop last gave a sign of life.
    pub alive_at: Timestamp,
    /// How many cycles have ended.
    pub cycles: u64,
    /// The last cycle.
    pub last: Option<Cycle>,
    /// When the last cycle ended in which nothing went wrong and that had the lock.
    pub last_success: Option<Timestamp>,
    /// Until when the present step may say nothing: it waits in good order.
    pub waits_until: Option<Timestamp>,
    /// Whether the project was loaded and the state opened once.
    pub usable: bool,
    /// What is left to do, as of the last plan.
    pub pending: Option<Pending>,
    /// The first edge of a window to come, as of the last plan.
    pub next_window: Option<Timestamp>,
    /// The budget as it was last heard.
    pub budget: Option<BudgetNote>,
    /// The deliveries of the state, as they were last counted.
    pub deliveries: Option<Arc<DeliveryCounts>>,
    /// What the page shows: without whole visitor ids.
    pub status: Option<Arc<Status>>,
}

/// What is known of the process, shared by its parts.
#[derive(Debug)]
pub struct Live {
    known: Mutex<Snapshot>,
    /// Tells the open pages.
    notifier: Arc<ChangeNotifier>,
}

impl Live {
    /// A process that begins now.
    pub fn new(now: Timestamp) -> Self {
        let known = Mutex::new(Snapshot {
            started: now,
            phase: Phase::Working(now),
            alive_at: now,
            cycles: 0,
            last: None,
            last_success: None,
            waits_until: None,
            usable: false,
            pending: None,
            next_window: None,
            budget: None,
            deliveries: None,
            status: None,
        });
        Self { known, notifier: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What tells the open pages that something has changed.
    pub(super) fn notifier(&self) -> Arc<ChangeNotifier> {
        Arc::clone(&self.notifier)
    }

    /// What is known now.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Takes in what the loop does now. Once the process is to end, it ends, whatever else it does.
    pub fn is(&self, phase: Phase, now: Timestamp) {
        let mut live = self.lock();
        (live.alive_at, live.waits_until) = (now, None);
        if live.phase != Phase::Ending {
            live.phase = phase;
        }
        drop(live);
        self.notifier.notify();
    }

    /// Takes in a sign of life.
    pub fn beat(&self, now: Timestamp) {
        let mut live = self.lock();
        (live.alive_at, live.waits_until) = (now, None);
    }

    /// Takes in that the present step waits in good order: the next sign of life comes after that.
    pub fn waits(&self, now: Timestamp, until: Timestamp) {
        let mut live = self.lock();
        (live.alive_at, live.waits_until) = (now, Some(until));
    }

    /// Takes in that a run begins: the project is loaded, and the state open.
    pub fn begins(&self, now: Timestamp) {
        let mut live = self.lock();
        (live.alive_at, live.waits_until, live.usable) = (now, None, true);
    }

    /// Takes in the budget.
    pub fn heard(&self, budget: BudgetNote) {
        self.lock().budget = Some(budget);
        self.notifier.notify();
    }

    /// Takes in what a page is to show.
    pub fn shows(&self, status: Status) {
        self.lock().status = Some(Arc::new(status.masked()));
        self.notifier.notify();
    }

    /// Takes in the deliveries of the state.
    pub fn counts(&self, deliveries: Arc<DeliveryCounts>) {
        self.lock().deliveries = Some(deliveries);
    }

    /// The deliveries of the state as they were last counted.
    pub fn counted(&self) -> Option<Arc<DeliveryCounts>> {
        self.lock().deliveries.clone()
    }

    /// Takes in a cycle that has ended.
    pub fn ended(&self, cycle: &Cycle) {
        use super::CycleOutcome::{Done, Stopped};
        let mut live = self.lock();
        live.cycles += 1;
        (live.alive_at, live.waits_until) = (cycle.ended, None);
        live.usable |= cycle.outcome.has_used_state();
        if let Some(pending) = cycle.pending {
            (live.pending, live.next_window) = (Some(pending), cycle.next_window);
        }
        live.budget = cycle.budget.or(live.budget);
        if matches!(cycle.outcome, Done | Stopped) {
            live.last_success = Some(cycle.ended);
        }
        live.last = Some(cycle.clone());
    }
}
