use std::{
    collections::{BinaryHeap, VecDeque},
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{
    ApplyError, Clock, Event, Failure, Session, Stop,
    api::{Api, Found, Problem},
    chronicle::Chronicle,
    journal::Journal,
    line::{Line, Ready, Sent},
    repeat::Method,
    run::work_together,
};
use crate::{
    model::{Address, Drift, Record},
    plan::Selection,
    state::{RunChange, StateError, Store, Write},
};

/// What a refresh found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Deliveries that were asked for and answered.
    pub verified: u64,
    /// Of those, the ones that are gone.
    pub gone: Vec<Address>,
    /// Of those, the ones with another text.
    pub changed: Vec<Address>,
    /// Deliveries that could not be asked for.
    pub failed: Vec<Failure>,
    /// Deliveries that were not asked for.
    pub remaining: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<Stop>,
    /// What ended it, if that was an answer of the API or the lack of a connection.
    pub fatal: Option<Problem>,
}

impl Refreshed {
    /// The exit status of a command that ended like this.
    pub fn exit_status(&self) -> u8 {
        if self.stopped == Some(Stop::Fatal) || !self.failed.is_empty() {
            1
        } else if self.stopped.is_some() {
            3
        } else {
            0
        }
    }
}

/// Asks the API about deliveries, the least recently verified first, and records what differs.
///
/// One request each: `most` bounds how many are asked for (all selected ones without it), so
/// that a small budget verifies everything in turn over several runs.
pub async fn refresh(
    selection: &Selection,
    most: Option<u64>,
    session: Session,
) -> Result<Refreshed, ApplyError> {
    let Session { store, api, api_url, options, info, reporter, stopper } = session;
    let known = store.meta().await?.budget;
    let (queue, left) = oldest(&*store, selection, most).await?;
    if queue.is_empty() {
        return Ok(Refreshed::default());
    }
    let changes = queue.len() as u64;
    let workers = options.concurrency.get().min(queue.len());
    reporter.report(&Event::Started { changes, requests: changes });
    let line = Line::new(known, &options, reporter, stopper.clone());
    let chronicle = Arc::new(Chronicle::new(info, Arc::clone(&options.clock), api_url, &line));
    let along = Arc::clone(&chronicle);
    let journal =
        Journal::start(Arc::clone(&store), Arc::clone(&line.tempo), move || along.so_far());
    let crew = Arc::new(Crew {
        queue: Mutex::new(queue),
        found: Mutex::new(Refreshed::default()),
        store,
        api,
        journal: journal.clone(),
        chronicle: Arc::clone(&chronicle),
        line,
        clock: Arc::clone(&options.clock),
    });
    work_together(workers, &stopper, || {
        let crew = Arc::clone(&crew);
        async move { crew.work().await }
    })
    .await?;
    let found = crew.finish(left);
    journal.commit(chronicle.end(found.stopped)).await?;
    Ok(found)
}

/// The selected deliveries that were verified least recently, and how many others there are.
async fn oldest(
    store: &dyn Store,
    selection: &Selection,
    most: Option<u64>,
) -> Result<(VecDeque<Address>, u64), StateError> {
    const PAGE: usize = 1024;
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    // The newest of the oldest on top, to be pushed out by an older one.
    let mut heap: BinaryHeap<(Timestamp, Address)> = BinaryHeap::new();
    let mut others = 0;
    let mut from = Bound::Unbounded;
    loop {
        let bound = from.as_ref().map(String::as_str);
        let page = store.page(bound, Bound::Unbounded, PAGE).await?;
        let records = page.records()?;
        let whole = records.len() == PAGE;
        let last = records.last().map(|record| record.address.as_str().to_owned());
        for record in records {
            let resting = record.drift == Some(Drift::Forgotten);
            if resting || !selection.contains(&record.address) {
                continue;
            }
            heap.push((record.verified_at, record.address));
            if heap.len() > most {
                heap.pop();
                others += 1;
            }
        }
        match last {
            Some(last) if whole => from = Bound::Excluded(last),
            _ => break,
        }
    }
    let queue = heap.into_sorted_vec().into_iter().map(|(_, address)| address).collect();
    Ok((queue, others))
}

struct Crew {
    queue: Mutex<VecDeque<Address>>,
    found: Mutex<Refreshed>,
    store: Arc<dyn Store>,
    api: Arc<dyn Api>,
    journal: Journal,
    chronicle: Arc<Chronicle>,
    line: Line,
    clock: Clock,
}

impl Crew {
    fn take(&self) -> Option<Address> {
        if self.line.stopper.reason().is_some() {
            return None;
        }
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn note(&self, note: impl FnOnce(&mut Refreshed)) {
        note(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn work(&self) -> Result<(), ApplyError> {
        while let Some(address) = self.take() {
            let Some(record) = self.store.record(&address).await? else { continue };
            let get = || self.api.get(record.kind, &record.id);
            let drift =
                match self.line.send(Some(&address), Method::Get, Ready::default(), get).await {
                    Sent::Answered(found) => difference(&record, &found),
                    Sent::Refused(problem) if problem.gone => Some(Drift::Gone),
                    Sent::Refused(problem) | Sent::Lost(problem) => {
                        let failure = Failure { address, action: "refresh", problem };
                        self.line.reporter.report(&Event::Failed(failure.clone()));
                        self.note(|found| found.failed.push(failure));
                        continue;
                    }
                    Sent::Abandoned => {
                        self.note(|found| found.remaining += 1);
                        continue;
                    }
                };
            self.note(|found| {
                found.verified += 1;
                match &drift {
                    Some(Drift::Gone) => found.gone.push(address.clone()),
                    Some(Drift::Text(_)) => found.changed.push(address.clone()),
                    Some(Drift::Forgotten) | None => {}
                }
            });
            let seen = match &drift {
                Some(Drift::Gone) => Some("gone"),
                Some(Drift::Text(_)) => Some("changed"),
                Some(Drift::Forgotten) | None => None,
            };
            if let Some(outcome) = seen {
                self.chronicle.note(RunChange {
                    address,
                    action: "refresh".to_owned(),
                    outcome: outcome.to_owned(),
                    id: None,
                    error: None,
                });
            }
            let record = Record { drift, verified_at: (self.clock)(), ..record };
            self.journal.commit(vec![Write::Put(Box::new(record))]).await?;
        }
        Ok(())
    }

    fn finish(&self, others: u64) -> Refreshed {
        let left = self.queue.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        let mut found =
            std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        let unasked = found.remaining + left;
        found.remaining = unasked + others;
        found.requests = self.line.pacer.sent();
        found.stopped =
            self.line.stopper.reason().filter(|stop| unasked > 0 || *stop == Stop::Fatal);
        found.fatal = self.line.fatal();
        found.gone.sort();
        found.changed.sort();
        found
    }
}

/// What the visitor sees instead, if it is another text than was applied. Line breaks at the end
/// do not count: the manifest drops them as well.
fn difference(record: &Record, found: &Found) -> Option<Drift> {
    let text = found.text.as_deref()?.trim_end_matches(['\n', '\r']);
    (text != &*record.content.text).then(|| Drift::Text(text.to_owned()))
}
