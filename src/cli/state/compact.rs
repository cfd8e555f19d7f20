use std::io::Write;

use serde_json::json;

use super::command::StateCommand;
use crate::{
    cli::{
        args::DataFormat,
        failure::{Failure, status},
    },
    render::humanize,
    state::{self, Access, Mode},
};

/// Rewrites the files of a folder.
pub(super) fn compact(command: &StateCommand<'_>, format: DataFormat) -> Result<u8, Failure> {
    let StateCommand { context, state, .. } = command;
    let options = context.open_options(state, Mode::MustExist, Access::Write, "state compact")?;
    let done = state::compact(options).map_err(|error| state.failure(error))?;
    if format == DataFormat::Json {
        let (before, after) = done.map(|done| (done.before, done.after)).unzip();
        context.output.json(
            &json!({ "format": "pushsync/compaction/1", "before": before, "after": after }),
        )?;
        return Ok(status::DONE);
    }
    let Some(done) = done else {
        command.note("a database and a bucket do that by themselves: there is nothing to do");
        return Ok(status::DONE);
    };
    let (folder, before) = (state.location(), humanize::count(done.before, "byte", "bytes"));
    let mut out = context.output.out();
    if done.after == done.before {
        writeln!(out, "{folder}: {before}, and new files would not be smaller.")?;
    } else {
        let after = humanize::count(done.after, "byte", "bytes");
        writeln!(out, "{folder}: {before} before, {after} now.")?;
    }
    Ok(status::DONE)
}
