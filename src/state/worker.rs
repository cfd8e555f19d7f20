//! The thread of a store: what blocks is called there, one call after another.

use std::{
    convert::Infallible,
    mem,
    ops::Bound,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    Amendment, Answer, Intent, Meta, Page, Record, Run, StateError, Verification, Write,
    engine::{Backing, Engine},
    panics::{self, Watch},
};
use crate::model::Address;

/// What a store is to its thread, beside its [`Engine`].
pub(super) trait Keeper {
    /// Where its bytes are.
    type Backing: Backing;

    /// The state in these bytes.
    fn engine(&self) -> &Engine<Self::Backing>;

    /// [`super::Store::commit`].
    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError>;

    /// [`super::Store::amend`].
    fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError>;

    /// [`super::Store::verify`].
    fn verify(&self) -> Result<Verification, StateError> {
        self.engine().verify()
    }

    /// Nobody will call any more. What was committed is durable already.
    fn close(self);

    /// Something in it panicked: what it has in memory is not written any more, nor even dropped
    /// if that could do harm. Only what others wait for (a lock) is given back.
    fn abandon(self);
}

/// An open store, as its thread sees it. See [`super::Store`] and [`Keeper`].
pub(super) trait Opened {
    fn meta(&self) -> Meta;
    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> Result<Page, StateError>;
    fn record(&self, address: &Address) -> Result<Option<Record>, StateError>;
    fn intents(&self) -> Result<Vec<Intent>, StateError>;
    fn runs(&self, limit: usize) -> Result<Vec<Run>, StateError>;
    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError>;
    fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError>;
    fn verify(&self) -> Result<Verification, StateError>;
    fn close(self: Box<Self>);
    fn abandon(self: Box<Self>);
}

impl<K: Keeper> Opened for K {
    fn meta(&self) -> Meta {
        self.engine().ledger.meta.clone()
    }

    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> Result<Page, StateError> {
        self.engine().page(from, to, limit)
    }

    fn record(&self, address: &Address) -> Result<Option<Record>, StateError> {
        self.engine().record(address)
    }

    fn intents(&self) -> Result<Vec<Intent>, StateError> {
        self.engine().intents()
    }

    fn runs(&self, limit: usize) -> Result<Vec<Run>, StateError> {
        self.engine().runs(limit)
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        Keeper::commit(self, writes)
    }

    fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError> {
        Keeper::amend(self, amendment)
    }

    fn verify(&self) -> Result<Verification, StateError> {
        Keeper::verify(self)
    }

    fn close(self: Box<Self>) {
        Keeper::close(*self);
    }

    fn abandon(self: Box<Self>) {
        Keeper::abandon(*self);
    }
}

/// How often whoever waits for the end of a thread looks whether one of sled's has died.
const LOOK: Duration = Duration::from_millis(5);

type Job = Box<dyn FnOnce(&mut Guarded) + Send>;

/// A store that may have been given up.
enum Guarded {
    Open(Box<dyn Opened>),
    /// Why.
    Lost(String),
}

/// The handle of the thread.
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Closed by the thread when it ends.
    end: Mutex<mpsc::Receiver<Infallible>>,
    place: String,
    /// How many of sled's threads had died when this was opened.
    deaths: u64,
}

impl Worker {
    /// Starts the thread and opens the store on it.
    pub(super) fn start(
        place: String,
        open: impl FnOnce(&str) -> Result<Box<dyn Opened>, StateError> + Send + 'static,
    ) -> Result<Self, StateError> {
        panics::install();
        let deaths = panics::deaths();
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, wait) = mpsc::channel::<Result<(), StateError>>();
        let watch = Watch::new({
            let (opened, place) = (opened.clone(), place.clone());
            move |what| {
                let _gone = opened.send(Err(StateError::damaged(&place, what)));
            }
        });
        let (lives, end) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(panics::THREAD.to_owned())
            .spawn({
                let place = place.clone();
                move || {
                    let _lives: mpsc::Sender<Infallible> = lives;
                    serve(open, &place, &queue, &opened);
                }
            })
            .map_err(StateError::io("start a thread for", &place))?;
        let result = wait.recv();
        drop(watch);
        match result {
            Ok(Ok(())) => {
                let (jobs, thread, end) = (Some(jobs), Some(thread), Mutex::new(end));
                Ok(Self { jobs, thread, end, place, deaths })
            }
            Ok(Err(error)) => {
                drop(jobs);
                join(thread, &end, deaths);
                Err(error)
            }
            Err(_) => Err(StateError::damaged(&place, "opening it ended early")),
        }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Carries this out on the thread, once it is waited for.
    pub(super) fn run<'a, T: Send + 'static>(
        &'a self,
        job: impl FnOnce(&mut dyn Opened) -> Result<T, StateError> + Send + 'static,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let (answer, wait) = oneshot::channel();
            let answer = Arc::new(Mutex::new(Some(answer)));
            let reply = {
                let answer = Arc::clone(&answer);
                move |result: Result<T, StateError>| {
                    let first = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(first) = first {
                        let _nobody_waits = first.send(result);
                    }
                }
            };
            let watch = Watch::new({
                let (reply, place) = (reply.clone(), self.place.clone());
                move |what| reply(Err(StateError::damaged(&place, what)))
            });
            // After the watch is set, so that no death goes unseen.
            if panics::deaths() != self.deaths {
                return Err(StateError::damaged(&self.place, "a thread of sled's has died"));
            }
            let gone = || StateError::damaged(&self.place, "it is closed");
            let place = self.place.clone();
            self.jobs
                .as_ref()
                .ok_or_else(gone)?
                .send(Box::new(move |store| reply(store.attempt(&place, job))))
                .map_err(|_| gone())?;
            drop(answer);
            let result = wait.await;
            drop(watch);
            result.unwrap_or_else(|_| Err(gone()))
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let end = self.end.get_mut().unwrap_or_else(PoisonError::into_inner);
            join(thread, end, self.deaths);
        }
    }
}

/// Waits for the thread; not if it may wait for ever.
fn join(thread: JoinHandle<()>, end: &mpsc::Receiver<Infallible>, deaths: u64) {
    while end.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if panics::deaths() != deaths {
            return;
        }
    }
    let _caught = thread.join();
}

fn serve(
    open: impl FnOnce(&str) -> Result<Box<dyn Opened>, StateError>,
    place: &str,
    queue: &mpsc::Receiver<Job>,
    opened: &mpsc::Sender<Result<(), StateError>>,
) {
    let open =
        panics::catch(|| open(place)).unwrap_or_else(|what| Err(StateError::damaged(place, what)));
    let mut store = match open {
        Ok(open) => Guarded::Open(open),
        Err(error) => {
            let _nobody_waits = opened.send(Err(error));
            return;
        }
    };
    let _nobody_waits = opened.send(Ok(()));
    while let Ok(job) = queue.recv() {
        job(&mut store);
    }
    store.close();
}

impl Guarded {
    fn attempt<T>(
        &mut self,
        place: &str,
        job: impl FnOnce(&mut dyn Opened) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let what = match self {
            Self::Lost(why) => why.clone(),
            Self::Open(open) => match panics::catch(|| job(&mut **open)) {
                Ok(result) => return result,
                Err(what) => what,
            },
        };
        self.lose(&what);
        Err(StateError::damaged(place, what))
    }

    /// Gives the store up.
    fn lose(&mut self, why: &str) {
        if let Self::Open(open) = mem::replace(self, Self::Lost(why.to_owned())) {
            open.abandon();
        }
    }

    /// What goes wrong here does not matter: what was committed is durable already.
    fn close(self) {
        if let Self::Open(open) = self {
            let _caught = panics::catch(|| open.close());
        }
    }
}
