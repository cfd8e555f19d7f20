use std::sync::Arc;

use super::{
    apply::{Run, carry_out},
    args::{Bounds, Import as Args},
    context::Context,
    failure::{Failure, status},
    surroundings,
};
use crate::{
    desired::Deliveries,
    model::{Content, MessageId},
    plan::{Budget, Change, Operation, Plan, Reason, Selection, StateRef, Summary},
    render::words,
    state::Mode,
};

pub(super) fn run(context: &Context, args: Args) -> Result<u8, Failure> {
    let (project, report) = context.project()?;
    context.report(&report)?;
    let place = context.place(&project.settings)?;
    let runtime = context.runtime()?;
    let now = surroundings::now();
    let mask = context.masks();
    context.output.masking().known().add(Arc::new(vec![args.address.clone()]));
    let shown = words::address(&args.address, mask);

    let delivery = Deliveries::new(&project, now)
        .only(|key| key.as_str() == args.address.key_str())
        .for_visitor(&args.address.visitor())
        .next();
    let delivery = match delivery {
        Some(Ok(delivery)) => delivery,
        Some(Err(problem)) => {
            let mut report = report;
            report.extend([problem]);
            context.report(&report)?;
            return Err(Failure::silent());
        }
        None => {
            return Err(Failure::new(format!("{shown} is not in the manifest now")).help(
                "declare it first: what the manifest does not want, the next apply would delete",
            ));
        }
    };
    let store = context.open(&place, Mode::CreateIfAbsent, "import")?;
    let Some(store) = store else {
        return Err(Failure::new("the state could not be made"));
    };
    if let Some(record) = runtime.block_on(store.record(&args.address))? {
        return Err(Failure::new(format!(
            "{shown} is in the state already, as message {}",
            record.id
        ))
        .help("to let go of that one first: pushsync state rm ADDRESS"));
    }
    let intents = runtime.block_on(store.intents())?;
    if intents.iter().any(|intent| intent.address == args.address) {
        return Err(Failure::new(format!("{shown} is unknown")).help(format!(
            "say that this is it: pushsync state resolve ADDRESS --sent {}",
            args.id
        )));
    }
    let meta = runtime.block_on(store.meta())?;
    let api = context.endpoint(&project.settings)?;
    context.same_api(&api, &meta)?;
    let after = Content { text: delivery.text.clone(), from: delivery.spec.sender.clone() };
    let changes = vec![Change {
        address: args.address,
        kind: delivery.spec.kind,
        reason: Reason::Import,
        priority: 0,
        protect: delivery.spec.protect.unwrap_or(false),
        source: Some(delivery.spec.source.place()),
        operation: Operation::Adopt { id: MessageId::new(args.id), after },
    }];
    let plan = Plan {
        environment: place.environment().to_owned(),
        api,
        as_of: now,
        state: StateRef { lineage: Some(meta.lineage), serial: meta.serial },
        selection: Selection::default(),
        destroy: false,
        managed: meta.records,
        desired: 1,
        commit: context.commit(),
        summary: Summary::of(&changes, 0),
        budget: Budget::at(now, meta.budget.as_ref(), project.settings.requests_per_hour),
        protect: Vec::new(),
        changes,
        unchanged: Vec::new(),
        diagnostics: Vec::new(),
    };
    let bounds = Bounds::default();
    let run = Run { project: &project, place: &place, store, bounds: &bounds, command: "import" };
    let outcome = carry_out(context, &runtime, run, plan)?;
    if let Some(fatal) = &outcome.fatal {
        return Err(fatal.into());
    }
    if outcome.exit_status() == status::DONE {
        context.output.note(&format!("adopted {shown}; nothing was sent"));
        context.output.hint(&format!(
            "{} shows whether its text differs from the manifest",
            context.command("plan")
        ));
    }
    Ok(outcome.exit_status())
}
