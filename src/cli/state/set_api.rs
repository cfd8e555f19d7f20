use super::command::StateCommand;
use crate::{
    cli::{
        context::base_url,
        failure::{Failure, status},
        lockfile::Lockfile,
    },
    state::{Meta, Write},
};

/// Sets the API that has the messages of the state.
pub(super) fn set_api(command: &StateCommand<'_>, url: &str) -> Result<u8, Failure> {
    let url = base_url(url)?;
    if command.state.is_sandbox() {
        return Err(Failure::new("the messages of the sandbox's state are in the sandbox")
            .help("for the state of the API, leave --sandbox out"));
    }
    let store = command.open("state set-api")?;
    let Meta { api: known, lineage, .. } = command.block_on(store.meta())?;
    if known.as_ref() == Some(&url) {
        command.note(&format!("the state is of the API at {url} already"));
        return Ok(status::DONE);
    }
    command.commit(&*store, "state set-api", vec![Write::Api(url.clone())], Vec::new())?;
    let environment = command.state.environment();
    let line = Lockfile::line(environment, &url, lineage);
    command.context.edit_lockfile(&line, |file| file.set_api(environment, &url, lineage))?;
    command.note(&match known {
        Some(known) => format!(
            "the state is of the API at {url} from now on; until now it was that at {known}"
        ),
        None => format!("the state is of the API at {url} from now on"),
    });
    Ok(status::DONE)
}
