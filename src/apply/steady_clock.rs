use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::Clock;

/// The clock of a run: it never goes back, and never stands still while the process works.
///
/// The clock of a machine jumps: when it is set, and when the machine wakes up. A jump ahead counts as time
/// that has passed, as sleep has. After a jump back, a wait ends when it would have ended without it.
pub(super) struct SteadyClock {
    clock: Clock,
    last: Mutex<(Timestamp, Instant)>,
}

impl SteadyClock {
    pub(super) fn new(clock: Clock) -> Self {
        let last = Mutex::new((clock(), Instant::now()));
        Self { clock, last }
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.with_offset().0
    }

    /// How far it is ahead of the machine's clock, by which everybody else goes.
    pub(super) fn ahead(&self) -> SignedDuration {
        self.with_offset().1
    }

    fn with_offset(&self) -> (Timestamp, SignedDuration) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, instant) = ((self.clock)(), Instant::now());
        let passed = last.0.checked_add(instant.duration_since(last.1)).unwrap_or(last.0);
        let now = told.max(passed);
        *last = (now, instant);
        (now, now.duration_since(told))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_never_goes_back_and_never_stands_still() {
        let told = Arc::new(AtomicI64::new(1_000_000));
        let clock = Arc::clone(&told);
        let at = |second: i64| Timestamp::from_second(second).expect("in range");
        let steady = SteadyClock::new(Arc::new(move || at(clock.load(Ordering::Relaxed))));
        assert_eq!(steady.now(), at(1_000_000));
        // The machine slept, or somebody set its clock.
        told.store(1_000_500, Ordering::Relaxed);
        assert_eq!(steady.now(), at(1_000_500));
        // It is set back by a day.
        told.store(914_100, Ordering::Relaxed);
        assert_eq!(steady.now(), at(1_000_500));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(steady.now(), at(1_000_560));
        told.store(914_160, Ordering::Relaxed);
        assert_eq!(steady.now() - steady.ahead(), at(914_160));
    }
}
