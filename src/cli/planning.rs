//! From a loaded project and an opened state to a plan: what `plan` and `apply` share.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{
    args::{Amount, Selection as Selected, Target},
    context::{Context, selection},
    failure::Failure,
    git::Ahead,
    place::Place,
};
use crate::{
    desired::Deliveries,
    diagnostics::Report,
    manifest::{Project, Threshold, suggest},
    model::{Key, Record},
    plan::{
        Budget, Declared, Import, Inputs, Plan, PlanError, StateRef, plan,
        safety::{Limit, Limits},
    },
    render::words,
    state::{Records, Store},
};

/// Makes the plan. Problems that only show on the way are told, and end the command.
pub(super) fn make(
    context: &Context,
    project: &Project,
    report: Report,
    place: &Place,
    store: Option<&Arc<dyn Store>>,
    handle: &Handle,
    wanted: Wanted<'_>,
) -> Result<(Plan, Report), Failure> {
    let (meta, intents) = match store {
        Some(store) => (Some(handle.block_on(store.meta())?), handle.block_on(store.intents())?),
        None => (None, Vec::new()),
    };
    let unknown: Vec<_> = intents.iter().map(|intent| intent.address.clone()).collect();
    report.knows(Arc::new(unknown));
    let declared: BTreeMap<Key, Declared> = project
        .keys_at(wanted.as_of)
        .into_iter()
        .map(|(key, presence)| {
            let protect = project.message(&key).and_then(|message| message.spec.protect);
            (key, Declared { presence, protect })
        })
        .collect();
    let inputs = Inputs {
        environment: place.environment().to_owned(),
        api: context.endpoint(&project.settings)?,
        as_of: wanted.as_of,
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
        intents,
        selection: selection(&wanted.selected.target),
        destroy: wanted.selected.destroy,
        budget: Budget::at(
            wanted.now,
            meta.as_ref().and_then(|meta| meta.budget.as_ref()),
            project.settings.requests_per_hour,
        ),
        keep_unchanged: wanted.keep_unchanged,
        most_bytes: project.limits.plan_bytes,
    };
    let keys = wanted_keys(&wanted.selected.target);
    let mut deliveries = Deliveries::new(project, wanted.as_of);
    if let Some(keys) = &keys {
        deliveries = deliveries.only(|key| keys.contains(&key.as_str()));
    }
    let moves: Vec<_> =
        project.moved.iter().map(|moved| (moved.from.clone(), moved.to.clone())).collect();
    let planned = match store {
        Some(store) => {
            let records = Records::with_moves(&**store, handle.clone(), &moves);
            plan(inputs, deliveries.by_ref(), records.undecoded())
        }
        None => plan::<Record>(inputs, deliveries.by_ref(), std::iter::empty()),
    };
    let mut report = report;
    report.extend(deliveries.take_warnings());
    match planned {
        Ok(plan) => {
            report.extend(plan.diagnostics.clone());
            if !report.diagnostics().is_empty() {
                let planned = plan.changes.iter().map(|change| change.address.clone());
                report.knows(Arc::new(planned.collect::<Vec<_>>()));
            }
            check_targets(project, &plan, &wanted.selected.target)?;
            check_addresses(context, project, &plan, store, handle, &wanted.selected.target)?;
            let diagnostics = report.masked();
            let commit = wanted.commit.get();
            Ok((Plan { commit, diagnostics, ..plan }, report))
        }
        Err(PlanError::Manifest(errors)) => {
            report.extend(errors);
            context.report(&report)?;
            Err(Failure::silent())
        }
        Err(PlanError::State(error)) => Err(place.failure(error)),
    }
}

/// What is planned, and for when.
pub(super) struct Wanted<'a> {
    pub(super) selected: &'a Selected,
    pub(super) now: Timestamp,
    pub(super) as_of: Timestamp,
    pub(super) keep_unchanged: bool,
    pub(super) commit: Ahead,
}

/// The keys that targets name; `None` for all.
fn wanted_keys(targets: &[Target]) -> Option<Vec<&str>> {
    (!targets.is_empty()).then(|| {
        targets
            .iter()
            .map(|target| match target {
                Target::Key(key) => key.as_str(),
                Target::Address(address) => address.key_str(),
            })
            .collect()
    })
}

/// A target that names nothing is a typo.
fn check_targets(project: &Project, plan: &Plan, targets: &[Target]) -> Result<(), Failure> {
    let known: Vec<_> =
        project.messages().map(|message| message.spec.key.as_str().to_owned()).collect();
    for key in wanted_keys(targets).unwrap_or_default() {
        let planned = plan.changes.iter().any(|change| change.address.key_str() == key);
        if planned || known.iter().any(|known| known == key) {
            continue;
        }
        let failure =
            Failure::new(format!("--target {key}: neither the manifest nor the state has it"));
        return Err(match suggest::nearest(key, known.iter().map(String::as_str)) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        });
    }
    Ok(())
}

/// So is an address whose message is there, and whose visitor is nowhere.
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
            let shown = words::address(address, context.masks());
            return Err(Failure::new(format!(
                "--target {shown}: neither the manifest nor the state has this visitor for `{}`",
                address.key_str()
            )));
        }
    }
    Ok(())
}

/// What the project allows, unless the command line says otherwise.
pub(super) fn limits(
    project: &Project,
    deletes: Option<Amount>,
    resends: Option<Amount>,
) -> Limits {
    let limit = |given: Option<Amount>, set: Threshold| match (given, set) {
        (Some(Amount::All), _) => Limit::All,
        (Some(Amount::Count(most)), _) | (None, Threshold::Count(most)) => Limit::Count(most),
        (None, Threshold::Share(percent)) => Limit::Percent(f64::from(percent)),
    };
    Limits {
        deletes: limit(deletes, project.settings.max_deletes),
        resends: limit(resends, project.settings.max_resends),
    }
}
