//! After an outage: a harmless request first, and then a single create.

use std::sync::Arc;

use super::{end::End, opening::Setting};
use crate::{
    apply::{self, Outcome, Problem, Silent},
    cli::{args::Bounds, context::SessionParts, environment, failure::Failure},
    controller::{CircuitBreaker, Cycle, CycleOutcome},
    plan::Plan,
    state::Store,
};

/// The outages of this process.
#[derive(Default)]
pub(super) struct Outages(CircuitBreaker);

/// What a plan tries after an outage.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trial {
    /// Whether a create is tried.
    creates: bool,
    /// How many changes are left for later.
    pub(super) left_out: u64,
}

impl Outages {
    /// The part of a plan that may be carried out now. After an outage, the API must answer a harmless request first.
    pub(super) fn narrowed(
        &self,
        setting: &Setting<'_>,
        store: &Arc<dyn Store>,
        bounds: &Bounds,
        plan: Plan,
    ) -> Result<(Plan, Trial), End> {
        let now = environment::now();
        let Some(creates) = self.0.creates(now) else { return Ok((plan, Trial::default())) };
        if let Some(problem) = probe(setting, store, bounds)? {
            return Err(End::of(CycleOutcome::Outage, Failure::from(&problem)));
        }
        let (plan, left_out) = plan.with_creates(creates);
        if creates == 0 && left_out > 0 {
            let at = self.0.next_trial().unwrap_or(now);
            setting.context.output.note(&format!(
                "the API answers; after the outage, a single create is tried at {at:.0}, and the others follow once it works"
            ));
        }
        let creates = plan.changes.iter().any(|change| change.creates());
        Ok((plan, Trial { creates, left_out }))
    }

    /// Takes in how it ended.
    pub(super) fn take_in(&mut self, cycle: &mut Cycle, outcome: &Outcome, trial: &Trial) {
        let (now, Trial { creates, left_out }) = (environment::now(), *trial);
        let mut is_out = |words: &str| {
            cycle.outcome = CycleOutcome::Outage;
            cycle.problem.get_or_insert_with(|| words.to_owned());
        };
        if outcome.stopped == Some(apply::Stop::Outage) || (creates && !outcome.unknown.is_empty())
        {
            self.0.failed(now);
            is_out("the API gives no usable answer");
        } else if creates && outcome.stopped.is_none() {
            self.0.worked();
            // The others are next.
            cycle.resumes_at = (left_out > 0).then_some(now);
        } else if left_out > 0 && outcome.stopped.is_none() && outcome.failed.is_empty() {
            is_out("the API was out, and the next create is not tried yet");
        }
    }
}

/// Asks the API something that changes nothing.
fn probe(
    setting: &Setting<'_>,
    store: &Arc<dyn Store>,
    bounds: &Bounds,
) -> Result<Option<Problem>, End> {
    let Setting { context, runtime, project, state, .. } = setting;
    let connection = context.connect(runtime, &project.settings, state).map_err(End::api)?;
    let session = context.session(SessionParts {
        store: Arc::clone(store),
        api: Arc::new(connection.client.clone()),
        api_url: None,
        settings: &project.settings,
        bounds,
        info: context.run_info("run", None),
        reporter: Arc::new(Silent),
    });
    let probed = runtime.block_on(async {
        let probed = apply::probe(session).await;
        connection.close().await;
        probed
    });
    probed.map_err(|error| End::state(error.into()))
}
