//! The global options, the project that they name, and the commit that it is at.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::{
    apply::RunInfo,
    cli::{
        args::GlobalOptions,
        environment,
        failure::Failure,
        git::{self, CommitLookup},
        masking::Readers,
        output::Output,
    },
    diagnostics::Report,
    manifest::{self, Limits, LoadOptions, MaskVisitors, Project},
    model::{BaseUrl, StateLocation},
    plan::Commit,
    state::CloseErrors,
};

/// The global options, and the streams that a command writes to.
pub(crate) struct Context {
    pub(crate) global: GlobalOptions,
    pub(crate) output: Output,
    /// The folders of states that git was asked about.
    pub(super) checked_folders: Mutex<HashSet<PathBuf>>,
    /// Gets the errors of the states that the command opened and that could not be closed well.
    pub(crate) close_errors: CloseErrors,
}

impl Context {
    pub(crate) fn new(global: GlobalOptions, output: Output) -> Self {
        let (checked_folders, close_errors) = (Mutex::default(), CloseErrors::default());
        Self { global, output, checked_folders, close_errors }
    }

    /// Another command on the same project and state, to be copied.
    pub(crate) fn command(&self, command: &str) -> String {
        let GlobalOptions { directory, env, state, sandbox, base_url, raise_limit, .. } =
            &self.global;
        let mut line = format!("pushsync {command}");
        if *sandbox {
            line.push_str(" --sandbox");
        }
        if directory != Path::new(".") {
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
        // Commands on the state send nothing to the API.
        if let Some(Ok(url)) = base_url.as_deref().map(BaseUrl::parse)
            && !command.starts_with("state ")
        {
            line.push_str(&format!(" --base-url {url}"));
        }
        line
    }

    /// The same, for a command that names its environments itself.
    pub(crate) fn command_without_env(&self, command: &str) -> String {
        let global = GlobalOptions { env: None, ..self.global.clone() };
        Self::new(global, self.output.clone()).command(command)
    }

    /// The runtime of a command. One thread carries all requests, because they mostly wait for the API;
    /// a sandbox gets a second one for its server.
    pub(crate) fn runtime(&self) -> Result<Runtime, Failure> {
        runtime(1 + usize::from(self.global.sandbox))
    }

    /// The runtime of a server.
    pub(crate) fn server_runtime(&self) -> Result<Runtime, Failure> {
        runtime(2)
    }

    /// Loads the project without a message.
    pub(crate) fn load(&self) -> manifest::Loaded {
        let loaded = self.loader()();
        self.know(&loaded);
        if let Some(project) = loaded.at_least() {
            self.output.masking().set_manifest_setting(project.settings.mask_visitors);
        }
        loaded
    }

    /// Loads the project for the environment that is chosen, or for each of them if none is, and gives each to `check`.
    pub(crate) fn load_environments(&self, check: &mut dyn FnMut(String, manifest::Loaded)) {
        if let Some(name) = &self.global.env {
            return check(name.clone(), self.load());
        }
        let mut strictest = None;
        let mut each = |name, loaded: manifest::Loaded| {
            self.know(&loaded);
            let setting = loaded.at_least().map(|project| project.settings.mask_visitors);
            strictest = match (strictest, setting) {
                (Some(MaskVisitors::Always), _) | (_, Some(MaskVisitors::Always)) => {
                    Some(MaskVisitors::Always)
                }
                (Some(MaskVisitors::Auto), _) | (_, None) => strictest,
                (_, setting) => setting,
            };
            check(name, loaded);
        };
        manifest::load_all(&self.global.directory, &load_options(&self.global), &mut each);
        if let Some(setting) = strictest {
            self.output.masking().set_manifest_setting(setting);
        }
    }

    /// Remembers the visitors of a project.
    fn know(&self, loaded: &manifest::Loaded) {
        let known = self.output.masking().known();
        match &loaded.project {
            Some(project) => known.add(project.visitors()),
            None => known.add(Arc::new(loaded.report.sources().clone())),
        }
    }

    /// A function that loads the project each time.
    pub(crate) fn loader(&self) -> impl Fn() -> manifest::Loaded + Send + Sync + use<> {
        let global = self.global.clone();
        move || manifest::load(&global.directory, &load_options(&global))
    }

    /// Loads the project. Errors in it are reported, and end the command.
    pub(crate) fn project(&self) -> Result<(Project, Report), Failure> {
        let mut loaded = self.load();
        if let Some(project) = loaded.project.take() {
            return Ok((project, loaded.report));
        }
        // Report the errors that only rendering finds together with the others.
        crate::desired::check(&mut loaded);
        self.output.report(&loaded.report);
        Err(Failure::silent())
    }

    /// Whether visitors' ids are masked on stdout.
    pub(crate) fn masks(&self) -> bool {
        self.output.masks_out(Readers::Here)
    }

    /// The description of this run for the history.
    pub(crate) fn run_info(&self, command: &str, commit: Option<Commit>) -> RunInfo {
        let dirty = commit.as_ref().is_some_and(|commit| commit.dirty);
        let commit = commit.map(|commit| commit.id.into());
        RunInfo { id: Uuid::new_v4(), command: command.to_owned(), commit, dirty }
    }

    /// The project's folder, relative to the root of its repository.
    pub(crate) fn folder_in_repository(&self) -> String {
        git::folder_in_repository(&self.global.directory)
    }

    /// Starts to look up the commit that the project's folder is at.
    pub(crate) fn start_commit_lookup(&self) -> CommitLookup {
        CommitLookup::start(&self.global.directory)
    }

    /// The commit that the project's folder is at.
    pub(crate) fn commit(&self) -> Option<Commit> {
        git::commit(&self.global.directory)
    }
}

fn load_options(global: &GlobalOptions) -> LoadOptions<'static> {
    LoadOptions {
        limits: Limits::with(&global.raise_limit),
        environment: global.env.clone(),
        allow_outside: global.allow_outside,
        env: &environment::variable,
        now: environment::now(),
    }
}

fn runtime(threads: usize) -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("could not start: {error}")))
}
