//! When the next cycle begins, and why: a pure decision.
//!
//! Nothing here reads a clock. A wait is bounded twice: by the instant at which it ends, and by its length, because
//! a clock that is set back must not make a wait of ten minutes one of a year.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::{Cycle, CycleOutcome, Next, Wake};

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The bounds of the longest pause after failures; in between, it is `--every`.
const LONGEST_PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

/// The pause before the lock of another process is tried again. A lease of a bucket lasts 60 s without a sign of life.
const LOCK_PAUSE: Duration = Duration::from_secs(5);

/// The least time between the beginnings of two cycles, but the first after a cycle: whatever happens, the process
/// does not spin.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Decides when the next cycle begins.
#[derive(Debug, Clone)]
pub struct Schedule {
    every: Duration,
    /// For jitter.
    random: Rng,
    /// How many cycles in a row have failed.
    failures: u32,
    /// The next edge of a window, as the last plan has it. It counts as long as no other plan could be made.
    window: Option<Timestamp>,
    began: Option<Timestamp>,
}

impl Schedule {
    /// With a cycle at least this often, and this seed for jitter.
    pub fn new(every: Duration, seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        Self { every: every.max(LEAST_PAUSE), random, failures: 0, window: None, began: None }
    }

    /// How many cycles in a row have failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The next cycle, after one that has ended.
    pub fn after(&mut self, cycle: &Cycle) -> Next {
        let now = cycle.ended;
        self.began = Some(cycle.began);
        if cycle.pending.is_some() {
            self.window = cycle.next_window;
        }
        self.failures = match cycle.outcome.is_good() {
            true => 0,
            // What happens meanwhile is not another try: it does not make the pauses longer.
            false if is_news(cycle.why) => self.failures.max(1),
            false => self.failures.saturating_add(1),
        };
        let regular = match cycle.outcome {
            CycleOutcome::Locked => {
                Next { at: later(now, self.jittered(LOCK_PAUSE)), why: Wake::Lock }
            }
            outcome if !outcome.is_good() => {
                Next { at: later(now, self.backoff()), why: Wake::Retry }
            }
            _ => Next { at: later(now, self.every), why: Wake::Every },
        };
        // An edge that has passed was seen by this cycle, whatever it came to.
        self.window = self.window.filter(|edge| *edge > cycle.began);
        let window = self.window.map(|at| Next { at, why: Wake::Window });
        let budget = cycle.resumes_at.map(|at| Next { at, why: Wake::Budget });
        let verify = cycle.verifies_at.map(|at| Next { at, why: Wake::Verify });
        let drift = (cycle.drifted > 0).then_some(Next { at: now, why: Wake::Drift });
        // Those that need the API or the state come no earlier than the pause after a failure.
        let others = [budget, verify, drift].into_iter().filter(|_| cycle.outcome.is_good());
        let all = [Some(regular), window].into_iter().chain(others).flatten();
        let first = all.min_by_key(|next| (next.at, next.why)).unwrap_or(regular);
        self.no_earlier(first)
    }

    /// The next cycle if something happens at `now`, while `next` is waited for.
    pub fn on(&self, why: Wake, next: Next, now: Timestamp) -> Next {
        let soon = self.no_earlier(Next { at: now, why });
        if soon.at < next.at { soon } else { next }
    }

    fn no_earlier(&self, next: Next) -> Next {
        let least = self.began.map_or(next.at, |began| later(began, LEAST_PAUSE));
        Next { at: next.at.max(least), ..next }
    }

    /// Twice as long after each failure, up to a bound.
    fn backoff(&mut self) -> Duration {
        let (least, most) = LONGEST_PAUSE;
        let longest = self.every.clamp(least, most);
        let doubled = 1_u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let pause = FIRST_PAUSE.checked_mul(doubled).unwrap_or(longest).min(longest);
        self.jittered(pause)
    }

    /// Between half of it and all of it: processes that failed together do not try again together.
    fn jittered(&mut self, pause: Duration) -> Duration {
        let thousandths = self.random.u32(0..=500);
        pause * (500 + thousandths) / 1000
    }
}

/// Whether something from outside began a cycle, and not the schedule.
fn is_news(why: Wake) -> bool {
    matches!(why, Wake::Files | Wake::Hangup | Wake::Event)
}

fn later(at: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    at.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
