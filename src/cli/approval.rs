//! The checks before a plan is applied: someone has agreed to it, and it is still that plan.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    path::Path,
    sync::Arc,
    thread,
};

use tokio::{runtime::Runtime, sync::oneshot};

use super::{
    comparison::{Comparison, Earlier},
    context::Context,
    failure::Failure,
    git::Repository,
    selected_state::SelectedState,
    signals,
};
use crate::{
    files,
    model::{CommitId, Endpoint, number, one_line},
    plan::{Differences, Plan, Review, StateRef, wire},
    render::{self, humanize},
    state::Store,
};

/// Larger than any plan: those have limits of their own.
const MOST_BYTES: u64 = 4 << 30;

/// Reads a saved plan.
pub(super) fn saved_plan(context: &Context, path: &Path) -> Result<Plan, Failure> {
    let failed = |why: String| Failure::new(format!("could not use {}: {why}", path.display()));
    let bytes = files::read_given(path, MOST_BYTES).map_err(|error| failed(error.to_string()))?;
    wire::decode(&bytes).map_err(|error| {
        failed(error.to_string())
            .help(format!("make a new one: {}", context.command("plan").option("--out", "FILE")))
    })
}

/// Refuses a plan for another environment or another API.
pub(super) fn check_target(
    plan: &Plan,
    api: &Endpoint,
    state: &SelectedState,
) -> Result<(), Failure> {
    let why = if plan.environment != state.environment() {
        format!(
            "the plan is for the environment `{}`, this run is for `{}`",
            plan.environment,
            state.environment()
        )
    } else {
        match (&plan.api, api) {
            (Endpoint::Sandbox, Endpoint::At(_)) => {
                "the plan was made with --sandbox, and this run is for real".to_owned()
            }
            (Endpoint::At(_), Endpoint::Sandbox) => {
                "the plan was made for real, and this run has --sandbox".to_owned()
            }
            (Endpoint::At(made_for), Endpoint::At(here)) if made_for != here => {
                format!("the plan is for the API at {made_for}, this run is for that at {here}")
            }
            (Endpoint::Sandbox, Endpoint::Sandbox) | (Endpoint::At(_), Endpoint::At(_)) => {
                return Ok(());
            }
        }
    };
    Err(Failure::new(why).help("nothing was done; make a new plan and review it"))
}

/// Refuses a plan that was made from another state, or from an earlier one.
pub(super) fn check_fresh(
    plan: &Plan,
    runtime: &Runtime,
    store: Option<&Arc<dyn Store>>,
) -> Result<(), Failure> {
    let now = match store {
        Some(store) => {
            let meta = runtime.block_on(store.meta())?;
            StateRef { lineage: Some(meta.lineage), serial: meta.serial }
        }
        None => StateRef { lineage: None, serial: 0 },
    };
    let why = if plan.state.lineage.is_some() && now.lineage.is_none() {
        "the plan was made from a state, and there is no state here".to_owned()
    } else if plan.state.lineage.is_some() && plan.state.lineage != now.lineage {
        "the plan was made from another state (its lineage differs)".to_owned()
    } else if plan.state.serial != now.serial {
        format!(
            "the state has changed since the plan was made (serial {} then, {} now)",
            plan.state.serial, now.serial
        )
    } else {
        return Ok(());
    };
    Err(Failure::new(why).help("nothing was done; make a new plan and review it"))
}

/// Asks whether to apply the plan.
pub(super) fn ask(context: &Context, runtime: &Runtime, plan: &Plan) -> Result<bool, Failure> {
    // Before anybody sees the question: the answer may be Ctrl-C.
    runtime.block_on(signals::listen())?;
    let mut err = context.output.err();
    write!(err, "\n{} Only `yes` is accepted: ", render::question(plan))?;
    err.flush()?;
    drop(err);
    let (answers, answer) = oneshot::channel();
    // Nothing ends the reading of a terminal; the process does not wait for this thread.
    thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        let _nobody_waits = answers.send(read.map(|_| answer));
    });
    let failed = |error| Failure::new(format!("could not read the answer: {error}"));
    let answered = runtime.block_on(signals::answered(answer));
    if answered.is_err() {
        // The question has no line end.
        writeln!(context.output.err())?;
    }
    match answered? {
        Ok(read) => Ok(read.map_err(failed)?.trim() == "yes"),
        Err(_) => Err(Failure::new("could not read the answer")),
    }
}

/// Refuses what was reviewed once and was replaced since: the commit comes before the one that somebody agreed to
/// last, as far as git knows. To apply an old commit again would turn things back.
fn check_not_superseded(
    context: &Context,
    comparison: Comparison<'_>,
    plan: &Plan,
) -> Result<(), Failure> {
    let (Some(store), Some(here)) = (comparison.store, &plan.commit) else { return Ok(()) };
    let runs = comparison.handle.block_on(store.runs(100))?;
    let last = runs.iter().find(|run| run.approved > 0).and_then(|run| run.commit.as_deref());
    // The text comes from the state: only a whole hash is passed to git.
    let Some(last) = last.and_then(|commit| CommitId::parse(commit).ok()) else { return Ok(()) };
    let folder = &context.global.directory;
    let repository = Repository::of(folder, folder).ok().flatten();
    let came_before = repository.and_then(|git| git.is_ancestor(&here.id, &last).ok().flatten());
    if here.id == last || came_before != Some(true) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "commit {} comes before {last}, which was applied last: what was reviewed of it may be replaced since",
        here.id
    ))
    .help("nothing was done. Check the newest commit out, and apply what was reviewed of that"))
}

/// Refuses a plan that asks for something else than what was reviewed. What was approved since asks for nothing.
pub(super) fn check_reviewed(
    context: &Context,
    comparison: Comparison<'_>,
    plan: &Plan,
    reviewed: &Review,
) -> Result<(), Failure> {
    // There is nothing that anybody could agree to, or that could be done.
    if plan.is_empty() {
        return Ok(());
    }
    check_not_superseded(context, comparison, plan)?;
    if Review::of(plan).is(reviewed) || was_reviewed_before(comparison, reviewed)? {
        return Ok(());
    }
    let Comparison { project, selection, .. } = comparison;
    let known = project.messages().map(|message| message.spec.key.clone());
    let mut failure = Failure::new("this plan is not the one that was reviewed");
    match reviewed.differences(plan, known) {
        Some(differences) if !differences.is_empty() => {
            for line in in_words(&differences) {
                failure = failure.and(line);
            }
        }
        Some(_) => {
            failure = failure.and(format!(
                "the same was reviewed for another environment or another API: this is the environment {} at {}",
                one_line(&plan.environment),
                plan.api
            ));
        }
        None => {
            let asks = humanize::count(plan.targets_to_review(), "delivery", "deliveries");
            failure = failure.and(format!("it asks for a review of {asks}"));
        }
    }
    if plan.targets_to_review() == 0 {
        return Err(failure.help(format!(
            "nothing was done. Nothing of this plan is to be reviewed; to go on with what is approved: {}",
            context.command("apply").flag("--resume")
        )));
    }
    Err(failure.help(format!(
        "nothing was done. The manifest or the state has changed since the review; review the plan again: {}",
        context.command("plan").selecting(selection, context.output.masks_err())
    )))
}

/// Whether this was reviewed before the last runs agreed to a part of it. Of a request that was planned while an
/// earlier merge waited for its apply, the review holds what both asked for.
fn was_reviewed_before(comparison: Comparison<'_>, reviewed: &Review) -> Result<bool, Failure> {
    let Some(store) = comparison.store else { return Ok(false) };
    for earlier in Earlier::all(comparison.handle, &**store, reviewed)? {
        let compared = comparison.compare(Some(&earlier))?;
        if compared.planned.is_ok_and(|plan| Review::of(&plan).is(reviewed)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One line for each message that differs.
fn in_words(differences: &Differences) -> Vec<String> {
    let Differences { new, otherwise, missing, missing_without_name } = differences;
    let deliveries = |count| humanize::count(count, "delivery", "deliveries");
    let mut lines = Vec::new();
    for (key, count) in new {
        lines.push(format!("new: {key} ({}): nobody has reviewed it", deliveries(*count)));
    }
    for (key, count) in otherwise {
        lines.push(format!(
            "otherwise: {key} ({}): other texts, visitors, senders or windows were reviewed",
            deliveries(*count)
        ));
    }
    for key in missing {
        lines.push(format!(
            "missing: {key}: it was reviewed, and this plan asks for nothing of it: it is approved or done already, or \
             says what it said before"
        ));
    }
    match missing_without_name {
        0 => {}
        1 => lines.push(
            "missing: one message that was reviewed, and that the manifest does not have any more"
                .to_owned(),
        ),
        more => lines.push(format!(
            "missing: {} messages that were reviewed, and that the manifest does not have any more",
            number(*more)
        )),
    }
    lines
}

/// Only what is approved of a plan, and how many changes that leaves out. Says what is left out, and which
/// approvals end.
pub(super) fn resumed(context: &Context, plan: Plan) -> (Plan, u64) {
    let mut ended: BTreeMap<&str, u64> = BTreeMap::new();
    for gone in &plan.withdrawn {
        *ended.entry(gone.address.key_str()).or_default() += 1;
    }
    for (key, count) in ended {
        let (approvals, end) = match count {
            1 => ("approval", "ends"),
            _ => ("approvals", "end"),
        };
        context.output.note(&format!(
            "{} {approvals} of {key} {end}: the manifest does not say that any more",
            number(count)
        ));
    }
    // What only ends is left out of nothing.
    let to_review = plan.approvals(0).len() as u64;
    let approved = plan.summary.approved;
    let (plan, left_out) = plan.only_approved();
    if approved == 0 {
        context.output.note("nothing that is approved is due now");
    }
    if to_review > 0 {
        let left_out = match to_review {
            1 => "1 delivery is left out: nobody has agreed to what it is to be".to_owned(),
            more => format!(
                "{} deliveries are left out: nobody has agreed to what they are to be",
                number(more)
            ),
        };
        context.output.note(&left_out);
    }
    (plan, left_out)
}
