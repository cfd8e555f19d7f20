//! The comparison of a project with its state: a plan, before anything is said of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::runtime::Handle;

use super::{
    args::{SelectionArgs, Target},
    context::Context,
    environment,
    failure::Failure,
    selected_state::SelectedState,
};
use crate::{
    desired::Deliveries,
    diagnostics::Diagnostic,
    manifest::{Message, Project},
    model::{Address, Approval, BudgetNote, Endpoint, Key, WindowState},
    plan::{
        AudienceGuards, Budget, Declared, Import, Inputs, Plan, PlanError, Review, StateRef, plan,
    },
    state::{Meta, Records, StateError, Store},
};

/// The two that are compared, and how.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) context: &'a Context,
    pub(super) project: &'a Project,
    pub(super) state: &'a SelectedState,
    pub(super) store: Option<&'a Arc<dyn Store>>,
    pub(super) handle: &'a Handle,
    /// Whole addresses and keys.
    pub(super) targets: &'a [Target],
    pub(super) selection: &'a SelectionArgs,
    pub(super) keep_unchanged: bool,
}

/// What a comparison found.
pub(super) struct Compared {
    pub(super) planned: Result<Plan, PlanError<StateError>>,
    /// What was noticed in the manifest on the way.
    pub(super) warnings: Vec<Diagnostic>,
    /// The deliveries without outcome.
    pub(super) unknown: Vec<Address>,
    /// How many deliveries of each message should be there now.
    pub(super) wanted: BTreeMap<Key, u64>,
}

/// The time before some runs agreed to what a review asks for.
pub(super) struct Earlier<'r> {
    reviewed: &'r Review,
    /// The first of these runs.
    run: u64,
    /// What these runs and those after them carried out.
    carried_out: BTreeSet<Address>,
}

impl<'r> Earlier<'r> {
    /// The most moments that are looked back to.
    const MOST: usize = 10;

    /// Before the last run that agreed to something, or carried out something of it, before the last two, and so
    /// on.
    pub(super) fn all(
        handle: &Handle,
        store: &dyn Store,
        reviewed: &'r Review,
    ) -> Result<Vec<Self>, Failure> {
        let mut found = Vec::new();
        let mut carried_out = BTreeSet::new();
        for run in handle.block_on(store.runs(100))? {
            let done = run.changes.iter().filter(|change| change.outcome == "done");
            // Others may have been carried out meanwhile, which were approved long before.
            let done = done.filter(|change| reviewed.may_ask_for(change.address.key_str()));
            let before = carried_out.len();
            carried_out.extend(done.map(|change| change.address.clone()));
            if run.approved > 0 || carried_out.len() > before {
                let carried_out = carried_out.clone();
                found.push(Self { reviewed, run: run.number, carried_out });
            }
            if found.len() == Self::MOST {
                break;
            }
        }
        Ok(found)
    }

    /// The approvals of then, and the deliveries whose targets were asked for since.
    fn without(&self, approvals: Vec<Approval>) -> (Vec<Approval>, BTreeSet<Address>) {
        let (since, before): (Vec<_>, Vec<_>) = approvals.into_iter().partition(|approval| {
            approval.run >= self.run && self.reviewed.may_ask_for(approval.address.key_str())
        });
        let since = since.into_iter().map(|approval| approval.address);
        (before, since.chain(self.carried_out.iter().cloned()).collect())
    }
}

impl Comparison<'_> {
    /// Compares them as of now, or as if some runs had not agreed to anything yet: then what they agreed to
    /// is asked for again, whether or not it was carried out.
    pub(super) fn compare(self, earlier: Option<&Earlier<'_>>) -> Result<Compared, Failure> {
        let Self { context, project, state, store, handle, targets, selection, keep_unchanged } =
            self;
        let now = environment::now();
        let as_of = selection.at.unwrap_or(now);
        let api = context.endpoint(&project.settings)?;
        let (meta, intents, approvals) = match store {
            Some(store) => (
                Some(handle.block_on(store.meta())?),
                handle.block_on(store.intents())?,
                handle.block_on(store.approvals())?,
            ),
            None => (None, Vec::new(), Vec::new()),
        };
        let unknown = intents.iter().map(|intent| intent.address.clone()).collect();
        let (approvals, recheck) = match earlier {
            Some(earlier) => earlier.without(approvals),
            None => (approvals, BTreeSet::new()),
        };
        let declared: BTreeMap<Key, Declared> = project
            .keys_at(as_of)
            .into_iter()
            .map(|(key, presence)| {
                let message = project.message(&key);
                let spec = message.map(|message| &message.spec);
                let protect = spec.and_then(|spec| spec.protect);
                let window = spec.map(|spec| spec.window).unwrap_or_default();
                let on_leave = spec.map(|spec| spec.on_leave).unwrap_or_default();
                let guards = message.map(guards_of).unwrap_or_default();
                (key, Declared { presence, window, protect, on_leave, guards })
            })
            .collect();
        let inputs = Inputs {
            environment: state.environment().to_owned(),
            api: api.clone(),
            as_of,
            secrets: meta.as_ref().map(|meta| meta.secrets.clone()).unwrap_or_default(),
            state: StateRef {
                lineage: meta.as_ref().map(|meta| meta.lineage),
                serial: meta.as_ref().map_or(0, |meta| meta.serial),
            },
            imports: project
                .imports
                .iter()
                .map(|import| Import {
                    to: import.to.clone(),
                    id: import.id.clone(),
                    place: import.source.place(),
                    of_file: import.of_file,
                })
                .collect(),
            removed: project
                .removed
                .iter()
                .map(|removed| (removed.key.clone(), removed.delete))
                .collect(),
            moved: project
                .moved
                .iter()
                .map(|moved| (moved.from.clone(), moved.to.clone()))
                .collect(),
            declared,
            approvals,
            recheck,
            intents,
            selection: Target::selection(targets),
            destroy: selection.destroy,
            budget: match context.global.sandbox {
                true => Budget::of_rehearsal(now, project.settings.requests_per_hour),
                false => Budget::at(
                    now,
                    meta.as_ref()
                        .and_then(|meta| budget_of(meta, &api, project.settings.requests_per_hour)),
                    project.settings.requests_per_hour,
                ),
            },
            keep_unchanged,
            most_bytes: project.limits.plan_bytes,
        };
        let mut deliveries = Deliveries::from_now_on(project, as_of);
        if !targets.is_empty() {
            let named = |key: &Key| targets.iter().any(|target| target.key_str() == key.as_str());
            deliveries = deliveries.only(named);
        }
        let moves: Vec<_> =
            project.moved.iter().map(|moved| (moved.from.clone(), moved.to.clone())).collect();
        let mut wanted = BTreeMap::new();
        let counted = deliveries.by_ref().inspect(|delivery| {
            if let Ok(delivery) = delivery
                && delivery.spec.window.state(as_of) == WindowState::Active
            {
                match wanted.get_mut(&delivery.spec.key) {
                    Some(count) => *count += 1,
                    None => _ = wanted.insert(delivery.spec.key.clone(), 1),
                }
            }
        });
        let planned = match store {
            Some(store) => {
                let records = Records::with_moves(&**store, handle.clone(), &moves);
                plan(inputs, counted, records)
            }
            None => plan(inputs, counted, std::iter::empty()),
        };
        let warnings = deliveries.take_warnings();
        Ok(Compared { planned, warnings, unknown, wanted })
    }
}

/// What is known of the audience of a message.
fn guards_of(message: &Message) -> AudienceGuards {
    AudienceGuards {
        queried: message.is_queried(),
        rows: message.audience().len() as u64,
        secret: message.secret(),
        variable: message.audience().secret_variable().map(Arc::from),
        change: message.expected_change(),
    }
}

/// The budget that the state remembers. That of another API promises nothing here: only a smaller one counts.
fn budget_of<'m>(meta: &'m Meta, api: &Endpoint, assumed: u64) -> Option<&'m BudgetNote> {
    let other = matches!((&meta.api, api.url()), (Some(known), Some(url)) if known != url);
    meta.budget.as_ref().filter(|note| !other || note.limit <= assumed)
}
