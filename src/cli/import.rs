use std::sync::Arc;

use super::{
    args::{Bounds, ImportArgs},
    context::Context,
    environment,
    execution::{Execution, execute},
    failure::{Failure, status},
};
use crate::{
    desired::Deliveries,
    plan::{Budget, Change, Plan, ReviewStatus, Selection, StateRef, Summary, adopt},
    render::humanize,
    state::Mode,
};

pub(super) fn run(context: &Context, args: ImportArgs) -> Result<u8, Failure> {
    let ImportArgs { address, id } = args;
    let (project, mut report) = context.project()?;
    context.output.report(&report);
    let state = context.selected_state(&project)?;
    let runtime = context.runtime()?;
    let now = environment::now();
    context.output.masking().known().add(Arc::new(vec![address.clone()]));
    let shown = humanize::address(&address, context.masks());

    let delivery = Deliveries::new(&project, now)
        .only(|key| key.as_str() == address.key_str())
        .for_visitor(&address.visitor())
        .next();
    let delivery = match delivery {
        Some(Ok(delivery)) => delivery,
        Some(Err(problem)) => {
            report.extend([problem]);
            context.output.report(&report);
            return Err(Failure::silent());
        }
        None => {
            return Err(Failure::new(format!("{shown} is not in the manifest now")).help(
                "declare it first: the next apply would delete a message that the manifest does not want",
            ));
        }
    };
    let api = context.endpoint(&project.settings)?;
    let store = context.open(&state, Mode::MustExist, "import")?;
    context.check_state(&project, &state, &api, &runtime, store.as_ref(), false)?;
    let store = match store {
        Some(store) => store,
        None => context.open_or_create(&state, "import")?,
    };
    context.note_lineage(&state, &api, runtime.block_on(store.meta())?.lineage)?;
    if let Some(record) = runtime.block_on(store.record(&address))? {
        return Err(Failure::new(format!(
            "{shown} is in the state already, as message {}",
            record.id
        ))
        .help(format!(
            "to let go of that one first: {}",
            context.command("state rm").arg(&shown)
        )));
    }
    if let Some(holder) = runtime.block_on(store.address_of(&id))? {
        context.output.masking().known().add(Arc::new(vec![holder.clone()]));
        let holder = humanize::address(&holder, context.masks());
        return Err(Failure::new(format!("message {id} is that of {holder} already")).help(format!(
            "check the id; if it is the message of the other delivery by mistake, first let go of it: {}",
            context.command("state rm").arg(&holder)
        )));
    }
    let intents = runtime.block_on(store.intents())?;
    if intents.iter().any(|intent| intent.address == address) {
        return Err(Failure::new(format!("{shown} is unknown")).help(format!(
            "if this is its message, say so: {}",
            context.command("state resolve").arg(&shown).option("--sent", id.as_str())
        )));
    }
    let meta = runtime.block_on(store.meta())?;
    context.check_same_api(&api, &meta)?;
    // Nobody agrees to anything that would follow.
    let changes = vec![Change { review: ReviewStatus::Covered, ..adopt(&delivery, id) }];
    let plan = Plan {
        environment: state.environment().to_owned(),
        api,
        as_of: now,
        state: StateRef { lineage: Some(meta.lineage), serial: meta.serial },
        location: String::new(),
        selection: Selection::default(),
        destroy: false,
        managed: meta.records,
        desired: 1,
        commit: context.commit(),
        summary: Summary::of(&changes, 0),
        budget: Budget::at(now, meta.budget.as_ref(), project.settings.requests_per_hour),
        protect: Vec::new(),
        guarded: Vec::new(),
        secrets: meta.secrets,
        remember: None,
        changes,
        upcoming: Vec::new(),
        later: Vec::new(),
        withdrawn: Vec::new(),
        finished: Vec::new(),
        unchanged: Vec::new(),
        diagnostics: Vec::new(),
        senders: Default::default(),
    };
    let bounds = Bounds::default();
    let execution = Execution {
        project: &project,
        state: &state,
        store,
        bounds: &bounds,
        command: "import",
        files: None,
    };
    let outcome = execute(context, &runtime, execution, plan)?;
    if let Some(fatal) = &outcome.fatal {
        return Err(fatal.into());
    }
    if outcome.exit_status() == status::DONE {
        context.output.note(&format!("adopted {shown}; nothing was sent"));
        context.output.hint(&format!(
            "to see whether its text differs from the manifest: {}",
            context.command("plan")
        ));
    }
    Ok(outcome.exit_status())
}
