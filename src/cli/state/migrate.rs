use std::{
    io::{self, BufReader, BufWriter, Write},
    sync::Arc,
};

use super::command::StateCommand;
use crate::{
    cli::{
        failure::{Failure, status},
        selected_state::SelectedState,
    },
    render::humanize,
    state::{Access, Amendment, Meta, Mode, StateError, Store, Write as StateWrite, export},
};

/// Copies the state of this environment elsewhere, compares both, and marks the old one as moved. If there
/// is a key, the new one is encrypted, unless it is to be `plain`.
pub(super) fn migrate(command: &StateCommand<'_>, to: &str, plain: bool) -> Result<u8, Failure> {
    let StateCommand { context, state, .. } = command;
    let target = context.state_named(to, state.environment().to_owned())?;
    if target.location().to_string() == command.state.location().to_string() {
        return Err(Failure::new("the state is there already"));
    }
    context.check_folder(&target, Mode::CreateIfAbsent)?;
    let open = |state: &SelectedState, mode, with_key: bool| {
        let mut options = context.open_options(state, mode, Access::Write, "state migrate")?;
        options.key = options.key.filter(|_| with_key);
        Ok::<_, Failure>(context.open_with(state, options))
    };
    let old = match open(state, Mode::MustExist, true)? {
        // The key is for the new state.
        Err(StateError::NotEncrypted { .. }) => open(state, Mode::MustExist, false)?,
        opened => opened,
    };
    let old = old.map_err(|error| state.failure(error))?.ok_or_else(|| context.no_state(state))?;
    let there = command.block_on(old.meta())?;
    let new = open(&target, Mode::CreateIfAbsent, !plain)?
        .map_err(|error| target.failure(error))?
        .ok_or_else(|| Failure::new("the state could not be created"))?;
    let here = command.block_on(new.meta())?;
    // A migration that was interrupted after the copy continues here.
    if !same(&there, &here) {
        copy(command, &old, &new)?;
    }
    let here = command.block_on(new.meta())?;
    check(command, &target, &*new, &there, &here)?;
    if let Some(budget) = there.budget {
        command.block_on(new.commit(vec![StateWrite::Budget(budget)]))?;
    }
    let to = target.location().to_string();
    command.block_on(old.amend(Amendment::Moved { to: to.clone() }))?;
    command.note(&format!(
        "moved {} from {} to {to} (environment {})",
        humanize::count(here.records, "delivery", "deliveries"),
        context.output.hidden_values().replace(state.location().to_string()),
        state.environment(),
    ));
    command.note(
        "next: name the new place under `state:` in pushsync.yaml; move other environments one by one, with --env",
    );
    Ok(status::DONE)
}

/// Whether one is a copy of the other.
fn same(old: &Meta, new: &Meta) -> bool {
    old.lineage == new.lineage
        && old.records == new.records
        && old.digest == new.digest
        && old.approvals == new.approvals
}

/// Exports the old state, and imports the lines into the new one at the same time.
fn copy(
    command: &StateCommand<'_>,
    old: &Arc<dyn Store>,
    new: &Arc<dyn Store>,
) -> Result<(), Failure> {
    let (reader, writer) =
        io::pipe().map_err(|error| Failure::new(format!("could not start: {error}")))?;
    let exporting = {
        let (old, handle) = (Arc::clone(old), command.runtime.handle().clone());
        command.runtime.spawn_blocking(move || {
            let mut out = BufWriter::new(writer);
            handle.block_on(export::export(&*old, &mut out))?;
            out.flush().map_err(StateError::Output)
        })
    };
    let mut lines = BufReader::new(reader);
    let imported = command.runtime.block_on(export::import(&mut lines, &**new));
    // Otherwise the writer would wait for a reader.
    drop(lines);
    let exported = command.runtime.block_on(exporting);
    let exported = exported.map_err(|error| Failure::new(format!("the export ended: {error}")))?;
    // If both fail, the error of the old state is the cause, unless it is about the closed pipe.
    match (imported, exported) {
        (Ok(_), Ok(())) => Ok(()),
        (_, Err(error)) if !matches!(error, StateError::Output(_)) => {
            Err(command.state.failure(error))
        }
        (Err(error), _) => Err(error.into()),
        (Ok(_), Err(error)) => Err(error.into()),
    }
}

fn check(
    command: &StateCommand<'_>,
    target: &SelectedState,
    new: &dyn Store,
    there: &Meta,
    here: &Meta,
) -> Result<(), Failure> {
    let found = command.block_on(new.verify())?;
    if !same(there, here) || !found.problems.is_empty() {
        let problems = found.problems.join("; ");
        return Err(Failure::new(format!(
            "the copy at {} is not the same: {} and {} there, {problems}",
            target.location(),
            humanize::count(there.records, "delivery", "deliveries"),
            here.records,
        ))
        .help("the old state is unchanged; remove the copy and try again"));
    }
    Ok(())
}
