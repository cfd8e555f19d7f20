//! Which API a command is for, and whether the messages of the state are at that one.

use super::{context::Context, failure::Failure};
use crate::{
    manifest::Settings,
    model::{BaseUrl, Endpoint},
    state::Meta,
};

impl Context {
    /// The API that this command is for.
    pub(super) fn endpoint(&self, settings: &Settings) -> Result<Endpoint, Failure> {
        if self.global.sandbox {
            return Ok(Endpoint::Sandbox);
        }
        match &self.global.base_url {
            Some(text) => base_url(text).map(Endpoint::At),
            None => Ok(Endpoint::At(settings.base_url.clone())),
        }
    }

    /// That the messages of the state are at this API. The URL that the state is to remember, if it
    /// knows none yet. The API of a sandbox is always the sandbox.
    pub(super) fn same_api(
        &self,
        endpoint: &Endpoint,
        meta: &Meta,
    ) -> Result<Option<BaseUrl>, Failure> {
        let Some(url) = endpoint.url() else { return Ok(None) };
        match &meta.api {
            None => Ok(Some(url.clone())),
            Some(known) if known == url => Ok(None),
            Some(known) => Err(Failure::new(format!(
                "the messages of this state are at the API at {known}, and this run would send to {url}"
            ))
            .help(format!(
                "nothing was sent. Name the API of the state with --base-url or BREVO_BASE_URL, or another state; if both are the same API, say so: {}",
                self.command(&format!("state set-api {url}"))
            ))),
        }
    }
}

/// What somebody gave where pushsync runs.
pub(super) fn base_url(text: &str) -> Result<BaseUrl, Failure> {
    BaseUrl::parse(text).map_err(|error| {
        Failure::new(format!("could not use the base URL: {error}"))
            .help("it is what --base-url or BREVO_BASE_URL says")
    })
}
