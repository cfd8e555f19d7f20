use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{Clock, Options, Stop, Stopper};
use crate::{brevo::BudgetReading, model::BudgetNote};

/// The API counts by the hour, as long as its headers do not say when the period ends.
const PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// How long to wait after a 429 that does not say.
const UNTOLD_RESET: SignedDuration = SignedDuration::from_secs(60);

/// Two readings whose resets differ by less than this are of one period: the header has whole
/// seconds, and answers take their time.
const SAME_PERIOD: SignedDuration = SignedDuration::from_secs(5);

/// Lets requests go while the API will take them.
///
/// What the headers say is believed. Requests under way count as spent, so that concurrency does
/// not overshoot; an answer without headers is counted down.
pub(super) struct RateLimiter {
    period: Mutex<Period>,
    answered: Notify,
    /// No more requests than this in the run.
    max_requests: Option<u64>,
    /// No new request after this.
    deadline: Option<Timestamp>,
    /// No sleep longer than this.
    max_wait: Duration,
    clock: Clock,
    stopper: Stopper,
}

/// The period in which the API counts, as far as it is known.
struct Period {
    /// What is known; `remaining` is how many requests may still start.
    note: BudgetNote,
    /// The least that an answer of this period left; answers overtake each other, and what is
    /// left never rises. Only of use if `told`.
    least: u64,
    /// Whether `remaining` comes from the API, and not only from `limit`.
    told: bool,
    /// Whether any answer of this period was seen. Until then one request goes alone: what it
    /// tells may be that there is no room for a second one.
    tried: bool,
    under_way: u64,
    /// In the whole run.
    sent: u64,
}

/// The right to send one request. It counts as under way until [`Permit::answered`].
pub(super) struct Permit {
    limiter: Arc<RateLimiter>,
}

enum Go {
    Now,
    /// Answers under way may know of more.
    AfterAnswers,
    After(Duration),
    Never(Stop),
}

impl RateLimiter {
    pub(super) fn new(known: Option<BudgetNote>, options: &Options, stopper: Stopper) -> Self {
        let clock = Arc::clone(&options.clock);
        let now = clock();
        let lasts = known.is_some_and(|note| note.resets_at > now);
        let note = BudgetNote::at(known.as_ref(), now, options.requests_per_hour);
        let told = lasts && !note.assumed;
        let period =
            Period { note, least: note.remaining, told, tried: told, under_way: 0, sent: 0 };
        Self {
            period: Mutex::new(period),
            answered: Notify::new(),
            max_requests: options.max_requests,
            // A moment that no clock can tell never comes.
            deadline: options.max_duration.and_then(|duration| now.checked_add(duration).ok()),
            max_wait: options.max_wait,
            clock,
            stopper,
        }
    }

    fn period(&self) -> MutexGuard<'_, Period> {
        // Plain numbers: a panic elsewhere leaves them usable.
        self.period.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u64 {
        self.period().sent
    }

    /// The budget as the API told it, or as it was assumed, counted down since. None before the
    /// first request: there is nothing to remember.
    pub(super) fn note(&self) -> Option<BudgetNote> {
        let period = self.period();
        (period.told || period.sent > 0).then_some(period.note)
    }

    /// Waits until one more request may start. `waiting` is told of sleeps.
    pub(super) async fn permit(
        self: &Arc<Self>,
        waiting: impl Fn(Duration, Timestamp),
    ) -> Result<Permit, Stop> {
        loop {
            // Made before looking, so that an answer in between is not missed.
            let answered = self.answered.notified();
            match self.look() {
                Go::Now => return Ok(Permit { limiter: Arc::clone(self) }),
                Go::Never(stop) => {
                    self.stopper.stop(stop);
                    return Err(stop);
                }
                Go::AfterAnswers => tokio::select! {
                    () = answered => {}
                    stop = self.stopper.stopped() => return Err(stop),
                },
                Go::After(pause) => {
                    let now = (self.clock)();
                    waiting(pause, now.checked_add(pause).unwrap_or(now));
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        stop = self.stopper.stopped() => return Err(stop),
                    }
                }
            }
        }
    }

    fn look(&self) -> Go {
        if let Some(stop) = self.stopper.reason() {
            return Go::Never(stop);
        }
        let now = (self.clock)();
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Go::Never(Stop::Duration);
        }
        let mut period = self.period();
        if self.max_requests.is_some_and(|most| period.sent >= most) {
            return Go::Never(Stop::Budget);
        }
        if now >= period.note.resets_at {
            period.note.remaining = period.note.limit.saturating_sub(period.under_way);
            period.note.resets_at = now + PERIOD;
            period.told = false;
            period.tried = false;
        }
        if !period.tried && period.under_way > 0 {
            return Go::AfterAnswers;
        }
        if period.note.remaining > 0 {
            period.note.remaining -= 1;
            period.under_way += 1;
            period.sent += 1;
            return Go::Now;
        }
        if period.under_way > 0 {
            return Go::AfterAnswers;
        }
        // A second more than told: the header has whole seconds.
        let wait = period.note.resets_at.duration_since(now) + SignedDuration::from_secs(1);
        let pause = Duration::try_from(wait).unwrap_or_default();
        if pause > self.max_wait {
            Go::Never(Stop::Budget)
        } else if self.deadline.is_some_and(|deadline| now + wait > deadline) {
            Go::Never(Stop::Duration)
        } else {
            Go::After(pause)
        }
    }
}

impl Permit {
    /// The request is over; `reading` is what the answer's headers said, if there was one, and
    /// `refused` whether it was a 429.
    pub(super) fn answered(self, reading: Option<BudgetReading>, refused: bool) {
        let now = (self.limiter.clock)();
        let mut period = self.limiter.period();
        // Dropping the permit takes this request off; until then it counts.
        let others = period.under_way.saturating_sub(1);
        if let Some(BudgetReading { limit, remaining, reset }) = reading {
            let resets_at = SignedDuration::try_from(reset)
                .ok()
                .and_then(|reset| now.checked_add(reset).ok())
                .unwrap_or(period.note.resets_at);
            let same_period =
                period.told && resets_at.duration_since(period.note.resets_at).abs() < SAME_PERIOD;
            period.least = if same_period { remaining.min(period.least) } else { remaining };
            // Requests under way may or may not be counted in that answer: assume they are not.
            period.note.remaining = period.least.saturating_sub(others);
            period.note.limit = limit.unwrap_or(period.note.limit);
            if !same_period {
                period.note.resets_at = resets_at;
            }
            period.note.seen_at = now;
            period.told = true;
            period.note.assumed &= limit.is_none();
        } else {
            // Counted, as far as anybody knows.
            period.least = period.least.saturating_sub(1);
        }
        if reading.is_none() && refused {
            period.note.resets_at = if period.told && period.note.resets_at > now {
                period.note.resets_at
            } else {
                now + UNTOLD_RESET
            };
        }
        if refused {
            period.note.remaining = 0;
            period.least = 0;
        }
    }

    /// The request never left this machine: it costs nothing.
    pub(super) fn unsent(self) {
        let mut period = self.limiter.period();
        period.note.remaining += 1;
        period.sent = period.sent.saturating_sub(1);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut period = self.limiter.period();
        period.under_way = period.under_way.saturating_sub(1);
        period.tried = true;
        drop(period);
        self.limiter.answered.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn limiter(known: Option<BudgetNote>) -> Arc<RateLimiter> {
        let options = Options {
            concurrency: NonZeroUsize::MIN,
            requests_per_hour: 100,
            max_requests: None,
            max_duration: None,
            max_wait: Duration::ZERO,
            seed: 1,
            clock: Arc::new(|| Timestamp::UNIX_EPOCH),
        };
        Arc::new(RateLimiter::new(known, &options, Stopper::default()))
    }

    /// The right to send one more request, if it may start now.
    fn go(limiter: &Arc<RateLimiter>) -> Option<Permit> {
        matches!(limiter.look(), Go::Now).then(|| Permit { limiter: Arc::clone(limiter) })
    }

    fn left(remaining: u64) -> Option<BudgetReading> {
        Some(BudgetReading { limit: Some(5), remaining, reset: Duration::from_secs(60) })
    }

    #[test]
    fn the_first_request_goes_alone() {
        let limiter = limiter(None);
        let first = go(&limiter).expect("the first");
        assert!(go(&limiter).is_none());
        first.answered(left(1), false);
        let second = go(&limiter).expect("there is room for one");
        assert!(go(&limiter).is_none());
        second.answered(None, false);
        assert!(go(&limiter).is_none(), "an answer without headers counts, too");
    }

    #[test]
    fn answers_without_headers_are_counted_down_and_remembered() {
        let first = limiter(None);
        assert_eq!(first.note(), None, "nothing was sent yet");
        for _ in 0..60 {
            go(&first).expect("there is room").answered(None, false);
        }
        let note = first.note().expect("something to remember");
        assert_eq!((note.limit, note.remaining, note.assumed), (100, 40, true));
        let next = limiter(Some(note));
        for _ in 0..40 {
            go(&next).expect("there is room").answered(None, false);
        }
        assert!(go(&next).is_none(), "the second run goes on where the first one stopped");
        let told = limiter(None);
        go(&told).expect("the first").answered(left(3), false);
        go(&told).expect("there is room").answered(None, false);
        let note = told.note().expect("told");
        assert_eq!((note.limit, note.remaining, note.assumed), (5, 2, false));
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_raise_what_is_left() {
        let limiter = limiter(None);
        go(&limiter).expect("the first").answered(left(4), false);
        let [a, b, c] = [(); 3].map(|()| go(&limiter).expect("there is room"));
        c.answered(left(1), false);
        a.answered(left(3), false);
        b.answered(left(2), false);
        assert!(go(&limiter).is_some(), "one is left");
        assert!(go(&limiter).is_none());
    }
}
