use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{Options, Stop, Stopper, WaitReason, steady_clock::SteadyClock};
use crate::{brevo::BudgetReading, model::BudgetNote};

/// The API counts by the hour, as long as its headers do not say when the period ends.
const PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// How long to wait after a 429 that does not say. The next one is another such wait.
const UNTOLD_RESET: SignedDuration = SignedDuration::from_secs(60);

/// How long to wait at least after a 429, whatever it says.
const SHORTEST: Duration = Duration::from_secs(1);

/// Two readings whose resets differ by less than this are of one period: the header has whole
/// seconds, and answers take their time.
const SAME_PERIOD: SignedDuration = SignedDuration::from_secs(5);

/// A sleep that ends this much later than another one is told of, too.
const SHORTEST_NEWS: SignedDuration = SignedDuration::from_millis(500);

/// How long a sleep is without a look at the clock: it may have jumped, or the machine may have slept.
const NAP: Duration = Duration::from_secs(10);

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
    clock: SteadyClock,
    /// How far answers may overtake each other.
    concurrency: u64,
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
    /// Until when the last sleep was said to last.
    said: Option<Timestamp>,
}

/// The right to send one request. It counts as under way until [`Permit::answered`].
pub(super) struct Permit {
    limiter: Arc<RateLimiter>,
}

enum Go {
    Now,
    /// Answers under way may know of more.
    AfterAnswers,
    After(Duration, WaitReason),
    Never(Stop),
}

impl RateLimiter {
    pub(super) fn new(known: Option<BudgetNote>, options: &Options, stopper: Stopper) -> Self {
        let clock = SteadyClock::new(Arc::clone(&options.clock));
        let now = clock.now();
        let note = BudgetNote::at(known.as_ref(), now, options.requests_per_hour);
        // A note that is not believed, or over, is made anew.
        let told = known.is_some_and(|known| known.seen_at == note.seen_at) && !note.assumed;
        let period = Period {
            note,
            least: note.remaining,
            told,
            tried: told,
            under_way: 0,
            sent: 0,
            said: None,
        };
        Self {
            period: Mutex::new(period),
            answered: Notify::new(),
            max_requests: options.max_requests,
            // A moment that no clock can tell never comes.
            deadline: options.max_duration.and_then(|duration| now.checked_add(duration).ok()),
            max_wait: options.max_wait,
            clock,
            concurrency: options.concurrency.get() as u64,
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
        let ahead = self.clock.ahead();
        let as_told = |at: Timestamp| at.checked_sub(ahead).unwrap_or(at);
        (period.told || period.sent > 0).then(|| BudgetNote {
            resets_at: as_told(period.note.resets_at),
            retry_at: period.note.retry_at.map(as_told),
            seen_at: as_told(period.note.seen_at),
            ..period.note
        })
    }

    /// When requests can be sent again, if none can be sent now: also if nobody but an earlier run knows it.
    pub(super) fn next_request_at(&self) -> Option<Timestamp> {
        let at = self.period().note.next_request_at()?;
        at.checked_sub(self.clock.ahead()).ok()
    }

    /// No request leaves before this time is over.
    pub(super) fn pause(&self, pause: Duration) {
        let (mut period, now) = (self.period(), self.clock.now());
        let until = now.checked_add(pause).unwrap_or(now);
        period.note.retry_at = period.note.retry_at.max(Some(until));
        period.note.seen_at = now;
    }

    /// What the next request has to wait for, if it has to.
    pub(super) fn waits_for(&self) -> Option<WaitReason> {
        let (period, now) = (self.period(), self.clock.now());
        if period.note.remaining == 0 && period.note.resets_at > now {
            return Some(WaitReason::Budget);
        }
        period.note.retry_at.filter(|at| *at > now).map(|_| WaitReason::RetryAfter)
    }

    /// Waits until one more request may start. `waiting` is told of sleeps, their ends and their reasons.
    pub(super) async fn permit(
        self: &Arc<Self>,
        waiting: impl Fn(Duration, Timestamp, WaitReason),
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
                Go::After(pause, why) => {
                    let now = self.clock.now();
                    let until = now.checked_add(pause).unwrap_or(now);
                    if self.is_news(until) {
                        let until = until.checked_sub(self.clock.ahead()).unwrap_or(until);
                        waiting(pause, until, why);
                    }
                    tokio::select! {
                        () = tokio::time::sleep(pause.min(NAP)) => {}
                        stop = self.stopper.stopped() => return Err(stop),
                    }
                }
            }
        }
    }

    /// Whether nobody was told yet of a sleep until then: several requests sleep, and look at the clock in between.
    fn is_news(&self, until: Timestamp) -> bool {
        let said = &mut self.period().said;
        let news = said.is_none_or(|said| until.duration_since(said).abs() >= SHORTEST_NEWS);
        if news {
            *said = Some(until);
        }
        news
    }

    fn look(&self) -> Go {
        if let Some(stop) = self.stopper.reason() {
            return Go::Never(stop);
        }
        let now = self.clock.now();
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
            period.note.seen_at = now;
            period.told = false;
            period.tried = false;
        }
        if !period.tried && period.under_way > 0 {
            return Go::AfterAnswers;
        }
        if let Some(retry_at) = period.note.retry_at.filter(|at| *at > now) {
            return self.wait(now, retry_at, WaitReason::RetryAfter);
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
        let second = SignedDuration::from_secs(1);
        let until = period.note.resets_at;
        self.wait(now, until.checked_add(second).unwrap_or(until), WaitReason::Budget)
    }

    fn wait(&self, now: Timestamp, until: Timestamp, why: WaitReason) -> Go {
        let pause = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        if pause > self.max_wait {
            Go::Never(Stop::Budget)
        } else if self.deadline.is_some_and(|deadline| until > deadline) {
            Go::Never(Stop::Duration)
        } else {
            Go::After(pause, why)
        }
    }
}

impl Permit {
    /// The request is over. `reading` is what the answer's headers said, if there was one, and `refused`
    /// whether it was a 429.
    pub(super) fn answered(self, reading: Option<BudgetReading>, refused: bool) {
        let now = self.limiter.clock.now();
        let mut period = self.limiter.period();
        let BudgetReading { limit, remaining, reset, retry_after } = reading.unwrap_or_default();
        let after = |wait: Duration| now.checked_add(wait).unwrap_or(now);
        let (reset, retry_at) = (reset.map(after), retry_after.map(after));
        match remaining {
            Some(remaining) => {
                let reset = reset.or(retry_at.filter(|_| refused));
                period.learn(now, limit, remaining, reset, self.limiter.concurrency);
            }
            // Counted, as far as anybody knows.
            None => period.least = period.least.saturating_sub(1),
        }
        if retry_at.is_some() {
            period.note.retry_at = period.note.retry_at.max(retry_at);
            period.note.seen_at = now;
        }
        if refused {
            let soonest = |at: Timestamp| at.max(after(SHORTEST));
            period.refused(now, remaining.is_some(), reset.map(soonest), retry_at.map(soonest));
        }
    }

    /// Whether this permit is worth nothing any more: since it was given, another answer has told that the
    /// request would be refused. Then it is to be given back.
    pub(super) fn is_void(&self) -> bool {
        let now = self.limiter.clock.now();
        let period = self.limiter.period();
        period.note.retry_at.is_some_and(|at| at > now)
            || (period.told && period.least == 0 && period.note.resets_at > now)
    }

    /// The request never left this machine: it costs nothing.
    pub(super) fn unsent(self) {
        let mut period = self.limiter.period();
        period.note.remaining += 1;
        if period.told {
            // An answer meanwhile may have told that there is less.
            period.note.remaining = period.note.remaining.min(period.least);
        }
        period.sent = period.sent.saturating_sub(1);
    }
}

impl Period {
    /// Takes in what an answer said. Dropping the permit takes its request off; until then it counts.
    fn learn(
        &mut self,
        now: Timestamp,
        limit: Option<u64>,
        remaining: u64,
        reset: Option<Timestamp>,
        concurrency: u64,
    ) {
        let others = self.under_way.saturating_sub(1);
        // A period that is over at once is over within the second that the header does not tell.
        let reset = match remaining {
            0 => reset.map(|reset| reset.max(now.checked_add(SHORTEST).unwrap_or(now))),
            _ => reset,
        };
        let same_period = self.told
            && match reset {
                Some(reset) => reset.duration_since(self.note.resets_at).abs() < SAME_PERIOD,
                // Only a new period has more left than answers that overtook each other tell.
                None => remaining <= self.least.saturating_add(concurrency),
            };
        self.least = if same_period { remaining.min(self.least) } else { remaining };
        // Requests under way may or may not be counted in that answer: assume they are not.
        self.note.remaining = self.least.saturating_sub(others);
        self.note.limit = limit.unwrap_or(self.note.limit);
        if !same_period {
            self.note.resets_at =
                reset.unwrap_or_else(|| now.saturating_add(PERIOD).unwrap_or(now));
        }
        self.note.seen_at = now;
        self.told = true;
        self.note.assumed &= limit.is_none();
    }

    /// Takes in a 429.
    fn refused(
        &mut self,
        now: Timestamp,
        counted: bool,
        reset: Option<Timestamp>,
        retry_at: Option<Timestamp>,
    ) {
        match reset {
            Some(reset) => self.note.resets_at = reset,
            // Nothing is said of the period: only that it was too soon.
            None if retry_at.is_some() && !counted => {
                self.note.retry_at = self.note.retry_at.max(retry_at);
                return;
            }
            // What was learned of `remaining` said until when.
            None if counted => {}
            None if self.told && self.note.resets_at > now => {}
            None => self.note.resets_at = now + UNTOLD_RESET,
        }
        self.note.remaining = 0;
        self.note.seen_at = now;
        self.least = 0;
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
mod tests;
