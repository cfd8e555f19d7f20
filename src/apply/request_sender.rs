use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;

use super::{
    Event, Options, Problem, Reporter, Stop, Stopper,
    api::Call,
    rate_limiter::{Permit, RateLimiter},
    retry_table::{MOST_REPEATS, Verdict, verdict},
};
use crate::{
    brevo::{Answer, Error, ErrorKind},
    model::{Address, BudgetNote},
    state::{StateError, Store},
};

/// Sends requests: each when the budget allows it, and again as far as the table of
/// [`super::retry_table`] allows.
pub(super) struct RequestSender {
    limiter: Arc<RateLimiter>,
    reporter: Arc<dyn Reporter>,
    stopper: Stopper,
    seed: u64,
    /// How many requests there were: each has jitter of its own, or all would come back at once.
    calls: AtomicU64,
    fatal: Mutex<Option<Error>>,
    answered: AtomicBool,
    /// The state whose lock must be held whenever a request leaves.
    store: Option<Arc<dyn Store>>,
    /// Why the lock is not held any more, as far as is known.
    lock_lost: Mutex<Option<Arc<StateError>>>,
}

/// What became of one request and its repetitions.
pub(super) type Sent<T> = Result<T, Undone>;

/// Why a request did not do what it should.
#[derive(Debug)]
pub(super) enum Undone {
    /// It took no effect.
    Refused(Error),
    /// It may have taken effect, or was repeated in vain.
    Lost(Error),
    /// The run stops before it came to an end.
    Abandoned {
        /// An attempt may have taken effect. Never of a create, which has one attempt that might.
        unsure: bool,
    },
}

impl RequestSender {
    pub(super) fn new(
        known: Option<BudgetNote>,
        options: &Options,
        reporter: Arc<dyn Reporter>,
        stopper: Stopper,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        Self {
            limiter: Arc::new(RateLimiter::new(known, options, stopper.clone())),
            reporter,
            stopper,
            seed: options.seed,
            calls: AtomicU64::new(0),
            fatal: Mutex::new(None),
            answered: AtomicBool::new(false),
            store,
            lock_lost: Mutex::new(None),
        }
    }

    /// What stopped the run, if that was an answer of the API or the lack of a connection.
    pub(super) fn fatal(&self) -> Option<Problem> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).clone().map(Problem::Api)
    }

    /// Why the run does not have the lock of its state any more.
    pub(super) fn lock_lost(&self) -> Option<Arc<StateError>> {
        self.lock_lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a request may leave as far as the lock is concerned. If not, the run stops.
    async fn has_lock(&self) -> bool {
        let Some(store) = &self.store else { return true };
        let Err(error) = store.confirm_lock().await else { return true };
        self.lock_lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| Arc::new(error));
        self.stopper.stop(Stop::Fatal);
        false
    }

    /// Whether the API has answered a request.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u64 {
        self.limiter.sent()
    }

    /// See [`RateLimiter::note`].
    pub(super) fn budget(&self) -> Option<BudgetNote> {
        self.limiter.note()
    }

    /// When a run that stopped early can go on, if not at once.
    pub(super) fn resets_at(&self, stopped: Option<Stop>) -> Option<Timestamp> {
        stopped.filter(|stop| *stop != Stop::Fatal)?;
        self.limiter.note().filter(|note| note.remaining == 0).map(|note| note.resets_at)
    }

    /// Waits for the right to send one request.
    pub(super) async fn permit(&self) -> Result<Permit, Stop> {
        let waiting = |pause, until| self.reporter.report(&Event::Waiting { pause, until });
        self.limiter.permit(waiting).await
    }

    /// Sends one request, with `permit` or once it gets one, and again as far as the table allows.
    pub(super) async fn send<'c, T>(
        &self,
        address: Option<&Address>,
        mut permit: Option<Permit>,
        call: impl Fn() -> Call<'c, T>,
    ) -> Sent<T> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(MOST_REPEATS)
            .with_jitter()
            .with_jitter_seed(self.seed.wrapping_add(self.calls.fetch_add(1, Ordering::Relaxed)))
            .build();
        let mut refusals = 0;
        let mut renewed = false;
        // Whether an attempt may have taken effect: what becomes of a later one does not undo that.
        let mut unsure = false;
        loop {
            let granted = match permit.take() {
                Some(permit) => permit,
                None => self.permit().await.map_err(|_| Undone::Abandoned { unsure })?,
            };
            // After every wait, and last: others may have had the state meanwhile.
            let may_leave = self.has_lock().await;
            // A request that has its permit was counted, so a budget or a time does not stop it.
            if !may_leave || matches!(self.stopper.reason(), Some(Stop::Signal | Stop::Fatal)) {
                granted.unsent();
                return Err(Undone::Abandoned { unsure });
            }
            self.reporter.report(&Event::Sending);
            let result = call().await;
            self.take_in(granted, &result);
            let error = match result {
                Ok(Answer { body, .. }) => return Ok(body),
                Err(error) => match address {
                    Some(address) => error.masking(&address.visitor()),
                    None => error,
                },
            };
            let verdict = verdict(&error);
            tracing::debug!(?verdict, "{error}");
            match verdict {
                // A message that is gone is gone, whatever the earlier attempts did.
                Verdict::Refused if unsure && !error.is_gone() => return Err(Undone::Lost(error)),
                Verdict::Refused => return Err(Undone::Refused(error)),
                Verdict::Unknown => return Err(Undone::Lost(error)),
                Verdict::WithNewToken if !renewed => renewed = true,
                Verdict::WithNewToken | Verdict::Fatal => return Err(self.stop_for(error, unsure)),
                Verdict::AfterReset => {
                    refusals += 1;
                    if refusals > MOST_REPEATS {
                        self.stopper.stop(Stop::Budget);
                        return Err(Undone::Abandoned { unsure });
                    }
                }
                Verdict::AgainOrStop | Verdict::AgainOrFail => {
                    unsure |= verdict == Verdict::AgainOrFail;
                    let Some(pause) = pauses.next() else {
                        return Err(match verdict {
                            Verdict::AgainOrStop => self.stop_for(error, unsure),
                            _ => Undone::Lost(error),
                        });
                    };
                    self.reporter.report(&Event::Repeating {
                        address: address.cloned(),
                        why: error.to_string(),
                        pause,
                    });
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        // A POST is only repeated if it certainly took no effect.
                        _ = self.stopper.stopped() => return Err(Undone::Abandoned { unsure }),
                    }
                }
            }
        }
    }

    /// Learns what an answer says of the budget, and whether it is one of the API: one of somebody
    /// else at a wrong address has no code.
    fn take_in<T>(&self, permit: Permit, result: &Result<Answer<T>, Error>) {
        let (budget, is_answer) = match result {
            Ok(answer) => (answer.budget, true),
            Err(error) => match error.kind() {
                ErrorKind::NotBuilt { .. }
                | ErrorKind::NotConnected { .. }
                | ErrorKind::NoToken { .. } => {
                    permit.unsent();
                    return self.reporter.report(&Event::Requested { budget: self.limiter.note() });
                }
                ErrorKind::Unreadable { .. } => (error.budget(), true),
                ErrorKind::Status { code, .. } => {
                    (error.budget(), code.is_some() || error.is_gone())
                }
                ErrorKind::Lost { .. } | ErrorKind::Redirect { .. } => (error.budget(), false),
            },
        };
        if is_answer {
            self.answered.store(true, Ordering::Release);
        }
        let refused = result.as_ref().is_err_and(|error| error.status() == Some(429));
        permit.answered(budget, refused);
        self.reporter.report(&Event::Requested { budget: self.limiter.note() });
    }

    fn stop_for(&self, error: Error, unsure: bool) -> Undone {
        self.fatal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| error.clone());
        self.stopper.stop(Stop::Fatal);
        if unsure { Undone::Lost(error) } else { Undone::Refused(error) }
    }
}
