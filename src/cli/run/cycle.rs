//! One cycle: load, plan, apply, and verify with what is left of the budget.

use std::sync::Arc;

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{files::ProjectFiles, verification::Verification};
use crate::{
    apply::{Oldest, Outcome, Stop},
    cli::{
        apply::end_approvals,
        approval,
        args::{AudienceArgs, Bounds, RunArgs, SelectionArgs},
        context::{Context, Needs},
        environment,
        execution::{Execution, execute},
        failure::Failure,
        planning::{self, Allowed, PlanRequest},
        refresh::{self, RefreshRequest},
        selected_state::SelectedState,
    },
    controller::{Cycle, CycleOutcome, Pending, Wake},
    diagnostics::Report,
    manifest::Project,
    model::{BudgetNote, Endpoint, one_line},
    plan::{Plan, safety},
    state::{Access, Mode, StateError, StateTarget, Store, Write, unrecorded::UnrecordedOutcomes},
};

/// What lasts from one cycle to the next.
pub(super) struct CycleRun<'a> {
    context: &'a Context,
    runtime: &'a Runtime,
    args: &'a RunArgs,
    bounds: Bounds,
    selection: SelectionArgs,
    audiences: AudienceArgs,
    files: ProjectFiles,
    /// The state that the process has worked on.
    lineage: Option<Uuid>,
    verification: Verification,
}

/// A cycle that cannot go on.
struct End {
    outcome: CycleOutcome,
    /// None if it was told already.
    failure: Option<Failure>,
}

impl End {
    fn refused(failure: Failure) -> Self {
        Self { outcome: CycleOutcome::Refused, failure: Some(failure) }
    }

    fn invalid(failure: Failure) -> Self {
        Self { outcome: CycleOutcome::Invalid, failure: Some(failure) }
    }

    fn state(failure: Failure) -> Self {
        Self { outcome: CycleOutcome::State, failure: Some(failure) }
    }

    fn api(failure: Failure) -> Self {
        Self { outcome: CycleOutcome::Api, failure: Some(failure) }
    }

    /// The files have changed since the project was loaded, or the process is to end.
    fn interrupted() -> Self {
        Self { outcome: CycleOutcome::Interrupted, failure: None }
    }
}

/// The project of a cycle, and its state.
struct Setting {
    project: Project,
    state: SelectedState,
    api: Endpoint,
}

impl<'a> CycleRun<'a> {
    pub(super) fn new(
        context: &'a Context,
        runtime: &'a Runtime,
        args: &'a RunArgs,
        files: ProjectFiles,
    ) -> Self {
        // Between two cycles, the process waits for the budget without the lock.
        let wait = args.bounds.max_wait.unwrap_or_default();
        let bounds = Bounds { max_wait: Some(wait), ..args.bounds.clone() };
        let selection =
            SelectionArgs { target: Vec::new(), destroy: false, at: None, refresh: None };
        Self {
            context,
            runtime,
            args,
            bounds,
            selection,
            audiences: AudienceArgs::default(),
            files,
            lineage: None,
            verification: Verification::default(),
        }
    }

    /// One cycle. Whatever it finds, it returns.
    pub(super) fn cycle(&mut self, why: Wake) -> Cycle {
        let mut cycle = Cycle::begun(why, environment::now());
        if let Err(End { outcome, failure }) = self.carry_out(&mut cycle) {
            cycle.outcome = outcome;
            cycle.problem = self.problem(failure.as_ref());
            if let Some(failure) = failure.filter(|_| outcome != CycleOutcome::Locked) {
                let failure = self.context.with_whole_commands(failure);
                self.context.output.failure(&failure);
            }
        }
        for error in self.context.close_errors.take() {
            self.context.output.failure(&Failure::of_closing(error));
        }
        cycle.ended = environment::now();
        cycle
    }

    /// What went wrong, on one line.
    fn problem(&self, failure: Option<&Failure>) -> Option<String> {
        let output = &self.context.output;
        let reported = output.reported();
        let words = match failure {
            Some(failure) if !failure.messages.is_empty() => {
                output.words_of(failure).0.into_iter().next()?
            }
            _ => reported.as_ref().and_then(first_error)?,
        };
        Some(one_line(&output.masking().known().redactor().redact(&words)))
    }

    fn carry_out(&mut self, cycle: &mut Cycle) -> Result<(), End> {
        let context = self.context;
        self.files.settle(self.runtime, &context.global.directory);
        if context.is_over() {
            return Err(End::interrupted());
        }
        let commit = context.start_commit_lookup();
        let (project, report) = self.load()?;
        let state = context.selected_state(&project).map_err(End::invalid)?;
        let api = context.endpoint(&project.settings).map_err(End::invalid)?;
        let setting = Setting { project, state, api };
        let mut store = self.open(&setting)?;
        self.check_state(&setting, store.as_ref())?;
        let mut refreshed = None;
        let request = PlanRequest {
            selection: &self.selection,
            bounds: &self.bounds,
            keep_unchanged: false,
            commit,
            again: context.command("run"),
            refreshed: &mut refreshed,
        };
        let Setting { project, state, .. } = &setting;
        let made =
            planning::make(context, project, report, state, store.as_ref(), self.runtime, request);
        let (plan, report) = made.map_err(|failure| match failure.messages.is_empty() {
            true => End::invalid(failure),
            false => End::state(failure),
        })?;
        context.output.report(&report);
        let (mut plan, unapproved) = match self.args.approved {
            true => approval::resumed(context, plan),
            false => (plan, 0),
        };
        cycle.next_window = next_window(&plan);
        cycle.pending = Some(Pending { approved: plan.changes.len() as u64, unapproved });
        let allowed =
            Allowed { creates: None, deletes: None, resends: None, audiences: &self.audiences };
        let limits = planning::limits(project, allowed);
        let refusals = safety::check(&plan, &limits, safety::Agreed::Unreviewed);
        if !refusals.is_empty() {
            return Err(End::refused(refusals.into()));
        }
        if let Some(store) = &store {
            let meta = self.meta(&**store)?;
            context.check_same_api(&plan.api, &meta).map_err(End::refused)?;
        }
        let ends = !plan.finished.is_empty() || plan.lapsed_approvals().next().is_some();
        let needs_store = !plan.is_empty() || ends || plan.remember.is_some();
        if !needs_store {
            if let Some(store) = &store {
                self.verify(&setting, store, cycle)?;
                self.observe(&setting, &**store, cycle)?;
            }
            return Ok(());
        }
        if !self.files.are_current(self.runtime) {
            return Err(End::interrupted());
        }
        // Until now, others could change the state.
        let writable = match store.take() {
            Some(store) if is_locked(&setting.state) => store,
            read => {
                drop(read);
                let store = self.open_to_write(&setting)?;
                if approval::check_fresh(&plan, self.runtime, Some(&store)).is_err() {
                    // The next cycle plans again.
                    cycle.drifted = cycle.drifted.max(1);
                    return Ok(());
                }
                store
            }
        };
        if !self.files.are_unchanged() {
            return Err(End::interrupted());
        }
        if self.args.approved || plan.is_empty() {
            end_approvals(self.runtime, &*writable, &mut plan).map_err(End::state)?;
            let secrets = plan.remember.take().filter(|_| plan.is_empty()).map(Write::Secrets);
            if let Some(secrets) = secrets {
                self.runtime
                    .block_on(writable.commit(vec![secrets]))
                    .map_err(|error| End::state(error.into()))?;
            }
        }
        self.apply(&setting, &writable, plan, cycle)?;
        if cycle.outcome == CycleOutcome::Done {
            self.verify(&setting, &writable, cycle)?;
        }
        self.observe(&setting, &*writable, cycle)
    }

    fn load(&self) -> Result<(Project, Report), End> {
        let loaded = self.context.load_for(Needs::Audiences);
        self.files.loaded(&loaded);
        self.context.accepted(loaded).map_err(End::invalid)
    }

    /// Opens the state: to change it where a reader has it for itself anyway, or where an earlier run has left
    /// something to record.
    fn open(&self, setting: &Setting) -> Result<Option<Arc<dyn Store>>, End> {
        match is_locked(&setting.state) {
            true => self.open_as(setting, Mode::MustExist, Access::Write),
            false => {
                let store = self.open_as(setting, Mode::MustExist, Access::Read)?;
                let Some(read) = &store else { return Ok(None) };
                let lineage = self.meta(&**read)?.lineage;
                let folder = self.context.unrecorded_folder(&setting.state);
                let unrecorded =
                    folder.ok().map(|folder| UnrecordedOutcomes::file(&folder, lineage));
                match unrecorded.is_some_and(|file| file.exists()) {
                    false => Ok(store),
                    true => {
                        drop(store);
                        // It records it on the way.
                        self.open_as(setting, Mode::MustExist, Access::Write)?;
                        self.open_as(setting, Mode::MustExist, Access::Read)
                    }
                }
            }
        }
    }

    fn open_to_write(&self, setting: &Setting) -> Result<Arc<dyn Store>, End> {
        let store = self.open_as(setting, Mode::CreateIfAbsent, Access::Write)?;
        store.ok_or_else(|| End::state(Failure::new("the state could not be created")))
    }

    fn open_as(
        &self,
        setting: &Setting,
        mode: Mode,
        access: Access,
    ) -> Result<Option<Arc<dyn Store>>, End> {
        let (context, state) = (self.context, &setting.state);
        context.check_folder(state, mode).map_err(End::state)?;
        let options = context.open_options(state, mode, access, "run").map_err(End::state)?;
        context.open_with(state, options).map_err(|error| {
            let outcome = match error {
                StateError::Locked { .. } => CycleOutcome::Locked,
                _ => CycleOutcome::State,
            };
            End { outcome, failure: Some(state.failure(error)) }
        })
    }

    /// Refuses a state that is missing, or that is another one than before.
    fn check_state(
        &mut self,
        setting: &Setting,
        store: Option<&Arc<dyn Store>>,
    ) -> Result<(), End> {
        let Setting { project, state, api } = setting;
        self.context
            .check_state(project, state, api, self.runtime, store, false)
            .map_err(End::refused)?;
        let found = store.map(|store| self.meta(&**store)).transpose()?.map(|meta| meta.lineage);
        match (self.lineage, found) {
            (Some(before), found) if found != Some(before) => {
                let now = match found {
                    None => "it is gone".to_owned(),
                    Some(found) => format!("that there now is of lineage {found}"),
                };
                Err(End::refused(
                    Failure::new(format!(
                        "the state is not the one that this process has worked on: that was of lineage {before}, and {now}"
                    ))
                    .help("nothing was sent: everything might be sent a second time. Bring the state back, or start the process again if another one is meant"),
                ))
            }
            _ => {
                self.lineage = found;
                Ok(())
            }
        }
    }

    fn meta(&self, store: &dyn Store) -> Result<crate::state::Meta, End> {
        self.runtime.block_on(store.meta()).map_err(|error| End::state(error.into()))
    }

    fn apply(
        &mut self,
        setting: &Setting,
        store: &Arc<dyn Store>,
        plan: Plan,
        cycle: &mut Cycle,
    ) -> Result<(), End> {
        if plan.is_empty() {
            cycle.pending = cycle.pending.map(|pending| Pending { approved: 0, ..pending });
            return Ok(());
        }
        let (context, Setting { project, state, api }) = (self.context, setting);
        let lineage = self.meta(&**store)?.lineage;
        context.note_lineage(state, api, lineage).map_err(End::state)?;
        self.lineage = Some(lineage);
        let execution = Execution {
            project,
            state,
            store: Arc::clone(store),
            bounds: &self.bounds,
            command: "run",
        };
        // What could not be connected is the API's; a state that could not be used says so itself.
        let outcome = execute(context, self.runtime, execution, plan).map_err(|failure| {
            match failure.about_state {
                true => End::state(failure),
                false => End::api(failure),
            }
        })?;
        take_in(context, cycle, &outcome);
        Ok(())
    }

    /// Verifies the oldest deliveries with what is left of the budget.
    fn verify(
        &mut self,
        setting: &Setting,
        store: &Arc<dyn Store>,
        cycle: &mut Cycle,
    ) -> Result<(), End> {
        let Setting { project, state, .. } = setting;
        let (now, meta) = (environment::now(), self.meta(&**store)?);
        let share = self.args.refresh_share;
        if share <= 0.0 || meta.records == 0 {
            return Ok(());
        }
        let note = meta.budget.as_ref();
        let budget = BudgetNote::at(note, now, project.settings.requests_per_hour);
        let allowed = self.verification.allowance(share, &budget, now);
        cycle.verifies_at = Some(self.verification.again_at(allowed, 0, now));
        if allowed == 0 {
            return Ok(());
        }
        let written;
        let store = match is_locked(state) || cycle.applied > 0 {
            true => store,
            // It records what it finds.
            false => {
                written = self.open_to_write(setting)?;
                &written
            }
        };
        let request = RefreshRequest {
            project,
            state,
            store,
            targets: &[],
            which: Oldest { most: Some(allowed), before: Some(Verification::before(now)) },
            bounds: &self.bounds,
            command: "run",
        };
        let found = refresh::refresh(self.context, self.runtime, &request).map_err(End::api)?;
        self.verification.used(found.requests);
        cycle.requests += found.requests;
        cycle.verified = found.verified;
        cycle.drifted = (found.gone.len() + found.changed.len()) as u64;
        cycle.verifies_at = Some(self.verification.again_at(allowed, found.verified, now));
        match found.stopped {
            Some(Stop::Fatal | Stop::Outage) => {
                let failure = found.fatal.as_ref().map_or_else(Failure::silent, Failure::from);
                Err(End { outcome: outcome_of(found.stopped), failure: Some(failure) })
            }
            _ => Ok(()),
        }
    }

    /// What is known at the end.
    fn observe(&self, _: &Setting, store: &dyn Store, cycle: &mut Cycle) -> Result<(), End> {
        let meta = self.meta(store)?;
        cycle.budget = meta.budget;
        let intents = self.runtime.block_on(store.intents());
        cycle.unknown = Some(intents.map_err(|error| End::state(error.into()))?.len() as u64);
        Ok(())
    }
}

/// Takes in how an apply ended.
fn take_in(context: &Context, cycle: &mut Cycle, outcome: &Outcome) {
    let Outcome { applied, failed, remaining, requests, stopped, resets_at, fatal, .. } = outcome;
    cycle.applied = *applied;
    cycle.failed = failed.len() as u64;
    cycle.requests = *requests;
    let left = *remaining + failed.len() as u64;
    cycle.pending = cycle.pending.map(|pending| Pending { approved: left, ..pending });
    cycle.resumes_at = resets_at.filter(|_| *stopped == Some(Stop::Budget));
    cycle.outcome = match stopped {
        None if failed.is_empty() => CycleOutcome::Done,
        None => CycleOutcome::Failed,
        Some(_) => outcome_of(*stopped),
    };
    let reported = |fatal| failed.iter().any(|failed| failed.problem == fatal);
    if let Some(fatal) = fatal {
        let failure = Failure::from(fatal);
        cycle.problem = context.output.words_of(&failure).0.into_iter().next();
        if !reported(fatal.clone()) {
            context.output.failure(&failure);
        }
    }
}

fn outcome_of(stopped: Option<Stop>) -> CycleOutcome {
    match stopped {
        None => CycleOutcome::Done,
        Some(Stop::Budget | Stop::Duration) => CycleOutcome::Stopped,
        Some(Stop::Signal | Stop::Changed) => CycleOutcome::Interrupted,
        Some(Stop::Outage) => CycleOutcome::Outage,
        Some(Stop::Fatal) => CycleOutcome::Api,
    }
}

/// Whether a reader of the state keeps all others out.
fn is_locked(state: &SelectedState) -> bool {
    matches!(state.location(), StateTarget::Folder(_))
}

fn next_window(plan: &Plan) -> Option<jiff::Timestamp> {
    let edges = plan.later.iter().flat_map(|later| [later.opens, later.closes]);
    edges.flatten().filter(|edge| *edge > plan.as_of).min()
}

/// The first error of a report, with its place.
fn first_error(report: &Report) -> Option<String> {
    let error = report.masked().into_iter().find(|diagnostic| diagnostic.is_error())?;
    Some(match &error.place {
        Some(place) => {
            format!("{}:{}:{}: {}", place.file, place.line, place.column, error.message)
        }
        None => error.message,
    })
}
