use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::Path,
};

use super::Desk;
use crate::{
    cli::failure::{Failure, status},
    render::words,
    state::{Mode, StateError, export, private_file},
};

pub(super) fn export(desk: &Desk<'_>, file: Option<&Path>) -> Result<u8, Failure> {
    let store = desk.read("state export")?;
    match file {
        Some(path) => {
            let mut out = BufWriter::new(private_file::create(path)?);
            desk.runtime.block_on(export::export(&*store, &mut out))?;
            let failed =
                |error| Failure::new(format!("could not write {}: {error}", path.display()));
            let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
            file.sync_all().map_err(failed)?;
            let meta = desk.wait(store.meta())?;
            desk.context.output.note(&format!(
                "wrote {} to {}; it holds texts and visitor ids",
                words::count(meta.records, "delivery", "deliveries"),
                path.display()
            ));
        }
        None => {
            let mut out = BufWriter::new(io::stdout());
            let exported = desk.runtime.block_on(export::export(&*store, &mut out));
            // A reader that has seen enough is no error: a write says so first.
            if let Err(StateError::Output(error)) = exported {
                return Err(error.into());
            }
            exported?;
            out.flush()?;
        }
    }
    Ok(status::DONE)
}

pub(super) fn import(desk: &Desk<'_>, file: &Path) -> Result<u8, Failure> {
    let mut reader: Box<dyn io::BufRead + Send> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(file)
            .map_err(|error| Failure::new(format!("could not read {}: {error}", file.display())))?;
        Box::new(BufReader::new(file))
    };
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
