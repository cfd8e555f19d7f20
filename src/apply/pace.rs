use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{Clock, Stop, Stopper, api::Reading};
use crate::state::BudgetNote;

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
    resets_at: Timestamp,
    seen_at: Timestamp,
    /// Whether `left` comes from the API, and not only from an assumption.
    told: bool,
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
        let books = match known {
            Some(note) if note.resets_at > now => Books {
                limit: note.limit,
                left: note.remaining,
                resets_at: note.resets_at,
                seen_at: note.seen_at,
                told: true,
                under_way: 0,
                sent: 0,
            },
            _ => {
                let limit = known.map_or(assumed, |note| note.limit);
                Books {
                    limit,
                    left: limit,
                    resets_at: now + PERIOD,
                    seen_at: now,
                    told: false,
                    under_way: 0,
                    sent: 0,
                }
            }
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

    /// The budget as the API told it, counted down since.
    pub(super) fn note(&self) -> Option<BudgetNote> {
        let books = self.books();
        books.told.then_some(BudgetNote {
            limit: books.limit,
            remaining: books.left,
            resets_at: books.resets_at,
            seen_at: books.seen_at,
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
            // Requests under way may or may not be counted in this answer: assume they are not.
            let left = remaining.saturating_sub(others);
            books.left = if same_period && others > 0 { left.min(books.left) } else { left };
            books.limit = limit.unwrap_or(books.limit);
            if !same_period {
                books.resets_at = resets_at;
            }
            books.seen_at = now;
            books.told = true;
        } else if refused {
            books.resets_at = if books.told && books.resets_at > now {
                books.resets_at
            } else {
                now + UNTOLD_RESET
            };
        }
        if refused {
            books.left = 0;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut books = self.pacer.books();
        books.under_way = books.under_way.saturating_sub(1);
        drop(books);
        self.pacer.answered.notify_waiters();
    }
}
