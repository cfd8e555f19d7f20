//! From a loaded project and an opened state to a plan: what `plan` and `apply` share.

use std::{collections::BTreeMap, sync::Arc};

use tokio::runtime::{Handle, Runtime};

use super::{
    args::{Amount, Bounds, SelectionArgs, Target},
    context::Context,
    environment,
    failure::Failure,
    git::CommitLookup,
    missing_files,
    refresh::{self, RefreshRequest},
    selected_state::SelectedState,
    shell_command::ShellCommand,
    targets,
};
use crate::{
    apply::Refreshed,
    desired::Deliveries,
    diagnostics::{Code, Diagnostic, Report},
    manifest::{Project, Threshold},
    model::{BudgetNote, Endpoint, Key, one_line},
    plan::{
        Budget, Declared, Import, Inputs, Operation, Plan, PlanError, SenderNames, StateRef, plan,
        safety::{Limit, Limits},
    },
    render::humanize,
    state::{Meta, Records, Store},
};

/// Makes the plan, after a refresh if the command line asks for one. Errors that only planning finds are reported, and end the command.
pub(super) fn make(
    context: &Context,
    project: &Project,
    report: Report,
    state: &SelectedState,
    store: Option<&Arc<dyn Store>>,
    runtime: &Runtime,
    request: PlanRequest<'_>,
) -> Result<(Plan, Report), Failure> {
    let known = store.map(|store| &**store);
    let targets =
        targets::whole(&request.selection.target, Some(project), known, runtime.handle())?;
    let targets = &targets;
    if let (Some(store), Some(amount)) = (store, request.selection.refresh) {
        let most = match amount {
            Amount::Count(most) => Some(most),
            Amount::All => None,
        };
        let bounds = request.bounds;
        let refresh = RefreshRequest { project, state, store, targets, most, bounds };
        let found = refresh::before_plan(context, runtime, &refresh, request.again)?;
        let ended = found.stopped.map(|_| Failure::silent().status(found.exit_status()));
        *request.refreshed = Some(found);
        if let Some(failure) = ended {
            return Err(failure);
        }
    }
    let now = environment::now();
    let as_of = request.selection.at.unwrap_or(now);
    let handle = runtime.handle();
    let api = context.endpoint(&project.settings)?;
    let (meta, intents, approvals) = match store {
        Some(store) => (
            Some(handle.block_on(store.meta())?),
            handle.block_on(store.intents())?,
            handle.block_on(store.approvals())?,
        ),
        None => (None, Vec::new(), Vec::new()),
    };
    let unknown: Vec<_> = intents.iter().map(|intent| intent.address.clone()).collect();
    report.knows(Arc::new(unknown));
    let declared: BTreeMap<Key, Declared> = project
        .keys_at(as_of)
        .into_iter()
        .map(|(key, presence)| {
            let spec = project.message(&key).map(|message| &message.spec);
            let protect = spec.and_then(|spec| spec.protect);
            let window = spec.map(|spec| spec.window).unwrap_or_default();
            (key, Declared { presence, window, protect })
        })
        .collect();
    let inputs = Inputs {
        environment: state.environment().to_owned(),
        api: api.clone(),
        as_of,
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
            })
            .collect(),
        removed: project
            .removed
            .iter()
            .map(|removed| (removed.key.clone(), removed.delete))
            .collect(),
        moved: project.moved.iter().map(|moved| (moved.from.clone(), moved.to.clone())).collect(),
        declared,
        approvals,
        intents,
        selection: Target::selection(targets),
        destroy: request.selection.destroy,
        budget: match context.global.sandbox {
            true => Budget::of_rehearsal(now, project.settings.requests_per_hour),
            false => Budget::at(
                now,
                meta.as_ref()
                    .and_then(|meta| budget_of(meta, &api, project.settings.requests_per_hour)),
                project.settings.requests_per_hour,
            ),
        },
        keep_unchanged: request.keep_unchanged,
        most_bytes: project.limits.plan_bytes,
    };
    let mut deliveries = Deliveries::from_now_on(project, as_of);
    if !targets.is_empty() {
        let named = |key: &Key| targets.iter().any(|target| target.key_str() == key.as_str());
        deliveries = deliveries.only(named);
    }
    let moves: Vec<_> =
        project.moved.iter().map(|moved| (moved.from.clone(), moved.to.clone())).collect();
    let planned = match store {
        Some(store) => {
            let records = Records::with_moves(&**store, handle.clone(), &moves);
            plan(inputs, deliveries.by_ref(), records)
        }
        None => plan(inputs, deliveries.by_ref(), std::iter::empty()),
    };
    let mut report = report;
    report.extend(deliveries.take_warnings());
    if store.is_none() {
        report.extend([nothing_sent(context, state)]);
    }
    match planned {
        Ok(plan) => {
            report.extend(plan.diagnostics.clone());
            if !report.diagnostics().is_empty() {
                let planned = plan.changes.iter().map(|change| change.address.clone());
                report.knows(Arc::new(planned.collect::<Vec<_>>()));
            }
            let lost = missing_files::lost(project, &plan);
            if !lost.is_empty() {
                report.replace(lost);
                context.output.report(&report);
                return Err(Failure::silent());
            }
            if let Some(store) = store {
                let problems = ids_in_use(context, project, &plan, store, handle)?;
                if !problems.is_empty() {
                    report.extend(problems);
                    context.output.report(&report);
                    return Err(Failure::silent());
                }
            }
            check_keys(project, &plan, targets)?;
            check_addresses(context, project, &plan, store, handle, targets)?;
            let diagnostics = report.masked();
            let commit = request.commit.get();
            let senders = SenderNames::of(&plan, &project.senders);
            let location = context.place_of(state);
            Ok((Plan { commit, location, diagnostics, senders, ..plan }, report))
        }
        Err(PlanError::Manifest(errors)) => {
            report.extend(errors);
            context.output.report(&report);
            Err(Failure::silent())
        }
        Err(PlanError::Records(error)) => Err(state.failure(error)),
    }
}

/// What the command line allows in place of the project's limits.
#[derive(Default)]
pub(super) struct Allowed {
    pub(super) creates: Option<Amount>,
    pub(super) deletes: Option<Amount>,
    pub(super) resends: Option<Amount>,
}

/// The budget that the state remembers. That of another API promises nothing here: only a smaller one counts.
fn budget_of<'m>(meta: &'m Meta, api: &Endpoint, assumed: u64) -> Option<&'m BudgetNote> {
    let other = matches!((&meta.api, api.url()), (Some(known), Some(url)) if known != url);
    meta.budget.as_ref().filter(|note| !other || note.limit <= assumed)
}

/// The warning about a state that does not exist yet.
fn nothing_sent(context: &Context, state: &SelectedState) -> Diagnostic {
    let message = format!(
        "there is no state yet in `{}` for the environment {}: nothing is known to have been sent from here",
        context.place_of(state),
        one_line(state.environment()),
    );
    Diagnostic::warning(Code::NewState, message).help(
        "if messages were sent before, do not apply: they would be sent again. Find their state, and name it with --state or --env",
    )
}

/// The options of a plan.
pub(super) struct PlanRequest<'a> {
    pub(super) selection: &'a SelectionArgs,
    /// The bounds of the refresh.
    pub(super) bounds: &'a Bounds,
    pub(super) keep_unchanged: bool,
    pub(super) commit: CommitLookup,
    /// The command that goes on if the refresh ends early.
    pub(super) again: ShellCommand,
    /// What the refresh found, also if it ended early: there is no plan then.
    pub(super) refreshed: &'a mut Option<Refreshed>,
}

/// Imports of messages that other deliveries have. The state would refuse them as well, in the middle of the run.
fn ids_in_use(
    context: &Context,
    project: &Project,
    plan: &Plan,
    store: &Arc<dyn Store>,
    handle: &Handle,
) -> Result<Vec<Diagnostic>, Failure> {
    let mut problems = Vec::new();
    for change in &plan.changes {
        let Operation::Adopt { id, .. } = &change.operation else { continue };
        let Some(holder) = handle.block_on(store.address_of(id))? else { continue };
        let message = format!(
            "{} cannot be message {id}: that is the message of {} already",
            change.address.masked(),
            holder.masked()
        );
        let help = format!(
            "remove this entry, or first make room: {}",
            context.command("state rm").arg(holder.masked())
        );
        let problem = Diagnostic::error(Code::ImportConflict, message).help(help);
        let import = project.imports.iter().find(|import| import.to == change.address);
        problems.push(match import {
            Some(import) => problem.at(import.source.place()),
            None => problem,
        });
    }
    Ok(problems)
}

/// A target that names nothing is a typo.
fn check_keys(project: &Project, plan: &Plan, targets: &[Target]) -> Result<(), Failure> {
    let known = || project.messages().map(|message| message.spec.key.as_str());
    for key in targets.iter().map(Target::key_str) {
        let planned = plan.changes.iter().any(|change| change.address.key_str() == key);
        if !planned && !known().any(|known| known == key) {
            let message = format!("--target {key}: neither the manifest nor the state has it");
            return Err(Failure::new(message).suggest(key, known(), ""));
        }
    }
    Ok(())
}

/// An address is a typo too if its message exists and its visitor does not.
fn check_addresses(
    context: &Context,
    project: &Project,
    plan: &Plan,
    store: Option<&Arc<dyn Store>>,
    handle: &Handle,
    targets: &[Target],
) -> Result<(), Failure> {
    for target in targets {
        let Target::Address(address) = target else { continue };
        let in_plan = plan.changes.iter().any(|change| change.address == *address);
        let in_manifest = || {
            Deliveries::everything(project)
                .only(|key| key.as_str() == address.key_str())
                .for_visitor(&address.visitor())
                .next()
                .is_some()
        };
        let in_state = || match store {
            Some(store) => handle.block_on(store.record(address)).map(|record| record.is_some()),
            None => Ok(false),
        };
        if !in_plan && !in_manifest() && !in_state()? {
            let shown = humanize::address(address, context.masks());
            return Err(Failure::new(format!(
                "--target {shown}: neither the manifest nor the state has this visitor for `{}`",
                address.key_str()
            )));
        }
    }
    Ok(())
}

/// The limits of the command line, or else of the project.
pub(super) fn limits(project: &Project, allowed: Allowed) -> Limits {
    let limit = |given: Option<Amount>, set: Threshold| match (given, set) {
        (Some(Amount::All), _) => Limit::All,
        (Some(Amount::Count(most)), _) | (None, Threshold::Count(most)) => Limit::Count(most),
        (None, Threshold::Share(percent)) => Limit::Percent(f64::from(percent)),
    };
    let settings = &project.settings;
    Limits {
        creates: settings.max_creates.map_or(Limit::All, |set| limit(allowed.creates, set)),
        deletes: limit(allowed.deletes, settings.max_deletes),
        resends: limit(allowed.resends, settings.max_resends),
    }
}
