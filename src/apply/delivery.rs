//! The life of one delivery during a run.
//!
//! [`Delivery::start`] and [`Delivery::next`] are the only transitions. Each answers with the
//! one [`Step`] that comes next; the order of the steps is what keeps the promises: an intent is
//! committed before its POST leaves, and an id before the change counts as done.

use jiff::Timestamp;
use uuid::Uuid;

use super::api::{Found, Problem, Reach};
use crate::{
    model::{Content, Drift, Intent, Kind, MessageId, Record, Sender, Superseded},
    plan::{Change, Operation},
    state::Write,
};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make these writes durable.
    Commit(Vec<Write>),
    /// Create the delivery.
    Post(Content),
    /// Change the text of a message.
    Put(MessageId, Content),
    /// Delete a message.
    Delete(Superseded),
    /// Look at a message.
    Get(MessageId),
    /// Nothing; this is how it ended.
    End(End),
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As planned; the id that the delivery has now, if it exists.
    Applied(Option<MessageId>),
    /// It did not happen, and the state says so.
    Failed(Problem),
    /// It may have happened, and the state says so.
    Unknown(Problem),
    /// It was not tried, or took no effect, because the run stops.
    Abandoned,
    /// It was never tried: the plan says that somebody has to decide.
    Held,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The writes are durable.
    Committed,
    /// The message exists, with this id.
    Created(MessageId),
    /// PUT or DELETE was answered with a success.
    Done,
    /// GET was answered.
    Found(Found),
    /// It did not happen.
    Refused(Problem),
    /// It may have happened.
    Lost(Problem),
    /// The run stops, and it certainly did not happen.
    Abandoned,
}

/// A change that is being carried out.
#[derive(Debug)]
pub struct Delivery {
    change: Change,
    /// What the state has for it, if anything.
    record: Option<Record>,
    run: Uuid,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing was done yet.
    Planned,
    /// The intent is being committed.
    Intending,
    /// The POST is under way.
    Posting,
    /// PUT, DELETE or GET is under way.
    Asking,
    /// The old message of a replace is being deleted.
    DeletingOld,
    /// The end is being committed.
    Ending(End),
    /// The new message of a replace is being recorded; the old one goes next.
    RecordingReplacement,
}

impl Delivery {
    /// `record` is what the state has under the change's address (under the old one for a move).
    pub fn new(change: Change, record: Option<Record>, run: Uuid) -> Self {
        Self { change, record, run, phase: Phase::Planned }
    }

    /// The change.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// How it ends once the commit that is the next step is done, if that is its last one.
    pub fn ending(&self) -> Option<&End> {
        match &self.phase {
            Phase::Ending(end) => Some(end),
            _ => None,
        }
    }

    /// Whether the commit that is the next step comes before a request that has not left.
    pub fn intends(&self) -> bool {
        matches!(self.phase, Phase::Intending)
    }

    /// The first step.
    pub fn start(&mut self, now: Timestamp) -> Step {
        match &self.change.operation {
            Operation::Create { after }
            | Operation::Resend { after, .. }
            | Operation::Replace { after, .. } => {
                self.phase = Phase::Intending;
                Step::Commit(vec![self.intent(after.clone(), now, None)])
            }
            Operation::Update { id, after, .. } | Operation::Restore { id, after, .. } => {
                let step = Step::Put(id.clone(), after.clone());
                self.phase = Phase::Asking;
                step
            }
            Operation::Delete { id, .. } => {
                let step = Step::Delete(Superseded { id: id.clone(), kind: self.change.kind });
                self.phase = Phase::Asking;
                step
            }
            Operation::FinishReplace { old, .. } => {
                let step = Step::Delete(old.clone());
                self.phase = Phase::DeletingOld;
                step
            }
            Operation::Adopt { id, .. } => {
                let step = Step::Get(id.clone());
                self.phase = Phase::Asking;
                step
            }
            Operation::Forget { remember, .. } => {
                let write = match (&self.record, remember) {
                    (Some(record), true) => Write::Put(Box::new(Record {
                        drift: Some(Drift::Forgotten),
                        ..record.clone()
                    })),
                    _ => Write::Remove(self.change.address.clone()),
                };
                self.end(End::Applied(None), vec![write])
            }
            Operation::Move { from, id } => {
                let mut writes = vec![Write::Remove(from.clone())];
                writes.extend(self.record.as_ref().map(|record| {
                    let address = self.change.address.clone();
                    Write::Put(Box::new(Record { address, ..record.clone() }))
                }));
                let end = End::Applied(Some(id.clone()));
                self.end(end, writes)
            }
            Operation::Unknown { .. } => Step::End(End::Held),
        }
    }

    /// The step after `event`.
    pub fn next(&mut self, event: Event, now: Timestamp) -> Step {
        match (std::mem::replace(&mut self.phase, Phase::Planned), event) {
            (Phase::Intending, Event::Committed) => {
                self.phase = Phase::Posting;
                Step::Post(self.after())
            }
            (Phase::Posting, Event::Created(id)) => self.created(id, now),
            (Phase::Posting, Event::Lost(problem)) => {
                let write = self.intent(self.after(), now, Some(&problem));
                self.end(End::Unknown(problem), vec![write])
            }
            (Phase::Posting, Event::Refused(problem)) => {
                let write = Write::Settle(self.change.address.clone());
                self.end(End::Failed(problem), vec![write])
            }
            (Phase::Posting, Event::Abandoned) => {
                let write = Write::Settle(self.change.address.clone());
                self.end(End::Abandoned, vec![write])
            }
            (Phase::Asking | Phase::DeletingOld, Event::Abandoned) => Step::End(End::Abandoned),
            (Phase::RecordingReplacement, Event::Committed) => {
                self.phase = Phase::DeletingOld;
                match &self.change.operation {
                    Operation::Replace { old, .. } => Step::Delete(old.clone()),
                    _ => Step::End(End::Applied(None)),
                }
            }
            (Phase::DeletingOld, Event::Done) => self.old_is_gone(now),
            (Phase::DeletingOld, Event::Refused(problem)) if problem.gone => self.old_is_gone(now),
            (Phase::Asking, Event::Done) => self.answered(now),
            (Phase::Asking, Event::Found(found)) => self.found(&found, now),
            (Phase::Asking, Event::Refused(problem)) if problem.gone => self.gone(problem, now),
            (
                Phase::Asking | Phase::DeletingOld,
                Event::Refused(problem) | Event::Lost(problem),
            ) => Step::End(End::Failed(problem)),
            (Phase::Ending(end), Event::Committed) => Step::End(end),
            (phase, event) => Step::End(End::Failed(Problem {
                reach: Reach::NotConnected,
                gone: false,
                code: None,
                message: format!("{event:?} makes no sense in {phase:?}; please report this"),
                hint: None,
                request_id: None,
                budget: None,
            })),
        }
    }

    fn after(&self) -> Content {
        self.change
            .after()
            .cloned()
            .unwrap_or_else(|| Content { text: "".into(), from: Sender::Random })
    }

    fn intent(&self, content: Content, now: Timestamp, problem: Option<&Problem>) -> Write {
        Write::Intend(Box::new(Intent {
            address: self.change.address.clone(),
            kind: self.change.kind,
            content,
            protect: self.change.protect,
            at: now,
            run: self.run,
            trouble: problem.map(|problem| problem.message.clone()),
            request_id: problem.and_then(|problem| problem.request_id.clone()),
        }))
    }

    fn end(&mut self, end: End, writes: Vec<Write>) -> Step {
        self.phase = Phase::Ending(end);
        Step::Commit(writes)
    }

    fn created(&mut self, id: MessageId, now: Timestamp) -> Step {
        let superseded = match &self.change.operation {
            Operation::Replace { old, .. } => Some(old.clone()),
            _ => None,
        };
        let replaces = superseded.is_some();
        let record = Record {
            address: self.change.address.clone(),
            kind: self.change.kind,
            id: id.clone(),
            content: self.after(),
            protect: self.change.protect,
            created_at: now,
            updated_at: now,
            verified_at: now,
            drift: None,
            superseded,
        };
        if replaces {
            self.record = Some(record.clone());
        }
        let writes = vec![Write::Put(Box::new(record)), Write::Settle(self.change.address.clone())];
        if replaces {
            self.phase = Phase::RecordingReplacement;
            Step::Commit(writes)
        } else {
            self.end(End::Applied(Some(id)), writes)
        }
    }

    fn old_is_gone(&mut self, now: Timestamp) -> Step {
        let record = self.record.take();
        let id = record.as_ref().map(|record| record.id.clone());
        let writes = record.map(|record| {
            Write::Put(Box::new(Record { superseded: None, verified_at: now, ..record }))
        });
        self.end(End::Applied(id), writes.into_iter().collect())
    }

    fn answered(&mut self, now: Timestamp) -> Step {
        match (&self.change.operation, self.record.take()) {
            (
                Operation::Update { id, after, .. } | Operation::Restore { id, after, .. },
                Some(record),
            ) => {
                let id = id.clone();
                let record = Record {
                    content: after.clone(),
                    protect: self.change.protect,
                    updated_at: now,
                    verified_at: now,
                    drift: None,
                    ..record
                };
                self.end(End::Applied(Some(id)), vec![Write::Put(Box::new(record))])
            }
            _ => {
                let write = Write::Remove(self.change.address.clone());
                self.end(End::Applied(None), vec![write])
            }
        }
    }

    /// A 404.
    fn gone(&mut self, problem: Problem, now: Timestamp) -> Step {
        match (&self.change.operation, self.record.take()) {
            (Operation::Delete { .. }, _) => {
                let write = Write::Remove(self.change.address.clone());
                self.end(End::Applied(None), vec![write])
            }
            (Operation::Update { .. } | Operation::Restore { .. }, Some(record)) => {
                let record = Record { drift: Some(Drift::Gone), verified_at: now, ..record };
                let hint = "the state knows now that it is gone; the next plan says what follows";
                let problem = Problem { hint: Some(hint.to_owned()), ..problem };
                self.end(End::Failed(problem), vec![Write::Put(Box::new(record))])
            }
            _ => Step::End(End::Failed(problem)),
        }
    }

    fn found(&mut self, found: &Found, now: Timestamp) -> Step {
        let Operation::Adopt { id, after } = &self.change.operation else {
            return Step::End(End::Applied(None));
        };
        match adopt(&self.change, id, after, found, now) {
            Ok(record) => {
                let end = End::Applied(Some(id.clone()));
                self.end(end, vec![Write::Put(Box::new(record))])
            }
            Err(message) => Step::End(End::Failed(Problem {
                reach: Reach::Answered(200),
                gone: false,
                code: None,
                message,
                hint: Some("check the id and the address of the import".to_owned()),
                request_id: None,
                budget: None,
            })),
        }
    }
}

/// What the state says of a create whose answer was lost, once somebody looked: it is there under
/// `id`, or it was never sent. `earlier` is the record that it was to replace, if any.
pub fn resolution(
    intent: Intent,
    id: Option<MessageId>,
    earlier: Option<Record>,
    now: Timestamp,
) -> Vec<Write> {
    let Intent { address, kind, content, protect, at, run: _, trouble: _, request_id: _ } = intent;
    let mut writes = vec![Write::Settle(address.clone())];
    writes.extend(id.map(|id| {
        Write::Put(Box::new(Record {
            address,
            kind,
            id,
            content,
            protect,
            created_at: at,
            updated_at: at,
            verified_at: now,
            drift: None,
            // An interrupted replace goes on: the old message is still to be deleted.
            superseded: earlier.map(|old| Superseded { id: old.id, kind: old.kind }),
        }))
    }));
    writes
}

/// The record of a message that exists, if it is the one that is meant.
///
/// What the API does not tell (the group, which visitor an agent's message is for) is taken from
/// the manifest; what it tells is believed, so that the next plan shows the difference.
fn adopt(
    change: &Change,
    id: &MessageId,
    wanted: &Content,
    found: &Found,
    now: Timestamp,
) -> Result<Record, String> {
    if found.by_visitor {
        return Err(format!("message {id} was written by a visitor"));
    }
    if let Some(visitor) = &found.visitor
        && visitor != change.address.visitor_str()
    {
        return Err(format!("message {id} belongs to another visitor"));
    }
    match (change.kind, found.is_pushed) {
        (Kind::Pushed, Some(false)) => {
            return Err(format!("message {id} is no automated message, but kind is pushed"));
        }
        (Kind::Agent, Some(true)) => {
            return Err(format!("message {id} is an automated message, but kind is agent"));
        }
        _ => {}
    }
    let from = match (&wanted.from, &found.agent) {
        (Sender::Agent { id: wanted, .. }, Some(agent)) if wanted != agent => {
            Sender::Agent { id: agent.clone(), received_from: None }
        }
        (from, _) => from.clone(),
    };
    let text = found.text.as_deref().map_or_else(|| wanted.text.clone(), Into::into);
    Ok(Record {
        address: change.address.clone(),
        kind: change.kind,
        id: id.clone(),
        content: Content { text, from },
        protect: change.protect,
        created_at: now,
        updated_at: now,
        verified_at: now,
        drift: None,
        superseded: None,
    })
}
