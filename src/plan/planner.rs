use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Change, Declared, Import, Inputs, Operation, Plan, ProtectMark, Reason, ReviewStatus,
    SenderNames, Summary, Unchanged, adopt,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{
        Address, ChangeIntent, Content, Delivery, Drift, Intent, Located, OnMissing, OnUnknown,
        Place, Record, Spec, Superseded, Target, UnreadableRecord, WindowState, number,
    },
};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError<E> {
    /// The manifest has errors that only showed when it met the state, or when it was rendered.
    #[error("the manifest has {} error(s)", .0.len())]
    Manifest(Vec<Diagnostic>),
    /// The records could not be read.
    #[error(transparent)]
    Records(E),
}

/// Compares the deliveries that should exist with the records of those that do.
///
/// Both streams must be in address order ([`Address`] says which); each is read once, and only
/// what changes is kept. A record is only decoded if it is not certainly as it should be.
///
/// # Errors
///
/// See [`PlanError`]; `E` is the error of the records.
pub fn plan<E: From<UnreadableRecord>>(
    inputs: Inputs,
    desired: impl Iterator<Item = Result<Delivery, Diagnostic>>,
    records: impl Iterator<Item = Result<Located, E>>,
) -> Result<Plan, PlanError<E>> {
    let destroy = inputs.destroy;
    let mut planner = Planner::new(inputs);
    let mut errors = Vec::new();
    // With `--destroy` nothing is desired.
    let mut desired = desired.take_while(|_| !destroy);
    let mut records = records;
    let mut delivery = next_good(&mut desired, &mut errors);
    let mut next_record = || records.next().transpose().map_err(PlanError::Records);
    let mut located = next_record()?;
    while !planner.is_full() {
        (delivery, located) = match (delivery, located) {
            (None, None) => break,
            (Some(wanted), None) => {
                planner.desired_only(&wanted);
                (next_good(&mut desired, &mut errors), None)
            }
            (None, Some(known)) => {
                planner.known_only(decode(known)?);
                (None, next_record()?)
            }
            (Some(wanted), Some(known)) => match order(&wanted, &known) {
                Ordering::Less => {
                    planner.desired_only(&wanted);
                    (next_good(&mut desired, &mut errors), Some(known))
                }
                // A record that could not move keeps its old address and matches no delivery.
                Ordering::Equal if !known.blocked => {
                    if !planner.unchanged(&wanted, &known) {
                        planner.both(&wanted, decode(known)?);
                    }
                    (next_good(&mut desired, &mut errors), next_record()?)
                }
                Ordering::Equal | Ordering::Greater => {
                    planner.known_only(decode(known)?);
                    (Some(wanted), next_record()?)
                }
            },
        };
    }
    planner.finish(errors).map_err(PlanError::Manifest)
}

/// A [`Located`] record, decoded.
struct Decoded {
    record: Record,
    moved_from: Option<Address>,
    blocked: bool,
}

fn decode<E: From<UnreadableRecord>>(located: Located) -> Result<Decoded, PlanError<E>> {
    let Located { record, moved_from, blocked } = located;
    let record = record.decode().map_err(|error| PlanError::Records(error.into()))?;
    Ok(Decoded { record, moved_from, blocked })
}

fn order(wanted: &Delivery, known: &Located) -> Ordering {
    wanted.address.as_str().as_bytes().cmp(known.record.name())
}

/// The next delivery; errors before it are kept, so that all of them are reported.
fn next_good(
    desired: &mut impl Iterator<Item = Result<Delivery, Diagnostic>>,
    errors: &mut Vec<Diagnostic>,
) -> Option<Delivery> {
    loop {
        match desired.next()? {
            Ok(delivery) => return Some(delivery),
            Err(error) => errors.push(error),
        }
    }
}

struct Planner {
    inputs: Inputs,
    /// Intents by the address that their delivery has after `moved`.
    unknown: BTreeMap<Address, Vec<Intent>>,
    /// The addresses that they have in the state.
    held: BTreeSet<Address>,
    /// `import` entries that neither a delivery nor the state has met yet, by the address after `moved`.
    imports: BTreeMap<Address, Import>,
    /// `import` entries whose address the state has with another message.
    idle_imports: Vec<Import>,
    changes: Vec<Change>,
    diagnostics: Vec<Diagnostic>,
    errors: Vec<Diagnostic>,
    protect: BTreeSet<ProtectMark>,
    unchanged: u64,
    listed: Vec<Unchanged>,
    managed: u64,
    desired: u64,
    /// The bytes of the changes so far, as if no two shared a text: a plan is written that way.
    bytes: u64,
    /// Where the message that came last is written.
    written: Option<(Arc<Spec>, Place)>,
}

impl Planner {
    fn new(mut inputs: Inputs) -> Self {
        let moved = &inputs.moved;
        let held = inputs.intents.iter().map(|intent| intent.address.clone()).collect();
        let mut unknown: BTreeMap<Address, Vec<Intent>> = BTreeMap::new();
        for intent in std::mem::take(&mut inputs.intents) {
            let moved_to = moved.get(&intent.address.key());
            let now = moved_to.map(|to| intent.address.with_key(to));
            unknown.entry(now.unwrap_or_else(|| intent.address.clone())).or_default().push(intent);
        }
        let imports = std::mem::take(&mut inputs.imports)
            .into_iter()
            .map(|import| {
                let moved_to = moved.get(&import.to.key());
                let now = moved_to.map(|to| import.to.with_key(to));
                (now.unwrap_or_else(|| import.to.clone()), import)
            })
            .collect();
        Self {
            inputs,
            unknown,
            held,
            imports,
            idle_imports: Vec::new(),
            changes: Vec::new(),
            diagnostics: Vec::new(),
            errors: Vec::new(),
            protect: BTreeSet::new(),
            unchanged: 0,
            listed: Vec::new(),
            managed: 0,
            desired: 0,
            bytes: 0,
            written: None,
        }
    }

    /// Keeps a change, if there is room for it.
    fn keep(&mut self, change: Change) {
        self.bytes = self.bytes.saturating_add(change.bytes());
        if !self.is_full() {
            self.changes.push(change);
        }
    }

    /// Whether there are more changes than there may be.
    fn is_full(&self) -> bool {
        self.bytes > self.inputs.most_bytes
    }

    /// Where a message is written: it is looked up once for all its deliveries.
    fn place_of(&mut self, spec: &Arc<Spec>) -> Place {
        match &self.written {
            Some((known, place)) if Arc::ptr_eq(known, spec) => place.clone(),
            _ => {
                let place = spec.source.place();
                self.written = Some((spec.clone(), place.clone()));
                place
            }
        }
    }

    /// In the manifest, not in the state.
    fn desired_only(&mut self, delivery: &Delivery) {
        self.desired += 1;
        let import = self.imports.remove(&delivery.address);
        if !self.inputs.selection.contains(&delivery.address) {
            return;
        }
        if let Some(intents) = self.unknown.remove(&delivery.address) {
            self.unknown(intents, Some(delivery));
            return;
        }
        if let Some(import) = import {
            self.keep(adopt(delivery, import.id));
            return;
        }
        let protect = delivery.spec.protect.unwrap_or(false);
        self.change_desired(
            delivery,
            protect,
            Reason::New,
            Operation::Create { after: wanted(delivery) },
        );
    }

    /// In the manifest and in the state: whether that is all there is to say. What [`Self::both`]
    /// would find is found here without decoding the record; where that is not certain, nothing is
    /// counted.
    fn unchanged(&mut self, delivery: &Delivery, located: &Located) -> bool {
        let Located { record, moved_from, blocked } = located;
        let Delivery { address, spec, text } = delivery;
        let certainly = !blocked
            && moved_from.is_none()
            && !self.inputs.keep_unchanged
            && !self.imports.contains_key(address)
            && !self.unknown.contains_key(address)
            && self.inputs.selection.contains(address)
            && record.certainly_has(spec.kind, &spec.sender, text, spec.protect);
        if certainly {
            self.managed += 1;
            self.desired += 1;
            self.unchanged += 1;
        }
        certainly
    }

    /// In the manifest and in the state.
    fn both(&mut self, delivery: &Delivery, located: Decoded) {
        self.managed += 1;
        self.desired += 1;
        let import = self.imports.remove(&delivery.address);
        if !self.inputs.selection.contains(&delivery.address) {
            return;
        }
        let Decoded { record, moved_from, blocked: _ } = located;
        // Exhaustive, so that a new field is not forgotten here.
        let Record {
            address: _,
            kind,
            id,
            content,
            answered_text: _,
            restored: _,
            protect: was_protected,
            created_at: _,
            updated_at: _,
            verified_at: _,
            drift,
            superseded,
            intent,
        } = record;
        // What the state has is adopted already; since then it may have become another message.
        self.idle_imports.extend(import.filter(|import| import.id != id));
        if let Some(intents) = self.unknown.remove(&delivery.address) {
            self.unknown(intents, Some(delivery));
            return;
        }
        let protect = delivery.spec.protect.unwrap_or(was_protected);
        if protect != was_protected {
            self.protect.insert(ProtectMark { key: delivery.spec.key.clone(), protect });
        }
        let known_as = id.clone();
        let mut unchanged = true;
        let mut push = |planner: &mut Self, reason, operation| {
            unchanged = false;
            planner.change_desired(delivery, protect, reason, operation);
        };
        if let Some(from) = moved_from {
            push(self, Reason::Moved, Operation::Move { from, id: id.clone() });
        }
        if let Some(old) = superseded {
            push(
                self,
                Reason::ReplaceUnfinished,
                Operation::FinishReplace { old, id: id.clone(), content: content.clone() },
            );
        }
        let same_text = delivery.text == content.text;
        let after = || wanted(delivery);
        match (drift, delivery.spec.on_missing) {
            (Some(Drift::Forgotten), OnMissing::Forget) => {}
            (Some(Drift::Gone), OnMissing::Forget) => {
                push(self, Reason::Gone, Operation::Forget { id, before: content, remember: true })
            }
            (Some(Drift::Gone | Drift::Forgotten), OnMissing::Resend) => {
                push(self, Reason::Gone, Operation::Resend { gone: Some(id), after: after() });
            }
            (there @ (None | Some(Drift::Text(_))), _) => {
                let drifted = there.is_some();
                let deleting = matches!(intent, Some(ChangeIntent::Delete { .. }));
                let updating = matches!(intent, Some(ChangeIntent::Update { .. }));
                // Of the texts that the visitor may see, the one that differs is shown.
                let there = match (there, intent) {
                    (_, Some(ChangeIntent::Update { text, .. })) if text != delivery.text => {
                        Some(text)
                    }
                    (Some(Drift::Text(text)), _) => Some(text.into()),
                    _ => None,
                };
                let fixed = if kind != delivery.spec.kind {
                    Some(Reason::Kind)
                } else if content.from != delivery.spec.sender {
                    Some(Reason::Sender)
                } else {
                    None
                };
                let before = |content: Content| Content {
                    text: there.unwrap_or(content.text),
                    from: content.from,
                };
                match fixed {
                    Some(reason) => {
                        let old = Superseded { id, kind };
                        let operation =
                            Operation::Replace { old, before: before(content), after: after() };
                        push(self, reason, operation);
                    }
                    None if deleting => {
                        let operation =
                            Operation::Reinstate { id, before: before(content), after: after() };
                        push(self, Reason::DeleteUnfinished, operation);
                    }
                    None if !same_text => {
                        let operation =
                            Operation::Update { id, before: before(content), after: after() };
                        push(self, Reason::Text, operation);
                    }
                    None if drifted || updating => {
                        let reason = if drifted { Reason::Drift } else { Reason::UpdateUnfinished };
                        let operation =
                            Operation::Restore { id, before: before(content), after: after() };
                        push(self, reason, operation);
                    }
                    None => {}
                }
            }
        }
        if unchanged {
            self.unchanged += 1;
            if self.inputs.keep_unchanged {
                let (address, id) = (delivery.address.clone(), known_as);
                self.listed.push(Unchanged { address, id });
            }
        }
    }

    /// In the state, not in the manifest.
    fn known_only(&mut self, located: Decoded) {
        self.managed += 1;
        let Decoded { record, moved_from, blocked } = located;
        // What the state has is adopted already, and may go like anything else.
        self.imports.remove(&record.address);
        if !self.inputs.selection.contains(&record.address) {
            return;
        }
        // It goes either way: renaming it first would only be a detour.
        let address = moved_from.unwrap_or_else(|| record.address.clone());
        if blocked && self.held.contains(&address) {
            // Listed as unknown, under the address that it would have had.
            return;
        }
        if blocked {
            self.diagnostics.push(
                Diagnostic::warning(
                    Code::MoveBlocked,
                    format!(
                        "{} cannot be renamed by moved: the new address is taken",
                        record.address.masked()
                    ),
                )
                .help("it is treated as no longer in the manifest; remove the moved entry, or the message under the new key"),
            );
        } else if let Some(intents) = self.unknown.remove(&record.address) {
            self.unknown(intents, None);
            return;
        }
        let key = record.address.key();
        let declared = self.inputs.declared.get(&key).copied();
        let removed = self.inputs.removed.get(&key).copied();
        let protect = declared.and_then(|d| d.protect).unwrap_or(record.protect);
        let kind = record.kind;
        let mut changes = Vec::new();
        let mut push = |reason, operation| {
            changes.push(Change {
                address: address.clone(),
                kind,
                reason,
                priority: 0,
                protect,
                target: Target::Absent,
                review: ReviewStatus::ToReview,
                source: None,
                operation,
            });
        };
        if let Some(old) = record.superseded {
            let (id, content) = (record.id.clone(), record.content.clone());
            push(Reason::ReplaceUnfinished, Operation::FinishReplace { old, id, content });
        }
        let (id, before) = (record.id, record.content);
        if matches!(record.drift, Some(Drift::Gone | Drift::Forgotten)) {
            push(Reason::Gone, Operation::Forget { id, before, remember: false });
        } else if removed == Some(false) && !self.inputs.destroy {
            push(Reason::Removed, Operation::Forget { id, before, remember: false });
        } else {
            let reason = if self.inputs.destroy {
                Reason::Destroy
            } else if removed.is_some() {
                Reason::Removed
            } else {
                match declared.map(|d| d.presence) {
                    None => Reason::NotInManifest,
                    Some(_) if blocked => Reason::NotInManifest,
                    Some(WindowState::Active) => Reason::NotInAudience,
                    Some(WindowState::NotYet(_)) => Reason::WindowNotYet,
                    Some(WindowState::Over(_)) => Reason::WindowOver,
                }
            };
            push(reason, Operation::Delete { id, before });
        }
        changes.into_iter().for_each(|change| self.keep(change));
    }

    /// Creates without outcome: nothing is sent for them, unless the manifest says so.
    fn unknown(&mut self, intents: Vec<Intent>, delivery: Option<&Delivery>) {
        // After a rename two intents can stand for one delivery; then it is not known what one more
        // would add to.
        if let (Some(delivery), [intent]) = (delivery, &intents[..])
            && delivery.spec.on_unknown == OnUnknown::Resend
            && intent.address == delivery.address
        {
            let operation = Operation::Resend { gone: None, after: wanted(delivery) };
            let protect = delivery.spec.protect.unwrap_or(intent.protect);
            self.change_desired(delivery, protect, Reason::LostAnswer, operation);
            return;
        }
        for intent in intents {
            let Intent { address, kind, content, protect, at, run: _, trouble, request_id } =
                intent;
            let source = delivery.map(|delivery| self.place_of(&delivery.spec));
            self.keep(Change {
                address,
                kind,
                reason: Reason::LostAnswer,
                priority: delivery.map_or(0, |delivery| delivery.spec.priority),
                protect,
                target: Target::Absent,
                review: ReviewStatus::Covered,
                source,
                operation: Operation::Unknown { sent: content, at, trouble, request_id },
            });
        }
    }

    fn change_desired(
        &mut self,
        delivery: &Delivery,
        protect: bool,
        reason: Reason,
        operation: Operation,
    ) {
        let source = Some(self.place_of(&delivery.spec));
        self.keep(Change {
            address: delivery.address.clone(),
            kind: delivery.spec.kind,
            reason,
            priority: delivery.spec.priority,
            protect,
            target: Target::present(delivery.spec.kind, &wanted(delivery), delivery.spec.window),
            review: ReviewStatus::ToReview,
            source,
            operation,
        });
    }

    fn too_much(&self) -> Diagnostic {
        let found = format!(
            "the first {} changes of this plan have too many bytes, with their texts",
            number(self.changes.len() as u64)
        );
        let cure = "plan for fewer messages (--target), or for smaller audiences";
        Diagnostic::limit("plan-bytes", self.inputs.most_bytes, found, cure)
    }

    /// Says what is wrong with the imports that are left over, and which do nothing.
    fn check_imports(&mut self, errors: &mut Vec<Diagnostic>) {
        for (address, import) in std::mem::take(&mut self.imports) {
            if self.inputs.selection.contains(&address) {
                let problem = not_desired(&import, self.inputs.declared.get(&address.key()));
                match problem.is_error() {
                    true => errors.push(problem),
                    false => self.diagnostics.push(problem),
                }
            }
        }
        self.diagnostics.extend(idle(&self.idle_imports));
    }

    fn finish(mut self, mut errors: Vec<Diagnostic>) -> Result<Plan, Vec<Diagnostic>> {
        for (address, intents) in std::mem::take(&mut self.unknown) {
            self.imports.remove(&address);
            if self.inputs.selection.contains(&address) {
                self.unknown(intents, None);
            }
        }
        errors.append(&mut self.errors);
        if self.is_full() {
            errors.push(self.too_much());
            return Err(errors);
        }
        if !self.inputs.destroy {
            self.check_imports(&mut errors);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // A plan of one kind of change is in order already, and to sort takes memory.
        if !self.changes.is_sorted_by(|a, b| a.order(b).is_le()) {
            self.changes.sort_by(Change::order);
        }
        let summary = Summary::of(&self.changes, self.unchanged);
        let budget = self.inputs.budget.with(summary.requests);
        Ok(Plan {
            environment: self.inputs.environment,
            api: self.inputs.api,
            as_of: self.inputs.as_of,
            state: self.inputs.state,
            location: String::new(),
            selection: self.inputs.selection,
            destroy: self.inputs.destroy,
            managed: self.managed,
            desired: self.desired,
            commit: None,
            summary,
            budget,
            protect: self.protect.into_iter().collect(),
            changes: self.changes,
            upcoming: Vec::new(),
            later: Vec::new(),
            withdrawn: Vec::new(),
            finished: Vec::new(),
            unchanged: self.listed,
            diagnostics: self.diagnostics,
            senders: SenderNames::default(),
        })
    }
}

fn wanted(delivery: &Delivery) -> Content {
    Content { text: delivery.text.clone(), from: delivery.spec.sender.clone() }
}

/// The problem of an import that nothing wants now. While the message's window is closed, nothing is sent
/// for it either; otherwise the address may be a mistake, and another visitor would get the message again.
fn not_desired(import: &Import, declared: Option<&Declared>) -> Diagnostic {
    let (code, to) = (Code::ImportNotDesired, import.to.masked());
    let presence = declared.map(|declared| declared.presence);
    let why = match presence {
        None => format!("there is no message {}", import.to.key_str()),
        Some(WindowState::Active) => "the visitor is not in the message's audience".to_owned(),
        Some(WindowState::NotYet(at)) => format!("the message's window opens at {at}"),
        Some(WindowState::Over(at)) => format!("the message's window closed at {at}"),
    };
    match presence {
        None | Some(WindowState::Active) => {
            Diagnostic::error(code, format!("{to} cannot be imported: {why}"))
                .help("what is imported must be in the manifest, or the same plan would delete it again; correct this entry, or remove it")
        }
        Some(WindowState::NotYet(_)) => {
            Diagnostic::warning(code, format!("{to} is not imported now: {why}"))
                .help("it is imported once the window is open")
        }
        Some(WindowState::Over(_)) => {
            Diagnostic::warning(code, format!("{to} is not imported: {why}"))
                .help("remove this entry; a message that is still there stays there")
        }
    }
    .at(import.place.clone())
}

/// One warning for all imports whose address the state has with another message.
fn idle(imports: &[Import]) -> Option<Diagnostic> {
    let first = imports.first()?;
    let mut message = format!(
        "the state has {} already, with another message than {}: this import does nothing",
        first.to.masked(),
        first.id
    );
    if imports.len() > 1 {
        let others = number(imports.len() as u64 - 1);
        message.push_str(&format!(", and neither do {others} others like it"));
    }
    let warning = Diagnostic::warning(Code::ImportIdle, message).at(first.place.clone());
    Some(warning.help("what was imported may be replaced or sent again later; remove entries that were carried out"))
}
