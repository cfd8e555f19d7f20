//! The global options, the project that they name, and the commit that it is at.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::{
    apply::RunInfo,
    cli::{
        args::{GlobalOptions, SelectionArgs},
        environment,
        failure::Failure,
        git::{self, CommitLookup},
        interrupts::Interrupts,
        masking::Readers,
        output::Output,
        shell_command::ShellCommand,
    },
    controller::Observers,
    diagnostics::Report,
    manifest::{
        self, Limits, LoadOptions, LoadedAudience, MaskVisitors, Project, Queries, VisitorSecrets,
    },
    model::{BaseUrl, IdSource, Intent, Key, StateLocation},
    plan::Commit,
    render::{Commands, humanize},
    state::CloseErrors,
};

/// What a command needs of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Who gets its messages: queries run, and the secrets of visitors' ids must be there.
    Audiences,
    /// That it is right: queries run, and what has no secret is checked without one.
    Checks,
    /// Its settings, senders and keys: no query runs, and no secret is needed.
    Files,
}

/// The global options, and the streams that a command writes to.
pub(crate) struct Context {
    pub(crate) global: GlobalOptions,
    pub(crate) output: Output,
    /// The folders of states that git was asked about.
    pub(super) checked_folders: Mutex<HashSet<PathBuf>>,
    /// Gets the errors of the states that the command opened and that could not be closed well.
    pub(crate) close_errors: CloseErrors,
    /// The commit that the project's files are of, if they were taken out of it.
    commit: Option<Commit>,
    /// What stops the runs of a process that listens to signals itself.
    pub(super) interrupts: Option<Arc<Interrupts>>,
    /// What observes the runs of a process.
    pub(super) observers: Option<Observers>,
}

impl Context {
    pub(crate) fn new(global: GlobalOptions, output: Output) -> Self {
        let (checked_folders, close_errors) = (Mutex::default(), CloseErrors::default());
        Self {
            global,
            output,
            checked_folders,
            close_errors,
            commit: None,
            interrupts: None,
            observers: None,
        }
    }

    /// The same, for a process that works in cycles and listens to signals itself.
    pub(crate) fn in_cycles(&self, interrupts: Arc<Interrupts>, observers: Observers) -> Self {
        let output = self.output.clone().saying_once();
        Self {
            interrupts: Some(interrupts),
            observers: Some(observers),
            ..Self::new(self.global.clone(), output)
        }
    }

    /// Whether the process, if it works in cycles, is to end.
    pub(crate) fn is_over(&self) -> bool {
        self.interrupts.as_ref().is_some_and(|interrupts| interrupts.is_over())
    }

    /// The same context, for files that were taken out of a commit.
    pub(crate) fn at_commit(self, commit: Commit) -> Self {
        Self { commit: Some(commit), ..self }
    }

    /// Another command on the same project, state and API, to be copied.
    pub(crate) fn command(&self, command: &str) -> ShellCommand {
        let GlobalOptions {
            directory,
            env,
            state,
            refuse_state_url,
            base_url,
            api_key_file,
            sandbox,
            lock_timeout: _,
            allow_outside,
            raise_limit,
            color: _,
            mask_visitors: _,
            verbose: _,
            quiet: _,
            log_format: _,
        } = &self.global;
        let mut line = ShellCommand::new(command);
        if *sandbox {
            line = line.global("--sandbox");
        }
        if directory != Path::new(".") {
            line = line.global_option("-C", directory);
        }
        if let Some(env) = env {
            line = line.global_option("--env", env);
        }
        if *allow_outside {
            line = line.global("--allow-outside");
        }
        for limit in raise_limit {
            line = line.global_option("--raise-limit", limit.to_string());
        }
        if *refuse_state_url {
            line = line.global("--refuse-state-url");
        }
        // What a variable says holds for the next command as well.
        let given =
            |value: &&String, name: &str| environment::variable(name).as_ref() != Some(*value);
        if let Some(state) = state {
            match StateLocation::parse(state, Path::new("")) {
                Ok(location) if location.may_be_shown() => {
                    line = line.global_option("--state", state);
                }
                _ if given(&state, "PUSHSYNC_STATE") => {
                    line = line.needs("with the URL of --state in PUSHSYNC_STATE");
                }
                _ => {}
            }
        }
        // Other commands on the state send nothing to the API.
        if !command.starts_with("state ") || command == "state resolve" {
            if let Some(Ok(url)) = base_url.as_deref().map(BaseUrl::parse) {
                line = line.global_option("--base-url", url.to_string());
            }
            let file = |file: &&PathBuf| {
                environment::variable("BREVO_API_KEY_FILE").map(PathBuf::from).as_ref()
                    != Some(*file)
            };
            if let Some(file) = api_key_file.as_ref().filter(file) {
                line = line.global_option("--api-key-file", file);
            }
        }
        line
    }

    /// The commands that readers of a plan may copy. Readers elsewhere have a clone of their own, in which the
    /// project is in `folder`.
    pub(crate) fn copied_commands(
        &self,
        selection: &SelectionArgs,
        intents: &[Intent],
        folder: Option<&str>,
    ) -> Commands {
        let here;
        let context = match folder {
            None => self,
            Some(folder) => {
                let GlobalOptions { env, base_url, sandbox, .. } = &self.global;
                let folder = folder.trim_end_matches('/');
                let global = GlobalOptions {
                    directory: if folder.is_empty() { "." } else { folder }.into(),
                    env: env.clone(),
                    base_url: base_url.clone(),
                    sandbox: *sandbox,
                    state: None,
                    refuse_state_url: false,
                    api_key_file: None,
                    ..self.global.clone()
                };
                here = Self::new(global, self.output.clone());
                &here
            }
        };
        let mask = self.output.masks_out(match folder {
            None => Readers::Here,
            Some(_) => Readers::Elsewhere,
        });
        let mut seen = BTreeSet::new();
        let masked = intents.iter().map(|intent| humanize::address(&intent.address, true));
        let unclear = masked.filter(|masked| !seen.insert(masked.clone())).collect();
        let plan = context.command("plan").selecting(selection, mask).options_first();
        Commands {
            resolve: context.command("state resolve").options_first().to_string().into(),
            plan: plan.to_string().into(),
            unclear,
        }
    }

    /// The same, for a command that names its environments itself.
    pub(crate) fn command_without_env(&self, command: &str) -> ShellCommand {
        let global = GlobalOptions { env: None, ..self.global.clone() };
        Self::new(global, self.output.clone()).command(command)
    }

    /// The same failure, whose commands in backticks are about this project, environment and state. The rooms that
    /// wrote them do not know these.
    pub(crate) fn with_whole_commands(&self, mut failure: Failure) -> Failure {
        let plain = self.command("x").to_string() == "pushsync x";
        if !plain {
            for text in failure.messages.iter_mut().chain(&mut failure.help) {
                *text = self.whole_commands(text);
            }
        }
        failure
    }

    fn whole_commands(&self, text: &str) -> String {
        let mut before = "";
        let parts = text.split('`').enumerate().map(|(at, part)| {
            // Who holds a lock is no command to type.
            let told = at % 2 == 1 && !before.ends_with(" by ");
            before = part;
            let command = part.strip_prefix("pushsync ").filter(|_| told);
            let of_project = |command: &&str| {
                let first = command.split(' ').next().unwrap_or_default();
                let is_whole = [" -C ", " --env ", " --state "].iter().any(|o| command.contains(o));
                ["apply", "plan", "refresh", "import", "state"].contains(&first) && !is_whole
            };
            match command.filter(of_project) {
                Some(command) => self.command(command).to_string(),
                None => part.to_owned(),
            }
        });
        parts.collect::<Vec<_>>().join("`")
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

    /// Loads the project for what a command needs of it, without a message.
    pub(crate) fn load_for(&self, needs: Needs) -> manifest::Loaded {
        self.known(self.loader(needs)())
    }

    /// Remembers the visitors of a project, and how it masks them.
    fn known(&self, loaded: manifest::Loaded) -> manifest::Loaded {
        self.know(&loaded);
        if let Some(project) = loaded.at_least() {
            self.output.masking().set_manifest_setting(project.settings.mask_visitors);
        }
        loaded
    }

    /// Loads one audience of the project.
    pub(crate) fn load_audience(&self, name: &str, needs: Needs) -> LoadedAudience {
        let options = load_options(&self.global, needs);
        let loaded = manifest::load_audience(&self.global.directory, &options, name);
        let known = self.output.masking().known();
        match &loaded.table {
            Some(table) => known.add(Arc::clone(table) as Arc<dyn IdSource>),
            None => known.add(Arc::new(loaded.report.sources().clone())),
        }
        self.output.masking().set_manifest_setting(loaded.mask_visitors);
        loaded
    }

    /// Loads the project for the environment that is chosen, or for each of them if none is, and gives each to `check`.
    pub(crate) fn load_environments(
        &self,
        needs: Needs,
        check: &mut dyn FnMut(String, manifest::Loaded),
    ) {
        if let Some(name) = &self.global.env {
            return check(name.clone(), self.load_for(needs));
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
        let options = load_options(&self.global, needs);
        manifest::load_all(&self.global.directory, &options, &mut each);
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
    pub(crate) fn loader(
        &self,
        needs: Needs,
    ) -> impl Fn() -> manifest::Loaded + Send + Sync + use<> {
        let global = self.global.clone();
        move || manifest::load(&global.directory, &load_options(&global, needs))
    }

    /// Loads the project with its audiences. Errors in it are reported, and end the command.
    pub(crate) fn project(&self) -> Result<(Project, Report), Failure> {
        self.project_for(Needs::Audiences)
    }

    /// Loads the project for what a command needs of it. Errors in it are reported, and end the command.
    pub(crate) fn project_for(&self, needs: Needs) -> Result<(Project, Report), Failure> {
        self.project_allowing(needs, &[])
    }

    /// The same, for messages whose audiences may be other than is expected.
    pub(crate) fn project_allowing(
        &self,
        needs: Needs,
        allow_change: &[Key],
    ) -> Result<(Project, Report), Failure> {
        let options = LoadOptions { allow_change, ..load_options(&self.global, needs) };
        self.accepted(self.known(manifest::load(&self.global.directory, &options)))
    }

    /// The project that was loaded. Errors in it are reported, and end the command.
    pub(crate) fn accepted(
        &self,
        mut loaded: manifest::Loaded,
    ) -> Result<(Project, Report), Failure> {
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
        let command = command.to_owned();
        RunInfo { id: Uuid::new_v4(), command, commit, dirty, files: None }
    }

    /// The project's folder, relative to the root of its repository.
    pub(crate) fn folder_in_repository(&self) -> String {
        git::folder_in_repository(&self.global.directory)
    }

    /// Starts to look up the commit that the project's folder is at.
    pub(crate) fn start_commit_lookup(&self) -> CommitLookup {
        match &self.commit {
            Some(commit) => CommitLookup::known(commit.clone()),
            None => CommitLookup::start(&self.global.directory),
        }
    }

    /// The commit that the project's folder is at.
    pub(crate) fn commit(&self) -> Option<Commit> {
        git::commit(&self.global.directory)
    }
}

fn load_options(global: &GlobalOptions, needs: Needs) -> LoadOptions<'static> {
    let (queries, secrets) = match needs {
        Needs::Audiences => (Queries::Run, VisitorSecrets::Needed),
        Needs::Checks => (Queries::Run, VisitorSecrets::Optional),
        Needs::Files => (Queries::LeaveOut, VisitorSecrets::Optional),
    };
    LoadOptions {
        limits: Limits::with(&global.raise_limit),
        environment: global.env.clone(),
        allow_outside: global.allow_outside,
        env: &environment::variable,
        now: environment::now(),
        queries,
        secrets,
        allow_change: &[],
    }
}

fn runtime(threads: usize) -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("could not start: {error}")))
}
