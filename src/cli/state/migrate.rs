use std::{
    io::{self, BufReader, BufWriter, Write},
    sync::Arc,
};

use super::Desk;
use crate::{
    cli::{
        failure::{Failure, status},
        place::Place,
    },
    render::words,
    state::{Amendment, Meta, Mode, StateError, Store, Write as StateWrite, export},
};

/// Copies the state of this environment elsewhere, compares both, and marks the old one as moved.
/// With a key the new one is encrypted, unless it shall be `plain`.
pub(super) fn migrate(desk: &Desk<'_>, to: &str, plain: bool) -> Result<u8, Failure> {
    let target = desk.context.place_named(to)?;
    if target.location().to_string() == desk.place.location().to_string() {
        return Err(Failure::new("the state is there already"));
    }
    desk.context.check_folder(&target, Mode::CreateIfAbsent)?;
    let command = "state migrate";
    let key = desk.context.state_key(&desk.place)?;
    let open = |place: &Place, mode, key| desk.context.open_keyed(place, mode, command, key);
    let old = match open(&desk.place, Mode::MustExist, key.clone()) {
        // The key is for the new one.
        Err(StateError::NotEncrypted { .. }) => open(&desk.place, Mode::MustExist, None),
        opened => opened,
    };
    let old = old
        .map_err(|error| desk.place.failure(error))?
        .ok_or_else(|| desk.context.no_state(&desk.place))?;
    let there = desk.wait(old.meta())?;
    let new = open(&target, Mode::CreateIfAbsent, key.filter(|_| !plain))
        .map_err(|error| target.failure(error))?
        .ok_or_else(|| Failure::new("the state could not be made"))?;
    let here = desk.wait(new.meta())?;
    // A migration that was cut off after the copy goes on from here.
    if !same(&there, &here) {
        copy(desk, &old, &new)?;
    }
    let here = desk.wait(new.meta())?;
    check(desk, &target, &*new, &there, &here)?;
    if let Some(budget) = there.budget {
        desk.wait(new.commit(vec![StateWrite::Budget(budget)]))?;
    }
    let to = target.location().to_string();
    desk.wait(old.amend(Amendment::Moved { to: to.clone() }))?;
    desk.context.output.note(&format!(
        "moved {} from {} to {to} (environment {})",
        words::count(here.records, "delivery", "deliveries"),
        desk.place.shown(),
        desk.place.environment(),
    ));
    desk.context.output.note(
        "next: say so under `state:` in pushsync.yaml; other environments move one by one, with --env",
    );
    Ok(status::DONE)
}

/// Whether one is the copy of the other.
fn same(old: &Meta, new: &Meta) -> bool {
    old.lineage == new.lineage && old.records == new.records && old.digest == new.digest
}

/// Writes the one as lines, and reads the lines into the other.
fn copy(desk: &Desk<'_>, old: &Arc<dyn Store>, new: &Arc<dyn Store>) -> Result<(), Failure> {
    let (reader, writer) =
        io::pipe().map_err(|error| Failure::new(format!("could not start: {error}")))?;
    let exporting = {
        let (old, handle) = (Arc::clone(old), desk.runtime.handle().clone());
        desk.runtime.spawn_blocking(move || {
            let mut out = BufWriter::new(writer);
            handle.block_on(export::export(&*old, &mut out))?;
            out.flush().map_err(StateError::Output)
        })
    };
    let mut lines = BufReader::new(reader);
    let imported = desk.runtime.block_on(export::import(&mut lines, &**new));
    // Else a writer that nobody reads from would wait.
    drop(lines);
    let exported = desk.runtime.block_on(exporting);
    let exported = exported.map_err(|error| Failure::new(format!("the export ended: {error}")))?;
    // What is wrong with the old one is the cause, if both complain; a pipe that was closed is not.
    match (imported, exported) {
        (Ok(_), Ok(())) => Ok(()),
        (_, Err(error)) if !matches!(error, StateError::Output(_)) => {
            Err(desk.place.failure(error))
        }
        (Err(error), _) => Err(error.into()),
        (Ok(_), Err(error)) => Err(error.into()),
    }
}

fn check(
    desk: &Desk<'_>,
    target: &Place,
    new: &dyn Store,
    there: &Meta,
    here: &Meta,
) -> Result<(), Failure> {
    let found = desk.wait(new.verify())?;
    if !same(there, here) || !found.problems.is_empty() {
        let problems = found.problems.join("; ");
        return Err(Failure::new(format!(
            "the copy at {} is not the same: {} and {} there, {problems}",
            target.location(),
            words::count(there.records, "delivery", "deliveries"),
            here.records,
        ))
        .help("nothing was changed here; remove the copy and try again"));
    }
    Ok(())
}
