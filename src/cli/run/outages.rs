//! After an outage: a harmless request first, and then a single create.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{end::End, opening::Setting};
use crate::{
    apply::{self, Outcome, ProbeEnd, Probed, Stop},
    cli::{
        args::Bounds,
        environment,
        failure::Failure,
        questions::{self, Questions},
    },
    controller::{CircuitBreaker, Cycle, CycleOutcome},
    model::{Address, Intent},
    plan::{Change, Plan},
    state::Store,
};

/// The first pause before a delivery whose answer was lost is sent again (`on_unknown: resend`). Each further one is four
/// times as long: while all answers are lost, the visitor gets one more message each time.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// The longest of these pauses.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// The outages of this process.
#[derive(Default)]
pub(super) struct Outages {
    breaker: CircuitBreaker,
    /// The deliveries that became unknown within the last hour: when they may be sent again, and the pause that this is
    /// the end of.
    lost: HashMap<Address, (Timestamp, SignedDuration)>,
}

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
        cycle: &mut Cycle,
    ) -> Result<(Plan, Trial), End> {
        let now = environment::now();
        let waits = |change: &Change| {
            change.creates() && self.lost.get(&change.address).is_some_and(|(at, _)| *at > now)
        };
        let next = plan.changes.iter().filter(|change| waits(change));
        cycle.resumes_at = next.filter_map(|change| Some(self.lost.get(&change.address)?.0)).min();
        let (plan, waiting) = plan.without(waits);
        let Some(creates) = self.breaker.creates(now) else {
            return Ok((plan, Trial { creates: false, left_out: waiting }));
        };
        let probed = probe(setting, store, bounds)?;
        cycle.requests += probed.requests;
        match probed.ended {
            ProbeEnd::Answers => {}
            ProbeEnd::NoAnswer(problem) => {
                return Err(End::of(CycleOutcome::Outage, Failure::from(&problem)));
            }
            ProbeEnd::Stopped => {
                cycle.resumes_at = probed.resets_at;
                return Err(match probed.resets_at {
                    Some(_) => End::of(CycleOutcome::Stopped, Failure::silent()),
                    None => End::interrupted(),
                });
            }
        }
        let (plan, left_out) = plan.with_creates(creates);
        if creates == 0 && left_out > 0 {
            let at = self.breaker.next_trial().unwrap_or(now);
            setting.context.output.note(&format!(
                "the API answers; after the outage, a single create is tried at {at:.0}, and the others follow once it works"
            ));
        }
        let creates = plan.changes.iter().any(Change::creates);
        Ok((plan, Trial { creates, left_out: left_out + waiting }))
    }

    /// Takes in how it ended.
    pub(super) fn take_in(&mut self, cycle: &mut Cycle, outcome: &Outcome, trial: &Trial) {
        let (now, Trial { creates, left_out }) = (environment::now(), *trial);
        for address in &outcome.unknown {
            let before = self.lost.get(address).map(|(_, pause)| *pause * 4);
            let pause = before.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE);
            let until = now.checked_add(pause).unwrap_or(now);
            self.lost.insert(address.clone(), (until, pause));
        }
        let mut is_out = |words: &str| {
            cycle.outcome = CycleOutcome::Outage;
            cycle.problem.get_or_insert_with(|| words.to_owned());
        };
        // Also if there were fewer creates than an outage takes: the next cycle would lose as many again.
        let all_lost = !outcome.unknown.is_empty() && (creates || outcome.applied == 0);
        if outcome.stopped == Some(Stop::Outage) || all_lost {
            self.breaker.failed(now);
            is_out("the API gives no usable answer");
        } else if creates && outcome.stopped.is_none() {
            self.breaker.worked();
            // The others are next.
            cycle.resumes_at = (left_out > 0).then_some(now);
        } else if self.breaker.is_open()
            && left_out > 0
            && outcome.stopped.is_none()
            && outcome.failed.is_empty()
        {
            is_out("the API was out, and the next create is not tried yet");
        }
    }

    /// Takes in which deliveries are unknown, and forgets those that are not any more. One that another process has left
    /// not long ago may be of an outage that goes on: a restart or another copy must not lose as many again.
    pub(super) fn unknown(&mut self, intents: &[Intent]) {
        let unknown: HashSet<&Address> = intents.iter().map(|intent| &intent.address).collect();
        self.lost.retain(|address, _| unknown.contains(address));
        let now = environment::now();
        for Intent { address, at, .. } in intents {
            if !self.lost.contains_key(address) && now.duration_since(*at) < LONGEST_PAUSE {
                let until = at.checked_add(FIRST_PAUSE).unwrap_or(now);
                self.lost.insert(address.clone(), (until, FIRST_PAUSE));
                self.breaker.suspects(now);
            }
        }
    }
}

/// Asks the API something that changes nothing.
fn probe(setting: &Setting<'_>, store: &Arc<dyn Store>, bounds: &Bounds) -> Result<Probed, End> {
    let Setting { context, runtime, project, state, .. } = setting;
    let settings = &project.settings;
    let questions = Questions { settings, state, store, bounds, command: "run" };
    questions::ask(context, runtime, &questions, apply::probe).map_err(End::api)
}
