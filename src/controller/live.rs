//! What is known of the process while it runs: for its health, its metrics and its page.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use super::{Cycle, Next};

/// What the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It has begun a cycle, at this time.
    Working(Timestamp),
    /// It waits for this.
    Waiting(Next),
    /// It ends.
    Ending,
}

/// What is known at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// What is known of the process, shared by its parts.
#[derive(Debug)]
pub struct Live(Mutex<Snapshot>);

impl Live {
    /// A process that begins now.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Snapshot {
            started: now,
            phase: Phase::Working(now),
            alive_at: now,
            cycles: 0,
            last: None,
            last_success: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Takes in what the loop does now.
    pub fn is(&self, phase: Phase, now: Timestamp) {
        let mut live = self.lock();
        (live.phase, live.alive_at) = (phase, now);
    }

    /// Takes in a sign of life.
    pub fn beat(&self, now: Timestamp) {
        self.lock().alive_at = now;
    }

    /// Takes in a cycle that has ended.
    pub fn ended(&self, cycle: &Cycle) {
        use super::CycleOutcome::{Done, Stopped};
        let mut live = self.lock();
        live.cycles += 1;
        live.alive_at = cycle.ended;
        if matches!(cycle.outcome, Done | Stopped) {
            live.last_success = Some(cycle.ended);
        }
        live.last = Some(cycle.clone());
    }
}
