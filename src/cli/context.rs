//! What every command starts with: the project, the state, the way to the API.

use std::{
    collections::HashSet,
    env,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::{
    args::{Bounds, Global, Target},
    failure::Failure,
    git, hidden,
    masking::Readers,
    output::Output,
    place::Place,
    secrets, state_folder, surroundings, unrecorded,
};
use crate::{
    apply::{Options, RunInfo},
    brevo::{Client, Config, key},
    diagnostics::Report,
    manifest::{self, Limits, LoadOptions, Project, Settings, StateSetting},
    model::{BaseUrl, ParseStateLocationError, StateLocation},
    plan::{Commit, Selection},
    render::words,
    sandbox::{self, Running, Sandbox},
    state::{
        self, Access, Answer, HostedStore, Location, Mode, OpenOptions, StateError, StateKey,
        Store, private_file, unrecorded::UnrecordedOutcomes,
    },
};

/// The environment variable with the state's passphrase.
const STATE_KEY: &str = "PUSHSYNC_STATE_KEY";
/// The one with the passphrase that it shall have.
const NEW_STATE_KEY: &str = "PUSHSYNC_NEW_STATE_KEY";

/// The global options, and where words go.
pub(super) struct Context {
    pub(super) global: Global,
    pub(super) output: Output,
    /// The folders of states that git was asked about.
    checked: Mutex<HashSet<PathBuf>>,
}

/// The API, or a sandbox that lives as long as this.
pub(super) struct Link {
    pub(super) client: Client,
    sandbox: Option<Running>,
}

impl Link {
    /// Stops the sandbox, if there is one.
    pub(super) async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

impl Context {
    pub(super) fn new(global: Global, output: Output) -> Self {
        Self { global, output, checked: Mutex::default() }
    }

    /// Another command on the same project and state, to be copied.
    pub(super) fn command(&self, command: &str) -> String {
        let Global { directory, env, state, sandbox, base_url, raise_limit, .. } = &self.global;
        let mut line = format!("pushsync {command}");
        if *sandbox {
            line.push_str(" --sandbox");
        }
        if directory != std::path::Path::new(".") {
            line.push_str(&format!(" -C {}", directory.display()));
        }
        if let Some(env) = env {
            line.push_str(&format!(" --env {env}"));
        }
        for limit in raise_limit {
            line.push_str(&format!(" --raise-limit {limit}"));
        }
        // A URL may hold a password.
        let is_folder = |text: &&String| {
            StateLocation::parse(text, Path::new("")).is_ok_and(|location| !location.is_url())
        };
        if let Some(state) = state.as_ref().filter(is_folder) {
            line.push_str(&format!(" --state {state}"));
        }
        // Commands on the state ask no API.
        if let Some(Ok(url)) = base_url.as_deref().map(BaseUrl::parse)
            && !command.starts_with("state ")
        {
            line.push_str(&format!(" --base-url {url}"));
        }
        line
    }

    /// What a command runs on. One thread for all requests: they wait for the API, and what each thread
    /// more costs in wake-ups is more than it carries out (measured: a fifth of an apply). With a sandbox
    /// inside, its server has another.
    pub(super) fn runtime(&self) -> Result<Runtime, Failure> {
        start(1 + usize::from(self.global.sandbox))
    }

    /// What a server runs on.
    pub(super) fn servers_runtime(&self) -> Result<Runtime, Failure> {
        start(2)
    }

    /// Loads the project without a word.
    pub(super) fn load(&self) -> manifest::Loaded {
        let loaded = self.loader()();
        let masking = self.output.masking();
        match &loaded.project {
            Some(project) => masking.known().add(project.visitors()),
            None => masking.known().add(Arc::new(loaded.report.sources().clone())),
        }
        if let Some(project) = loaded.at_least() {
            masking.manifest_says(project.settings.mask_visitors);
        }
        loaded
    }

    /// Loads the project, whenever it is asked to.
    pub(super) fn loader(&self) -> impl Fn() -> manifest::Loaded + Send + Sync + use<> {
        let Global { directory, env, allow_outside, raise_limit, .. } = self.global.clone();
        move || {
            let options = LoadOptions {
                limits: Limits::with(&raise_limit),
                environment: env.clone(),
                allow_outside,
                env: &surroundings::variable,
                now: surroundings::now(),
            };
            manifest::load(&directory, &options)
        }
    }

    /// Loads the project; problems are told, and errors end the command.
    pub(super) fn project(&self) -> Result<(Project, Report), Failure> {
        let mut loaded = self.load();
        if let Some(project) = loaded.project.take() {
            return Ok((project, loaded.report));
        }
        // Errors that only rendering finds are told together with the others.
        crate::desired::check(&mut loaded);
        self.report(&loaded.report)?;
        Err(Failure::silent())
    }

    /// Tells problems on stderr. With `--quiet`, only if there is an error among them.
    pub(super) fn report(&self, report: &Report) -> Result<(), Failure> {
        self.output.report(report);
        Ok(())
    }

    /// Whether visitors' ids are masked in what goes to stdout, for people who read it here.
    pub(super) fn masks(&self) -> bool {
        self.output.masks_out(Readers::Here)
    }

    /// Where the state is: what `--state` says, or else the project.
    pub(super) fn place(&self, settings: &Settings) -> Result<Place, Failure> {
        match self.given_place()? {
            Some(place) => Ok(place),
            None => self.place_of(&settings.state),
        }
    }

    /// Where the state is, for commands that look at nothing else. Messages with errors do not
    /// matter then.
    pub(super) fn place_alone(&self) -> Result<Place, Failure> {
        if let Some(place) = self.given_place()? {
            return Ok(place);
        }
        let loaded = self.load();
        match loaded.settings() {
            Some(settings) => self.place_of(&settings.state),
            None => {
                self.report(&loaded.report)?;
                Err(Failure::silent().help("to look at a state without its project: --state DIR"))
            }
        }
    }

    fn given_place(&self) -> Result<Option<Place>, Failure> {
        self.global.state.as_ref().map(|text| self.place_named(text)).transpose()
    }

    /// What the project says.
    fn place_of(&self, setting: &StateSetting) -> Result<Place, Failure> {
        if self.global.refuse_state_url && setting.location.is_url() {
            let at = setting
                .place
                .as_ref()
                .map(|place| format!("{}:{}:{}: ", place.file, place.line, place.column));
            return Err(Failure::new(format!(
                "{}`state:` is a URL, and --refuse-state-url takes none from the project's files: anyone who changes them could send the state's password elsewhere",
                at.unwrap_or_default()
            ))
            .help("give the URL where pushsync runs: in PUSHSYNC_STATE, with --state, or as the action's input `state`"));
        }
        if let Some(text) = &setting.text {
            hidden::hide(text, &setting.location);
        }
        self.place_at(setting.location.clone())
    }

    /// What an argument names; a path is relative to the working directory.
    pub(super) fn place_named(&self, text: &str) -> Result<Place, Failure> {
        let here = env::current_dir().map_err(|error| {
            Failure::new(format!("could not find the working directory: {error}"))
        })?;
        let location = StateLocation::parse(text, &here)
            .map_err(|error| Failure::new(error.to_string()).help(ParseStateLocationError::CURE))?;
        self.place_at(location)
    }

    fn place_at(&self, location: StateLocation) -> Result<Place, Failure> {
        let environment =
            self.global.env.clone().unwrap_or_else(|| manifest::DEFAULT_ENVIRONMENT.to_owned());
        let local = match &location {
            StateLocation::Folder(folder) => folder.clone(),
            StateLocation::Postgres(_) | StateLocation::Bucket(_) => {
                self.global.directory.join("state")
            }
        };
        if self.global.sandbox {
            // A sandbox is this machine's alone, wherever the state is kept.
            return Ok(Place::sandbox(local, &environment));
        }
        let location =
            Location::from(location).complete(|name| surroundings::variable(name).map(Into::into));
        Ok(Place::new(location, local, environment))
    }

    /// Opens the state to change it; `None` if there is none and none is made.
    pub(super) fn open(
        &self,
        place: &Place,
        mode: Mode,
        command: &str,
    ) -> Result<Option<Arc<dyn Store>>, Failure> {
        self.check_folder(place, mode)?;
        self.open_keyed(place, mode, command, self.state_key(place)?).map_err(|e| place.failure(e))
    }

    /// Opens the state to change it, with this key instead of the one of the environment. The folder is to be
    /// checked before.
    pub(super) fn open_keyed(
        &self,
        place: &Place,
        mode: Mode,
        command: &str,
        key: Option<StateKey>,
    ) -> Result<Option<Arc<dyn Store>>, StateError> {
        let patience = self.global.lock_timeout.unwrap_or_default();
        self.open_within(place, mode, Access::Write, command, patience, key)
    }

    /// Opens the state to look at it. Others who only look are gone soon: that is waited for.
    pub(super) fn open_to_read(
        &self,
        place: &Place,
        command: &str,
    ) -> Result<Option<Arc<dyn Store>>, Failure> {
        let patience = self.global.lock_timeout.unwrap_or(Duration::from_secs(5));
        self.check_folder(place, Mode::MustExist)?;
        let key = self.state_key(place)?;
        self.open_within(place, Mode::MustExist, Access::Read, command, patience, key)
            .map_err(|error| place.failure(error))
    }

    fn open_within(
        &self,
        place: &Place,
        mode: Mode,
        access: Access,
        command: &str,
        lock_timeout: Duration,
        key: Option<StateKey>,
    ) -> Result<Option<Arc<dyn Store>>, StateError> {
        let options = open_options(place, mode, access, command, lock_timeout, key.clone());
        let store = match state::open(options) {
            Ok(store) => store,
            Err(StateError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match access {
            Access::Write => self.replay(place, &store, key.as_ref())?,
            Access::Read => self.tell_of_unrecorded(place, &store)?,
        }
        Ok(Some(Arc::new(store)))
    }

    /// Where outcomes wait that a state could not record: in the state's own folder, or in one of the user.
    pub(super) fn unrecorded_folder(&self, place: &Place) -> Result<PathBuf, String> {
        match place.location() {
            Location::Folder(folder) => Ok(folder.clone()),
            Location::Postgres(_) | Location::Bucket(_) => {
                unrecorded::folder_of_the_user(&self.global.directory)
            }
        }
    }

    /// The file of a state's outcomes that wait, and its lineage, if there is one.
    fn unrecorded(
        &self,
        place: &Place,
        store: &HostedStore,
    ) -> Result<Option<(PathBuf, Uuid)>, StateError> {
        let Ok(folder) = self.unrecorded_folder(place) else { return Ok(None) };
        let lineage = waited_for(store.meta())?.lineage;
        let waits = UnrecordedOutcomes::file(&folder, lineage).exists();
        Ok(waits.then_some((folder, lineage)))
    }

    /// Records what an earlier run could not. The store is open for writing: nobody else does so meanwhile.
    fn replay(
        &self,
        place: &Place,
        store: &HostedStore,
        key: Option<&StateKey>,
    ) -> Result<(), StateError> {
        let Some((folder, lineage)) = self.unrecorded(place, store)? else { return Ok(()) };
        let outcomes = UnrecordedOutcomes::load(&folder, lineage, key)?;
        let settled = waited_for(Box::pin(outcomes.replay(store)))?;
        if settled > 0 {
            self.output.note(&format!(
                "recorded what became of {}, which an earlier run could not",
                words::count(settled, "delivery", "deliveries")
            ));
        }
        Ok(())
    }

    /// Says that something waits, and leaves it where it is.
    fn tell_of_unrecorded(&self, place: &Place, store: &HostedStore) -> Result<(), StateError> {
        if let Some((folder, lineage)) = self.unrecorded(place, store)? {
            self.output.note(&format!(
                "an earlier run could not record what became of its last requests: it waits in {}, and apply records it",
                UnrecordedOutcomes::file(&folder, lineage).display()
            ));
        }
        Ok(())
    }

    /// Refuses a folder that git tracks, and warns once of one that it does not ignore.
    pub(super) fn check_folder(&self, place: &Place, mode: Mode) -> Result<(), Failure> {
        let Location::Folder(folder) = place.location() else { return Ok(()) };
        if mode == Mode::MustExist && !folder.exists() {
            return Ok(());
        }
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.insert(folder.clone())
            && let Some(warning) = state_folder::check(folder, &self.global.directory)
                .map_err(|failure| failure.reworded(hidden::in_words))?
        {
            self.output.warning(&hidden::in_words(warning));
        }
        Ok(())
    }

    /// What the state is encrypted under. The sandbox's is not: its messages are not, either.
    pub(super) fn state_key(&self, place: &Place) -> Result<Option<StateKey>, Failure> {
        if place.is_sandbox() {
            return Ok(None);
        }
        secrets::state_key(STATE_KEY, surroundings::raw_variable)
    }

    /// That the passphrases can be used, if any are set, whether the command comes to need them or not: what
    /// works without one today would tell nobody that it is wrong.
    pub(super) fn check_state_keys(&self) -> Result<(), Failure> {
        for name in [STATE_KEY, NEW_STATE_KEY] {
            secrets::state_key(name, surroundings::raw_variable)?;
        }
        Ok(())
    }

    /// How the files of a state are rewritten.
    pub(super) fn options_to_compact(&self, place: &Place) -> Result<OpenOptions, Failure> {
        let patience = self.global.lock_timeout.unwrap_or_default();
        let key = self.state_key(place)?;
        let (mode, access) = (Mode::MustExist, Access::Write);
        Ok(open_options(place, mode, access, "state compact", patience, key))
    }

    /// How an older state is brought back.
    pub(super) fn options_to_restore(&self, place: &Place) -> Result<OpenOptions, Failure> {
        let patience = self.global.lock_timeout.unwrap_or_default();
        let key = self.state_key(place)?;
        let (mode, access) = (Mode::MustExist, Access::Write);
        Ok(open_options(place, mode, access, "state restore", patience, key))
    }

    /// The passphrase that the state shall have.
    pub(super) fn new_state_key(&self) -> Result<Option<StateKey>, Failure> {
        secrets::state_key(NEW_STATE_KEY, surroundings::raw_variable)
    }

    /// That there is no state, where one must be.
    pub(super) fn no_state(&self, place: &Place) -> Failure {
        let missing = StateError::NotFound {
            place: place.location().to_string(),
            environment: place.namespace().to_owned(),
        };
        self.about_sandbox(place, missing.into())
    }

    /// Adds that the sandbox has a state, if that may be what is missed.
    fn about_sandbox(&self, place: &Place, failure: Failure) -> Failure {
        if self.has_sandbox_state(place) {
            failure.help("the sandbox has one: add --sandbox to look at it")
        } else {
            failure
        }
    }

    /// Whether something was applied in the sandbox, and nothing for real.
    pub(super) fn has_sandbox_state(&self, place: &Place) -> bool {
        !self.global.sandbox && place.sandbox_journal().exists()
    }

    /// Sets up the way to the API. In a sandbox, the server is started on `runtime`.
    pub(super) fn link(
        &self,
        runtime: &Runtime,
        project: &Project,
        place: &Place,
    ) -> Result<Link, Failure> {
        let settings = &project.settings;
        let (base_url, keys, sandbox) = if let Some(url) = self.endpoint(settings)?.url() {
            let keys = secrets::keys(self.global.api_key_file.as_ref(), surroundings::variable)?;
            (url.clone(), keys, None)
        } else {
            private_file::refuse_link(&place.sandbox_journal())?;
            let running = runtime
                .block_on(Sandbox::start(sandbox::Options {
                    data: Some(place.sandbox_journal()),
                    ..sandbox::Options::in_memory(surroundings::clock())
                }))
                .map_err(|error| Failure::new(hidden::in_words(error.to_string())))?;
            for warning in running.warnings() {
                self.output.warning(&hidden::in_words(warning));
            }
            let keys = secrets::Keys { api: "sandbox".to_owned().into(), partner: None };
            let url = BaseUrl::parse(&running.base_url())
                .map_err(|error| Failure::new(error.to_string()))?;
            (url, keys, Some(running))
        };
        if let Some(problem) = key::inspect(secrecy::ExposeSecret::expose_secret(&keys.api))
            .filter(|_| base_url.is_https())
        {
            self.output.warning(&format!("the API key {problem}"));
        }
        let _inside = runtime.enter();
        let client = Client::new(Config {
            base_url,
            api_key: keys.api,
            partner_key: keys.partner,
            timeout: settings.timeout,
            user_agent: concat!("pushsync/", env!("CARGO_PKG_VERSION")).to_owned(),
        })
        .map_err(|error| Failure::new(error.to_string()))?
        .masking(self.output.masking().known().clone());
        Ok(Link { client, sandbox })
    }

    /// How a run goes about it.
    pub(super) fn options(&self, project: &Project, bounds: &Bounds) -> Options {
        Options {
            concurrency: bounds.concurrency.unwrap_or(project.settings.concurrency),
            requests_per_hour: project.settings.requests_per_hour,
            max_requests: bounds.max_requests,
            max_duration: bounds.max_duration,
            max_wait: bounds.max_wait,
            seed: fastrand::u64(..),
            clock: surroundings::clock(),
        }
    }

    /// What the history says of this run.
    pub(super) fn run_info(&self, command: &str, of: Option<Commit>) -> RunInfo {
        let dirty = of.as_ref().is_some_and(|commit| commit.dirty);
        let commit = of.map(|commit| commit.id.into());
        RunInfo { id: Uuid::new_v4(), command: command.to_owned(), commit, dirty }
    }

    /// The project's folder, from the root of its repository on.
    pub(super) fn folder_in_repository(&self) -> String {
        git::folder_in_repository(&self.global.directory)
    }

    /// The commit that the project's folder is at, while something else is done.
    pub(super) fn commit_ahead(&self) -> git::Ahead {
        git::Ahead::start(&self.global.directory)
    }

    /// The commit that the project's folder is at.
    pub(super) fn commit(&self) -> Option<Commit> {
        git::commit(&self.global.directory)
    }
}

/// The answer of a store to somebody who has no runtime yet.
fn waited_for<T>(answer: Answer<'_, T>) -> Result<T, StateError> {
    let runtime = Builder::new_current_thread().build().map_err(|source| StateError::Io {
        action: "start for",
        path: "the state".into(),
        source,
    })?;
    runtime.block_on(answer)
}

fn open_options(
    place: &Place,
    mode: Mode,
    access: Access,
    command: &str,
    lock_timeout: Duration,
    key: Option<StateKey>,
) -> OpenOptions {
    OpenOptions {
        location: place.location().clone(),
        environment: place.namespace().to_owned(),
        mode,
        access,
        holder: surroundings::holder(command),
        lock_timeout,
        new_lineage: Uuid::new_v4(),
        now: surroundings::now(),
        key,
    }
}

/// What `--target` names.
pub(super) fn selection(targets: &[Target]) -> Selection {
    let mut selection = Selection::default();
    for target in targets {
        match target {
            Target::Key(key) => _ = selection.keys.insert(key.clone()),
            Target::Address(address) => _ = selection.addresses.insert(address.clone()),
        }
    }
    selection
}

fn start(threads: usize) -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("could not start: {error}")))
}
