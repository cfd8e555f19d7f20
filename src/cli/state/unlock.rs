use super::command::StateCommand;
use crate::{
    cli::failure::{Failure, status},
    model::one_line,
    state::{
        StateTarget,
        bucket::{self, HeldLock},
    },
};

/// Breaks the lock of a bucket, or says who holds it.
pub(super) fn unlock(command: &StateCommand<'_>, force: bool) -> Result<u8, Failure> {
    let bucket = match command.state.location() {
        StateTarget::Bucket(bucket) => bucket,
        StateTarget::Folder(_) => {
            return Err(Failure::new(
                "the lock of a folder goes with its process: there is none to break",
            )
            .help("the message about the lock names the process: wait for it, or end it"));
        }
        StateTarget::Postgres(_) => {
            return Err(Failure::new("the lock in a database goes with its session: there is none to break")
                .help("the message about the lock names the process; to end its session: SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"));
        }
    };
    let failed = |error| command.state.failure(error);
    let environment = command.state.namespace();
    let Some(held) = bucket::holder(bucket, environment).map_err(failed)? else {
        command.note("nobody holds the state");
        return Ok(status::DONE);
    };
    if !force {
        return Err(Failure::new(format!("the state is held by {}", describe(&held)))
            .help(format!(
                "a run that still exists would stop before its next commit, and its requests under way would be unknown. If it has certainly ended, break the lock: {}",
                command.context.command("state unlock").flag("--force")
            )));
    }
    let broken = bucket::unlock(bucket, environment).map_err(failed)?.unwrap_or(held);
    command.note(&format!("broke the lock of {}", describe(&broken)));
    Ok(status::DONE)
}

fn describe(held: &HeldLock) -> String {
    let holder = held.holder.as_ref().map_or_else(
        || "an unknown process, whose note cannot be read".to_owned(),
        |holder| one_line(&holder.to_string()),
    );
    match held.until {
        Some(until) => format!("{holder}; its lease runs until {until:.0}"),
        None => holder,
    }
}
