//! `pushsync status`.
//!
//! It ends with 0 whenever it could look, whatever it saw, as `git status` and `kubectl get` do: a script that asks
//! whether something is unknown reads the document. The status 4 is for those that have sent something. Only a state
//! that cannot be read at all is an error; one that another process has locked for the moment is told instead.

use std::{io::Write, sync::Arc};

use super::{
    observe::{Facts, Observed, broken, observe, status_of},
    text::{Screen, text},
};
use crate::{
    cli::{
        args::{DataFormat, StatusArgs},
        context::{Context, Needs},
        environment,
        failure::{Failure, status},
        selected_state::SelectedState,
    },
    controller::{ManifestStatus, Status},
    manifest::{Loaded, Project},
    model::Endpoint,
    state::{Access, Mode, StateError, Store},
};

pub(in crate::cli) fn run(context: &Context, args: &StatusArgs) -> Result<u8, Failure> {
    let loaded = context.load_for(Needs::Files);
    let state = state_of(context, &loaded)?;
    let project = loaded.project.as_ref();
    let settings = loaded.at_least().map(|project| &project.settings);
    let api = settings.map(|settings| context.endpoint(settings)).transpose()?;
    let manifest = match project {
        Some(_) => ManifestStatus { ok: true, ..ManifestStatus::default() },
        None => broken(context, &loaded.report.masked()),
    };
    let look = Look { context, state: &state, project, api: api.as_ref(), manifest };
    let status = look.status()?;
    if args.format == DataFormat::Json {
        context.output.json(&status)?;
        return Ok(status::DONE);
    }
    let command = |name: &str| context.command(name).to_string();
    let screen = Screen {
        width: context.output.width(),
        mask: context.masks(),
        zone: environment::zone(),
        plan: &command("plan"),
        resolve: &command("state resolve"),
        validate: &command("validate"),
        list: &context.command("status").option("--format", "json").to_string(),
    };
    context.output.out().write_all(text(&status, &screen).as_bytes())?;
    if status.state.exists == Some(false) && context.only_sandbox_has_state(&state) {
        context.output.hint("the sandbox has a state: add --sandbox to look at it");
    }
    Ok(status::DONE)
}

/// The state of the project. Where the manifest has errors beside `state:`, what it says is good enough to look at.
fn state_of(context: &Context, loaded: &Loaded) -> Result<SelectedState, Failure> {
    match loaded.at_least() {
        Some(project) => {
            let state = context.selected_state(project)?;
            let sure = loaded.settings().is_some() || context.global.state.is_some();
            if sure || context.is_there(&state) {
                return Ok(state);
            }
            context.state_of_loaded(loaded)
        }
        None => context.state_of_loaded(loaded),
    }
}

struct Look<'a> {
    context: &'a Context,
    state: &'a SelectedState,
    project: Option<&'a Project>,
    api: Option<&'a Endpoint>,
    manifest: ManifestStatus,
}

impl Look<'_> {
    fn status(self) -> Result<Status, Failure> {
        let Self { context, state, project, api, manifest } = self;
        let runtime = context.runtime()?;
        context.check_folder(state, Mode::MustExist)?;
        let options = context.open_options(state, Mode::MustExist, Access::Read, "status")?;
        let store = match context.open_with(state, options) {
            Ok(store) => store,
            Err(StateError::Locked { holder, .. }) => {
                let (facts, now) = (Facts::default(), environment::now());
                let mut status = status_of(context, state, api, manifest, &facts, now);
                (status.state.exists, status.state.locked_by) = (None, holder);
                return Ok(status);
            }
            Err(error) => return Err(state.failure(error)),
        };
        let problem = problem_of(context, &runtime, state, project, api, store.as_ref());
        let mut status = observe(Observed {
            context,
            handle: runtime.handle(),
            project,
            api,
            manifest,
            state,
            store: store.as_ref(),
            counts: None,
            agreed: false,
        })?;
        status.state.problem = problem;
        Ok(status)
    }
}

/// Why the state is not the one that `pushsync.lock` names, or not one of this API.
fn problem_of(
    context: &Context,
    runtime: &tokio::runtime::Runtime,
    state: &SelectedState,
    project: Option<&Project>,
    api: Option<&Endpoint>,
    store: Option<&Arc<dyn Store>>,
) -> Option<String> {
    let (project, api) = (project?, api?);
    let of_api = || {
        let meta = runtime.block_on(store?.meta()).ok()?;
        context.check_same_api(api, &meta).err()
    };
    let checked = context.check_state(project, state, api, runtime, store, false);
    let failure = checked.err().or_else(of_api)?;
    let (messages, _) = context.output.words_of(&failure);
    messages.into_iter().next()
}
