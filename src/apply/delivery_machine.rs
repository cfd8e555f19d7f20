//! The life of one delivery during a run.
//!
//! [`DeliveryMachine::start`] and [`DeliveryMachine::next`] are the only transitions. Each answers
//! with the one [`Step`] that comes next, and does none of it. The order of the steps keeps the
//! promises: an intent is durable before its POST, PUT or DELETE leaves, and an id before the change
//! counts as done. The DELETE of a replaced message has its note in the record of the new one.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Problem,
    identity::check_identity,
    request_sender::{Sent, Undone},
};
use crate::{
    brevo::{Error, Message},
    model::{
        Address, ChangeIntent, Content, Drift, Intent, Kind, MessageId, Record, Sender, Superseded,
        TextThere,
    },
    plan::{Change, Operation},
    state::Write,
};

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Step {
    /// Make this intent durable, with other writes: its POST comes next.
    Intend(Box<Intent>, Vec<Write>),
    /// Create the message.
    Post(Content),
    /// Change the text of a message.
    Put(MessageId, Arc<str>),
    /// Delete a message.
    Delete(Superseded),
    /// Read a message.
    Get(MessageId),
    /// Make these writes durable: a request comes next.
    Commit(Vec<Write>),
    /// Make these writes durable, if there are any: this is the end.
    Finish(Vec<Write>, End),
}

/// What came of a step.
#[derive(Debug)]
pub(super) enum DeliveryInput {
    /// The writes are durable.
    Committed,
    /// What became of the POST.
    Posted(Sent<Message>),
    /// What became of the PUT.
    Changed(Sent<Message>),
    /// What became of the DELETE.
    Deleted(Sent<()>),
    /// What became of the GET.
    Read(Sent<Message>),
}

/// How a change ended.
#[derive(Debug)]
pub(super) enum End {
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

/// A request that is not a create: it can be tried again, so it is never unknown.
impl From<Undone> for End {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Refused(error) | Undone::Lost(error) => Self::Failed(Problem::Api(error)),
            Undone::Abandoned { .. } => Self::Abandoned,
        }
    }
}

/// A change that is being carried out.
#[derive(Debug)]
pub(super) struct DeliveryMachine {
    address: Address,
    kind: Kind,
    protect: bool,
    run: Uuid,
    /// The note of the create before this one, whose answer was lost, if it is sent again.
    earlier: Option<Box<Intent>>,
    phase: Phase,
}

/// What is awaited, with everything that is needed then.
#[derive(Debug)]
enum Phase {
    /// The intent becomes durable.
    Intending(NewMessage),
    /// The POST is under way.
    Posting(NewMessage),
    /// The record of the new message of a replace becomes durable; then the old one goes.
    RecordingReplacement { record: Box<Record>, old: Superseded },
    /// The old message of a replace is being deleted; the record is that of the new one.
    DeletingOld(Box<Record>),
    /// The note of the PUT becomes durable.
    IntendingUpdate { record: Box<Record>, after: Content },
    /// The PUT is under way; the record is as it was before.
    Updating { record: Box<Record>, after: Content },
    /// The note of the DELETE becomes durable.
    IntendingDelete(Box<Record>),
    /// The DELETE is under way; the record is as it was before.
    Deleting(Box<Record>),
    /// The GET of a message that an earlier DELETE may have removed is under way.
    Asking { record: Box<Record>, after: Content },
    /// The GET is under way.
    Adopting { id: MessageId, wanted: Content },
    /// Nothing.
    Ended,
}

/// A message that is being created.
#[derive(Debug)]
struct NewMessage {
    content: Content,
    replaces: Option<Superseded>,
    /// When its intent was written, before its request left.
    noted_at: Timestamp,
}

impl DeliveryMachine {
    /// A machine and its first step. `record` is what the state has under the change's address
    /// (under the old one for a move), `earlier` the note of a create there that has no outcome.
    pub(super) fn start(
        change: Change,
        record: Option<Record>,
        earlier: Option<Intent>,
        run: Uuid,
        now: Timestamp,
    ) -> (Self, Step) {
        let Change { address, kind, protect, operation, .. } = change;
        let earlier = earlier.map(Box::new);
        let mut machine = Self { address, kind, protect, run, earlier, phase: Phase::Ended };
        let step = machine.begin(operation, record.map(Box::new), now);
        (machine, step)
    }

    fn begin(&mut self, operation: Operation, record: Option<Box<Record>>, now: Timestamp) -> Step {
        match (operation, record) {
            (Operation::Create { after } | Operation::Resend { after, gone: _ }, _) => {
                self.intend(after, None, Vec::new(), now)
            }
            (Operation::Replace { old, before: _, after }, _) => {
                self.intend(after, Some(old), Vec::new(), now)
            }
            (
                Operation::Update { id: _, before: _, after }
                | Operation::Restore { id: _, before: _, after },
                Some(record),
            ) => self.intend_update(record, after, now),
            (Operation::Reinstate { id, before: _, after }, Some(record)) => {
                self.phase = Phase::Asking { record, after };
                Step::Get(id)
            }
            (Operation::FinishReplace { old, .. }, Some(record)) => {
                self.phase = Phase::DeletingOld(record);
                Step::Delete(old)
            }
            (Operation::Delete { .. }, Some(record)) => {
                let noted = Record {
                    intent: Some(ChangeIntent::Delete { at: now }),
                    ..Record::clone(&record)
                };
                self.phase = Phase::IntendingDelete(record);
                Step::Commit(vec![Write::Put(Box::new(noted))])
            }
            (Operation::Adopt { id, after }, _) => {
                self.phase = Phase::Adopting { id: id.clone(), wanted: after };
                Step::Get(id)
            }
            (Operation::Forget { remember: false, .. }, _) => self.removed(),
            (Operation::Forget { remember: true, .. }, Some(mut record)) => {
                record.drift = Some(Drift::Forgotten);
                Step::Finish(vec![Write::Put(record)], End::Applied(None))
            }
            (Operation::Move { from, id }, Some(mut record)) => {
                record.address = self.address.clone();
                let writes = vec![Write::Remove(from), Write::Put(record)];
                Step::Finish(writes, End::Applied(Some(id)))
            }
            (Operation::Unknown { .. }, _) => Step::Finish(Vec::new(), End::Held),
            (
                Operation::Update { .. }
                | Operation::Restore { .. }
                | Operation::Reinstate { .. }
                | Operation::FinishReplace { .. }
                | Operation::Delete { .. }
                | Operation::Forget { .. }
                | Operation::Move { .. },
                None,
            ) => failed(Problem::Defect("the state has no record of it any more".to_owned())),
        }
    }

    /// The step after `input`.
    pub(super) fn next(&mut self, input: DeliveryInput, now: Timestamp) -> Step {
        match (std::mem::replace(&mut self.phase, Phase::Ended), input) {
            (Phase::Intending(new), DeliveryInput::Committed) => {
                let step = Step::Post(new.content.clone());
                self.phase = Phase::Posting(new);
                step
            }
            (Phase::Posting(new), DeliveryInput::Posted(sent)) => self.posted(new, sent, now),
            (Phase::RecordingReplacement { record, old }, DeliveryInput::Committed) => {
                self.phase = Phase::DeletingOld(record);
                Step::Delete(old)
            }
            (Phase::DeletingOld(record), DeliveryInput::Deleted(sent)) => {
                old_deleted(record, sent, now)
            }
            (Phase::IntendingUpdate { record, after }, DeliveryInput::Committed) => {
                let step = Step::Put(record.id.clone(), Arc::clone(&after.text));
                self.phase = Phase::Updating { record, after };
                step
            }
            (Phase::Updating { record, after }, DeliveryInput::Changed(sent)) => {
                self.changed(record, after, sent, now)
            }
            (Phase::IntendingDelete(record), DeliveryInput::Committed) => {
                let step = Step::Delete(Superseded { id: record.id.clone(), kind: record.kind });
                self.phase = Phase::Deleting(record);
                step
            }
            (Phase::Deleting(record), DeliveryInput::Deleted(sent)) => self.deleted(record, sent),
            (Phase::Asking { record, after }, DeliveryInput::Read(sent)) => {
                self.asked(record, after, sent, now)
            }
            (Phase::Adopting { id, wanted }, DeliveryInput::Read(sent)) => {
                self.adopted(id, wanted, sent, now)
            }
            (phase, input) => {
                let why = format!("{input:?} makes no sense in {phase:?}; please report this");
                failed(Problem::Defect(why))
            }
        }
    }

    fn intend(
        &mut self,
        content: Content,
        replaces: Option<Superseded>,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> Step {
        let intent = self.intent(content.clone(), now, None);
        self.phase = Phase::Intending(NewMessage { content, replaces, noted_at: now });
        Step::Intend(intent, writes)
    }

    /// Notes that the message may have the text of `after` from now on.
    fn intend_update(&mut self, record: Box<Record>, after: Content, now: Timestamp) -> Step {
        let text = match &record.intent {
            // The text that the state does not have otherwise is the one worth keeping.
            Some(ChangeIntent::Update { text, at: _ }) if after.text == record.content.text => text,
            _ => &after.text,
        };
        let intent = ChangeIntent::Update { text: Arc::clone(text), at: now };
        let noted = Record { intent: Some(intent), ..Record::clone(&record) };
        self.phase = Phase::IntendingUpdate { record, after };
        Step::Commit(vec![Write::Put(Box::new(noted))])
    }

    fn intent(&self, content: Content, at: Timestamp, error: Option<&Error>) -> Box<Intent> {
        Box::new(Intent {
            address: self.address.clone(),
            kind: self.kind,
            content,
            protect: self.protect,
            at,
            run: self.run,
            again: self.earlier.as_ref().map_or(0, |earlier| earlier.again.saturating_add(1)),
            trouble: error.map(ToString::to_string),
            request_id: error.and_then(Error::request_id).map(str::to_owned),
        })
    }

    /// The record of a message that exists from now on.
    fn record(
        &self,
        id: MessageId,
        content: Content,
        answered_text: Option<TextThere>,
        now: Timestamp,
    ) -> Box<Record> {
        Box::new(Record {
            address: self.address.clone(),
            kind: self.kind,
            id,
            content,
            answered_text,
            restored: None,
            protect: self.protect,
            created_at: now,
            updated_at: now,
            verified_at: now,
            drift: None,
            superseded: None,
            intent: None,
        })
    }

    fn posted(&mut self, new: NewMessage, sent: Sent<Message>, now: Timestamp) -> Step {
        let NewMessage { content, replaces, noted_at } = new;
        let settle = Write::Settle(self.address.clone());
        let created = |content: Content, answer: &Message| {
            let answered = TextThere::answered(answer.compared_text(), &content.text);
            self.record(answer.id.clone(), content, answered, now)
        };
        match (sent, replaces) {
            (Ok(answer), None) => {
                let record = created(content, &answer);
                Step::Finish(vec![Write::Put(record), settle], End::Applied(Some(answer.id)))
            }
            (Ok(answer), Some(old)) => {
                let mut record = created(content, &answer);
                record.superseded = Some(old.clone());
                let writes = vec![Write::Put(record.clone()), settle];
                self.phase = Phase::RecordingReplacement { record, old };
                Step::Commit(writes)
            }
            (Err(Undone::Lost(error)), _) => {
                // The message may have been created at any time since, before the answer was lost.
                let intent = self.intent(content, noted_at, Some(&error));
                Step::Finish(vec![Write::Intend(intent)], End::Unknown(Problem::Api(error)))
            }
            (Err(undone), _) => {
                // This one was not sent. What became of the one before, nobody knows still.
                let unsent = self.earlier.take().map_or(settle, Write::Intend);
                Step::Finish(vec![unsent], undone.into())
            }
        }
    }

    fn changed(
        &self,
        record: Box<Record>,
        after: Content,
        sent: Sent<Message>,
        now: Timestamp,
    ) -> Step {
        match sent {
            Ok(answer) => {
                let id = record.id.clone();
                let record = record.sent(after, answer.compared_text(), now);
                let record = Record { protect: self.protect, ..record };
                Step::Finish(vec![Write::Put(Box::new(record))], End::Applied(Some(id)))
            }
            Err(Undone::Refused(error)) if error.is_gone() => {
                let drift = Some(Drift::Gone);
                let record = Record { drift, intent: None, verified_at: now, ..*record };
                let end = End::Failed(Problem::Gone(error));
                Step::Finish(vec![Write::Put(Box::new(record))], end)
            }
            Err(undone) => without_outcome(record, undone),
        }
    }

    fn deleted(&self, record: Box<Record>, sent: Sent<()>) -> Step {
        match sent {
            Ok(()) => self.removed(),
            Err(Undone::Refused(error)) if error.is_gone() => self.removed(),
            Err(undone) => without_outcome(record, undone),
        }
    }

    /// The message that an earlier DELETE may have removed is there, or it is not.
    fn asked(
        &mut self,
        record: Box<Record>,
        after: Content,
        sent: Sent<Message>,
        now: Timestamp,
    ) -> Step {
        match sent {
            Ok(found) => {
                let id = record.id.clone();
                let text = found.compared_text();
                let record = record.seen(text, now);
                let same = record.drift.is_none() && record.content.text == after.text;
                if !same && text != Some(&*after.text) {
                    return self.intend_update(Box::new(record), after, now);
                }
                let record = match same {
                    true => Record { content: after, ..record },
                    // It has the wanted text already.
                    false => record.sent(after, text, now),
                };
                let record = Record { protect: self.protect, ..record };
                Step::Finish(vec![Write::Put(Box::new(record))], End::Applied(Some(id)))
            }
            // Our own delete has removed it: this is a create like any other.
            Err(Undone::Refused(error)) if error.is_gone() => {
                let removed = Write::Remove(record.address.clone());
                self.intend(after, None, vec![removed], now)
            }
            Err(undone) => Step::Finish(Vec::new(), undone.into()),
        }
    }

    fn removed(&self) -> Step {
        Step::Finish(vec![Write::Remove(self.address.clone())], End::Applied(None))
    }

    fn adopted(&self, id: MessageId, wanted: Content, sent: Sent<Message>, now: Timestamp) -> Step {
        let found = match sent {
            Ok(found) => found,
            Err(undone) => return Step::Finish(Vec::new(), undone.into()),
        };
        match self.seen(&id, wanted, &found) {
            Ok(content) => {
                let record = self.record(id.clone(), content, None, now);
                Step::Finish(vec![Write::Put(record)], End::Applied(Some(id)))
            }
            Err(why) => failed(Problem::NotAdopted(why)),
        }
    }

    /// What the visitor sees of a message that was found, if it is the one that is meant.
    ///
    /// What the API does not tell (the group, which visitor an agent's message is for) is taken from
    /// the manifest; what it tells is believed, so that the next plan shows the difference.
    fn seen(&self, id: &MessageId, wanted: Content, found: &Message) -> Result<Content, String> {
        check_identity(&self.address, self.kind, id, found)?;
        let from = match (wanted.from, &found.agent_id) {
            (Sender::Agent { id: wanted, .. }, Some(agent)) if wanted != *agent => {
                Sender::Agent { id: agent.clone(), received_from: None }
            }
            (from, _) => from,
        };
        let text = found.compared_text().map_or(wanted.text, Into::into);
        Ok(Content { text, from })
    }
}

/// The replacement stays, and what it replaces is gone.
fn old_deleted(record: Box<Record>, sent: Sent<()>, now: Timestamp) -> Step {
    match sent {
        Ok(()) => {}
        Err(Undone::Refused(error)) if error.is_gone() => {}
        Err(undone) => return Step::Finish(Vec::new(), undone.into()),
    }
    let id = record.id.clone();
    let record = Record { superseded: None, verified_at: now, ..*record };
    Step::Finish(vec![Write::Put(Box::new(record))], End::Applied(Some(id)))
}

/// A PUT or a DELETE did not end well. If it certainly took no effect, the record is as it was before;
/// otherwise its note stays, and the next plan makes sure of the message.
fn without_outcome(record: Box<Record>, undone: Undone) -> Step {
    let writes = match &undone {
        Undone::Refused(_) | Undone::Abandoned { unsure: false } => vec![Write::Put(record)],
        Undone::Lost(_) | Undone::Abandoned { unsure: true } => Vec::new(),
    };
    Step::Finish(writes, undone.into())
}

fn failed(problem: Problem) -> Step {
    Step::Finish(Vec::new(), End::Failed(problem))
}
