use std::{fs::File, io::Write, path::Path};

use super::{
    args::{Bounds, PlanArgs, PlanFormat, SelectionArgs},
    context::{Context, Needs},
    failure::{Failure, status},
    masking::Readers,
    planning::{self, Allowed, PlanRequest},
    selected_state::SelectedState,
};
use crate::{
    diagnostics::Report,
    model::Intent,
    plan::{Action, Change, Plan, safety},
    render::{self, Format, View},
    state::private_file,
};

/// A plan, and what the state says beside it.
pub(super) struct Made {
    pub(super) plan: Plan,
    report: Report,
    /// The reasons why `apply` would refuse it.
    pub(super) refusals: Vec<safety::Refusal>,
    /// Further reasons, unless somebody reviews it.
    unreviewed: Vec<safety::Refusal>,
    other_api: Option<Failure>,
    intents: Vec<Intent>,
    state: SelectedState,
    /// Whether a refresh could not ask about every delivery.
    unverified: bool,
}

/// Loads the project and plans. `agreed` says how the plan will be applied, as far as that is known.
pub(super) fn make(
    context: &Context,
    args: &PlanArgs,
    agreed: safety::Agreed,
) -> Result<Made, Failure> {
    let commit = context.start_commit_lookup();
    let (project, report) =
        context.project_allowing(Needs::Audiences, &args.audiences.allow_change)?;
    let state = context.selected_state(&project)?;
    let runtime = context.runtime()?;
    let store = context.open_to_read(&state, "plan")?;
    let api = context.endpoint(&project.settings)?;
    context.check_state(&project, &state, &api, &runtime, store.as_ref(), false)?;
    let again = context.command("plan").selecting(&args.selection, context.output.masks_err());
    let mut refreshed = None;
    let request = PlanRequest {
        selection: &args.selection,
        bounds: &Bounds::default(),
        keep_unchanged: args.show_unchanged,
        commit,
        again: again.refreshing(args.selection.refresh),
        refreshed: &mut refreshed,
    };
    let (plan, report) =
        planning::make(context, &project, report, &state, store.as_ref(), &runtime, request)?;
    let other_api = match &store {
        Some(store) => context.check_same_api(&plan.api, &runtime.block_on(store.meta())?).err(),
        None => None,
    };
    let intents = match &store {
        Some(store) => runtime.block_on(store.intents())?,
        None => Vec::new(),
    };
    let audiences = &args.audiences;
    planning::check_allowed(&project, &plan, audiences)?;
    let allowed = Allowed { creates: None, deletes: None, resends: None, audiences };
    let limits = planning::limits(&project, allowed);
    let refusals = safety::check(&plan, &limits, agreed);
    let reviewed = safety::check(&plan, &limits, safety::Agreed::Reviewed);
    let (refusals, unreviewed) = refusals.into_iter().partition(|one| reviewed.contains(one));
    let unverified = refreshed.is_some_and(|found| !found.failed.is_empty());
    Ok(Made { plan, report, refusals, unreviewed, other_api, intents, state, unverified })
}

/// Writes a plan for readers elsewhere, or for those here.
pub(super) fn write(
    context: &Context,
    made: &Made,
    args: &PlanArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let published = matches!(args.format, PlanFormat::Github | PlanFormat::Markdown);
    let folder = if published { context.folder_in_repository() } else { String::new() };
    let readers = if published { Readers::Elsewhere } else { Readers::Here };
    let folder_named = published.then_some(&*folder);
    let commands = context.copied_commands(&args.selection, &made.intents, folder_named);
    let view = View {
        refusals: &made.refusals,
        folder: &folder,
        commands: &commands,
        approved: args.show_unchanged,
        ..View::new(context.output.masks_out(readers), context.output.width())
    };
    Ok(render::plan(&made.plan, format(args.format), view, out)?)
}

fn format(format: PlanFormat) -> Format {
    match format {
        PlanFormat::Text => Format::Text,
        PlanFormat::Json => Format::Json,
        PlanFormat::Markdown => Format::Markdown,
        PlanFormat::Html => Format::Html,
        PlanFormat::Github => Format::Github,
    }
}

pub(super) fn run(context: &Context, args: &PlanArgs) -> Result<u8, Failure> {
    // The state is closed by now: other commands need not wait until the plan is read.
    let format = format(args.format);
    // A comment, a page and annotations are for a review; a saved plan may be applied without one.
    let for_review = matches!(format, Format::Markdown | Format::Html | Format::Github);
    let agreed = match for_review && args.out.is_none() {
        true => safety::Agreed::Reviewed,
        false => safety::Agreed::Unreviewed,
    };
    let made = make(context, args, agreed)?;
    if format == Format::Text {
        context.output.report(&made.report);
    }
    write(context, &made, args, &mut context.output.out())?;
    let Made { plan, report: _, refusals, unreviewed, other_api, intents: _, state, unverified } =
        made;

    if let Some(failure) = &other_api {
        context.output.warning(&format!("apply will refuse: {failure}"));
        context.output.note(&format!("  {}", failure.help.as_deref().unwrap_or_default()));
    }
    let (protected, others): (Vec<_>, Vec<_>) = refusals
        .into_iter()
        .partition(|refusal| matches!(refusal, safety::Refusal::Protected { .. }));
    for refusal in &others {
        context.output.warning(&format!("apply will refuse: {refusal}"));
        context.output.note(&format!("  {}", refusal.help()));
    }
    for refusal in &unreviewed {
        context.output.warning(&format!(
            "apply will refuse, unless the plan is reviewed (--reviewed): {refusal}"
        ));
        context.output.note(&format!("  {}", refusal.help()));
    }
    if !protected.is_empty() {
        return Err(protected.into());
    }
    // Nothing is suggested that would be refused.
    let applies = others.is_empty() && unreviewed.is_empty() && other_api.is_none();
    let held = |change: &&Change| change.action() == Action::Unknown;
    let undecided = plan.changes.iter().filter(held).count();
    let asks_nothing = plan.upcoming.is_empty() && plan.withdrawn.is_empty();
    let all_approved = asks_nothing
        && plan.protect.is_empty()
        && plan.summary.approved == plan.changes.len() as u64
        && matches!(&args.selection, SelectionArgs { target, destroy: false, at: None, .. } if target.is_empty());
    if let Some(path) = &args.out {
        save(path, &plan, &others)?;
        if applies {
            context
                .output
                .hint(&context.command("apply").arg(path).allowing(&args.audiences).to_string());
        }
    } else if format == Format::Text {
        if plan.state.lineage.is_none() && context.only_sandbox_has_state(&state) {
            context.output.note(
                "this is what apply would do for real; add --sandbox to plan against what was applied in the sandbox",
            );
        } else if plan.summary.unknown > 0 && undecided == plan.changes.len() && asks_nothing {
            let resolve = context.command("state resolve");
            context.output.hint(&format!("see what needs a decision: {resolve}"));
        } else if !plan.is_empty() && applies && all_approved {
            // What somebody has agreed to needs no answer.
            context.output.hint(&context.command("apply").flag("--resume").to_string());
        } else if !plan.is_empty() && applies {
            let apply =
                context.command("apply").selecting(&args.selection, context.output.masks_err());
            context.output.hint(&apply.allowing(&args.audiences).to_string());
        }
    }
    Ok(match (unverified, args.detailed_exitcode && !plan.is_empty()) {
        (true, _) => status::FAILED,
        (false, true) => status::CHANGES,
        (false, false) => status::DONE,
    })
}

fn save(path: &Path, plan: &Plan, refusals: &[safety::Refusal]) -> Result<(), Failure> {
    let view = View { refusals, ..View::new(false, 0) };
    let write = |file: &mut File| render::plan(plan, Format::Json, view, file);
    private_file::replace_with(path, write)
        .map_err(|error| Failure::new(format!("could not save the plan: {error}")))
}
