use super::Desk;
use crate::{
    cli::{
        api::base_url,
        failure::{Failure, status},
    },
    state::Write,
};

/// Says at which API the messages of the state are.
pub(super) fn set_api(desk: &Desk<'_>, url: &str) -> Result<u8, Failure> {
    let url = base_url(url)?;
    if desk.place.is_sandbox() {
        return Err(Failure::new("the messages of the sandbox's state are in the sandbox")
            .help("for the state of the API, leave --sandbox out"));
    }
    let command = "state set-api";
    let store = desk.open(command)?;
    let known = desk.wait(store.meta())?.api;
    if known.as_ref() == Some(&url) {
        desk.context.output.note(&format!("the state is of the API at {url} already"));
        return Ok(status::DONE);
    }
    desk.commit(&*store, command, vec![Write::Api(url.clone())], Vec::new())?;
    desk.context.output.note(&match known {
        Some(known) => {
            format!(
                "the state is of the API at {url} from now on; until now it was that at {known}"
            )
        }
        None => format!("the state is of the API at {url} from now on"),
    });
    Ok(status::DONE)
}
