use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::Path,
};

use super::Desk;
use crate::{
    cli::{
        failure::{Failure, status},
        streams::Results,
    },
    render::words,
    state::{Mode, StateError, StateKey, Store, export, private_file},
};

/// `plain` leaves an export readable although there is a key.
pub(super) fn export(desk: &Desk<'_>, file: Option<&Path>, plain: bool) -> Result<u8, Failure> {
    let store = desk.read("state export")?;
    let key = if plain { None } else { desk.context.state_key(&desk.place)? };
    match file {
        Some(path) => {
            let mut out = BufWriter::new(private_file::create(path)?);
            write(desk, &*store, &mut out, key.as_ref())?;
            let failed =
                |error| Failure::new(format!("could not write {}: {error}", path.display()));
            let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
            file.sync_all().map_err(failed)?;
            let meta = desk.wait(store.meta())?;
            let how = if key.is_some() { "encrypted" } else { "it holds texts and visitor ids" };
            desk.context.output.note(&format!(
                "wrote {} to {}; {how}",
                words::count(meta.records, "delivery", "deliveries"),
                path.display()
            ));
        }
        None => {
            let mut out = BufWriter::new(Results::new(io::stdout()));
            let exported = write(desk, &*store, &mut out, key.as_ref());
            if let Err(StateError::Output(error)) = exported {
                return Err(error.into());
            }
            exported?;
            out.flush()?;
        }
    }
    Ok(status::DONE)
}

fn write(
    desk: &Desk<'_>,
    store: &dyn Store,
    out: &mut (dyn Write + Send),
    key: Option<&StateKey>,
) -> Result<(), StateError> {
    match key {
        None => desk.runtime.block_on(export::export(store, out)).map(drop),
        Some(key) => {
            let mut sealer = export::Sealer::new(out, key)?;
            desk.runtime.block_on(export::export(store, &mut sealer)).map(drop)
        }
    }
}

pub(super) fn import(desk: &Desk<'_>, file: &Path) -> Result<u8, Failure> {
    let reader: Box<dyn io::BufRead + Send> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(file)
            .map_err(|error| Failure::new(format!("could not read {}: {error}", file.display())))?;
        Box::new(BufReader::new(file))
    };
    let key = desk.context.state_key(&desk.place)?;
    let mut reader = export::opened(reader, key.as_ref())?;
    let store = desk.context.open(&desk.place, Mode::CreateIfAbsent, "state import")?;
    let Some(store) = store else {
        return Err(Failure::new("the state could not be made"));
    };
    desk.runtime.block_on(export::import(&mut reader, &*store))?;
    let meta = desk.wait(store.meta())?;
    desk.context.output.note(&format!(
        "read {} back; serial {}",
        words::count(meta.records, "delivery", "deliveries"),
        meta.serial
    ));
    Ok(status::DONE)
}
