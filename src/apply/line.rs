use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use super::{
    Event, Options, Reporter, Stop, Stopper,
    api::{Call, Problem, Reach, Reply},
    pace::{Bounds, Pacer, Permit},
    repeat::{MOST_REPEATS, Method, Verdict, verdict},
    tempo::Tempo,
};
use crate::model::{Address, BudgetNote};

/// The way to the API: one request at a time gets through when the budget allows it, and again
/// as far as the table of [`super::repeat`] allows.
pub(super) struct Line {
    pub(super) pacer: Arc<Pacer>,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) stopper: Stopper,
    pub(super) tempo: Arc<Tempo>,
    /// One for each request that may be under way. Nobody who has one waits for a permit: the
    /// budget may wait for the answer to somebody's request who waits for a place.
    places: Semaphore,
    seed: u64,
    /// How many were made: each has jitter of its own, or all would come back at once.
    calls: AtomicU64,
    fatal: Mutex<Option<Problem>>,
    /// Whether the API has answered a request.
    pub(super) answered: Arc<AtomicBool>,
}

/// The place of a request under way.
pub(super) type Place<'a> = SemaphorePermit<'a>;

/// What a request has before it is sent; it waits for what is missing.
#[derive(Default)]
pub(super) struct Ready<'a> {
    pub(super) permit: Option<Permit>,
    pub(super) place: Option<Place<'a>>,
}

/// What became of one request and its repetitions.
pub(super) enum Sent<T> {
    Answered(T),
    Refused(Problem),
    Lost(Problem),
    Abandoned,
}

impl Line {
    pub(super) fn new(
        known: Option<BudgetNote>,
        options: &Options,
        reporter: Arc<dyn Reporter>,
        stopper: Stopper,
    ) -> Self {
        let bounds = Bounds {
            max_requests: options.max_requests,
            // A moment that no clock can tell never comes.
            deadline: options
                .max_duration
                .and_then(|duration| (options.clock)().checked_add(duration).ok()),
            max_wait: options.max_wait,
        };
        let pacer = Pacer::new(
            known,
            options.requests_per_hour,
            bounds,
            Arc::clone(&options.clock),
            stopper.clone(),
        );
        let pacer = Arc::new(pacer);
        Self {
            pacer,
            reporter,
            stopper,
            tempo: Arc::default(),
            places: Semaphore::new(options.concurrency.get().min(Semaphore::MAX_PERMITS)),
            seed: options.seed,
            calls: AtomicU64::new(0),
            fatal: Mutex::new(None),
            answered: Arc::default(),
        }
    }

    /// What stopped the run, if that was an answer of the API or the lack of a connection.
    pub(super) fn fatal(&self) -> Option<Problem> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn permit(&self) -> Result<Permit, Stop> {
        self.pacer.permit(|pause| self.reporter.report(&Event::Waiting { pause })).await
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Option<Place<'_>> {
        // They are never closed.
        self.places.acquire().await.ok()
    }

    /// Whether not even a request may leave that has a permit. One that has it was counted where
    /// a budget or a time is what ends the run.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self.stopper.reason(), Some(Stop::Signal | Stop::Fatal))
    }

    /// Sends one request, and again as far as the table allows. Its place is given back when the
    /// last answer is there.
    pub(super) async fn send<'s, 'c, T>(
        &'s self,
        address: Option<&Address>,
        method: Method,
        ready: Ready<'s>,
        call: impl Fn() -> Call<'c, T>,
    ) -> Sent<T> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(MOST_REPEATS)
            .with_jitter()
            .with_jitter_seed(self.seed.wrapping_add(self.calls.fetch_add(1, Ordering::Relaxed)))
            .build();
        let Ready { mut permit, mut place } = ready;
        let mut refusals = 0;
        loop {
            let granted = match permit.take().or_else(|| self.pacer.permit_now()) {
                Some(permit) => permit,
                None => {
                    place = None;
                    match self.permit().await {
                        Ok(permit) => permit,
                        Err(_) => return Sent::Abandoned,
                    }
                }
            };
            if place.is_none() {
                place = self.place().await;
            }
            if self.is_cut() {
                granted.unsent();
                return Sent::Abandoned;
            }
            let begun = Instant::now();
            let result = call().await;
            self.tempo.answered(begun.elapsed());
            let budget = match &result {
                Ok(Reply { budget, .. }) => *budget,
                Err(problem) => problem.budget,
            };
            if is_an_answer(&result) {
                self.answered.store(true, Ordering::Release);
            }
            let refused = result.as_ref().is_err_and(|problem| problem.status() == Some(429));
            let unsent = result
                .as_ref()
                .is_err_and(|p| matches!(p.reach, Reach::NotBuilt | Reach::NotConnected));
            if unsent {
                granted.unsent();
            } else {
                granted.answered(budget, refused);
                self.reporter.report(&Event::Requested);
            }
            let problem = match result {
                Ok(Reply { value, request_id, budget: _ }) => {
                    tracing::debug!(?method, request_id, "answered");
                    return Sent::Answered(value);
                }
                Err(problem) => match address {
                    Some(address) => problem.without(&address.visitor()),
                    None => problem,
                },
            };
            let verdict = verdict(method, &problem);
            tracing::debug!(?method, ?verdict, reach = ?problem.reach, request_id = problem.request_id, "{}", problem.message);
            match verdict {
                Verdict::Refused => return Sent::Refused(problem),
                Verdict::Unknown => return Sent::Lost(problem),
                Verdict::Fatal => return self.stop_for(problem),
                Verdict::AfterReset => {
                    refusals += 1;
                    if refusals > MOST_REPEATS {
                        self.stopper.stop(Stop::Budget);
                        return Sent::Abandoned;
                    }
                }
                Verdict::AgainOrStop | Verdict::AgainOrFail => {
                    let Some(pause) = pauses.next() else {
                        return if verdict == Verdict::AgainOrStop {
                            self.stop_for(problem)
                        } else {
                            Sent::Lost(problem)
                        };
                    };
                    self.reporter.report(&Event::Repeating {
                        address: address.cloned(),
                        why: problem.message.clone(),
                        pause,
                    });
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        _ = self.stopper.stopped() => {
                            // A POST is only repeated if it certainly took no effect.
                            return Sent::Abandoned;
                        }
                    }
                }
            }
        }
    }

    fn stop_for<T>(&self, problem: Problem) -> Sent<T> {
        self.fatal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| problem.clone());
        self.stopper.stop(Stop::Fatal);
        Sent::Refused(problem)
    }
}

/// Whether the API has answered, and not somebody else at a wrong address: only the API's own
/// refusals have a code.
fn is_an_answer<T>(result: &Result<Reply<T>, Problem>) -> bool {
    match result {
        Ok(_) => true,
        Err(problem) => match problem.reach {
            Reach::Unreadable => true,
            Reach::Answered(_) => problem.code.is_some() || problem.gone,
            Reach::NotBuilt | Reach::NotConnected | Reach::Sent => false,
        },
    }
}
