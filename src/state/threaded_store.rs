//! A store whose calls block, with a thread of its own that carries them out, one after another.

use std::{
    mem,
    ops::Bound,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Amendment, CloseErrors, Meta, Page, Run, StateError, Store, StoreFuture, Verification, Write,
    boot_clock::BootInstant,
    engine::Engine,
    kv::Kv,
    panics::{self, Death, Watch},
};
use crate::model::{Address, Approval, Intent, MessageId, Record};

/// How often the end of a thread is waited for before the deaths of sled's threads are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// The thread that died may belong to another state. This one gets this long to close.
const AFTER_DEATH: Duration = Duration::from_secs(1);

/// A lock that was confirmed this recently is not asked for again. Much shorter than any lease, and than anything
/// that somebody could do meanwhile who took the lock away.
const RECENT: Duration = Duration::from_millis(250);
/// An answer that took longer says nothing of the present: the question is asked again, this often.
const TIMELY: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 5;

/// A [`Store`] on sorted bytes. Its calls are carried out by one thread of its own, so that none blocks an
/// executor. A commit that has begun is carried out even if nobody waits for it any more. Dropping the store
/// waits for the calls under way, closes it and gives the lock back.
pub(super) struct ThreadedStore<K: Kv> {
    jobs: Option<mpsc::Sender<Job<K>>>,
    thread: Option<JoinHandle<()>>,
    /// Gets how the state was closed, when the thread ends.
    end: Mutex<mpsc::Receiver<Result<(), StateError>>>,
    /// Gets the error if it was not closed well.
    close_errors: CloseErrors,
    location: String,
    /// How many of sled's threads had died when this was opened.
    deaths: u64,
    /// When the question was asked to which the answer was that the lock is ours.
    confirmed: Arc<Mutex<Option<BootInstant>>>,
}

type Job<K> = Box<dyn FnOnce(&mut OnThread<K>) + Send>;

/// The state on its thread.
enum OnThread<K> {
    NotYetOpen,
    Open(Box<Engine<K>>),
    /// A call panicked, and nothing is read or written any more.
    GivenUp(Death),
}

impl<K: Kv + 'static> ThreadedStore<K> {
    /// Starts the thread and opens the state on it; blocks until it is open.
    pub(super) fn start(
        location: String,
        close_errors: &CloseErrors,
        open: impl FnOnce(&str) -> Result<Engine<K>, StateError> + Send + 'static,
    ) -> Result<Self, StateError> {
        panics::install();
        let deaths = panics::deaths();
        let (jobs, queue) = mpsc::channel::<Job<K>>();
        let (closed, end) = mpsc::channel();
        let at = location.clone();
        let thread = thread::Builder::new()
            .name(panics::THREAD.to_owned())
            .spawn(move || {
                let mut state = OnThread::NotYetOpen;
                while let Ok(job) = queue.recv() {
                    job(&mut state);
                }
                let _waits = closed.send(state.close(&at));
            })
            .map_err(StateError::io("start a thread for", &location))?;
        let (jobs, thread, end) = (Some(jobs), Some(thread), Mutex::new(end));
        let close_errors = close_errors.clone();
        let confirmed = Arc::default();
        let store = Self { jobs, thread, end, close_errors, location, deaths, confirmed };
        let (opened, wait) = mpsc::channel();
        let location = store.location.clone();
        let job = move |state: &mut OnThread<K>| {
            *state = OnThread::Open(Box::new(open(&location)?));
            Ok(())
        };
        let _watch = store.send(job, move |result| {
            let _nobody_waits = opened.send(result);
        })?;
        let early = || StateError::damaged(&store.location, "opening it ended early");
        wait.recv().unwrap_or_else(|_| Err(early()))?;
        Ok(store)
    }

    /// Carries this out on the thread. `reply` is called once: with the result, or with an error if a thread of
    /// sled's dies first, as long as the [`Watch`] is kept.
    fn send<T: 'static>(
        &self,
        job: impl FnOnce(&mut OnThread<K>) -> Result<T, StateError> + Send + 'static,
        reply: impl FnOnce(Result<T, StateError>) + Send + 'static,
    ) -> Result<Watch, StateError> {
        let reply = Arc::new(Mutex::new(Some(reply)));
        let reply = move |result| {
            let first = reply.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(reply) = first {
                reply(result);
            }
        };
        let watch = Watch::new({
            let (reply, location) = (reply.clone(), self.location.clone());
            move |death: &Death| reply(Err(StateError::of_death(&location, death)))
        });
        // After the watch is set, so that no death goes unseen.
        if panics::deaths() != self.deaths {
            return Err(StateError::of_death(&self.location, &panics::last_death()));
        }
        let gone = || StateError::damaged(&self.location, "it is closed");
        let location = self.location.clone();
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(Box::new(move |state| reply(state.attempt(&location, job))))
            .map_err(|_| gone())?;
        Ok(watch)
    }

    /// Carries this out on the thread, once it is waited for.
    fn run<'a, T: Send + 'static>(
        &'a self,
        job: impl FnOnce(&mut Engine<K>) -> Result<T, StateError> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let (answer, wait) = oneshot::channel();
            let gone = || StateError::damaged(&self.location, "it is closed");
            let closed = gone();
            let job = move |state: &mut OnThread<K>| match state {
                OnThread::Open(engine) => job(engine),
                OnThread::NotYetOpen | OnThread::GivenUp(_) => Err(closed),
            };
            let watch = self.send(job, move |result| {
                let _nobody_waits = answer.send(result);
            })?;
            let result = wait.await;
            drop(watch);
            result.unwrap_or_else(|_| Err(gone()))
        })
    }
}

impl<K: Kv + 'static> Store for ThreadedStore<K> {
    fn location(&self) -> &str {
        &self.location
    }

    fn meta(&self) -> StoreFuture<'_, Meta> {
        self.run(|state| Ok(state.meta()))
    }

    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> StoreFuture<'_, Page> {
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        self.run(move |state| {
            state.page(from.as_ref().map(String::as_str), to.as_ref().map(String::as_str), limit)
        })
    }

    fn record<'a>(&'a self, address: &'a Address) -> StoreFuture<'a, Option<Record>> {
        let address = address.clone();
        self.run(move |state| state.record(&address))
    }

    fn address_of<'a>(&'a self, id: &'a MessageId) -> StoreFuture<'a, Option<Address>> {
        let id = id.clone();
        self.run(move |state| state.address_of(&id))
    }

    fn intents(&self) -> StoreFuture<'_, Vec<Intent>> {
        self.run(|state| state.intents())
    }

    fn approvals(&self) -> StoreFuture<'_, Vec<Approval>> {
        self.run(|state| state.approvals())
    }

    fn runs(&self, limit: usize) -> StoreFuture<'_, Vec<Run>> {
        self.run(move |state| state.runs(limit))
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        self.run(move |state| state.commit(&writes))
    }

    fn amend(&self, amendment: Amendment) -> StoreFuture<'_, Meta> {
        self.run(move |state| state.amend(&amendment))
    }

    fn confirm_lock(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut within = RECENT;
            for _ in 0..ATTEMPTS {
                if was_confirmed(&self.confirmed, within) {
                    return Ok(());
                }
                within = TIMELY;
                let confirmed = Arc::clone(&self.confirmed);
                self.run(move |state| {
                    // Somebody may have asked while this one waited for its turn.
                    if was_confirmed(&confirmed, RECENT) {
                        return Ok(());
                    }
                    let asked = BootInstant::now();
                    state.confirm_lock()?;
                    *confirmed.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
                    Ok(())
                })
                .await?;
            }
            if was_confirmed(&self.confirmed, within) {
                return Ok(());
            }
            let seconds = TIMELY.as_secs();
            let why = format!(
                "each time it was asked whether its lock is still held, the answer took longer than {seconds} s: \
                 this run sends nothing more. What was recorded is safe: run again"
            );
            Err(StateError::unavailable(&self.location, why))
        })
    }

    fn verify(&self) -> StoreFuture<'_, Verification> {
        self.run(|state| state.verify())
    }
}

impl<K: Kv> Drop for ThreadedStore<K> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let end = self.end.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = join(thread, end, self.deaths, &self.location) {
                self.close_errors.add(error);
            }
        }
    }
}

fn was_confirmed(at: &Mutex<Option<BootInstant>>, within: Duration) -> bool {
    let at = *at.lock().unwrap_or_else(PoisonError::into_inner);
    at.is_some_and(|at| at.elapsed() < within)
}

/// Waits until the state is closed; not if that may take for ever.
fn join(
    thread: JoinHandle<()>,
    end: &mpsc::Receiver<Result<(), StateError>>,
    deaths: u64,
    location: &str,
) -> Result<(), StateError> {
    let mut died: Option<Instant> = None;
    let closed = loop {
        match end.recv_timeout(LOOK) {
            Ok(closed) => break closed,
            Err(RecvTimeoutError::Disconnected) => break Ok(()),
            Err(RecvTimeoutError::Timeout) if panics::deaths() != deaths => {
                if died.get_or_insert_with(Instant::now).elapsed() > AFTER_DEATH {
                    return Err(StateError::of_death(location, &panics::last_death()));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    let _caught = thread.join();
    closed
}

impl<K: Kv> OnThread<K> {
    fn attempt<T>(
        &mut self,
        location: &str,
        job: impl FnOnce(&mut Self) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let death = match self {
            Self::GivenUp(death) => death.clone(),
            _ => match panics::catch(|| job(self)) {
                Ok(result) => return result,
                Err(death) => {
                    if let Self::Open(engine) = mem::replace(self, Self::GivenUp(death.clone())) {
                        engine.abandon();
                    }
                    death
                }
            },
        };
        Err(StateError::of_death(location, &death))
    }

    /// Whatever was committed is durable already; an error says that it is not where it belongs yet.
    fn close(self, location: &str) -> Result<(), StateError> {
        let Self::Open(engine) = self else { return Ok(()) };
        panics::catch(|| engine.close())
            .unwrap_or_else(|death| Err(StateError::of_death(location, &death)))
    }
}
