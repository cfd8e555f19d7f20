use std::io::Write;

use serde_json::json;

use super::command::StateCommand;
use crate::{
    cli::{
        args::DataFormat,
        failure::{Failure, status},
    },
    model::one_line,
    render::humanize,
    state::{
        Access, Mode, StateTarget, backup,
        bucket::{self, Bucket},
    },
};

/// Lists the older states that are kept, or brings one back.
pub(super) fn restore(
    command: &StateCommand<'_>,
    name: Option<&str>,
    format: DataFormat,
) -> Result<u8, Failure> {
    let StateCommand { context, state, .. } = command;
    match (state.location(), name) {
        (StateTarget::Bucket(bucket), None) => list_snapshots(command, bucket, format),
        (StateTarget::Bucket(bucket), Some(name)) => {
            let options =
                context.open_options(state, Mode::MustExist, Access::Write, "state restore")?;
            let bucket::Restored { meta, approvals } =
                bucket::restore(bucket, &options, name).map_err(|error| state.failure(error))?;
            command.note(&format!(
                "brought {} back; serial {}. Messages that were sent after that snapshot are not in it, and would be sent again: read the plan before you apply it",
                humanize::count(meta.records, "delivery", "deliveries"),
                meta.serial
            ));
            if approvals > 0 {
                command.note(&format!(
                    "{} did not come back: nobody knows which of them have been carried out since. What is still to be sent is reviewed again",
                    humanize::count(approvals, "approval", "approvals"),
                ));
            }
            Ok(status::DONE)
        }
        (StateTarget::Folder(_), _) => list_exports(command, format),
        (StateTarget::Postgres(_), _) => {
            Err(Failure::new("older states of a database are in its own backups").help(format!(
                "restore the database, or read an export back into a fresh one: {}",
                command.context.command("state import").arg("FILE").with_state("URL")
            )))
        }
    }
}

fn list_snapshots(
    command: &StateCommand<'_>,
    bucket: &Bucket,
    format: DataFormat,
) -> Result<u8, Failure> {
    let output = &command.context.output;
    let all = bucket::snapshots(bucket, command.state.namespace())
        .map_err(|error| command.state.failure(error))?;
    if format == DataFormat::Json {
        let snapshots: Vec<_> = all
            .iter()
            .map(|one| json!({ "name": one.name, "at": one.at, "serial": one.serial, "records": one.records }))
            .collect();
        output.json(&json!({ "format": "pushsync/snapshots/1", "snapshots": snapshots }))?;
        return Ok(status::DONE);
    }
    for one in &all {
        writeln!(
            output.out(),
            "{:.0}  serial {}  {}  {}",
            one.at,
            one.serial,
            humanize::count(one.records, "delivery", "deliveries"),
            one_line(&one.name)
        )?;
    }
    command.note(&match all.len() {
        0 => "there is no snapshot yet".to_owned(),
        n => format!(
            "{}; to bring one back: {}",
            humanize::count(n as u64, "snapshot", "snapshots"),
            command.context.command("state restore").arg("NAME")
        ),
    });
    Ok(status::DONE)
}

/// Lists the exports that were made before changes to a folder.
fn list_exports(command: &StateCommand<'_>, format: DataFormat) -> Result<u8, Failure> {
    let output = &command.context.output;
    let folder = command.state.backups().unwrap_or_default();
    let all = backup::list(&folder, command.state.namespace())
        .map_err(|error| command.state.failure(error))?;
    let hide =
        |path: &std::path::PathBuf| output.hidden_values().replace(path.display().to_string());
    if format == DataFormat::Json {
        let all: Vec<_> = all.iter().map(hide).collect();
        output.json(&json!({ "format": "pushsync/snapshots/1", "exports": all }))?;
        return Ok(status::DONE);
    }
    for path in all.iter().rev() {
        writeln!(output.out(), "{}", hide(path))?;
    }
    command.note(&match all.len() {
        0 => "there is no automatic export yet".to_owned(),
        n => format!(
            "{}, each from before an apply, without approvals; to read one back into a fresh folder: {}",
            humanize::count(n as u64, "export", "exports"),
            command.context.command("state import").arg("FILE").with_state("DIR")
        ),
    });
    Ok(status::DONE)
}
