//! What the state says of rollouts, before and after a run.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use crate::{
    ci::rollout::{self, Gone, Rollout},
    cli::{
        context::{Context, Needs},
        environment,
        failure::Failure,
        selected_state::SelectedState,
    },
    model::{Address, Approval, CommitId},
    plan::Budget,
    state::{Run, StateTarget},
};

/// The most rollouts whose comments are looked for: the newest.
const MOST_ROLLOUTS: usize = 10;

/// The state of a job.
pub(super) struct JobState {
    state: SelectedState,
    requests_per_hour: u64,
}

/// What it says at a moment.
pub(super) struct Snapshot {
    last_run: u64,
    approvals: Vec<Approval>,
    unknown: BTreeSet<Address>,
    pub(super) budget: Budget,
}

/// A rollout, and the run that agreed to it.
pub(super) struct Told {
    pub(super) run: u64,
    pub(super) commit: Option<CommitId>,
    /// Whether it is what this job agreed to.
    pub(super) is_own: bool,
    pub(super) rollout: Rollout,
    /// What of it this job found to be gone.
    pub(super) gone: Gone,
}

impl JobState {
    /// The state of the project, if that can be read. What is wrong with it is said when it is planned.
    pub(super) fn of(context: &Context) -> Option<Self> {
        let loaded = context.load_for(Needs::Files);
        let requests_per_hour = loaded.settings()?.requests_per_hour;
        let state = context.state_of_loaded(&loaded).ok()?;
        Some(Self { state, requests_per_hour })
    }

    /// Its folder, if it is one.
    pub(super) fn folder(&self) -> Option<String> {
        match self.state.location() {
            StateTarget::Folder(folder) => folder.to_str().map(str::to_owned),
            StateTarget::Postgres(_) | StateTarget::Bucket(_) => None,
        }
    }

    /// The commits whose manifests somebody agreed to.
    pub(super) fn applied_commits(&self, context: &Context) -> Result<HashSet<String>, Failure> {
        let runs = self.runs(context, 1)?;
        let agreed = runs.into_iter().filter(|run| run.command == "apply" && run.approved > 0);
        Ok(agreed.filter_map(|run| run.commit).collect())
    }

    /// The commit of the newest run that agreed to something or changed something.
    pub(super) fn applied_last(&self, context: &Context) -> Result<Option<CommitId>, Failure> {
        let runtime = context.runtime()?;
        let Some(store) = context.open_to_read(&self.state, "ci")? else { return Ok(None) };
        let did = |run: &&Run| {
            run.command == "apply"
                && run.commit.is_some()
                && (run.approved > 0 || !run.changes.is_empty())
        };
        // It is nearly always among the newest.
        for most in [50, usize::MAX] {
            let runs = runtime.block_on(store.runs(most))?;
            if let Some(run) = runs.iter().find(did) {
                return Ok(run.commit.as_deref().and_then(|commit| CommitId::parse(commit).ok()));
            }
            if runs.len() < most {
                break;
            }
        }
        Ok(None)
    }

    /// What it says now; nothing if there is none.
    pub(super) fn snapshot(&self, context: &Context) -> Result<Option<Snapshot>, Failure> {
        let runtime = context.runtime()?;
        let Some(store) = context.open_to_read(&self.state, "ci")? else { return Ok(None) };
        let meta = runtime.block_on(store.meta())?;
        let approvals = runtime.block_on(store.approvals())?;
        let unknown = runtime.block_on(store.intents())?;
        let unknown = unknown.into_iter().map(|intent| intent.address).collect();
        let known = meta.budget.as_ref();
        let budget = Budget::at(environment::now(), known, self.requests_per_hour);
        Ok(Some(Snapshot { last_run: meta.last_run, approvals, unknown, budget }))
    }

    /// The rollouts that were under way before, or are now: the newest first.
    pub(super) fn rollouts(
        &self,
        context: &Context,
        job: &CommitId,
        before: Option<&Snapshot>,
        after: &Snapshot,
    ) -> Result<Vec<Told>, Failure> {
        let last = before.map_or(0, |before| before.last_run);
        let approvals = before.map_or(&[][..], |before| &before.approvals);
        let mut numbers: BTreeSet<u64> =
            approvals.iter().chain(&after.approvals).map(|one| one.run).collect();
        numbers.extend(last + 1..=after.last_run);
        let oldest = numbers.first().copied().unwrap_or(last + 1);
        let runs = self.runs(context, oldest)?;
        let newest: Vec<&Run> = runs.iter().filter(|run| run.number > last).collect();
        let changed: HashSet<&Address> = newest
            .iter()
            .flat_map(|run| &run.changes)
            .filter(|change| change.outcome == "done")
            .map(|change| &change.address)
            .collect();
        let now = environment::now();
        let under_way = runs.iter().filter(|run| {
            run.command == "apply" && run.approved > 0 && numbers.contains(&run.number)
        });
        let told = under_way.take(MOST_ROLLOUTS).map(|run| {
            let left = after.approvals.iter().filter(|one| one.run == run.number);
            Told {
                run: run.number,
                commit: run.commit.as_deref().and_then(|commit| CommitId::parse(commit).ok()),
                is_own: run.number > last
                    && run.commit.as_deref().is_none_or(|commit| commit == job.as_str()),
                rollout: Rollout::count(run.approved, left, &after.unknown, now),
                gone: rollout::gone(run.number, approvals, &after.approvals, &changed, now),
            }
        });
        Ok(told.collect())
    }

    /// The runs from this number on, the newest first.
    fn runs(&self, context: &Context, oldest: u64) -> Result<Vec<Run>, Failure> {
        let runtime = context.runtime()?;
        let Some(store) = context.open_to_read(&self.state, "ci")? else { return Ok(Vec::new()) };
        // They are nearly always among the newest.
        for most in [50, 1000] {
            let runs = runtime.block_on(store.runs(most))?;
            if runs.len() < most || runs.last().is_some_and(|run| run.number <= oldest) {
                return Ok(runs);
            }
        }
        Ok(runtime.block_on(store.runs(usize::MAX))?)
    }
}

impl Snapshot {
    /// What is approved and not reached.
    pub(super) fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// What waits for the budget, in all rollouts.
    pub(super) fn waiting(&self, now: Timestamp) -> u64 {
        Rollout::count(0, &self.approvals, &self.unknown, now).due
    }
}
