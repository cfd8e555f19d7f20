//! The job of this environment.

use std::path::Path;

use serde_json::Value;

use crate::{
    ci::{Host, Inputs, Job, JobCommand, Refusal, Variables},
    cli::args::CiArgs,
    files,
};

/// GitHub's events have at most 25 MB.
const LONGEST_EVENT: u64 = 64 << 20;

/// The command, the inputs and the job of this environment.
pub(super) fn job(
    host: Host,
    variables: Variables<'_>,
    args: &CiArgs,
    has_key: bool,
) -> Result<(Job, Inputs), Refusal> {
    let command = args.command.clone().or_else(|| variables.get("PUSHSYNC_CI_COMMAND"));
    let command: JobCommand = command.unwrap_or_default().parse()?;
    let inputs = Inputs::read(variables)?;
    let event = event(host, variables);
    let job = host.job(command, variables, &event, &inputs, has_key)?;
    Ok((job, inputs))
}

/// The event; nothing if it cannot be read.
fn event(host: Host, variables: Variables<'_>) -> Value {
    let path = host.event_variable().and_then(|name| variables.get(name));
    let bytes = path.and_then(|path| files::read_given(Path::new(&path), LONGEST_EVENT).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
