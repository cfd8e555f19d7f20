//! The API that a command uses, and the connection to it.

use std::{path::Path, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use super::project::Context;
use crate::{
    apply::{Options, Reporter, RunInfo, Session, Stopper, api::Api},
    brevo::{Client, ClientProblem, Config, Credentials, key},
    cli::{
        args::Bounds,
        environment,
        failure::{Failure, status},
        secrets,
        selected_state::SelectedState,
        signals,
    },
    manifest::Settings,
    model::{BaseUrl, Endpoint},
    sandbox::{self, Running, Sandbox},
    state::{Meta, Store, private_file},
};

/// The longest wait for the API's budget, unless --max-wait says otherwise.
const MAX_WAIT: Duration = Duration::from_secs(300);

/// The variable of --api-key-file.
const KEY_FILE: &str = "BREVO_API_KEY_FILE";

/// What a session consists of, beside what the context has.
pub(crate) struct SessionParts<'a> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) api: Arc<dyn Api>,
    pub(crate) api_url: Option<BaseUrl>,
    pub(crate) settings: &'a Settings,
    pub(crate) bounds: &'a Bounds,
    pub(crate) info: RunInfo,
    pub(crate) reporter: Arc<dyn Reporter>,
}

/// A client of the API, and the sandbox that it talks to, if it does.
pub(crate) struct ApiConnection {
    pub(crate) client: Client,
    sandbox: Option<Running>,
}

impl ApiConnection {
    /// Stops the sandbox, if there is one.
    pub(crate) async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

impl Context {
    /// The API that this command uses.
    pub(crate) fn endpoint(&self, settings: &Settings) -> Result<Endpoint, Failure> {
        if self.global.sandbox {
            return Ok(Endpoint::Sandbox);
        }
        match &self.global.base_url {
            Some(text) => base_url(text).map(Endpoint::At),
            None => Ok(Endpoint::At(settings.base_url.clone())),
        }
    }

    /// Refuses an API other than the one that has the state's messages. Returns the URL that the state is
    /// to remember, if it remembers none yet. The API of a sandbox is always the sandbox.
    pub(crate) fn check_same_api(
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

    fn secrets(&self, url: &BaseUrl) -> Result<secrets::ApiSecrets, Failure> {
        let file = self.global.api_key_file.as_deref();
        let source = match environment::raw_variable(KEY_FILE).as_deref() {
            Some(named) if file == Some(Path::new(named)) => KEY_FILE,
            _ => "--api-key-file",
        };
        secrets::api(file.map(|file| (file, source)), url, environment::raw_variable)
    }

    /// Connects to the API. A sandbox is started on `runtime`.
    pub(crate) fn connect(
        &self,
        runtime: &Runtime,
        settings: &Settings,
        state: &SelectedState,
    ) -> Result<ApiConnection, Failure> {
        let (base_url, secrets, sandbox) = if let Some(url) = self.endpoint(settings)?.url() {
            (url.clone(), self.secrets(url)?, None)
        } else {
            private_file::refuse_link(&state.sandbox_journal())?;
            let running = runtime
                .block_on(Sandbox::start(sandbox::Options {
                    data: Some(state.sandbox_journal()),
                    ..sandbox::Options::in_memory(environment::clock())
                }))
                .map_err(|error| Failure::new(error.to_string()).about_state())?;
            for warning in running.warnings() {
                self.output.warning(&self.output.hidden_values().replace(warning));
            }
            let credentials = Credentials::Key("sandbox".to_owned().into());
            let secrets = secrets::ApiSecrets { credentials, partner: None };
            let url = BaseUrl::parse(&running.base_url())
                .map_err(|error| Failure::new(error.to_string()))?;
            (url, secrets, Some(running))
        };
        let mistake = mistake_in(&secrets.credentials, &base_url);
        let _inside = runtime.enter();
        let client = Client::new(Config {
            base_url,
            credentials: secrets.credentials,
            partner_key: secrets.partner,
            timeout: settings.timeout,
            user_agent: concat!("pushsync/", env!("CARGO_PKG_VERSION")).to_owned(),
        })
        .map_err(|error| Failure::new(error.to_string()))?
        .masking(self.output.masking().known().clone())
        .with_clock(environment::clock());
        if let Some(mistake) = mistake {
            self.output.warning(&mistake);
        }
        Ok(ApiConnection { client, sandbox })
    }

    /// The session of a run that sends requests. Its stopper is that of the process, if the process has one.
    pub(crate) fn session(&self, parts: SessionParts<'_>) -> Session {
        let SessionParts { store, api, api_url, settings, bounds, info, reporter } = parts;
        let options = self.options(settings, bounds);
        let (api, reporter) = match &self.observers {
            None => (api, reporter),
            Some(observers) => (observers.of_api(api), observers.of_reporter(reporter)),
        };
        let stopper = self.interrupts.as_ref().map(|one| one.begin()).unwrap_or_default();
        Session { store, api, api_url, options, info, reporter, stopper }
    }

    /// Runs `work`, which `stopper` stops, until it ends or the process has to.
    pub(crate) async fn until_stopped<T>(
        &self,
        stopper: Stopper,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        match &self.interrupts {
            None => signals::run_until_signalled(stopper, work).await,
            // The process listens itself, and stops it.
            Some(interrupts) => tokio::select! {
                biased;
                () = interrupts.at_once() => {
                    Err(Failure::new("stopped at once").status(status::STOPPED))
                }
                result = work => Ok(result),
            },
        }
    }

    /// The options of a run.
    pub(crate) fn options(&self, settings: &Settings, bounds: &Bounds) -> Options {
        Options {
            concurrency: bounds.concurrency.unwrap_or(settings.concurrency),
            requests_per_hour: settings.requests_per_hour,
            max_requests: bounds.max_requests,
            max_duration: bounds.max_duration,
            max_wait: bounds.max_wait.unwrap_or(MAX_WAIT),
            seed: fastrand::u64(..),
            clock: environment::clock(),
        }
    }
}

/// What looks wrong in a key or a client. Servers on loopback take any key.
fn mistake_in(credentials: &Credentials, base_url: &BaseUrl) -> Option<String> {
    match credentials {
        Credentials::Key(key) => {
            let problem = key::inspect(key.expose_secret()).filter(|_| base_url.is_https());
            problem.map(|problem| format!("the API key {problem}"))
        }
        Credentials::Client(client) => {
            let counts = |problem: &ClientProblem| {
                *problem != ClientProblem::Same || client.token_url.is_https()
            };
            client.inspect().filter(counts).map(|problem| problem.to_string())
        }
    }
}

/// A base URL that was given where pushsync runs.
pub(crate) fn base_url(text: &str) -> Result<BaseUrl, Failure> {
    BaseUrl::parse(text).map_err(|error| {
        Failure::new(format!("could not use the base URL: {error}"))
            .help("it comes from --base-url or BREVO_BASE_URL")
    })
}
