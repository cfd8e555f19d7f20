//! After an outage: a harmless request first, and then a single create.

use std::{collections::HashMap, mem, sync::Arc};

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
    /// The deliveries that are unknown, and when this process learned it.
    known: HashMap<Address, Timestamp>,
    /// When each of them may be sent again.
    resent_at: HashMap<Address, Timestamp>,
}

/// How long a delivery waits before it is sent again, if it was sent again this many times.
fn pause(again: u32) -> SignedDuration {
    4_i32
        .checked_pow(again)
        .and_then(|times| FIRST_PAUSE.checked_mul(times))
        .map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
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
            change.creates() && self.resent_at.get(&change.address).is_some_and(|at| *at > now)
        };
        let next = plan.changes.iter().filter(|change| waits(change));
        cycle.resumes_at =
            next.filter_map(|change| self.resent_at.get(&change.address)).min().copied();
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
        self.known.extend(outcome.unknown.iter().map(|address| (address.clone(), now)));
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

    /// Takes in which deliveries are unknown. One that another process has left not long ago may be of an outage that
    /// goes on: a restart or another copy must not lose as many again.
    pub(super) fn unknown(&mut self, intents: &[Intent]) {
        let now = environment::now();
        let before = mem::take(&mut self.known);
        self.resent_at.clear();
        for Intent { address, at, again, .. } in intents {
            let known = before.get(address).copied();
            if known.is_none() && now.duration_since(*at) < LONGEST_PAUSE {
                self.breaker.suspects(now);
            }
            // The answer was lost some time after the request left.
            let lost = known.unwrap_or(*at).max(*at);
            self.known.insert(address.clone(), lost);
            self.resent_at.insert(address.clone(), lost.checked_add(pause(*again)).unwrap_or(now));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_it_is_sent_again_the_pause_is_four_times_as_long_up_to_an_hour() {
        let seconds = [0, 1, 2, 3, 4, 5, 20, u32::MAX].map(|again| pause(again).as_secs());
        assert_eq!(seconds, [5, 20, 80, 320, 1280, 3600, 3600, 3600]);
    }
}
