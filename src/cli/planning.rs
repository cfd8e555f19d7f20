//! From a loaded project and an opened state to a plan: what `plan` and `apply` share.

use std::sync::Arc;

use tokio::runtime::{Handle, Runtime};

use super::{
    args::{Amount, AudienceArgs, Bounds, SelectionArgs, Target},
    comparison::{Compared, Comparison},
    context::Context,
    failure::Failure,
    git::CommitLookup,
    missing_files,
    refresh::{self, RefreshRequest},
    selected_state::SelectedState,
    shell_command::ShellCommand,
    targets,
};
use crate::{
    apply::{Oldest, Refreshed},
    desired::Deliveries,
    diagnostics::{Code, Diagnostic, Report},
    manifest::{Project, Threshold},
    model::{Key, one_line},
    plan::{
        Operation, Plan, PlanError, SenderNames,
        safety::{Limit, Limits},
    },
    render::humanize,
    state::Store,
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
        let (bounds, which) = (request.bounds, Oldest { most, before: None });
        let command = "refresh";
        let refresh = RefreshRequest { project, state, store, targets, which, bounds, command };
        let found = refresh::before_plan(context, runtime, &refresh, request.again)?;
        let ended = found.stopped.map(|_| Failure::silent().status(found.exit_status()));
        *request.refreshed = Some(found);
        if let Some(failure) = ended {
            return Err(failure);
        }
    }
    let handle = runtime.handle();
    let comparison = Comparison {
        context,
        project,
        state,
        store,
        handle,
        targets,
        selection: request.selection,
        keep_unchanged: request.keep_unchanged,
    };
    let Compared { planned, warnings, unknown, wanted: _ } = comparison.compare(None)?;
    report.knows(Arc::new(unknown));
    let mut report = report;
    report.extend(warnings);
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
pub(super) struct Allowed<'a> {
    pub(super) creates: Option<Amount>,
    pub(super) deletes: Option<Amount>,
    pub(super) resends: Option<Amount>,
    pub(super) audiences: &'a AudienceArgs,
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

/// A message that may change, and that does not exist, is a typo.
pub(super) fn check_allowed(
    project: &Project,
    plan: &Plan,
    audiences: &AudienceArgs,
) -> Result<(), Failure> {
    let known = || {
        let guarded = plan.guarded.iter().map(|guarded| guarded.key.as_str());
        project.messages().map(|message| message.spec.key.as_str()).chain(guarded)
    };
    for key in audiences.allow_change.iter().map(Key::as_str) {
        if !known().any(|known| known == key) {
            let message = format!("--allow-change {key}: there is no message `{key}`");
            return Err(Failure::new(message).suggest(key, known(), ""));
        }
    }
    Ok(())
}

/// The limits of the command line, or else of the project.
pub(super) fn limits(project: &Project, allowed: Allowed<'_>) -> Limits {
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
        changes: allowed.audiences.allow_change.iter().cloned().collect(),
        new_secret: allowed.audiences.new_visitor_secret,
    }
}
