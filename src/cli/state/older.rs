//! Older states, and locks that were left behind: what stores elsewhere have.

use std::io::Write;

use serde_json::json;

use super::Desk;
use crate::{
    cli::{
        args::DataFormat,
        failure::{Failure, status},
        hidden,
    },
    render::words,
    state::{
        StateTarget, backup,
        bucket::{self, Bucket, HeldLock},
    },
};

/// Breaks the lock of a bucket, or says who has it.
pub(super) fn unlock(desk: &Desk<'_>, force: bool) -> Result<u8, Failure> {
    let bucket = match desk.place.location() {
        StateTarget::Bucket(bucket) => bucket,
        StateTarget::Folder(_) => {
            return Err(Failure::new(
                "the lock of a folder goes with its process: there is none to break",
            )
            .help("a message that somebody holds it names the process; wait for it, or end it"));
        }
        StateTarget::Postgres(_) => {
            return Err(Failure::new("the lock in a database goes with its session: there is none to break")
                .help("a message that somebody holds it names the process; to end its session: SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"));
        }
    };
    let failed = |error| desk.place.failure(error);
    let environment = desk.place.namespace();
    let held = bucket::holder(bucket, environment).map_err(failed)?;
    let Some(held) = held else {
        desk.context.output.note("nobody holds the state");
        return Ok(status::DONE);
    };
    if !force {
        return Err(Failure::new(format!("the state is held by {}", who(&held)))
            .help("if that is certainly over, break it: pushsync state unlock --force. A run that is still there stops before it commits anything more; what it had under way is unknown then"));
    }
    let broken = bucket::unlock(bucket, environment).map_err(failed)?.unwrap_or(held);
    desk.context.output.note(&format!("broke the lock of {}", who(&broken)));
    Ok(status::DONE)
}

fn who(held: &HeldLock) -> String {
    let holder = held.holder.as_ref().map_or_else(
        || "somebody who left no readable note".to_owned(),
        |holder| words::one_line(&holder.to_string()),
    );
    match held.until {
        Some(until) => format!("{holder}; its lease runs until {until:.0}"),
        None => holder,
    }
}

/// Lists what can be brought back, or brings one back.
pub(super) fn restore(
    desk: &Desk<'_>,
    name: Option<&str>,
    format: DataFormat,
) -> Result<u8, Failure> {
    match (desk.place.location(), name) {
        (StateTarget::Bucket(bucket), None) => list(desk, bucket, format),
        (StateTarget::Bucket(bucket), Some(name)) => {
            let options = desk.context.options_to_restore(&desk.place)?;
            let meta = bucket::restore(bucket, &options, name)
                .map_err(|error| desk.place.failure(error))?;
            desk.context.output.note(&format!(
                "brought {} back; serial {}. What was sent after that snapshot is not in it and would be sent again: read the plan before you apply it",
                words::count(meta.records, "delivery", "deliveries"),
                meta.serial
            ));
            Ok(status::DONE)
        }
        (StateTarget::Folder(_), _) => exports(desk, format),
        (StateTarget::Postgres(_), _) => Err(Failure::new("older states of a database are in its own backups")
            .help("restore the database, or read an export back into a fresh one: pushsync state import FILE --state URL")),
    }
}

fn list(desk: &Desk<'_>, bucket: &Bucket, format: DataFormat) -> Result<u8, Failure> {
    let all = bucket::snapshots(bucket, desk.place.namespace())
        .map_err(|error| desk.place.failure(error))?;
    if format == DataFormat::Json {
        let snapshots: Vec<_> = all
            .iter()
            .map(|one| json!({ "name": one.name, "at": one.at, "serial": one.serial, "records": one.records }))
            .collect();
        let document = json!({ "format": "pushsync/snapshots/1", "snapshots": snapshots });
        desk.context.output.json(&document)?;
        return Ok(status::DONE);
    }
    let mut out = desk.context.output.out();
    for one in &all {
        writeln!(
            out,
            "{:.0}  serial {}  {}  {}",
            one.at,
            one.serial,
            words::count(one.records, "delivery", "deliveries"),
            words::one_line(&one.name)
        )?;
    }
    drop(out);
    desk.context.output.note(&match all.len() {
        0 => "there is no snapshot yet".to_owned(),
        n => format!(
            "{}; to bring one back: pushsync state restore NAME",
            words::count(n as u64, "snapshot", "snapshots")
        ),
    });
    Ok(status::DONE)
}

/// What a folder has: the exports that were made before changes.
fn exports(desk: &Desk<'_>, format: DataFormat) -> Result<u8, Failure> {
    let folder = desk.place.backups().unwrap_or_default();
    let all =
        backup::list(&folder, desk.place.namespace()).map_err(|error| desk.place.failure(error))?;
    if format == DataFormat::Json {
        let all: Vec<_> =
            all.iter().map(|path| hidden::in_words(path.display().to_string())).collect();
        let document = json!({ "format": "pushsync/snapshots/1", "exports": all });
        desk.context.output.json(&document)?;
        return Ok(status::DONE);
    }
    let mut out = desk.context.output.out();
    for path in all.iter().rev() {
        writeln!(out, "{}", hidden::in_words(path.display().to_string()))?;
    }
    drop(out);
    desk.context.output.note(&match all.len() {
        0 => "no export was made by itself yet".to_owned(),
        n => format!(
            "{}, each from before an apply; to read one back into a fresh folder: pushsync state import FILE --state DIR",
            words::count(n as u64, "export", "exports")
        ),
    });
    Ok(status::DONE)
}
