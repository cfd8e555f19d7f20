use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    ApplyError, Event, Failure, Outcome, Session,
    api::Call,
    delivery_machine::{DeliveryInput, DeliveryMachine, End, Step},
    executor::Executor,
    id_claims::{IdClaim, IdClaims},
    identity::check_identity,
    rate_limiter::Permit,
    request_sender::Undone,
};
use crate::{
    brevo::{Answer, Error, ErrorKind, Message, Operation as Request},
    model::{Address, Intent, Key, Kind, MessageId, Record, TextThere},
    network,
    plan::{Action, Change, Operation, Plan},
    state::{
        RunChange, StateError, Store, Write,
        scan::RecordPages,
        unrecorded::{CreateOutcome, UnrecordedOutcome},
    },
};

/// Carries `plan` out.
///
/// The caller holds the state's lock, and has made sure that the plan was made from this state. Who applies a
/// plan agrees to all that it asks for: that is noted in the state before the first request, so a later run
/// can go on with it. To carry out no more than what somebody agreed to, see [`Plan::only_approved`].
/// Changes begin in the order of the plan; changes of one delivery follow each other. At most as
/// many deliveries are under way at once as the options say, from the intent until the outcome is
/// durable: a kill can leave no more than these unknown.
pub async fn apply(plan: Plan, session: Session) -> Result<Outcome, ApplyError> {
    if plan.is_empty() {
        return Ok(Outcome::default());
    }
    let executor = Executor::start(session).await?;
    executor.session.reporter.report(&Event::Started {
        changes: plan.changes.len() as u64,
        requests: plan.summary.requests,
    });
    executor.approve(&plan).await?;
    for mark in &plan.protect {
        remember_protection(&*executor.session.store, &mark.key, mark.protect).await?;
    }
    let ids = IdClaims::new(Arc::clone(&executor.session.store));
    let resends = |change: &Change| matches!(change.operation, Operation::Resend { .. });
    let unknown = match plan.changes.iter().any(resends) {
        true => executor.session.store.intents().await?,
        false => Vec::new(),
    };
    let unknown = unknown.into_iter().map(|intent| (intent.address.clone(), intent)).collect();
    let run = Arc::new(Run { executor, ids, unknown, outcome: Mutex::default() });
    let costs_nothing =
        |unit: &Vec<Change>| unit.first().is_some_and(|change| change.requests() == 0);
    let work = |unit, permit| Arc::clone(&run).carry_out_all(unit, permit);
    let left = run.executor.carry_out(units(plan.changes), costs_nothing, work).await?;
    let outcome = run.outcome(left.iter().map(Vec::len).sum());
    run.executor.end(outcome.stopped).await?;
    Ok(outcome)
}

/// Changes of one delivery stay together, at the place of the first of them.
fn units(changes: Vec<Change>) -> VecDeque<Vec<Change>> {
    let mut units: VecDeque<Vec<Change>> = VecDeque::with_capacity(changes.len());
    let mut places: HashMap<Address, usize> = HashMap::new();
    for change in changes {
        match places.get(&change.address) {
            Some(&place) => units[place].push(change),
            None => {
                places.insert(change.address.clone(), units.len());
                units.push_back(vec![change]);
            }
        }
    }
    units
}

async fn remember_protection(
    store: &dyn Store,
    key: &Key,
    protect: bool,
) -> Result<(), StateError> {
    let mut pages = RecordPages::of(store, key);
    while let Some(page) = pages.next().await? {
        let writes: Vec<Write> = page
            .records()?
            .into_iter()
            .filter(|record| record.protect != protect)
            .map(|record| Write::Put(Box::new(Record { protect, ..record })))
            .collect();
        if !writes.is_empty() {
            store.commit(writes).await?;
        }
    }
    Ok(())
}

/// A plan that is being carried out.
struct Run {
    executor: Executor,
    ids: IdClaims,
    /// The creates whose answer was lost, if any is sent again.
    unknown: HashMap<Address, Intent>,
    outcome: Mutex<Outcome>,
}

impl Run {
    fn so_far(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the run did, if this many changes never began.
    fn outcome(&self, left: usize) -> Outcome {
        let mut outcome = mem::take(&mut *self.so_far());
        outcome.remaining += left as u64;
        outcome.requests = self.executor.sender.sent();
        outcome.stopped = self.executor.stopped(outcome.remaining);
        outcome.resets_at = self.executor.sender.resets_at(outcome.stopped);
        outcome.fatal = self.executor.sender.fatal();
        // Deliveries end in any order; the outcome lists them in one.
        outcome.unknown.sort();
        outcome.failed.sort_by(|a, b| a.address.cmp(&b.address));
        outcome
    }

    /// The changes of one delivery, one after the other.
    async fn carry_out_all(
        self: Arc<Self>,
        unit: Vec<Change>,
        mut permit: Option<Permit>,
    ) -> Result<(), ApplyError> {
        for change in unit {
            // Before an intent: waiting for the budget must not leave one behind.
            if permit.is_none() && change.requests() > 0 {
                permit = self.executor.sender.permit().await.ok();
                if permit.is_none() {
                    let action = change.action();
                    self.ended(change.address, action, End::Abandoned);
                    continue;
                }
            }
            self.carry_out(change, permit.take()).await?;
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        change: Change,
        mut permit: Option<Permit>,
    ) -> Result<(), ApplyError> {
        let Executor { session, sender, .. } = &self.executor;
        let (api, clock, run) = (&session.api, &session.options.clock, session.info.id);
        let record = self.record_of(&change).await?;
        let known = record.as_ref().and_then(|record| record.answered_text.clone());
        let replaces = matches!(change.operation, Operation::Replace { .. });
        let adopts = matches!(change.operation, Operation::Adopt { .. });
        // Until the state has the id.
        let mut claims = Vec::new();
        let (address, action, kind) = (change.address.clone(), change.action(), change.kind);
        let visitor = address.visitor();
        let earlier = self.unknown.get(&address).cloned();
        let (mut machine, mut step) = DeliveryMachine::start(change, record, earlier, run, clock());
        // The last change to a message that exists, as long as no commit has it.
        let mut done: Option<Event> = None;
        let unrecorded = |kind, id: &MessageId, done| {
            let (address, id) = (address.clone(), id.clone());
            Event::UnrecordedChange { address, kind, id, done }
        };
        loop {
            let input = match step {
                Step::Intend(intent, mut writes) => {
                    // If the commit fails, it may have been carried out, and only its answer be lost.
                    let not_sent = CreateOutcome::NotSent(address.clone());
                    let not_sent = Event::Unrecorded(self.unrecorded_create(not_sent));
                    writes.push(Write::Intend(intent));
                    self.commit(writes, Some(not_sent)).await?;
                    DeliveryInput::Committed
                }
                Step::Commit(writes) => {
                    self.commit(writes, done.take()).await?;
                    DeliveryInput::Committed
                }
                Step::Post(content) => {
                    let post = || -> Call<'_, _> {
                        Box::pin(async {
                            let answer = api.create(kind, &visitor, &content).await?;
                            self.claimed(answer, kind, &address, replaces).await
                        })
                    };
                    let sent =
                        sender.send(network::Request::Create, &address, permit.take(), post).await;
                    DeliveryInput::Posted(sent.map(|(message, claimed)| {
                        claims.extend(claimed);
                        message
                    }))
                }
                Step::Put(id, text) => {
                    let put = || api.update(kind, &id, &text);
                    let sent = sender
                        .send(network::Request::Idempotent, &address, permit.take(), put)
                        .await;
                    done = sent.is_ok().then(|| unrecorded(kind, &id, "updated"));
                    DeliveryInput::Changed(sent)
                }
                Step::Delete(old) => {
                    let delete = || api.delete(old.kind, &old.id);
                    let sent = sender
                        .send(network::Request::Idempotent, &address, permit.take(), delete)
                        .await;
                    done = sent.is_ok().then(|| unrecorded(old.kind, &old.id, "deleted"));
                    DeliveryInput::Deleted(sent)
                }
                Step::Get(id) => {
                    let get = || api.get(kind, &id);
                    let claimed = match adopts {
                        true => Some(self.ids.claim(&id, &address, false).await?),
                        false => None,
                    };
                    DeliveryInput::Read(match claimed {
                        Some(Err(holder)) => {
                            if let Some(permit) = permit.take() {
                                permit.unsent();
                            }
                            Err(Undone::Refused(not_asked(kind, &id, &holder)))
                        }
                        claimed => {
                            claims.extend(claimed.and_then(Result::ok));
                            sender
                                .send(network::Request::Idempotent, &address, permit.take(), get)
                                .await
                        }
                    })
                }
                Step::Finish(writes, end) => {
                    self.note(&address, action, &end);
                    if tells_another_text(&writes, known.as_ref()) {
                        self.so_far().rewritten.add(&address);
                    }
                    if !writes.is_empty() {
                        self.commit(writes, done.take()).await?;
                    }
                    self.ended(address, action, end);
                    return Ok(());
                }
            };
            step = machine.next(input, clock());
        }
    }

    /// The answer to a create, with its id claimed. It is of no use if it is about another visitor's message, or if its id
    /// is that of another delivery: what is later sent to that id would go to somebody else.
    async fn claimed(
        &self,
        answer: Answer<Message>,
        kind: Kind,
        address: &Address,
        replaces: bool,
    ) -> Result<Answer<(Message, Option<IdClaim>)>, Error> {
        let Answer { body, status, request_id, budget } = answer;
        if let Err(why) = check_identity(address, kind, &body.id, &body) {
            return Err(useless_answer(kind, why).with_answer(request_id, budget));
        }
        let claimed = match self.ids.claim(&body.id, address, replaces).await {
            Ok(Ok(claimed)) => Some(claimed),
            Ok(Err(holder)) => {
                let (id, holder) = (&body.id, holder.masked());
                let why = format!("the message id in its body, {id}, is that of {holder} already");
                return Err(useless_answer(kind, why).with_answer(request_id, budget));
            }
            // The message exists: the commit, which will hardly work either, reports its id.
            Err(_) => None,
        };
        Ok(Answer { body: (body, claimed), status, request_id, budget })
    }

    /// What the state has for the change. Creates have nothing to look up.
    async fn record_of(&self, change: &Change) -> Result<Option<Record>, StateError> {
        match &change.operation {
            Operation::Create { .. }
            | Operation::Resend { .. }
            | Operation::Replace { .. }
            | Operation::Adopt { .. }
            | Operation::Unknown { .. } => Ok(None),
            Operation::Move { from, .. } => self.executor.session.store.record(from).await,
            Operation::Update { .. }
            | Operation::Restore { .. }
            | Operation::Reinstate { .. }
            | Operation::FinishReplace { .. }
            | Operation::Delete { .. }
            | Operation::Forget { .. } => self.executor.session.store.record(&change.address).await,
        }
    }

    /// Commits. If the state cannot record it, `done` is reported, or else what became of a create.
    async fn commit(&self, writes: Vec<Write>, done: Option<Event>) -> Result<(), ApplyError> {
        let done = done.or_else(|| {
            let outcome = outcome_of(&writes)?;
            Some(Event::Unrecorded(self.unrecorded_create(outcome)))
        });
        let result = self.executor.commit(writes).await;
        if let (Err(_), Some(done)) = (&result, done) {
            self.executor.session.reporter.report(&done);
        }
        result
    }

    fn unrecorded_create(&self, create: CreateOutcome) -> UnrecordedOutcome {
        let Executor { session, lineage, .. } = &self.executor;
        UnrecordedOutcome { lineage: *lineage, run: session.info.id, create }
    }

    /// What the history says of this end.
    fn note(&self, address: &Address, action: Action, end: &End) {
        let (outcome, id, error) = match end {
            End::Applied(id) => ("done", id.clone(), None),
            End::Failed(problem) => ("failed", None, Some(problem.to_string())),
            End::Unknown(problem) => ("unknown", None, Some(problem.to_string())),
            End::Abandoned | End::Held => return,
        };
        self.executor.note(RunChange {
            address: address.clone(),
            action: action.as_str().to_owned(),
            outcome: outcome.to_owned(),
            id,
            error,
            decided: None,
        });
    }

    fn ended(&self, address: Address, action: Action, end: End) {
        let failure =
            |problem| Failure { address: address.clone(), action: action.as_str(), problem };
        let event = match end {
            End::Applied(id) => {
                self.so_far().applied += 1;
                Event::Applied { address, action, id }
            }
            End::Failed(problem) => {
                let failure = failure(problem);
                self.so_far().failed.push(failure.clone());
                Event::Failed(failure)
            }
            End::Unknown(problem) => {
                let failure = failure(problem);
                self.so_far().unknown.push(address);
                Event::Unknown(failure)
            }
            End::Abandoned => return self.so_far().remaining += 1,
            End::Held => return self.so_far().unknown.push(address),
        };
        self.executor.session.reporter.report(&event);
    }
}

/// The answer to a create that is about another message. It says nothing of what became of the create.
fn useless_answer(kind: Kind, why: String) -> Error {
    let operation = match kind {
        Kind::Pushed => Request::SendPushedMessage,
        Kind::Agent => Request::SendAgentMessage,
    };
    Error::new(operation, ErrorKind::Unreadable { status: 200, why, excerpt: None })
}

/// Why a message is not adopted that another delivery has.
fn not_asked(kind: Kind, id: &MessageId, holder: &Address) -> Error {
    let operation = match kind {
        Kind::Pushed => Request::GetPushedMessage,
        Kind::Agent => Request::GetAgentMessage,
    };
    let why = format!("message {id} is that of {} already", holder.masked());
    Error::new(operation, ErrorKind::NotBuilt { why })
}

/// Whether this records another text that the API answered, and that was not known before.
fn tells_another_text(writes: &[Write], known: Option<&TextThere>) -> bool {
    writes.iter().any(|write| match write {
        Write::Put(record) => {
            record.answered_text.is_some() && record.answered_text.as_ref() != known
        }
        _ => false,
    })
}

/// What became of a create, if these writes say so.
fn outcome_of(writes: &[Write]) -> Option<CreateOutcome> {
    let settled = writes.iter().find_map(|write| match write {
        Write::Settle(address) => Some(address),
        _ => None,
    })?;
    let record = writes.iter().find_map(|write| match write {
        Write::Put(record) if record.address == *settled => Some(record),
        _ => None,
    });
    Some(match record {
        Some(record) => CreateOutcome::Sent(record.clone()),
        None => CreateOutcome::NotSent(settled.clone()),
    })
}
