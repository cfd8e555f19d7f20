use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{Clock, Stop, Stopper, api::Reading};
use crate::model::BudgetNote;

/// The API counts by the hour, as long as its headers do not say when the period ends.
const PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// How long to wait after a 429 that does not say.
const UNTOLD_RESET: SignedDuration = SignedDuration::from_secs(60);

/// Two readings whose resets differ by less than this are of one period: the header has whole
/// seconds, and answers take their time.
const SAME_PERIOD: SignedDuration = SignedDuration::from_secs(5);

/// What bounds the requests of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// No more requests than this in the run.
    pub(super) max_requests: Option<u64>,
    /// No new request after this.
    pub(super) deadline: Option<Timestamp>,
    /// No sleep longer than this.
    pub(super) max_wait: Duration,
}

/// Lets requests go while the API will take them.
///
/// What the headers say is believed. Requests under way count as spent, so that concurrency does
/// not overshoot; an answer without headers is counted down.
pub(super) struct Pacer {
    books: Mutex<Books>,
    answered: Notify,
    bounds: Bounds,
    clock: Clock,
    stopper: Stopper,
}

struct Books {
    limit: u64,
    /// Requests that may still start in this period.
    left: u64,
    /// The least that an answer of this period left; answers overtake each other, and what is
    /// left never rises. Only of use if `told`.
    least: u64,
    resets_at: Timestamp,
    seen_at: Timestamp,
    /// Whether `limit` never came from the API.
    assumed: bool,
    /// Whether `left` comes from the API, and not only from `limit`.
    told: bool,
    /// Whether any answer of this period was seen. Until then one request goes alone: what it
    /// tells may be that there is no room for a second one.
    tried: bool,
    under_way: u64,
    sent: u64,
}

/// The right to send one request. It counts as under way until [`Permit::answered`].
pub(super) struct Permit {
    pacer: Arc<Pacer>,
}

enum Go {
    Now,
    /// Answers under way may know of more.
    AfterAnswers,
    After(Duration),
    Never(Stop),
}

impl Pacer {
    pub(super) fn new(
        known: Option<BudgetNote>,
        assumed: u64,
        bounds: Bounds,
        clock: Clock,
        stopper: Stopper,
    ) -> Self {
        let now = clock();
        let lasts = known.is_some_and(|note| note.resets_at > now);
        let note = BudgetNote::at(known.as_ref(), now, assumed);
        let BudgetNote { limit, remaining, resets_at, seen_at, assumed } = note;
        let books = Books {
            limit,
            left: remaining,
            least: remaining,
            resets_at,
            seen_at,
            assumed,
            told: lasts && !assumed,
            tried: lasts && !assumed,
            under_way: 0,
            sent: 0,
        };
        Self { books: Mutex::new(books), answered: Notify::new(), bounds, clock, stopper }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // The books are plain numbers: a panic elsewhere leaves them usable.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u64 {
        self.books().sent
    }

    /// The budget as the API told it, or as it was assumed, counted down since. None before the
    /// first request: there is nothing to remember.
    pub(super) fn note(&self) -> Option<BudgetNote> {
        let books = self.books();
        (books.told || books.sent > 0).then_some(BudgetNote {
            limit: books.limit,
            remaining: books.left,
            resets_at: books.resets_at,
            seen_at: books.seen_at,
            assumed: books.assumed,
        })
    }

    /// Waits until one more request may start. `waiting` is told of sleeps.
    pub(super) async fn permit(
        self: &Arc<Self>,
        waiting: impl Fn(Duration),
    ) -> Result<Permit, Stop> {
        loop {
            // Made before looking, so that an answer in between is not missed.
            let answered = self.answered.notified();
            match self.look() {
                Go::Now => return Ok(Permit { pacer: Arc::clone(self) }),
                Go::Never(stop) => {
                    self.stopper.stop(stop);
                    return Err(stop);
                }
                Go::AfterAnswers => tokio::select! {
                    () = answered => {}
                    stop = self.stopper.stopped() => return Err(stop),
                },
                Go::After(pause) => {
                    waiting(pause);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        stop = self.stopper.stopped() => return Err(stop),
                    }
                }
            }
        }
    }

    /// The right to send one more request, if it may start now.
    pub(super) fn permit_now(self: &Arc<Self>) -> Option<Permit> {
        matches!(self.look(), Go::Now).then(|| Permit { pacer: Arc::clone(self) })
    }

    fn look(&self) -> Go {
        if let Some(stop) = self.stopper.reason() {
            return Go::Never(stop);
        }
        let now = (self.clock)();
        if self.bounds.deadline.is_some_and(|deadline| now >= deadline) {
            return Go::Never(Stop::Duration);
        }
        let mut books = self.books();
        if self.bounds.max_requests.is_some_and(|most| books.sent >= most) {
            return Go::Never(Stop::Budget);
        }
        if now >= books.resets_at {
            books.left = books.limit.saturating_sub(books.under_way);
            books.resets_at = now + PERIOD;
            books.told = false;
            books.tried = false;
        }
        if !books.tried && books.under_way > 0 {
            return Go::AfterAnswers;
        }
        if books.left > 0 {
            books.left -= 1;
            books.under_way += 1;
            books.sent += 1;
            return Go::Now;
        }
        if books.under_way > 0 {
            return Go::AfterAnswers;
        }
        // A second more than told: the header has whole seconds.
        let wait = books.resets_at.duration_since(now) + SignedDuration::from_secs(1);
        let pause = Duration::try_from(wait).unwrap_or_default();
        if pause > self.bounds.max_wait {
            Go::Never(Stop::Budget)
        } else if self.bounds.deadline.is_some_and(|deadline| now + wait > deadline) {
            Go::Never(Stop::Duration)
        } else {
            Go::After(pause)
        }
    }
}

impl Permit {
    /// The request is over; `reading` is what the answer's headers said, if there was one, and
    /// `refused` whether it was a 429.
    pub(super) fn answered(self, reading: Option<Reading>, refused: bool) {
        let now = (self.pacer.clock)();
        let mut books = self.pacer.books();
        // Dropping the permit takes this request off; until then it counts.
        let others = books.under_way.saturating_sub(1);
        if let Some(Reading { limit, remaining, resets_in }) = reading {
            let resets_at = SignedDuration::try_from(resets_in)
                .ok()
                .and_then(|resets_in| now.checked_add(resets_in).ok())
                .unwrap_or(books.resets_at);
            let same_period =
                books.told && resets_at.duration_since(books.resets_at).abs() < SAME_PERIOD;
            books.least = if same_period { remaining.min(books.least) } else { remaining };
            // Requests under way may or may not be counted in that answer: assume they are not.
            books.left = books.least.saturating_sub(others);
            books.limit = limit.unwrap_or(books.limit);
            if !same_period {
                books.resets_at = resets_at;
            }
            books.seen_at = now;
            books.told = true;
            books.assumed &= limit.is_none();
        } else {
            // Counted, as far as anybody knows.
            books.least = books.least.saturating_sub(1);
        }
        if reading.is_none() && refused {
            books.resets_at = if books.told && books.resets_at > now {
                books.resets_at
            } else {
                now + UNTOLD_RESET
            };
        }
        if refused {
            books.left = 0;
            books.least = 0;
        }
    }
}

impl Permit {
    /// The request never left this machine: it costs nothing.
    pub(super) fn unsent(self) {
        let mut books = self.pacer.books();
        books.left += 1;
        books.sent = books.sent.saturating_sub(1);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut books = self.pacer.books();
        books.under_way = books.under_way.saturating_sub(1);
        books.tried = true;
        drop(books);
        self.pacer.answered.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(known: Option<BudgetNote>) -> Arc<Pacer> {
        let bounds = Bounds { max_requests: None, deadline: None, max_wait: Duration::ZERO };
        let clock: Clock = Arc::new(|| Timestamp::UNIX_EPOCH);
        Arc::new(Pacer::new(known, 100, bounds, clock, Stopper::default()))
    }

    fn go(pacer: &Arc<Pacer>) -> Option<Permit> {
        pacer.permit_now()
    }

    fn left(remaining: u64) -> Option<Reading> {
        Some(Reading { limit: Some(5), remaining, resets_in: Duration::from_secs(60) })
    }

    #[test]
    fn the_first_request_goes_alone() {
        let pacer = pacer(None);
        let first = go(&pacer).expect("the first");
        assert!(go(&pacer).is_none());
        first.answered(left(1), false);
        let second = go(&pacer).expect("there is room for one");
        assert!(go(&pacer).is_none());
        second.answered(None, false);
        assert!(go(&pacer).is_none(), "an answer without headers counts, too");
    }

    #[test]
    fn answers_without_headers_are_counted_down_and_remembered() {
        let first = pacer(None);
        assert_eq!(first.note(), None, "nothing was sent yet");
        for _ in 0..60 {
            go(&first).expect("there is room").answered(None, false);
        }
        let note = first.note().expect("something to remember");
        assert_eq!((note.limit, note.remaining, note.assumed), (100, 40, true));
        let next = pacer(Some(note));
        for _ in 0..40 {
            go(&next).expect("there is room").answered(None, false);
        }
        assert!(go(&next).is_none(), "the second run goes on where the first one stopped");
        let told = pacer(None);
        go(&told).expect("the first").answered(left(3), false);
        go(&told).expect("there is room").answered(None, false);
        let note = told.note().expect("told");
        assert_eq!((note.limit, note.remaining, note.assumed), (5, 2, false));
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_raise_what_is_left() {
        let pacer = pacer(None);
        go(&pacer).expect("the first").answered(left(4), false);
        let [a, b, c] = [(); 3].map(|()| go(&pacer).expect("there is room"));
        c.answered(left(1), false);
        a.answered(left(3), false);
        b.answered(left(2), false);
        assert!(go(&pacer).is_some(), "one is left");
        assert!(go(&pacer).is_none());
    }
}
