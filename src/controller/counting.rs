//! Counts what a run does: its requests by a wrapper around the API, its changes by listening to it.

use std::{borrow::Cow, sync::Arc};

use super::{ChangeOutcome, Live, Metrics};
use crate::{
    apply::{
        Clock, Event, Reporter,
        api::{Api, Call},
    },
    brevo::{Error, ErrorKind, Message, Operation},
    model::{Content, Kind, MessageId, VisitorId},
};

/// An API that counts each request.
struct CountingApi {
    inner: Arc<dyn Api>,
    metrics: Arc<Metrics>,
}

impl CountingApi {
    fn count<'a, T: Send + 'a>(&'a self, operation: Operation, call: Call<'a, T>) -> Call<'a, T> {
        Box::pin(async move {
            // A request that is given up in the middle counts too.
            let mut counted = Counted { metrics: &self.metrics, operation, status: "lost".into() };
            let answer = call.await;
            counted.status = match &answer {
                Ok(answer) => answer.status.to_string().into(),
                Err(error) => word(error),
            };
            answer
        })
    }
}

/// One request, counted when it ends.
struct Counted<'a> {
    metrics: &'a Metrics,
    operation: Operation,
    status: Cow<'static, str>,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.metrics.requested(self.operation, std::mem::take(&mut self.status));
    }
}

fn word(error: &Error) -> Cow<'static, str> {
    match error.kind() {
        ErrorKind::NotBuilt { .. } => "not_built".into(),
        ErrorKind::NotConnected { .. } => "not_connected".into(),
        ErrorKind::NoToken { .. } => "no_token".into(),
        kind => kind.status().map_or("lost".into(), |status| status.to_string().into()),
    }
}

impl Api for CountingApi {
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, Message> {
        let operation = match kind {
            Kind::Pushed => Operation::SendPushedMessage,
            Kind::Agent => Operation::SendAgentMessage,
        };
        self.count(operation, self.inner.create(kind, visitor, content))
    }

    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, Message> {
        let operation = match kind {
            Kind::Pushed => Operation::UpdatePushedMessage,
            Kind::Agent => Operation::UpdateAgentMessage,
        };
        self.count(operation, self.inner.update(kind, id, text))
    }

    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()> {
        let operation = match kind {
            Kind::Pushed => Operation::DeletePushedMessage,
            Kind::Agent => Operation::DeleteAgentMessage,
        };
        self.count(operation, self.inner.delete(kind, id))
    }

    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Message> {
        let operation = match kind {
            Kind::Pushed => Operation::GetPushedMessage,
            Kind::Agent => Operation::GetAgentMessage,
        };
        self.count(operation, self.inner.get(kind, id))
    }
}

/// What observes the runs of a process.
#[derive(Clone)]
pub struct Observers {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Takes in signs of life.
    pub live: Arc<Live>,
    /// The clock.
    pub clock: Clock,
}

impl Observers {
    /// The same API, observed.
    pub fn of_api(&self, api: Arc<dyn Api>) -> Arc<dyn Api> {
        Arc::new(CountingApi { inner: api, metrics: Arc::clone(&self.metrics) })
    }

    /// The same reporter, which also tells the observers.
    pub fn of_reporter(&self, reporter: Arc<dyn Reporter>) -> Arc<dyn Reporter> {
        Arc::new(CountingReporter { inner: reporter, observers: self.clone() })
    }
}

/// A reporter that counts changes and takes in signs of life, and passes everything on.
struct CountingReporter {
    inner: Arc<dyn Reporter>,
    observers: Observers,
}

impl CountingReporter {
    /// Counts a change. A question is none.
    fn changed(&self, action: &'static str, outcome: ChangeOutcome) {
        if action != "refresh" {
            self.observers.metrics.changed(action, outcome);
        }
    }
}

impl Reporter for CountingReporter {
    fn report(&self, event: &Event) {
        let Observers { live, clock, .. } = &self.observers;
        let now = clock();
        match event {
            Event::Started { .. } => live.begins(now),
            Event::Waiting { until, .. } => live.waits(now, *until),
            Event::Repeating { pause, .. } => {
                live.waits(now, now.checked_add(*pause).unwrap_or(now));
            }
            _ => live.beat(now),
        }
        match event {
            Event::Requested { budget: Some(budget) } => live.heard(*budget),
            Event::Applied { action, .. } => self.changed(action.as_str(), ChangeOutcome::Done),
            Event::Failed(failure) => self.changed(failure.action, ChangeOutcome::Failed),
            Event::Unknown(failure) => self.changed(failure.action, ChangeOutcome::Unknown),
            Event::Started { .. }
            | Event::Sending
            | Event::Requested { budget: None }
            | Event::Repeating { .. }
            | Event::Missed(_)
            | Event::Waiting { .. }
            | Event::Stopping { .. }
            | Event::Unrecorded(_)
            | Event::UnrecordedChange { .. } => {}
        }
        self.inner.report(event);
    }
}
