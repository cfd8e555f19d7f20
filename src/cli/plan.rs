use std::path::Path;

use super::{
    args::{Amount, Bounds, Plan as Args, PlanFormat},
    context::Context,
    failure::{Failure, status},
    masking::Readers,
    planning::{self, Wanted},
    refresh, surroundings,
};
use crate::{
    plan::{safety, wire},
    render::{self, Format, View},
    state::private_file,
};

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let commit = context.commit_ahead();
    let (project, report) = context.project()?;
    let place = context.place(&project.settings)?;
    let runtime = context.runtime()?;
    let store = context.open_to_read(&place, "plan")?;
    if let (Some(store), Some(amount)) = (&store, args.selection.refresh) {
        let most = match amount {
            Amount::Count(most) => Some(most),
            Amount::All => None,
        };
        let refreshing = refresh::Refreshing {
            project: &project,
            place: &place,
            store,
            targets: &args.selection.target,
            most,
            bounds: &Bounds::default(),
        };
        let found = refresh::refresh(context, &runtime, &refreshing)?;
        if found.exit_status() != status::DONE {
            return Ok(refresh::told(context, &found, context.masks()));
        }
    }
    let now = surroundings::now();
    let wanted = Wanted {
        selected: &args.selection,
        now,
        as_of: args.selection.at.unwrap_or(now),
        keep_unchanged: args.show_unchanged,
        commit,
    };
    let (plan, report) = planning::make(
        context,
        &project,
        report,
        &place,
        store.as_ref(),
        runtime.handle(),
        wanted,
    )?;
    // Nobody has to wait for the plan to be read.
    drop(store);
    let refusals = safety::check(&plan, planning::limits(&project, None, None));
    let folder = match args.format {
        PlanFormat::Github | PlanFormat::Markdown => context.folder_in_repository(),
        _ => String::new(),
    };
    let readers = match args.format {
        PlanFormat::Github | PlanFormat::Markdown => Readers::Elsewhere,
        _ => Readers::Here,
    };
    let view = View {
        mask: context.output.masks_out(readers),
        width: context.output.width(),
        refusals: &refusals,
        folder: &folder,
    };
    let format = match args.format {
        PlanFormat::Text => Format::Text,
        PlanFormat::Json => Format::Json,
        PlanFormat::Markdown => Format::Markdown,
        PlanFormat::Html => Format::Html,
        PlanFormat::Github => Format::Github,
    };
    if format == Format::Text {
        context.report(&report)?;
    }
    render::plan(&plan, format, view, &mut context.output.out())?;

    let (protected, warned): (Vec<_>, Vec<_>) = refusals
        .into_iter()
        .partition(|refusal| matches!(refusal, safety::Refusal::Protected { .. }));
    for refusal in &warned {
        context.output.warning(&format!("apply will refuse: {refusal}"));
        context.output.note(&format!("  {}", refusal.help()));
    }
    if !protected.is_empty() {
        return Err(protected.into());
    }
    if let Some(path) = &args.out {
        save(path, &wire::encode(&plan)?)?;
        context.output.hint(&context.command(&format!("apply {}", path.display())));
    } else if format == Format::Text {
        if store_is_elsewhere(context, &place, &plan) {
            context.output.note(
                "this is what apply would do for real; add --sandbox to plan against what was applied in the sandbox",
            );
        } else if !plan.is_empty() {
            context.output.hint(&context.command("apply"));
        }
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() { status::CHANGES } else { status::DONE })
}

fn store_is_elsewhere(
    context: &Context,
    place: &super::place::Place,
    plan: &crate::plan::Plan,
) -> bool {
    plan.state.lineage.is_none() && context.has_sandbox_state(place)
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    private_file::replace(path, bytes)
        .map_err(|error| Failure::new(format!("could not save the plan: {error}")))
}
