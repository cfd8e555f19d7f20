//! The thread that calls sled for a store.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::state::{Answer, StateError};

use super::{
    OpenOptions,
    folder::{self, OpenStore},
    panics::{self, Watch},
};

type Job = Box<dyn FnOnce(&mut Guarded) + Send>;

/// A store that may have been given up.
enum Guarded {
    Open(Box<OpenStore>),
    /// Why.
    Lost(String),
}

/// The handle of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    place: String,
    /// How many of sled's threads had died when this was opened.
    deaths: u64,
}

impl Worker {
    /// Starts the thread and opens the store on it.
    pub(super) fn start(options: OpenOptions) -> Result<Self, StateError> {
        panics::install();
        let deaths = panics::deaths();
        let place = options.path.display().to_string();
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, wait) = mpsc::channel::<Result<(), StateError>>();
        let watch = Watch::new({
            let (opened, place) = (opened.clone(), place.clone());
            move |what| {
                let _gone = opened.send(Err(StateError::damaged(&place, what)));
            }
        });
        let thread = thread::Builder::new()
            .name(panics::THREAD.to_owned())
            .spawn({
                let place = place.clone();
                move || serve(&options, &place, &queue, &opened)
            })
            .map_err(StateError::io("start a thread for", &place))?;
        let result = wait.recv();
        drop(watch);
        match result {
            Ok(Ok(())) => Ok(Self { jobs: Some(jobs), thread: Some(thread), place, deaths }),
            Ok(Err(error)) => {
                drop(jobs);
                end(thread, deaths);
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
        job: impl FnOnce(&mut OpenStore) -> Result<T, StateError> + Send + 'static,
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
            end(thread, self.deaths);
        }
    }
}

/// Waits for the thread; not if it may wait for ever.
fn end(thread: JoinHandle<()>, deaths: u64) {
    let mut pause = Duration::from_micros(50);
    while !thread.is_finished() {
        if panics::deaths() != deaths {
            return;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    let _caught = thread.join();
}

fn serve(
    options: &OpenOptions,
    place: &str,
    queue: &mpsc::Receiver<Job>,
    opened: &mpsc::Sender<Result<(), StateError>>,
) {
    let open = panics::catch(|| folder::open(options, place))
        .unwrap_or_else(|what| Err(StateError::damaged(place, what)));
    let mut store = match open {
        Ok(open) => Guarded::Open(Box::new(open)),
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
        job: impl FnOnce(&mut OpenStore) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let what = match self {
            Self::Lost(why) => why.clone(),
            Self::Open(open) => match panics::catch(|| job(open)) {
                Ok(result) => return result,
                Err(what) => what,
            },
        };
        self.lose(&what);
        Err(StateError::damaged(place, what))
    }

    /// Gives the store up. What sled has in memory is not written any more, nor even dropped:
    /// it could panic again, or wait for ever.
    fn lose(&mut self, why: &str) {
        if let Self::Open(open) = mem::replace(self, Self::Lost(why.to_owned())) {
            let OpenStore { engine, close, .. } = *open;
            mem::forget(engine);
            drop(close);
        }
    }

    /// Closes the files. What was committed is durable already, so that nothing that goes wrong
    /// here matters; without a seal the next opening just trusts less.
    fn close(self) {
        let Self::Open(open) = self else { return };
        let OpenStore { engine, close, lifted, .. } = *open;
        let _unsealed = panics::catch(|| {
            if lifted.is_none() {
                engine.backing.sync()?;
            }
            drop(engine);
            close.seal(lifted.as_ref())
        });
    }
}
