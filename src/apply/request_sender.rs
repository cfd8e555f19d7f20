use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Event, Options, Problem, Reporter, Stop, Stopper, WaitReason,
    api::Call,
    outage::OutageCounter,
    rate_limiter::{Permit, RateLimiter},
};
use crate::{
    brevo::{Answer, BudgetReading, Error, ErrorKind},
    model::{Address, BudgetNote},
    network::{MOST_REPEATS, Request, Verdict, pauses, verdict},
    state::{StateError, Store},
};

/// Sends requests: each when the budget allows it, and again as far as the table of
/// [`crate::network`] allows.
pub(super) struct RequestSender {
    limiter: Arc<RateLimiter>,
    reporter: Arc<dyn Reporter>,
    stopper: Stopper,
    seed: u64,
    max_wait: Duration,
    /// How many requests there were: each has jitter of its own, or all would come back at once.
    calls: AtomicU64,
    fatal: Mutex<Option<Error>>,
    answered: AtomicBool,
    outage: OutageCounter,
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
            max_wait: options.max_wait,
            calls: AtomicU64::new(0),
            fatal: Mutex::new(None),
            answered: AtomicBool::new(false),
            outage: OutageCounter::default(),
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

    /// What the next request has to wait for, if it has to.
    pub(super) fn waits_for(&self) -> Option<WaitReason> {
        self.limiter.waits_for()
    }

    /// When a run that stopped early can go on, if not at once.
    pub(super) fn resets_at(&self, stopped: Option<Stop>) -> Option<Timestamp> {
        stopped.filter(|stop| *stop != Stop::Fatal)?;
        self.limiter.next_request_at()
    }

    /// Waits for the right to send one request.
    pub(super) async fn permit(&self) -> Result<Permit, Stop> {
        let waiting =
            |pause, until, why| self.reporter.report(&Event::Waiting { why, pause, until });
        self.limiter.permit(waiting).await
    }

    /// Sends a request about a delivery. What says that the answer to a create is of no use belongs in `call`: it
    /// counts as no answer.
    pub(super) async fn send<'c, T>(
        &self,
        request: Request,
        address: &Address,
        permit: Option<Permit>,
        call: impl Fn() -> Call<'c, T>,
    ) -> Sent<T> {
        let sent = self.send_uncounted(Some(address), permit, call).await;
        self.count(sent, request == Request::Create)
    }

    /// Stops the run if this request is the last of too many that had no usable answer. There is no wait
    /// between its answer and this, so that no other request leaves meanwhile.
    fn count<T>(&self, sent: Sent<T>, creates: bool) -> Sent<T> {
        match &sent {
            Ok(_) => self.outage.answered(creates),
            Err(Undone::Refused(error) | Undone::Lost(error)) => {
                if self.outage.ended_with(error) {
                    self.stopper.stop(Stop::Outage);
                }
            }
            Err(Undone::Abandoned { .. }) => {}
        }
        sent
    }

    /// Sends one request, with `permit` or once it gets one, and again as far as the table allows. It says
    /// nothing of an outage.
    pub(super) async fn send_uncounted<'c, T>(
        &self,
        address: Option<&Address>,
        mut permit: Option<Permit>,
        call: impl Fn() -> Call<'c, T>,
    ) -> Sent<T> {
        let seed = self.seed.wrapping_add(self.calls.fetch_add(1, Ordering::Relaxed));
        // The same for all requests to the API.
        let mut pauses = pauses(Request::Create, seed);
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
            let stops = matches!(
                self.stopper.reason(),
                Some(Stop::Signal | Stop::Changed | Stop::Outage | Stop::Fatal)
            );
            if !may_leave || stops {
                granted.unsent();
                return Err(Undone::Abandoned { unsure });
            }
            if granted.is_void() {
                granted.unsent();
                continue;
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
            let verdict = verdict(error.operation().request(), error.kind());
            tracing::debug!(?verdict, "{error}");
            match verdict {
                // A message that is gone is gone, whatever the earlier attempts did.
                Verdict::Refused if unsure && !error.is_gone() => return Err(Undone::Lost(error)),
                Verdict::Refused => return Err(Undone::Refused(error)),
                Verdict::Unknown => return Err(Undone::Lost(error)),
                // Once more with a new token: the refused one is thrown away.
                Verdict::Fatal if error.renews_token() && !renewed => renewed = true,
                Verdict::Fatal => return Err(self.stop_for(error, unsure)),
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
                    let asked = error.budget().and_then(|told| told.retry_after);
                    let pause = pause.max(asked.unwrap_or_default());
                    if asked != Some(pause) || pause <= self.max_wait {
                        self.reporter.report(&Event::Repeating {
                            address: address.cloned(),
                            why: error.to_string(),
                            pause,
                        });
                    }
                    if asked == Some(pause) {
                        // The rate limiter waits, or stops the run.
                        continue;
                    }
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
            // A success wants nothing to be tried again.
            Ok(answer) => {
                (answer.budget.map(|told| BudgetReading { retry_after: None, ..told }), true)
            }
            Err(error) => match error.kind() {
                ErrorKind::NotBuilt { .. }
                | ErrorKind::NotConnected { .. }
                | ErrorKind::NoToken { .. } => {
                    permit.unsent();
                    // The server of tokens may ask for it.
                    if let Some(pause) = error.budget().and_then(|told| told.retry_after) {
                        self.limiter.pause(pause);
                    }
                    return self.reporter.report(&Event::Requested { budget: self.limiter.note() });
                }
                // Without the API's request id it may be a page of anybody.
                ErrorKind::Unreadable { .. } => (error.budget(), error.request_id().is_some()),
                ErrorKind::Status { code, .. } => {
                    (error.budget(), code.is_some() || error.is_gone())
                }
                ErrorKind::Lost { .. } | ErrorKind::Redirect { .. } | ErrorKind::Sql { .. } => {
                    (error.budget(), false)
                }
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
