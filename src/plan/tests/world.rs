//! A manifest, a state and their consequences, small enough to enumerate.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    model::{
        Address, Approval, BaseUrl, Content, Delivery, Drift, Endpoint, Intent, Key, Kind,
        KnownSecrets, Located, MessageId, OnMissing, OnUnknown, PackedRecords, Record, Sender,
        Source, Spec, UnreadableRecord, Window, WindowState, packed_record::pack,
    },
    plan::{
        AudienceGuards, Budget, Change, Declared, Import, Inputs, Operation, Plan, PlanError,
        Selection, StateRef, plan,
    },
};

pub(super) fn address(text: &str) -> Address {
    Address::parse(text).expect("a valid address")
}

pub(super) fn key(text: &str) -> Key {
    Key::parse(text).expect("a valid key")
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

pub(super) fn content(text: &str, from: &Sender) -> Content {
    Content { text: text.into(), from: from.clone() }
}

pub(super) fn spec(name: &str) -> Spec {
    Spec {
        key: key(name),
        kind: Kind::Pushed,
        sender: Sender::Random,
        protect: None,
        window: Window::default(),
        on_missing: OnMissing::Resend,
        on_leave: Default::default(),
        on_unknown: OnUnknown::Hold,
        priority: 0,
        source: Source::fixed("messages/all.yaml", 3),
    }
}

pub(super) fn delivery(spec: &Spec, visitor: &str, text: &str) -> Delivery {
    Delivery {
        address: address(&format!("{}@{visitor}", spec.key)),
        spec: Arc::new(spec.clone()),
        text: text.into(),
        language: None,
    }
}

pub(super) fn record(name: &str, text: &str) -> Record {
    Record {
        address: address(name),
        kind: Kind::Pushed,
        id: MessageId::new(format!("id-of-{name}")),
        content: content(text, &Sender::Random),
        protect: false,
        created_at: at(1),
        updated_at: at(1),
        verified_at: at(1),
        drift: None,
        superseded: None,
        intent: None,
        answered_text: None,
        restored: None,
    }
}

pub(super) fn intent(name: &str, text: &str) -> Intent {
    Intent {
        address: address(name),
        kind: Kind::Pushed,
        content: content(text, &Sender::Random),
        protect: false,
        at: at(5),
        run: Uuid::nil(),
        again: 0,
        trouble: Some("timed out after 30 s".to_owned()),
        request_id: None,
    }
}

/// Everything that a plan is made from.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) desired: Vec<Delivery>,
    pub(super) records: BTreeMap<Address, Record>,
    pub(super) intents: BTreeMap<Address, Intent>,
    pub(super) approvals: BTreeMap<Address, Approval>,
    pub(super) recheck: BTreeSet<Address>,
    pub(super) presence: BTreeMap<Key, WindowState>,
    /// Windows of messages that are over, and of which nothing is rendered.
    pub(super) over: BTreeMap<Key, Window>,
    /// The instant, in seconds; 100 if nothing is said.
    pub(super) now: i64,
    pub(super) moved: BTreeMap<Key, Key>,
    pub(super) removed: BTreeMap<Key, bool>,
    pub(super) imports: Vec<Import>,
    pub(super) selection: Selection,
    pub(super) destroy: bool,
    /// What is known of the audiences of declared messages.
    pub(super) guards: BTreeMap<Key, AudienceGuards>,
    /// The secrets that the state knows.
    pub(super) secrets: KnownSecrets,
}

impl World {
    pub(super) fn inputs(&self) -> Inputs {
        let (on_leave, guards): (_, AudienceGuards) = Default::default();
        let mut declared: BTreeMap<Key, Declared> = self
            .presence
            .iter()
            .map(|(key, presence)| {
                let window = match *presence {
                    WindowState::Active => Window::default(),
                    WindowState::NotYet(from) => Window { from: Some(from), until: None },
                    WindowState::Over(until) => Window { from: None, until: Some(until) },
                };
                (
                    key.clone(),
                    Declared {
                        presence: *presence,
                        window,
                        protect: None,
                        on_leave,
                        guards: guards.clone(),
                    },
                )
            })
            .collect();
        let now = at(if self.now == 0 { 100 } else { self.now });
        for (key, window) in &self.over {
            let (presence, window) = (window.state(now), *window);
            declared.insert(
                key.clone(),
                Declared { presence, window, protect: None, on_leave, guards: guards.clone() },
            );
        }
        for delivery in &self.desired {
            let Spec { protect, window, .. } = *delivery.spec;
            declared.insert(
                delivery.spec.key.clone(),
                Declared {
                    presence: window.state(now),
                    window,
                    protect,
                    on_leave: delivery.spec.on_leave,
                    guards: guards.clone(),
                },
            );
        }
        for (key, guards) in &self.guards {
            let active = || Declared {
                presence: WindowState::Active,
                window: Window::default(),
                protect: None,
                on_leave,
                guards: AudienceGuards::default(),
            };
            declared.entry(key.clone()).or_insert_with(active).guards = guards.clone();
        }
        Inputs {
            environment: "default".to_owned(),
            api: Endpoint::At(BaseUrl::brevo()),
            as_of: now,
            state: StateRef { lineage: Some(Uuid::nil()), serial: 7 },
            declared,
            secrets: self.secrets.clone(),
            imports: self.imports.clone(),
            removed: self.removed.clone(),
            moved: self.moved.clone(),
            approvals: self.approvals.values().cloned().collect(),
            recheck: self.recheck.clone(),
            intents: self.intents.values().cloned().collect(),
            selection: self.selection.clone(),
            destroy: self.destroy,
            budget: Budget::at(now, None, 100),
            keep_unchanged: false,
            most_bytes: u64::MAX,
        }
    }

    /// The records as a store yields them: by their new addresses.
    pub(super) fn located(&self) -> Vec<Located> {
        let mut all: Vec<Located> = self
            .records
            .values()
            .map(|record| {
                let target =
                    self.moved.get(&record.address.key()).map(|to| record.address.with_key(to));
                match target {
                    Some(to) if self.records.contains_key(&to) => {
                        Located { record: record.clone().into(), moved_from: None, blocked: true }
                    }
                    Some(to) => Located {
                        record: Record { address: to, ..record.clone() }.into(),
                        moved_from: Some(record.address.clone()),
                        blocked: false,
                    },
                    None => {
                        Located { record: record.clone().into(), moved_from: None, blocked: false }
                    }
                }
            })
            .collect();
        all.sort_by(|a, b| a.record.name().cmp(b.record.name()));
        all
    }

    /// The same as a store yields them if it need not decode them.
    pub(super) fn packed(&self) -> Vec<Located> {
        let mut page = PackedRecords::new("here");
        for record in self.records.values() {
            let mut packed = Vec::new();
            pack(record, &mut packed).expect("packs");
            page.push(record.address.as_str().as_bytes(), &packed);
        }
        let page = Arc::new(page);
        self.located()
            .into_iter()
            .map(|located| {
                let name = located.record.name();
                match (0..page.len()).filter_map(|at| page.get(at)).find(|lazy| lazy.name() == name)
                {
                    Some(record) if located.moved_from.is_none() => Located { record, ..located },
                    _ => located,
                }
            })
            .collect()
    }

    pub(super) fn plan(&self) -> Result<Plan, PlanError<UnreadableRecord>> {
        let mut desired = self.desired.clone();
        desired.sort_by(|a, b| a.address.cmp(&b.address));
        plan(self.inputs(), desired.into_iter().map(Ok), self.located().into_iter().map(Ok))
    }

    pub(super) fn planned(&self) -> Plan {
        self.plan().expect("no errors")
    }

    /// What the state is after everything in `plan` went well. The apply room's own tests hold
    /// the real thing against the same law.
    pub(super) fn apply(&mut self, plan: &Plan) {
        plan.changes.iter().for_each(|change| self.carry_out(change));
        for mark in &plan.protect {
            for record in self.records.values_mut() {
                if record.address.key() == mark.key {
                    record.protect = mark.protect;
                }
            }
        }
        self.imports.clear();
    }

    /// What the state is after this change went well.
    pub(super) fn carry_out(&mut self, change: &Change) {
        let address = change.address.clone();
        let fresh = |after: &Content| Record {
            kind: change.kind,
            content: after.clone(),
            protect: change.protect,
            ..record(address.as_str(), "")
        };
        match &change.operation {
            Operation::Create { after }
            | Operation::Replace { after, .. }
            | Operation::Adopt { after, .. } => {
                self.records.insert(address.clone(), fresh(after));
            }
            Operation::Resend { after, .. } => {
                self.intents.remove(&address);
                self.records.insert(address.clone(), fresh(after));
            }
            Operation::Update { after, .. }
            | Operation::Restore { after, .. }
            | Operation::Reinstate { after, .. } => {
                let record = self.records.get_mut(&address).expect("an update has a record");
                record.content = after.clone();
                record.drift = None;
                record.intent = None;
            }
            Operation::FinishReplace { .. } => {
                // A move goes first, so the record may be under either address.
                let record = self.records.get_mut(&address).expect("a record");
                record.superseded = None;
            }
            Operation::Delete { .. } => {
                self.records.remove(&address).expect("a delete has a record");
            }
            Operation::Forget { remember: false, .. } => {
                self.records.remove(&address).expect("a forget has a record");
            }
            Operation::Forget { remember: true, .. } => {
                let record = self.records.get_mut(&address).expect("a record");
                record.drift = Some(Drift::Forgotten);
            }
            Operation::Move { from, .. } => {
                let old = self.records.remove(from).expect("a move has a record");
                self.records.insert(address.clone(), Record { address, ..old });
            }
            Operation::Unknown { .. } => {}
        }
        let approval = self.approvals.remove(&change.address);
        let left = match self.records.get(&change.address) {
            None => approval.and_then(Approval::once_gone),
            Some(record) if record.drift.is_none() && record.intent.is_none() => {
                approval.and_then(|one| one.once_sent(record.kind, &record.content))
            }
            Some(_) => approval,
        };
        if let Some(approval) = left {
            self.approvals.insert(approval.address.clone(), approval);
        }
    }

    /// What a resumed run notes of approvals.
    pub(super) fn lapse(&mut self, plan: &Plan) {
        for address in plan.lapsed_approvals() {
            let approval = self.approvals.remove(address).expect("it was approved");
            self.approvals.insert(address.clone(), approval.once_lapsed());
        }
        for address in &plan.finished {
            self.approvals.remove(address);
        }
    }

    /// Somebody agrees to all of a plan.
    pub(super) fn approve(&mut self, plan: &Plan) {
        for address in plan.ended_approvals() {
            self.approvals.remove(address);
        }
        for approval in plan.approvals(1) {
            self.approvals.insert(approval.address.clone(), approval);
        }
    }

    /// Every address that a plan has to say something about.
    pub(super) fn addresses(&self) -> BTreeSet<Address> {
        let desired = self.desired.iter().map(|delivery| delivery.address.clone());
        let records = self
            .located()
            .into_iter()
            .map(|located| located.record.decode().expect("decodes").address);
        desired.chain(records).collect()
    }
}
