use std::{collections::VecDeque, sync::Arc};

use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    ApplyError, Event, Session, Stop, group_committer::GroupCommitter, rate_limiter::Permit,
    request_sender::RequestSender, run_history::RunHistory,
};
use crate::{
    plan::Plan,
    state::{Meta, RunChange, StateError, Write},
};

/// Does the work of one run, whatever it consists of: a pool of deliveries under way, one budget,
/// one committer, one history, and one way to stop.
pub(super) struct Executor {
    pub(super) session: Session,
    /// That of the state.
    pub(super) lineage: Uuid,
    pub(super) sender: Arc<RequestSender>,
    committer: GroupCommitter,
    history: Arc<RunHistory>,
}

impl Executor {
    /// Reads what the state knows of the budget, and begins the history.
    pub(super) async fn start(session: Session) -> Result<Self, StateError> {
        let Meta { budget, lineage, last_run, .. } = session.store.meta().await?;
        let Session { options, reporter, stopper, .. } = &session;
        let (reporter, stopper) = (Arc::clone(reporter), stopper.clone());
        let store = Some(Arc::clone(&session.store));
        let sender = Arc::new(RequestSender::new(budget, options, reporter, stopper, store));
        let history = Arc::new(RunHistory::new(&session, last_run, Arc::clone(&sender)));
        let along = Arc::clone(&history);
        let committer = GroupCommitter::start(Arc::clone(&session.store), move || along.so_far());
        Ok(Self { session, lineage, sender, committer, history })
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
        while self.session.stopper.reason().is_none()
            && let Some(next) = queue.pop_front()
        {
            if under_way.len() >= self.session.options.concurrency.get() {
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
            let (work, stopper) = (work(next, permit), self.session.stopper.clone());
            under_way.spawn(async move { work.await.inspect_err(|_| stopper.stop(Stop::Fatal)) });
        }
        while !under_way.is_empty() {
            result = result.and(self.one_ended(&mut under_way).await);
        }
        match self.session.stopper.reason() {
            Some(_) => _ = announced.await,
            None => announced.abort(),
        }
        // What follows from it says less.
        match self.sender.lock_lost() {
            Some(error) => Err(ApplyError::State(error)),
            None => result.map(|()| queue),
        }
    }

    async fn one_ended(
        &self,
        under_way: &mut JoinSet<Result<(), ApplyError>>,
    ) -> Result<(), ApplyError> {
        match under_way.join_next().await {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(error)) => {
                self.session.stopper.stop(Stop::Fatal);
                Err(ApplyError::Worker(error.to_string()))
            }
        }
    }

    /// Tells the reporter once that the run is stopping.
    fn announce_stop(&self) -> tokio::task::JoinHandle<()> {
        let (stopper, reporter) =
            (self.session.stopper.clone(), Arc::clone(&self.session.reporter));
        let sender = Arc::clone(&self.sender);
        tokio::spawn(async move {
            let stop = stopper.stopped().await;
            reporter.report(&Event::Stopping { stop, waits: sender.waits_for() });
        })
    }

    /// Returns once `writes` are durable.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), ApplyError> {
        Ok(self.committer.commit(writes).await?)
    }

    /// Notes durably that somebody agrees to what `plan` asks for, in the commit that begins the run.
    pub(super) async fn approve(&self, plan: &Plan) -> Result<(), ApplyError> {
        match self.history.approve(plan) {
            writes if writes.is_empty() => Ok(()),
            writes => self.commit(writes).await,
        }
    }

    /// Adds to the history; the next commit takes it along.
    pub(super) fn note(&self, change: RunChange) {
        self.history.note(change);
    }

    /// Why the run ended early, with this much left: a stop that came when all was done stopped
    /// nothing.
    pub(super) fn stopped(&self, left: u64) -> Option<Stop> {
        let tells = |stop: &Stop| left > 0 || matches!(stop, Stop::Fatal | Stop::Outage);
        self.session.stopper.reason().filter(tells)
    }

    /// Ends the history.
    pub(super) async fn end(&self, stopped: Option<Stop>) -> Result<(), ApplyError> {
        self.commit(self.history.end(stopped)).await
    }
}
