//! One cycle: load, plan, apply, and verify with what is left of the budget.

use std::{collections::HashSet, sync::Arc};

use jiff::Timestamp;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{
    end::End,
    files::ProjectFiles,
    look::look,
    opening::{Setting, check_lock},
    outages::Outages,
    precedence::{FilesPrecedence, outdated},
    settler::Settler,
    verification::Verification,
};
use crate::{
    apply::{Outcome, SourceFiles, Stop},
    cli::{
        apply::end_approvals,
        approval,
        args::{AudienceArgs, Bounds, RunArgs, SelectionArgs},
        context::{Context, Needs},
        environment,
        execution::{Execution, execute},
        failure::Failure,
        planning::{self, Allowed, PlanRequest},
        rewritten,
    },
    controller::{Cycle, CycleOutcome, Live, Overtaken, Pending, Wake},
    diagnostics::Report,
    model::{Address, FilesDigest, one_line},
    plan::{Change, Plan, safety},
    render::humanize,
    state::{Store, Write},
};

/// What lasts from one cycle to the next.
pub(super) struct CycleRun<'a> {
    context: &'a Context,
    runtime: &'a Runtime,
    args: &'a RunArgs,
    live: &'a Arc<Live>,
    bounds: Bounds,
    selection: SelectionArgs,
    audiences: AudienceArgs,
    files: ProjectFiles,
    precedence: FilesPrecedence,
    /// Another process had the lock in the last cycle.
    waits: bool,
    /// The state that the process has worked on.
    lineage: Option<Uuid>,
    verification: Verification,
    outages: Outages,
    /// The deliveries of which there may be a proof that could not be asked about yet: they are not sent again.
    unasked: HashSet<Address>,
    /// Only with `--webhook-token-file`.
    settler: Option<Settler>,
}

impl<'a> CycleRun<'a> {
    pub(super) fn new(
        context: &'a Context,
        runtime: &'a Runtime,
        args: &'a RunArgs,
        files: ProjectFiles,
        settler: Option<Settler>,
        live: &'a Arc<Live>,
    ) -> Self {
        // Between two cycles, the process waits for the budget without the lock.
        let wait = args.bounds.max_wait.unwrap_or_default();
        let bounds = Bounds { max_wait: Some(wait), ..args.bounds.clone() };
        Self {
            context,
            runtime,
            args,
            live,
            bounds,
            selection: SelectionArgs::default(),
            audiences: AudienceArgs::default(),
            files,
            precedence: FilesPrecedence::new(),
            waits: false,
            lineage: None,
            verification: Verification::default(),
            outages: Outages::default(),
            unasked: HashSet::new(),
            settler,
        }
    }

    /// One cycle. Whatever it finds, it returns.
    pub(super) fn cycle(&mut self, why: Wake) -> Cycle {
        // Those of this cycle take their place.
        self.context.output.masking().known().forget();
        let mut cycle = Cycle::begun(why, environment::now());
        if let Err(End { outcome, failure }) = self.carry_out(&mut cycle) {
            cycle.outcome = outcome;
            cycle.problem = self.problem(&failure);
            let failure = self.context.with_whole_commands(failure);
            match outcome {
                // Who has the lock is told with the end of the cycle.
                CycleOutcome::Locked => {}
                // It happens with each commit, for a short time.
                CycleOutcome::Outdated => self.context.output.passing_failure(&failure),
                _ => self.context.output.failure(&failure),
            }
        }
        if cycle.outcome == CycleOutcome::Done && !self.unasked.is_empty() {
            let are = humanize::count(self.unasked.len() as u64, "delivery is", "deliveries are");
            cycle.outcome = CycleOutcome::Failed;
            cycle.problem = Some(format!(
                "{are} unknown, and the API could not be asked about the message of an event"
            ));
        }
        self.waits = cycle.outcome == CycleOutcome::Locked;
        for error in self.context.close_errors.take() {
            self.context.output.failure(&Failure::of_closing(error));
        }
        cycle.ended = environment::now();
        cycle
    }

    /// What went wrong, on one line.
    fn problem(&self, failure: &Failure) -> Option<String> {
        let output = &self.context.output;
        let reported = output.reported();
        let told = output.words_of(failure).0.into_iter().next();
        let words = told.or_else(|| reported.as_ref().and_then(first_error))?;
        Some(one_line(&output.masking().known().redactor().redact(&words)))
    }

    fn carry_out(&mut self, cycle: &mut Cycle) -> Result<(), End> {
        let context = self.context;
        self.unasked.clear();
        self.files.settle(self.runtime, &context.global.directory)?;
        if context.is_over() {
            return Err(End::interrupted());
        }
        if self.waits {
            check_lock(context, self.runtime)?;
        }
        let loaded = context.load_for(Needs::Audiences);
        self.files.loaded(&loaded);
        let digest = self.files.digest();
        self.precedence.loaded(digest.as_ref());
        let (project, report) = context.accepted(loaded).map_err(End::invalid)?;
        let state = context.selected_state(&project).map_err(End::invalid)?;
        let api = context.endpoint(&project.settings).map_err(End::invalid)?;
        let setting = Setting { context, runtime: self.runtime, project, state, api };
        let mut store = setting.open()?;
        self.lineage = setting.check_state(store.as_ref(), self.lineage)?.or(self.lineage);
        if let Some(settler) = &self.settler
            && let Some(read) = store.take()
        {
            store = settler.settle(&setting, read, &self.bounds, cycle, &mut self.unasked)?;
        }
        if let Some(store) = &store {
            let intents = setting.intents(&**store)?;
            cycle.unknown = Some(intents.len() as u64);
            self.outages.unknown(&intents);
        }
        let digest = digest.as_ref();
        let (mut plan, mut source) =
            self.planned(&setting, report.clone(), store.as_ref(), digest, cycle)?;
        if self.does_nothing(&plan) {
            if let Some(store) = &store {
                let bounds = self.left(cycle);
                self.verification.carry_out(self.args, &setting, store, &bounds, cycle)?;
                self.observe(&setting, store, cycle)?;
            } else {
                look(self.args, self.live, &setting, None)?;
            }
            return Ok(());
        }
        if !self.files.are_current(self.runtime) {
            return Err(End::interrupted());
        }
        if let Err(overtaken) = &source {
            return Err(outdated(overtaken, cycle));
        }
        let writable = match store.take() {
            Some(store) if setting.is_locked_by_readers() => store,
            read => {
                drop(read);
                let store = setting.open_to_write()?;
                // Until now, others could change it.
                if approval::check_fresh(&plan, self.runtime, Some(&store)).is_err() {
                    setting.check_state(Some(&store), self.lineage)?;
                    (plan, source) = self.planned(&setting, report, Some(&store), digest, cycle)?;
                }
                store
            }
        };
        setting.check_new_state(&*writable)?;
        // To get the lock may have taken a while.
        if !self.files.are_unchanged() {
            return Err(End::interrupted());
        }
        let source = source.map_err(|overtaken| outdated(&overtaken, cycle))?;
        self.apply(&setting, &writable, plan, source, cycle)?;
        if cycle.outcome == CycleOutcome::Done {
            let bounds = self.left(cycle);
            self.verification.carry_out(self.args, &setting, &writable, &bounds, cycle)?;
        }
        self.observe(&setting, &writable, cycle)
    }

    /// What is left of the bounds of this cycle.
    fn left(&self, cycle: &Cycle) -> Bounds {
        self.bounds.after(cycle.requests)
    }

    /// What is to be done now, and the files that say it, unless others have applied newer ones: what old files say is
    /// not worth a refusal.
    fn planned(
        &mut self,
        setting: &Setting<'_>,
        report: Report,
        store: Option<&Arc<dyn Store>>,
        digest: Option<&FilesDigest>,
        cycle: &mut Cycle,
    ) -> Result<(Plan, Result<SourceFiles, Overtaken>), End> {
        let source = self.precedence.check(setting, store, digest)?;
        match (self.plan(setting, report, store, cycle), &source) {
            (Err(end), Err(overtaken)) if end.outcome == CycleOutcome::Refused => {
                Err(outdated(overtaken, cycle))
            }
            (planned, _) => Ok((planned?, source)),
        }
    }

    /// What is to be done now, by everything that holds: nobody has to agree to it any more.
    fn plan(
        &self,
        setting: &Setting<'_>,
        report: Report,
        store: Option<&Arc<dyn Store>>,
        cycle: &mut Cycle,
    ) -> Result<Plan, End> {
        let Setting { context, project, state, .. } = setting;
        let mut refreshed = None;
        let request = PlanRequest {
            selection: &self.selection,
            bounds: &self.bounds,
            keep_unchanged: false,
            commit: context.start_commit_lookup(),
            again: context.command("run"),
            refreshed: &mut refreshed,
        };
        let made = planning::make(context, project, report, state, store, self.runtime, request);
        let (plan, report) = made.map_err(|failure| match failure.messages.is_empty() {
            // It was reported.
            true => End::invalid(failure),
            false => End::state(failure),
        })?;
        context.output.report(&report);
        if let Some(store) = store {
            let meta = setting.meta(&**store)?;
            context.check_same_api(&plan.api, &meta).map_err(End::refused)?;
        }
        let (plan, unapproved) = match self.args.approved {
            true => approval::resumed(context, plan),
            false => (plan, 0),
        };
        let (plan, _) = plan.without_unknown();
        let has_proof =
            |change: &Change| change.creates() && self.unasked.contains(&change.address);
        let (plan, _) = plan.without(has_proof);
        cycle.next_window = next_window(&plan);
        cycle.pending = Some(Pending { approved: plan.changes.len() as u64, unapproved });
        let allowed =
            Allowed { creates: None, deletes: None, resends: None, audiences: &self.audiences };
        let limits = planning::limits(project, allowed);
        let refusals = safety::check(&plan, &limits, safety::Agreed::Unreviewed);
        match refusals.is_empty() {
            true => Ok(plan),
            false => Err(End::refused(refusals.into())),
        }
    }

    /// Whether a plan changes neither the API nor the state.
    fn does_nothing(&self, plan: &Plan) -> bool {
        let ends = !plan.finished.is_empty() || plan.lapsed_approvals().next().is_some();
        let asks = !plan.upcoming.is_empty() || !plan.withdrawn.is_empty();
        let agrees = asks && !self.args.approved;
        let does = !plan.changes.is_empty() || !plan.protect.is_empty();
        !(ends || agrees || does || plan.remember.is_some())
    }

    fn apply(
        &mut self,
        setting: &Setting<'_>,
        store: &Arc<dyn Store>,
        mut plan: Plan,
        source: SourceFiles,
        cycle: &mut Cycle,
    ) -> Result<(), End> {
        let (context, runtime) = (self.context, self.runtime);
        if self.args.approved || plan.is_empty() {
            end_approvals(runtime, &**store, &mut plan).map_err(End::state)?;
            let secrets = plan.remember.take().filter(|_| plan.is_empty()).map(Write::Secrets);
            if let Some(secrets) = secrets {
                let committed = runtime.block_on(store.commit(vec![secrets]));
                committed.map_err(|error| End::state(error.into()))?;
            }
        }
        if plan.is_empty() {
            return Ok(());
        }
        let (plan, trial) =
            self.outages.narrowed(setting, store, &self.left(cycle), plan, cycle)?;
        if plan.is_empty() {
            let outcome = Outcome::default();
            self.take_in(cycle, &outcome, trial.left_out);
            self.outages.take_in(cycle, &outcome, &trial);
            return Ok(());
        }
        let Setting { project, state, api, .. } = setting;
        let lineage = setting.meta(&**store)?.lineage;
        context.note_lineage(state, api, lineage).map_err(End::state)?;
        self.lineage = Some(lineage);
        let execution = Execution {
            project,
            state,
            store: Arc::clone(store),
            bounds: &self.left(cycle),
            command: "run",
            files: Some(source),
        };
        let executed = execute(context, runtime, execution, plan);
        self.precedence.applied(setting, &**store)?;
        let outcome = executed.map_err(End::api)?;
        self.take_in(cycle, &outcome, trial.left_out);
        self.outages.take_in(cycle, &outcome, &trial);
        Ok(())
    }

    /// Takes in how an apply ended.
    fn take_in(&self, cycle: &mut Cycle, outcome: &Outcome, left_out: u64) {
        let Outcome { applied, failed, unknown, remaining, unapproved: _, .. } = outcome;
        let Outcome { rewritten, requests, stopped, resets_at, fatal, .. } = outcome;
        let output = &self.context.output;
        (cycle.applied, cycle.failed) = (*applied, failed.len() as u64);
        cycle.requests += requests;
        let left = *remaining + failed.len() as u64 + left_out;
        cycle.pending = cycle.pending.map(|pending| Pending { approved: left, ..pending });
        if *stopped == Some(Stop::Budget) {
            cycle.resumes_at = resets_at.or(cycle.resumes_at);
        }
        cycle.outcome = match stopped {
            None if failed.is_empty() && unknown.is_empty() => match left_out {
                0 => CycleOutcome::Done,
                _ => CycleOutcome::Stopped,
            },
            None => CycleOutcome::Failed,
            Some(stop) => End::outcome_of(*stop),
        };
        rewritten::note(self.context, rewritten);
        if !unknown.is_empty() {
            let are = humanize::count(unknown.len() as u64, "delivery is", "deliveries are");
            cycle.problem = Some(format!("{are} unknown: the answer was lost, or of no use"));
        }
        if let Some(first) = failed.first() {
            let of = humanize::address(&first.address, true);
            cycle.problem = Some(one_line(&format!("{} {of}: {}", first.action, first.problem)));
        }
        if let Some(fatal) = fatal {
            let failure = Failure::from(fatal);
            cycle.problem = self.problem(&failure);
            if !failed.iter().any(|failed| failed.problem == *fatal) {
                output.failure(&failure);
            }
        }
    }

    /// What is known at the end.
    fn observe(
        &self,
        setting: &Setting<'_>,
        store: &Arc<dyn Store>,
        cycle: &mut Cycle,
    ) -> Result<(), End> {
        let meta = setting.meta(&**store)?;
        cycle.budget = meta.budget;
        let intents = setting.intents(&**store)?;
        cycle.unknown = Some(intents.len() as u64);
        if let Some(settler) = &self.settler {
            settler.unknown(&intents);
        }
        look(self.args, self.live, setting, Some(store))
    }
}

fn next_window(plan: &Plan) -> Option<Timestamp> {
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
