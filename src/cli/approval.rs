//! The checks before a plan is applied: someone has agreed to it, and it is still that plan.

use std::{
    io::{self, BufRead, Write},
    path::Path,
    sync::Arc,
    thread,
};

use tokio::{runtime::Runtime, sync::oneshot};

use super::{
    args::SelectionArgs, context::Context, failure::Failure, git::Repository,
    selected_state::SelectedState, signals,
};
use crate::{
    files,
    model::{CommitId, Endpoint},
    plan::{Plan, Review, StateRef, wire},
    render,
    state::{Run, Store},
};

/// Larger than any plan: those have limits of their own.
const MOST_BYTES: u64 = 4 << 30;

/// Reads a saved plan.
pub(super) fn saved_plan(context: &Context, path: &Path) -> Result<Plan, Failure> {
    let failed = |why: String| Failure::new(format!("could not use {}: {why}", path.display()));
    let bytes = files::read_given(path, MOST_BYTES).map_err(|error| failed(error.to_string()))?;
    wire::decode(&bytes).map_err(|error| {
        failed(error.to_string())
            .help(format!("make a new one: {}", context.command("plan").option("--out", "FILE")))
    })
}

/// Refuses a plan for another environment or another API.
pub(super) fn check_target(
    plan: &Plan,
    api: &Endpoint,
    state: &SelectedState,
) -> Result<(), Failure> {
    let why = if plan.environment != state.environment() {
        format!(
            "the plan is for the environment `{}`, this run is for `{}`",
            plan.environment,
            state.environment()
        )
    } else {
        match (&plan.api, api) {
            (Endpoint::Sandbox, Endpoint::At(_)) => {
                "the plan was made with --sandbox, and this run is for real".to_owned()
            }
            (Endpoint::At(_), Endpoint::Sandbox) => {
                "the plan was made for real, and this run has --sandbox".to_owned()
            }
            (Endpoint::At(made_for), Endpoint::At(here)) if made_for != here => {
                format!("the plan is for the API at {made_for}, this run is for that at {here}")
            }
            (Endpoint::Sandbox, Endpoint::Sandbox) | (Endpoint::At(_), Endpoint::At(_)) => {
                return Ok(());
            }
        }
    };
    Err(Failure::new(why).help("nothing was done; make a new plan and review it"))
}

/// Refuses a plan that was made from another state, or from an earlier one.
pub(super) fn check_fresh(
    plan: &Plan,
    runtime: &Runtime,
    store: Option<&Arc<dyn Store>>,
) -> Result<(), Failure> {
    let now = match store {
        Some(store) => {
            let meta = runtime.block_on(store.meta())?;
            StateRef { lineage: Some(meta.lineage), serial: meta.serial }
        }
        None => StateRef { lineage: None, serial: 0 },
    };
    let why = if plan.state.lineage.is_some() && now.lineage.is_none() {
        "the plan was made from a state, and there is no state here".to_owned()
    } else if plan.state.lineage.is_some() && plan.state.lineage != now.lineage {
        "the plan was made from another state (its lineage differs)".to_owned()
    } else if plan.state.serial != now.serial {
        format!(
            "the state has changed since the plan was made (serial {} then, {} now)",
            plan.state.serial, now.serial
        )
    } else {
        return Ok(());
    };
    Err(Failure::new(why).help("nothing was done; make a new plan and review it"))
}

/// Asks whether to apply the plan.
pub(super) fn ask(context: &Context, runtime: &Runtime, plan: &Plan) -> Result<bool, Failure> {
    // Before anybody sees the question: the answer may be Ctrl-C.
    runtime.block_on(signals::listen())?;
    let mut err = context.output.err();
    write!(err, "\n{} Only `yes` is accepted: ", render::question(plan))?;
    err.flush()?;
    drop(err);
    let (answers, answer) = oneshot::channel();
    // Nothing ends the reading of a terminal; the process does not wait for this thread.
    thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        let _nobody_waits = answers.send(read.map(|_| answer));
    });
    let failed = |error| Failure::new(format!("could not read the answer: {error}"));
    let answered = runtime.block_on(signals::answered(answer));
    if answered.is_err() {
        // The question has no line end.
        writeln!(context.output.err())?;
    }
    match answered? {
        Ok(read) => Ok(read.map_err(failed)?.trim() == "yes"),
        Err(_) => Err(Failure::new("could not read the answer")),
    }
}

/// Refuses changes that differ from those of the plan that was reviewed.
pub(super) fn check_reviewed(
    context: &Context,
    plan: &Plan,
    reviewed: &Review,
    selection: &SelectionArgs,
) -> Result<(), Failure> {
    let now = Review::of(plan);
    if plan.is_empty() || now.is(reviewed) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the changes are not those that were reviewed: they have the digest {now}, the reviewed ones {reviewed}"
    ))
    .help(format!(
        "nothing was done. The state or the manifest has changed since; review the changes again: {}",
        context.command("plan").selecting(selection, context.output.masks_err())
    )))
}

/// Whether the last apply stopped early, so that this one can go on with it.
pub(super) fn resumes(
    context: &Context,
    runtime: &Runtime,
    store: Option<&Arc<dyn Store>>,
) -> Result<bool, Failure> {
    let last = match store {
        Some(store) => last_apply(runtime, store)?,
        None => None,
    };
    let Some(run) = last else {
        context.output.note("nothing to resume: nothing was applied yet");
        return Ok(false);
    };
    let Some(why @ ("budget" | "duration" | "signal" | "outage" | "killed")) =
        run.stopped.as_deref()
    else {
        context.output.note(&match &run.stopped {
            None => format!("nothing to resume: the apply of {:.0} came to its end", run.started_at),
            // If someone had looked at it, it would have been applied again since.
            Some(_) => format!(
                "nothing to resume: the apply of {:.0} was refused by the API, not cut short; apply again once that is fixed",
                run.started_at
            ),
        });
        return Ok(false);
    };
    // Other commits matter only if they change the project's folder.
    let here = Checkout::of(&context.global.directory);
    if !here.is_at(run.commit.as_deref()) {
        return Err(Failure::new(format!(
            "the apply of {:.0} stopped early ({why}) with the manifest of {}, and this is {}",
            run.started_at,
            named(run.commit.as_deref()),
            here.named()
        ))
        .help("nothing was done. The project's files differ since, or that commit is not in this clone (fetch it, or clone with all history); check it out to go on with it, or review a new plan and apply that"));
    }
    context.output.note(&format!(
        "going on with the apply of {:.0}, which stopped early: {why}",
        run.started_at
    ));
    Ok(true)
}

/// The project's files, as git knows them.
struct Checkout {
    repository: Option<Repository>,
    commit: Option<CommitId>,
    /// Why git does not know.
    why: Option<String>,
}

impl Checkout {
    fn of(project: &Path) -> Self {
        let asked = Repository::of(project, project).and_then(|repository| {
            let commit = repository.as_ref().map(Repository::commit).transpose()?.flatten();
            Ok((repository, commit.map(|commit| commit.id)))
        });
        match asked {
            Ok((repository, commit)) => Self { repository, commit, why: None },
            Err(error) => Self { repository: None, commit: None, why: Some(error.to_string()) },
        }
    }

    /// Whether the files are those of the commit that a run noted.
    fn is_at(&self, then: Option<&str>) -> bool {
        match (&self.commit, then) {
            (None, None) => self.why.is_none(),
            (Some(here), Some(then)) if here.as_str() == then => true,
            // The text comes from the state: only a whole hash is passed to git.
            (Some(_), Some(then)) => CommitId::parse(then)
                .is_ok_and(|then| self.repository.as_ref().is_some_and(|git| git.is_as_of(&then))),
            _ => false,
        }
    }

    fn named(&self) -> String {
        match &self.why {
            Some(why) => format!("no commit that is known ({why})"),
            None => named(self.commit.as_ref().map(CommitId::as_str)),
        }
    }
}

/// The words for a commit that a run noted.
fn named(commit: Option<&str>) -> String {
    match commit {
        None => "no commit".to_owned(),
        Some(text) if CommitId::parse(text).is_ok() => format!("commit {text}"),
        Some(text) => format!("{text:?}, which does not name a commit"),
    }
}

/// The newest run that was an apply.
fn last_apply(runtime: &Runtime, store: &Arc<dyn Store>) -> Result<Option<Run>, Failure> {
    // It is nearly always among the newest runs, but a state may be refreshed every hour.
    for most in [20, usize::MAX] {
        let runs = runtime.block_on(store.runs(most))?;
        if let Some(run) = runs.into_iter().find(|run| run.command == "apply") {
            return Ok(Some(run));
        }
    }
    Ok(None)
}
