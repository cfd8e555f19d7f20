use std::io::Write;

use serde_json::json;

use super::Desk;
use crate::{
    cli::{
        args::DataFormat,
        failure::{Failure, status},
    },
    render::words,
    state,
};

/// Rewrites the files of a folder.
pub(super) fn compact(desk: &Desk<'_>, format: DataFormat) -> Result<u8, Failure> {
    let options = desk.context.options_to_compact(&desk.place)?;
    let done = state::compact(options).map_err(|error| desk.place.failure(error))?;
    if format == DataFormat::Json {
        let (before, after) = done.map(|done| (done.before, done.after)).unzip();
        let document =
            json!({ "format": "pushsync/compaction/1", "before": before, "after": after });
        desk.context.output.json(&document)?;
        return Ok(status::DONE);
    }
    match done {
        Some(done) if done.after == done.before => writeln!(
            desk.context.output.out(),
            "{}: {}, and no smaller if it were written anew.",
            desk.place.location(),
            words::count(done.before, "byte", "bytes"),
        )?,
        Some(done) => writeln!(
            desk.context.output.out(),
            "{}: {} before, {} now.",
            desk.place.location(),
            words::count(done.before, "byte", "bytes"),
            words::count(done.after, "byte", "bytes"),
        )?,
        None => desk
            .context
            .output
            .note("a database and a bucket do that by themselves: there is nothing to do"),
    }
    Ok(status::DONE)
}
