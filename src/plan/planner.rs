//! The planner: it meets what should exist with what does.

mod approvals;
mod guards;
mod imports;
mod later;
mod recorded;
mod unknown;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use guards::Guards;

use super::{
    Change, Import, Inputs, Later, Operation, Plan, ProtectMark, Reason, ReviewStatus, SenderNames,
    Summary, Unchanged, Upcoming, Withdrawn, adopt,
};
use crate::{
    diagnostics::Diagnostic,
    model::{
        Address, Approval, Content, Delivery, Intent, Key, Located, OnLeave, Place, Record, Spec,
        Target, UnreadableRecord, WindowState, number,
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
    /// Files of many imports of which a row was met.
    met_files: BTreeSet<Arc<str>>,
    changes: Vec<Change>,
    diagnostics: Vec<Diagnostic>,
    errors: Vec<Diagnostic>,
    protect: BTreeSet<ProtectMark>,
    /// What somebody has agreed to, as long as no delivery or record has met it.
    approvals: BTreeMap<Address, Approval>,
    upcoming: Vec<Upcoming>,
    later: BTreeMap<Key, (Later, Place)>,
    guards: Guards,
    withdrawn: Vec<Withdrawn>,
    finished: Vec<Address>,
    unchanged: u64,
    listed: Vec<Unchanged>,
    managed: u64,
    desired: u64,
    /// The bytes of the changes so far, as if no two shared a text: a plan is written that way.
    bytes: u64,
    /// Where the message that came last is written.
    written: Option<(Arc<Spec>, Place)>,
    /// The target that came last.
    last_target: Option<(Arc<Spec>, Arc<str>, Target)>,
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
        let approvals = std::mem::take(&mut inputs.approvals).into_iter();
        let approvals: BTreeMap<_, _> =
            approvals.map(|approval| (approval.address.clone(), approval)).collect();
        let guards = Guards::new(&inputs, &approvals, unknown.keys());
        Self {
            inputs,
            guards,
            approvals,
            upcoming: Vec::new(),
            later: BTreeMap::new(),
            withdrawn: Vec::new(),
            finished: Vec::new(),
            last_target: None,
            unknown,
            held,
            imports,
            idle_imports: Vec::new(),
            met_files: BTreeSet::new(),
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
            // To double the room for a million changes would take more memory than they do.
            if self.changes.len() == self.changes.capacity() {
                self.changes.reserve_exact((self.changes.len() / 8).max(64));
            }
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
        let active = self.is_active(&delivery.spec);
        self.desired += u64::from(active);
        self.guards.wanted(delivery.spec.key.as_str());
        let import = match active {
            true => self.take_import(&delivery.address),
            // It is imported once the window is open.
            false => None,
        };
        if import.is_some() {
            self.guards.adopted(delivery.spec.key.as_str());
        }
        if !self.inputs.selection.contains(&delivery.address) {
            return;
        }
        if let Some(intents) = self.unknown.remove(&delivery.address) {
            self.unknown(intents, Some(delivery));
            return;
        }
        let target = self.target_of(delivery);
        let status = self.status(&delivery.address, target);
        if !delivery.spec.window.is_open() {
            self.later(delivery, status);
        }
        if !active {
            if status == ReviewStatus::ToReview {
                self.upcoming(delivery, target, false);
            }
            return;
        }
        if let Some(import) = import {
            self.keep(Change { review: status, ..adopt(delivery, import.id) });
            return;
        }
        let protect = delivery.spec.protect.unwrap_or(false);
        let operation = Operation::Create { after: wanted(delivery) };
        self.change_desired(delivery, protect, Reason::New, operation, (target, status));
    }

    /// Whether the window of a message is open.
    fn is_active(&self, spec: &Spec) -> bool {
        spec.window.state(self.inputs.as_of) == WindowState::Active
    }

    /// What a delivery of the manifest is to be. Neighbours often have the same text.
    fn target_of(&mut self, delivery: &Delivery) -> Target {
        let Delivery { spec, text, address: _, language: _ } = delivery;
        match &self.last_target {
            Some((known, of, target)) if Arc::ptr_eq(known, spec) && Arc::ptr_eq(of, text) => {
                *target
            }
            _ => {
                let target = Target::present(spec.kind, &wanted(delivery), spec.window);
                self.last_target = Some((spec.clone(), text.clone(), target));
                target
            }
        }
    }

    /// What a delivery is to be that the manifest does not have.
    fn gone_target(&self, key: &Key) -> Target {
        let kept = self.inputs.declared.get(key).is_some_and(|declared| {
            declared.on_leave == OnLeave::Keep && declared.presence == WindowState::Active
        });
        match self.inputs.removed.get(key) {
            _ if self.inputs.destroy => Target::Absent,
            Some(false) => Target::Unmanaged,
            None if kept => Target::Unmanaged,
            _ => Target::Absent,
        }
    }

    /// The import of a delivery that the plan has met.
    fn take_import(&mut self, address: &Address) -> Option<Import> {
        let import = self.imports.remove(address)?;
        if import.of_file {
            self.met_files.insert(import.place.file.clone());
        }
        Some(import)
    }

    /// In the manifest and in the state: whether that is all there is to say. What [`Self::both`]
    /// would find is found here without decoding the record; where that is not certain, nothing is
    /// counted.
    fn unchanged(&mut self, delivery: &Delivery, located: &Located) -> bool {
        let Located { record, moved_from, blocked } = located;
        let Delivery { address, spec, text, language: _ } = delivery;
        let certainly = !blocked
            && moved_from.is_none()
            && !self.inputs.keep_unchanged
            && !self.imports.contains_key(address)
            && !self.unknown.contains_key(address)
            && self.inputs.selection.contains(address)
            && !self.approvals.contains_key(address)
            && !self.inputs.recheck.contains(address)
            // A window that opens or closes later is to be reviewed.
            && spec.window.until.is_none()
            && self.is_active(spec)
            && record.certainly_has(spec.kind, &spec.sender, text, spec.protect);
        if certainly {
            self.managed += 1;
            self.desired += 1;
            self.unchanged += 1;
            self.guards.wanted(spec.key.as_str());
            self.guards.sent(spec.key.as_str());
        }
        certainly
    }

    fn change_desired(
        &mut self,
        delivery: &Delivery,
        protect: bool,
        reason: Reason,
        operation: Operation,
        (target, review): (Target, ReviewStatus),
    ) {
        let source = Some(self.place_of(&delivery.spec));
        self.keep(Change {
            address: delivery.address.clone(),
            kind: delivery.spec.kind,
            reason,
            priority: delivery.spec.priority,
            protect,
            target,
            review,
            language: delivery.language.clone(),
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

    fn finish(mut self, mut errors: Vec<Diagnostic>) -> Result<Plan, Vec<Diagnostic>> {
        for (address, intents) in std::mem::take(&mut self.unknown) {
            self.take_import(&address);
            if self.inputs.selection.contains(&address) {
                self.unknown(intents, None);
            }
        }
        self.end_other_approvals();
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
        let (later, warnings) =
            later::with_times(self.later, &self.changes, &budget, self.inputs.as_of);
        self.diagnostics.extend(warnings);
        let guarded = self.guards.finish(&self.inputs);
        let mut plan = Plan {
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
            guarded,
            secrets: self.inputs.secrets,
            remember: None,
            changes: self.changes,
            upcoming: self.upcoming,
            later,
            withdrawn: self.withdrawn,
            finished: self.finished,
            unchanged: self.listed,
            diagnostics: self.diagnostics,
            senders: SenderNames::default(),
        };
        plan.remember = plan.secrets_to_remember(false);
        Ok(plan)
    }
}

fn wanted(delivery: &Delivery) -> Content {
    Content { text: delivery.text.clone(), from: delivery.spec.sender.clone() }
}
