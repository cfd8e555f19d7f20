use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc};

use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    ApplyError, Clock, Event, Reporter, Session, Stop, Stopper, api::Api,
    group_committer::GroupCommitter, rate_limiter::Permit, request_sender::RequestSender,
    run_history::RunHistory,
};
use crate::state::{Meta, RunChange, StateError, Store, Write};

/// Does the work of one run, whatever it consists of: a pool of deliveries under way, one budget,
/// one committer, one history, and one way to stop.
pub(super) struct Executor {
    pub(super) store: Arc<dyn Store>,
    pub(super) api: Arc<dyn Api>,
    pub(super) sender: Arc<RequestSender>,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) clock: Clock,
    /// The id of the run.
    pub(super) run: Uuid,
    /// That of the state.
    pub(super) lineage: Uuid,
    concurrency: NonZeroUsize,
    committer: GroupCommitter,
    history: Arc<RunHistory>,
    stopper: Stopper,
}

impl Executor {
    /// Reads what the state knows of the budget, and begins the history.
    pub(super) async fn start(session: Session) -> Result<Self, StateError> {
        let Session { store, api, api_url, options, info, reporter, stopper } = session;
        let Meta { budget, lineage, .. } = store.meta().await?;
        let sender = RequestSender::new(budget, &options, Arc::clone(&reporter), stopper.clone());
        let sender = Arc::new(sender);
        let clock = Arc::clone(&options.clock);
        let run = info.id;
        let history =
            Arc::new(RunHistory::new(info, Arc::clone(&clock), api_url, Arc::clone(&sender)));
        let along = Arc::clone(&history);
        let committer = GroupCommitter::start(Arc::clone(&store), move || along.so_far());
        let concurrency = options.concurrency;
        Ok(Self {
            store,
            api,
            sender,
            reporter,
            clock,
            run,
            lineage,
            concurrency,
            committer,
            history,
            stopper,
        })
    }

    /// Carries out what is in the queue, in its order, with at most `--concurrency` under way at
    /// once. Those that are not `free` begin with a permit: waiting for the budget leaves nothing
    /// half done. Once the run stops, nothing begins, and what is under way is awaited. Answers
    /// with what never began; the first error stops the run and is returned.
    pub(super) async fn carry_out<T, W>(
        &self,
        mut queue: VecDeque<T>,
        free: impl Fn(&T) -> bool,
        work: impl Fn(T, Option<Permit>) -> W,
    ) -> Result<VecDeque<T>, ApplyError>
    where
        W: Future<Output = Result<(), ApplyError>> + Send + 'static,
    {
        let announced = self.announce_stop();
        let mut under_way = JoinSet::new();
        let mut result = Ok(());
        while self.stopper.reason().is_none()
            && let Some(next) = queue.pop_front()
        {
            if under_way.len() >= self.concurrency.get() {
                result = result.and(self.one_ended(&mut under_way).await);
                queue.push_front(next);
                continue;
            }
            let permit = match free(&next) {
                true => None,
                false => match self.sender.permit().await {
                    Ok(permit) => Some(permit),
                    Err(_) => {
                        queue.push_front(next);
                        break;
                    }
                },
            };
            let (work, stopper) = (work(next, permit), self.stopper.clone());
            under_way.spawn(async move { work.await.inspect_err(|_| stopper.stop(Stop::Fatal)) });
        }
        while !under_way.is_empty() {
            result = result.and(self.one_ended(&mut under_way).await);
        }
        match self.stopper.reason() {
            Some(_) => _ = announced.await,
            None => announced.abort(),
        }
        result.map(|()| queue)
    }

    async fn one_ended(
        &self,
        under_way: &mut JoinSet<Result<(), ApplyError>>,
    ) -> Result<(), ApplyError> {
        match under_way.join_next().await {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(error)) => {
                self.stopper.stop(Stop::Fatal);
                Err(ApplyError::Worker(error.to_string()))
            }
        }
    }

    /// Tells the reporter once that the run is stopping.
    fn announce_stop(&self) -> tokio::task::JoinHandle<()> {
        let (stopper, reporter) = (self.stopper.clone(), Arc::clone(&self.reporter));
        tokio::spawn(async move {
            let reason = stopper.stopped().await;
            reporter.report(&Event::Stopping(reason));
        })
    }

    /// Returns once `writes` are durable.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), ApplyError> {
        Ok(self.committer.commit(writes).await?)
    }

    /// Adds to the history; the next commit takes it along.
    pub(super) fn note(&self, change: RunChange) {
        self.history.note(change);
    }

    /// Why the run ended early, with this much left: a stop that came when all was done stopped
    /// nothing.
    pub(super) fn stopped(&self, left: u64) -> Option<Stop> {
        self.stopper.reason().filter(|stop| left > 0 || *stop == Stop::Fatal)
    }

    /// Ends the history.
    pub(super) async fn end(&self, stopped: Option<Stop>) -> Result<(), ApplyError> {
        self.commit(self.history.end(stopped)).await
    }
}
