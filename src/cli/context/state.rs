//! The state that a command works on, and how it is opened.

use std::{
    env,
    path::{Component, Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::runtime::Builder;
use uuid::Uuid;

use super::project::{Context, Needs};
use crate::{
    cli::{
        clock_time, environment, failure::Failure, secrets, selected_state::SelectedState,
        state_folder, unrecorded,
    },
    manifest::{DEFAULT_ENVIRONMENT, Loaded, Project, StateSetting, suggest},
    model::{ParseStateLocationError, StateLocation, one_line},
    render::humanize,
    state::{
        self, Access, Mode, OpenOptions, StateError, StateKey, StateTarget, Store, StoreFuture,
        unrecorded::{Replayed, UnrecordedOutcomes},
    },
};

/// The environment variable with the state's passphrase.
const STATE_KEY: &str = "PUSHSYNC_STATE_KEY";
/// The environment variable with the passphrase that `state rekey` sets.
const NEW_STATE_KEY: &str = "PUSHSYNC_NEW_STATE_KEY";

impl Context {
    /// The state that `--state` names, or else the project.
    pub(crate) fn selected_state(&self, project: &Project) -> Result<SelectedState, Failure> {
        let environment = self.environment(&project.environments)?;
        match &self.global.state {
            Some(text) => self.state_named(text, environment),
            None => self.state_of_project(&project.settings.state, environment),
        }
    }

    /// The same, for commands that use nothing else of the project: errors in its messages do not
    /// matter.
    pub(crate) fn state_without_project(&self) -> Result<SelectedState, Failure> {
        self.state_of_loaded(&self.load_for(Needs::Files))
    }

    /// The same, for a project that was loaded.
    pub(crate) fn state_of_loaded(&self, loaded: &Loaded) -> Result<SelectedState, Failure> {
        let declared = loaded.at_least().map(|project| &*project.environments);
        let environment = self.environment(declared.unwrap_or_default());
        if let Some(text) = &self.global.state {
            return self.state_named(text, environment?);
        }
        match loaded.settings() {
            Some(settings) => self.state_of_project(&settings.state, environment?),
            None => {
                self.output.report(&loaded.report);
                Err(Failure::silent().help("to look at a state without its project: --state DIR"))
            }
        }
    }

    /// The state of another environment, at the same place.
    pub(crate) fn state_of(&self, environment: &str) -> Result<SelectedState, Failure> {
        let environment = environment.to_owned();
        if let Some(text) = &self.global.state {
            return self.state_named(text, environment);
        }
        let loaded = self.load_for(Needs::Files);
        match loaded.settings() {
            Some(settings) => self.state_of_project(&settings.state, environment),
            None => {
                self.output.report(&loaded.report);
                Err(Failure::silent().help("to name a state without its project: --state DIR"))
            }
        }
    }

    /// The environment of this run. Where there are several, none is assumed: its messages would go to the
    /// wrong visitors.
    pub(crate) fn environment(&self, declared: &[String]) -> Result<String, Failure> {
        if let Some(name) = &self.global.env {
            return Ok(name.clone());
        }
        let Some(list) = suggest::list(declared.iter().map(String::as_str)) else {
            return Ok(DEFAULT_ENVIRONMENT.to_owned());
        };
        Err(Failure::new("no environment was named, and this project has environments: nothing was done")
            .help(format!(
                "add --env NAME, or set PUSHSYNC_ENV. Declared: {list}; `--env {DEFAULT_ENVIRONMENT}` is what holds without one"
            )))
    }

    fn state_of_project(
        &self,
        setting: &StateSetting,
        environment: String,
    ) -> Result<SelectedState, Failure> {
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
            self.output.hidden_values().hide(text, &setting.location);
        }
        self.state_at(setting.location.clone(), environment)
    }

    /// The state that an argument names; a path is relative to the working directory.
    pub(crate) fn state_named(
        &self,
        text: &str,
        environment: String,
    ) -> Result<SelectedState, Failure> {
        let here = env::current_dir().map_err(|error| {
            Failure::new(format!("could not find the working directory: {error}"))
        })?;
        let location = StateLocation::parse(text, &here)
            .map_err(|error| Failure::new(error.to_string()).help(ParseStateLocationError::CURE))?;
        self.state_at(location, environment)
    }

    fn state_at(
        &self,
        location: StateLocation,
        environment: String,
    ) -> Result<SelectedState, Failure> {
        let local = match &location {
            StateLocation::Folder(folder) => folder.clone(),
            StateLocation::Postgres(_) | StateLocation::Bucket(_) => {
                self.global.directory.join("state")
            }
        };
        if self.global.sandbox {
            // The sandbox is on this machine, wherever the state is kept.
            return Ok(SelectedState::sandbox(local, &environment)
                .imported_by(self.command("state import")));
        }
        let location = StateTarget::from(location)
            .complete(|name| environment::variable(name).map(Into::into));
        Ok(SelectedState::new(location, local, environment)
            .imported_by(self.command("state import")))
    }

    /// The place of the state for messages: without passwords, and without what variables hold.
    pub(crate) fn place_of(&self, state: &SelectedState) -> String {
        let shown = match state.location() {
            StateTarget::Folder(folder) => lexically_clean(folder).display().to_string(),
            elsewhere => elsewhere.to_string(),
        };
        self.output.hidden_values().replace(shown)
    }

    /// Opens the state to change it; `None` if it does not exist and `mode` does not create it.
    pub(crate) fn open(
        &self,
        state: &SelectedState,
        mode: Mode,
        command: &str,
    ) -> Result<Option<Arc<dyn Store>>, Failure> {
        self.check_folder(state, mode)?;
        let options = self.open_options(state, mode, Access::Write, command)?;
        self.open_with(state, options).map_err(|error| state.failure(error))
    }

    /// Opens the state to change it, and creates it if it does not exist.
    pub(crate) fn open_or_create(
        &self,
        state: &SelectedState,
        command: &str,
    ) -> Result<Arc<dyn Store>, Failure> {
        let store = self.open(state, Mode::CreateIfAbsent, command)?;
        store.ok_or_else(|| Failure::new("the state could not be created"))
    }

    /// Opens the state to read it; `None` if it does not exist.
    pub(crate) fn open_to_read(
        &self,
        state: &SelectedState,
        command: &str,
    ) -> Result<Option<Arc<dyn Store>>, Failure> {
        self.check_folder(state, Mode::MustExist)?;
        let options = self.open_options(state, Mode::MustExist, Access::Read, command)?;
        self.open_with(state, options).map_err(|error| state.failure(error))
    }

    /// Opens the state with these options; `None` if it does not exist. Its folder must have been checked.
    pub(crate) fn open_with(
        &self,
        state: &SelectedState,
        options: OpenOptions,
    ) -> Result<Option<Arc<dyn Store>>, StateError> {
        let (access, key) = (options.access, options.key.clone());
        let opened = match options.lock_timeout {
            // A wait that somebody has asked for may be long: say what is waited for.
            wait if self.global.lock_timeout.is_some() && !wait.is_zero() => {
                let at_once = OpenOptions { lock_timeout: Duration::ZERO, ..options.clone() };
                match state::open(at_once) {
                    Err(locked @ StateError::Locked { .. }) => {
                        self.say_what_is_waited_for(&locked, wait);
                        state::open(options)
                    }
                    other => other,
                }
            }
            _ => state::open(options),
        };
        let store = match opened {
            Ok(store) => store,
            Err(StateError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.recover_unrecorded(state, &*store, access, key.as_ref())?;
        Ok(Some(Arc::from(store)))
    }

    fn say_what_is_waited_for(&self, locked: &StateError, wait: Duration) {
        let now = environment::now();
        let until = now.checked_add(wait).unwrap_or(now);
        self.output.note(&format!(
            "waiting for the lock until {} ({}): {}",
            clock_time::time_of_day(until, now, &environment::zone()),
            humanize::duration(wait),
            self.output.hidden_values().replace(locked.to_string())
        ));
    }

    /// The options to open a state. Other readers finish soon, so a reader waits for them by default.
    pub(crate) fn open_options(
        &self,
        state: &SelectedState,
        mode: Mode,
        access: Access,
        command: &str,
    ) -> Result<OpenOptions, Failure> {
        let patience = match access {
            Access::Read => Duration::from_secs(5),
            Access::Write => Duration::ZERO,
        };
        Ok(OpenOptions {
            target: state.location().clone(),
            environment: state.namespace().to_owned(),
            mode,
            access,
            holder: environment::holder(command),
            lock_timeout: self.global.lock_timeout.unwrap_or(patience),
            new_lineage: Uuid::new_v4(),
            now: environment::now(),
            key: self.state_key(state)?,
            close_errors: self.close_errors.clone(),
        })
    }

    /// The folder of outcomes that a state could not record: the state's own, or one of the user.
    pub(crate) fn unrecorded_folder(&self, state: &SelectedState) -> Result<PathBuf, String> {
        match state.location() {
            StateTarget::Folder(folder) => Ok(folder.clone()),
            StateTarget::Postgres(_) | StateTarget::Bucket(_) => {
                unrecorded::user_folder(&self.global.directory)
            }
        }
    }

    /// Records the outcomes that an earlier run could not record. A command that only reads the state says
    /// that they are waiting.
    fn recover_unrecorded(
        &self,
        state: &SelectedState,
        store: &dyn Store,
        access: Access,
        key: Option<&StateKey>,
    ) -> Result<(), StateError> {
        let Ok(folder) = self.unrecorded_folder(state) else { return Ok(()) };
        let lineage = block_on(store.meta())?.lineage;
        let file = UnrecordedOutcomes::file(&folder, lineage);
        if !file.exists() {
            return Ok(());
        }
        if access == Access::Read {
            self.output.note(&format!(
                "an earlier run could not record what became of its last requests: it waits in {}, and apply records it",
                file.display()
            ));
            return Ok(());
        }
        let outcomes = UnrecordedOutcomes::load(&folder, lineage, key)?;
        let Replayed { settled, left } = block_on(Box::pin(outcomes.replay(store, key)))?;
        if settled > 0 {
            self.output.note(&format!(
                "recorded what became of {}, which an earlier run could not record",
                humanize::count(settled, "delivery", "deliveries")
            ));
        }
        for record in left.sent() {
            self.output.warning(&format!(
                "message {} ({}) was sent for {} by a run that had lost its lock, and the state does not have it: the visitor may have it beside another one. Look into the chat, delete there what is too much, then remove {}",
                one_line(record.id.as_str()),
                record.kind,
                humanize::address(&record.address, self.output.masks_err()),
                left.path().display()
            ));
        }
        Ok(())
    }

    /// Refuses a folder that git tracks, and warns once about a folder that git does not ignore.
    pub(crate) fn check_folder(&self, state: &SelectedState, mode: Mode) -> Result<(), Failure> {
        let StateTarget::Folder(folder) = state.location() else { return Ok(()) };
        if mode == Mode::MustExist && !folder.exists() {
            return Ok(());
        }
        let mut checked = self.checked_folders.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.insert(folder.clone())
            && let Some(warning) =
                state_folder::check(folder, &self.global.directory).map_err(Failure::about_state)?
        {
            self.output.warning(&self.output.hidden_values().replace(warning));
        }
        drop(checked);
        let real = |path: &Path| path.canonicalize().ok();
        if !state.is_sandbox()
            && real(folder).is_some()
            && real(folder) == real(&self.global.directory)
        {
            let own = "the state cannot be in the project's folder itself: it needs a folder of its own under `state:`";
            return Err(Failure::new(own)
                .help("write `state: state`, or name another folder with --state")
                .about_state());
        }
        Ok(())
    }

    /// The passphrase of the state. A sandbox has none, because its messages are not encrypted either.
    pub(crate) fn state_key(&self, state: &SelectedState) -> Result<Option<StateKey>, Failure> {
        if state.is_sandbox() {
            return Ok(None);
        }
        secrets::state_key(STATE_KEY, environment::raw_variable)
    }

    /// The passphrase that `state rekey` sets.
    pub(crate) fn new_state_key(&self) -> Result<Option<StateKey>, Failure> {
        secrets::state_key(NEW_STATE_KEY, environment::raw_variable)
    }

    /// Checks the passphrases that are set, whether the command needs them or not: if only some commands
    /// failed, nobody would learn early that a passphrase is wrong.
    pub(crate) fn check_state_keys(&self) -> Result<(), Failure> {
        for name in [STATE_KEY, NEW_STATE_KEY] {
            secrets::state_key(name, environment::raw_variable)?;
        }
        Ok(())
    }

    /// The error for a state that must exist and does not.
    pub(crate) fn no_state(&self, state: &SelectedState) -> Failure {
        if let Err(lost) = self.check_not_lost(state) {
            return lost;
        }
        let missing = Failure::from(StateError::NotFound {
            location: state.location().to_string(),
            environment: state.namespace().to_owned(),
        });
        if self.only_sandbox_has_state(state) {
            missing.help("the sandbox has one: add --sandbox to look at it")
        } else {
            missing
        }
    }

    /// Whether a state of a folder is there; of others, that can be seen only by opening them.
    pub(crate) fn is_there(&self, state: &SelectedState) -> bool {
        match state.location() {
            StateTarget::Folder(folder) => folder.exists(),
            StateTarget::Postgres(_) | StateTarget::Bucket(_) => true,
        }
    }

    /// Whether the command is not for the sandbox, and something was applied in the sandbox.
    pub(crate) fn only_sandbox_has_state(&self, state: &SelectedState) -> bool {
        !self.global.sandbox && state.sandbox_journal().exists()
    }
}

/// The path as people would write it, without `a/..`.
fn lexically_clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match (component, clean.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => _ = clean.pop(),
            (Component::CurDir, _) => {}
            (component, _) => clean.push(component),
        }
    }
    clean
}

/// Waits for a store before the command has a runtime.
fn block_on<T>(answer: StoreFuture<'_, T>) -> Result<T, StateError> {
    let runtime = Builder::new_current_thread().build().map_err(|source| StateError::Io {
        action: "start for",
        path: "the state".into(),
        source,
    })?;
    runtime.block_on(answer)
}
