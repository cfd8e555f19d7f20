use std::{
    io::{self, BufReader, BufWriter, Write},
    path::Path,
};

use super::command::StateCommand;
use crate::{
    cli::{
        failure::{Failure, status},
        spool::Spool,
        streams,
    },
    files,
    render::humanize,
    state::{StateError, StateKey, Store, export, private_file},
};

/// Writes the state to a file, or to stdout. With `plain`, the lines are readable even if there is a key.
pub(super) fn export(
    command: &StateCommand<'_>,
    file: Option<&Path>,
    plain: bool,
) -> Result<u8, Failure> {
    let store = command.read("state export")?;
    let key = if plain { None } else { command.context.state_key(&command.state)? };
    match file {
        Some(path) => {
            let mut out = BufWriter::new(private_file::create(path)?);
            write(command, &*store, &mut out, key.as_ref())?;
            let failed =
                |error| Failure::new(format!("could not write {}: {error}", path.display()));
            let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
            file.sync_all().map_err(failed)?;
            let meta = command.block_on(store.meta())?;
            let how = if key.is_some() { "encrypted" } else { "it holds texts and visitor ids" };
            command.note(&format!(
                "wrote {} to {}; {how}",
                humanize::count(meta.records, "delivery", "deliveries"),
                path.display()
            ));
        }
        None => {
            let printed = |error| match error {
                StateError::Output(error) => Failure::from(error),
                error => error.into(),
            };
            let mut out = BufWriter::new(streams::shared_stdout());
            // A file can always be written to. Anything else may be a pipe that nobody reads.
            if streams::stdout_is_file() {
                write(command, &*store, &mut out, key.as_ref()).map_err(printed)?;
                out.flush()?;
            } else {
                let encrypted = command.context.state_key(&command.state)?.is_some();
                let mut spool = Spool::new(encrypted && plain);
                write(command, &*store, &mut spool, key.as_ref()).map_err(printed)?;
                drop(store);
                spool.print(&mut out)?;
            }
        }
    }
    Ok(status::DONE)
}

fn write(
    command: &StateCommand<'_>,
    store: &dyn Store,
    out: &mut (dyn Write + Send),
    key: Option<&StateKey>,
) -> Result<(), StateError> {
    match key {
        None => command.runtime.block_on(export::export(store, out)).map(drop),
        Some(key) => {
            let mut sealer = export::Sealer::new(out, key)?;
            command.runtime.block_on(export::export(store, &mut sealer)).map(drop)
        }
    }
}

pub(super) fn import(
    command: &StateCommand<'_>,
    file: &Path,
    without_approvals: bool,
) -> Result<u8, Failure> {
    let reader: Box<dyn io::BufRead + Send> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = files::open_given(file)
            .map_err(|error| Failure::new(format!("could not read {}: {error}", file.display())))?;
        Box::new(BufReader::new(file))
    };
    let key = command.context.state_key(&command.state)?;
    let mut reader = export::opened(reader, key.as_ref())?;
    let store = command.context.open_or_create(&command.state, "state import")?;
    let counts = match without_approvals {
        true => command.runtime.block_on(export::import_without_approvals(&mut reader, &*store)),
        false => command.runtime.block_on(export::import(&mut reader, &*store)),
    }?;
    let meta = command.block_on(store.meta())?;
    command.note(&format!(
        "read {} back; serial {}",
        humanize::count(meta.records, "delivery", "deliveries"),
        meta.serial
    ));
    let approvals = humanize::count(counts.approvals, "approval", "approvals");
    match (counts.approvals, without_approvals) {
        (0, _) => {}
        (_, true) => command.note(&format!(
            "{approvals} of it did not come back; what is still to be sent is reviewed again"
        )),
        (_, false) => command.context.output.warning(&format!(
            "{approvals} came back as well. If anything was sent since the export was made, it may be sent again: then read it back into a fresh state with --without-approvals"
        )),
    }
    Ok(status::DONE)
}
