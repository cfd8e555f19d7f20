//! From a project and its state to a status. The comparison is that of a plan; no request is made, and no query runs.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::{
    cli::{
        args::{SelectionArgs, Target},
        comparison::{Compared, Comparison},
        context::Context,
        environment,
        failure::Failure,
        selected_state::SelectedState,
    },
    controller::{
        BudgetStatus, DeliveryCounts, ManifestStatus, MessageStatus, RunSummary, StateStatus,
        Status, UnknownDelivery, Wait, WaitFor, WindowEdge,
    },
    diagnostics::Diagnostic,
    manifest::Project,
    model::{Address, BudgetNote, Endpoint, Intent, Key, one_line},
    plan::{Action, Forecast, Plan, PlanError, ReviewStatus},
    state::{Meta, Run, Store},
};

/// At most this number of runs.
const RUNS: usize = 5;

/// What a status is made of.
pub(in crate::cli) struct Observed<'a> {
    pub(in crate::cli) context: &'a Context,
    pub(in crate::cli) handle: &'a Handle,
    /// None if it has errors.
    pub(in crate::cli) project: Option<&'a Project>,
    pub(in crate::cli) api: Option<&'a Endpoint>,
    pub(in crate::cli) manifest: ManifestStatus,
    pub(in crate::cli) state: &'a SelectedState,
    pub(in crate::cli) store: Option<&'a Arc<dyn Store>>,
    /// The deliveries of the store, if they were counted already.
    pub(in crate::cli) counts: Option<Arc<DeliveryCounts>>,
    /// Whether nobody has to agree to anything: the folder is the word.
    pub(in crate::cli) agreed: bool,
}

/// Looks.
pub(in crate::cli) fn observe(observed: Observed<'_>) -> Result<Status, Failure> {
    let Observed { context, handle, project, api, manifest, state, store, counts, agreed } =
        observed;
    let now = environment::now();
    let mut facts = Facts::default();
    if let Some(store) = store {
        facts = Facts {
            meta: Some(handle.block_on(store.meta())?),
            intents: handle.block_on(store.intents())?,
            runs: handle.block_on(store.runs(RUNS))?,
        };
    }
    let counts = match (counts, store) {
        (Some(counts), _) => counts,
        (None, Some(store)) => Arc::new(handle.block_on(DeliveryCounts::of(&**store))?),
        (None, None) => Arc::default(),
    };
    let mut status = status_of(context, state, api, manifest, &facts, now);
    status.deliveries = Some(counts.totals());
    let mut messages: BTreeMap<String, MessageStatus> = BTreeMap::new();
    let mut message = |key: &str| {
        let named = || MessageStatus { key: key.to_owned(), ..MessageStatus::default() };
        messages.entry(key.to_owned()).or_insert_with(named);
    };
    counts.messages.keys().for_each(|key| message(key));
    if let Some(project) = project {
        project.messages().for_each(|declared| message(declared.spec.key.as_str()));
    }
    for (key, statuses) in &counts.messages {
        if let Some(message) = messages.get_mut(key) {
            message.count(statuses);
        }
    }
    if let Some(project) = project {
        let keys: Vec<&String> = messages.keys().collect();
        match compare(context, project, state, store, handle, &keys)? {
            Seen::Planned(plan, wanted) => {
                for (key, wanted) in wanted {
                    if let Some(message) = messages.get_mut(key.as_str()) {
                        message.wanted = Some(wanted);
                    }
                }
                take_in(&plan, &mut messages);
                status.waits = waits(&plan, agreed, facts.budget(now, project).as_ref(), now);
                status.next_window = next_window(&plan);
            }
            Seen::Broken(problem) => status.manifest = problem,
            Seen::Nothing => {}
        }
    }
    if !facts.intents.is_empty() {
        let count = facts.intents.len() as u64;
        let what = WaitFor::Decision;
        status.waits.push(Wait { what, key: None, count, until: None, done_at: None });
    }
    status.messages = messages.into_values().collect();
    Ok(status)
}

/// A status of which only the manifest is known.
pub(super) fn status_of(
    context: &Context,
    state: &SelectedState,
    api: Option<&Endpoint>,
    manifest: ManifestStatus,
    facts: &Facts,
    now: Timestamp,
) -> Status {
    let meta = facts.meta.as_ref();
    let api = match api {
        Some(Endpoint::Sandbox) => Some("sandbox".to_owned()),
        Some(Endpoint::At(url)) => Some(url.to_string()),
        None => meta.and_then(|meta| meta.api.as_ref()).map(ToString::to_string),
    };
    let intents = facts.intents.iter();
    Status {
        format: Status::FORMAT,
        environment: state.environment().to_owned(),
        as_of: now,
        api,
        manifest,
        state: StateStatus {
            location: context.place_of(state),
            exists: Some(meta.is_some()),
            lineage: meta.map(|meta| meta.lineage),
            serial: meta.map(|meta| meta.serial),
            ..StateStatus::default()
        },
        deliveries: None,
        messages: Vec::new(),
        waits: Vec::new(),
        unknown: intents
            .map(|intent| UnknownDelivery {
                address: intent.address.as_str().to_owned(),
                sent_at: intent.at,
                trouble: intent.trouble.clone(),
            })
            .collect(),
        budget: meta.and_then(|meta| meta.budget).map(|note| BudgetStatus::of(&note, now)),
        next_window: None,
        runs: facts.runs.iter().map(summary).collect(),
    }
}

/// What the state says.
#[derive(Default)]
pub(super) struct Facts {
    meta: Option<Meta>,
    intents: Vec<Intent>,
    runs: Vec<Run>,
}

impl Facts {
    fn budget(&self, now: Timestamp, project: &Project) -> Option<BudgetNote> {
        let note = self.meta.as_ref().and_then(|meta| meta.budget.as_ref())?;
        Some(BudgetNote::at(Some(note), now, project.settings.requests_per_hour))
    }
}

fn summary(run: &Run) -> RunSummary {
    let with =
        |outcome: &str| run.changes.iter().filter(|one| one.outcome == outcome).count() as u64;
    RunSummary {
        command: run.command.clone(),
        started_at: run.started_at,
        ended_at: run.ended_at,
        commit: run.commit.clone(),
        dirty: run.dirty,
        requests: run.requests,
        done: with("done"),
        failed: with("failed"),
        unknown: with("unknown"),
        stopped: run.stopped.clone(),
    }
}

/// What a comparison shows.
enum Seen {
    /// What a plan would do, and how many deliveries of each message should be there.
    Planned(Box<Plan>, BTreeMap<Key, u64>),
    /// The manifest has errors that only a comparison finds.
    Broken(ManifestStatus),
    /// Nobody knows who gets any of the messages.
    Nothing,
}

/// Compares the project with its state, without the messages of which nobody knows who gets them.
fn compare(
    context: &Context,
    project: &Project,
    state: &SelectedState,
    store: Option<&Arc<dyn Store>>,
    handle: &Handle,
    keys: &[&String],
) -> Result<Seen, Failure> {
    let hidden = |key: &str| {
        let message = project.messages().find(|message| message.spec.key.as_str() == key);
        message.is_some_and(|message| message.audience().unknown_visitors().is_some())
    };
    let mut targets = Vec::new();
    if keys.iter().any(|key| hidden(key)) {
        let known = keys.iter().filter(|key| !hidden(key));
        targets.extend(known.filter_map(|key| Key::parse(key).ok()).map(Target::Key));
        if targets.is_empty() {
            return Ok(Seen::Nothing);
        }
    }
    let selection = SelectionArgs::default();
    let comparison = Comparison {
        context,
        project,
        state,
        store,
        handle,
        targets: &targets,
        selection: &selection,
        keep_unchanged: false,
    };
    let Compared { planned, mut wanted, .. } = comparison.compare(None)?;
    // A message without any delivery is known too.
    for message in project.messages() {
        if !hidden(message.spec.key.as_str()) {
            wanted.entry(message.spec.key.clone()).or_default();
        }
    }
    match planned {
        Ok(plan) => Ok(Seen::Planned(Box::new(plan), wanted)),
        Err(PlanError::Manifest(errors)) => Ok(Seen::Broken(broken(context, &errors))),
        Err(PlanError::Records(error)) => Err(state.failure(error)),
    }
}

/// A manifest with these errors.
pub(super) fn broken(context: &Context, diagnostics: &[Diagnostic]) -> ManifestStatus {
    let errors = diagnostics.iter().filter(|one| one.is_error());
    let first = errors.clone().next().map(|error| match &error.place {
        Some(place) => {
            format!("{}:{}:{}: {}", place.file, place.line, place.column, error.message)
        }
        None => error.message.clone(),
    });
    let redactor = context.output.masking().known().redactor();
    ManifestStatus {
        ok: false,
        errors: errors.count() as u64,
        problem: first.map(|problem| one_line(&redactor.redact(&problem))),
    }
}

/// What a plan says of each message.
fn take_in(plan: &Plan, messages: &mut BTreeMap<String, MessageStatus>) {
    for change in &plan.changes {
        if let Some(message) = messages.get_mut(change.address.key_str()) {
            *message.changes.entry(change.action()).or_default() += 1;
        }
    }
    for later in &plan.later {
        if let Some(message) = messages.get_mut(later.key.as_str()) {
            (message.opens, message.closes) = (later.opens, later.closes);
        }
    }
    // A message that the manifest does not have should not be there.
    for message in messages.values_mut() {
        let goes = message.changes.get(&Action::Delete).copied().unwrap_or_default();
        if message.wanted.is_none() && goes > 0 {
            message.wanted = Some(0);
        }
    }
}

fn waits(plan: &Plan, agreed: bool, known: Option<&BudgetNote>, now: Timestamp) -> Vec<Wait> {
    let changes = plan.changes.iter().filter(|change| change.action() != Action::Unknown);
    let (due, unapproved): (Vec<_>, Vec<_>) =
        changes.partition(|change| agreed || change.review != ReviewStatus::ToReview);
    let requests = due.iter().map(|change| change.requests()).sum();
    let mut waits = Vec::new();
    let wait = |what, count: usize| Wait {
        what,
        key: None,
        count: count as u64,
        until: None,
        done_at: None,
    };
    if !due.is_empty() {
        let again = known.and_then(BudgetNote::next_request_at).filter(|_| !plan.budget.unlimited);
        let takes = match plan.budget.forecast(requests) {
            _ if plan.budget.unlimited => None,
            Forecast::Fits { .. } => None,
            Forecast::Takes { about, .. } => now.checked_add(about).ok(),
        };
        let what = if again.is_some() { WaitFor::Budget } else { WaitFor::Apply };
        waits.push(Wait { until: again, done_at: takes, ..wait(what, due.len()) });
    }
    if !unapproved.is_empty() {
        waits.push(wait(WaitFor::Approval, unapproved.len()));
    }
    for later in &plan.later {
        let key = Some(later.key.as_str().to_owned());
        let edge = |what, until| Wait {
            key: key.clone(),
            until: Some(until),
            count: later.visitors,
            ..wait(what, 0)
        };
        match (later.opens, later.closes) {
            (Some(opens), _) => waits.push(edge(WaitFor::Opening, opens)),
            (None, Some(closes)) => waits.push(edge(WaitFor::Closing, closes)),
            (None, None) => {}
        }
    }
    waits
}

fn next_window(plan: &Plan) -> Option<WindowEdge> {
    let edges = plan.later.iter().flat_map(|later| {
        let key = later.key.as_str();
        [(later.opens, true), (later.closes, false)]
            .into_iter()
            .filter_map(move |(at, opens)| Some(WindowEdge { key: key.to_owned(), at: at?, opens }))
    });
    edges.filter(|edge| edge.at > plan.as_of).min_by_key(|edge| edge.at)
}

/// An address for people.
pub(super) fn address(text: &str, mask: bool) -> String {
    match Address::parse(text) {
        Ok(address) => crate::render::humanize::address(&address, mask),
        Err(_) => one_line(text),
    }
}
