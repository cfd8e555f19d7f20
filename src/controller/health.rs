//! Whether the process is alive, and whether it is ready.
//!
//! Alive: the loop gives signs of life. Whatever a cycle finds (an outage, a wrong key, a broken manifest), the
//! process is alive: to start it again would change nothing, and so Kubernetes must not. A process that waits beats
//! every few seconds; one that works beats with each request and each answer, and says until when it waits for the
//! budget or before a repetition. Only a step that hangs is silent.
//!
//! Ready: the process can do its work, and take in webhooks. It is not before the project was loaded and the state
//! was open once, so that a rollout with a mistake in it does not replace a copy that works; and not while a cycle
//! cannot use the project, the state or the API at all, which somebody has to mend. It stays ready through an outage,
//! or while single changes are refused, or while another copy has the lock: what webhooks tell is needed most after an
//! outage, when answers were lost.

use jiff::{SignedDuration, Timestamp};

use super::{Phase, Snapshot};

/// The loop beats every 10 s while it waits.
const SILENT_WAIT: SignedDuration = SignedDuration::from_mins(2);

/// One step may take long without a word: queries of audiences, the lock of the state, a large plan.
const SILENT_WORK: SignedDuration = SignedDuration::from_mins(30);

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether all is well.
    pub ok: bool,
    /// Why, on one line.
    pub words: String,
}

impl Health {
    fn ok(words: impl Into<String>) -> Self {
        Self { ok: true, words: words.into() }
    }

    fn bad(words: impl Into<String>) -> Self {
        Self { ok: false, words: words.into() }
    }
}

/// Whether the loop gives signs of life.
pub fn alive(live: &Snapshot, now: Timestamp) -> Health {
    let (most, what) = match live.phase {
        Phase::Waiting(_) => (SILENT_WAIT, "waits"),
        Phase::Working(_) => (SILENT_WORK, "works"),
        Phase::Ending => (SILENT_WORK, "ends"),
    };
    let sign = live.waits_until.map_or(live.alive_at, |until| until.max(live.alive_at));
    let silent = now.duration_since(sign);
    if silent > most {
        let minutes = silent.as_mins();
        return Health::bad(format!(
            "not alive: no sign of life for {minutes} min while it {what}"
        ));
    }
    Health::ok(format!("alive: it {what}"))
}

/// Whether the process can do its work.
pub fn ready(live: &Snapshot) -> Health {
    if live.phase == Phase::Ending {
        return Health::bad("not ready: the process ends");
    }
    let last = live.last.as_ref();
    match last {
        None if live.usable => Health::ok("ready: the first cycle goes on"),
        None => Health::bad("not ready: the first cycle has not got to the state yet"),
        Some(cycle) => {
            let problem = cycle.problem.as_ref().map_or(String::new(), |why| format!(": {why}"));
            let outcome = cycle.words();
            match cycle.outcome.has_used_state() {
                true if cycle.outcome.is_good() => Health::ok(format!("ready: {outcome}")),
                true => Health::ok(format!("ready, although {outcome}{problem}")),
                false => Health::bad(format!("not ready: {outcome}{problem}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{Cycle, CycleOutcome, Live, Next, Wake};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn ended(outcome: CycleOutcome, problem: Option<&str>) -> Cycle {
        let problem = problem.map(str::to_owned);
        Cycle { outcome, problem, ..Cycle::begun(Wake::Start, at(0)) }
    }

    #[test]
    fn a_process_that_waits_or_works_in_good_order_is_alive_whatever_its_cycles_find() {
        let live = Live::new(at(0));
        for outcome in CycleOutcome::ALL {
            live.ended(&ended(outcome, Some("why")));
            live.is(Phase::Waiting(Next { at: at(3600), why: Wake::Every }), at(0));
            for second in (10..3600).step_by(10) {
                live.beat(at(second));
                assert!(alive(&live.snapshot(), at(second + 9)).ok, "{outcome:?}");
            }
        }
        live.is(Phase::Working(at(0)), at(0));
        assert!(alive(&live.snapshot(), at(1800)).ok, "one step");
        // The budget resets in a day, and the run waits for it.
        live.waits(at(1800), at(90_000));
        assert!(alive(&live.snapshot(), at(89_999)).ok);
        assert!(alive(&live.snapshot(), at(91_800)).ok);
        assert!(!alive(&live.snapshot(), at(91_801)).ok);
        live.beat(at(91_802));
        assert!(alive(&live.snapshot(), at(91_803)).ok);
    }

    #[test]
    fn a_loop_that_hangs_is_not_alive_and_the_words_say_so() {
        let live = Live::new(at(0));
        assert!(!alive(&live.snapshot(), at(1801)).ok);
        live.is(Phase::Waiting(Next { at: at(3600), why: Wake::Every }), at(0));
        assert!(alive(&live.snapshot(), at(120)).ok);
        let hangs = alive(&live.snapshot(), at(180));
        assert_eq!(hangs.words, "not alive: no sign of life for 3 min while it waits");
        // A clock that was set back.
        assert!(alive(&live.snapshot(), at(-3600)).ok);
    }

    #[test]
    fn a_process_is_ready_once_it_has_used_project_and_state_and_while_it_can() {
        let live = Live::new(at(0));
        assert!(!ready(&live.snapshot()).ok, "nothing is known yet");
        for outcome in CycleOutcome::ALL {
            live.ended(&ended(outcome, Some("why")));
            let health = ready(&live.snapshot());
            let mends = ["invalid", "refused", "api", "state"].contains(&outcome.as_str());
            assert_eq!(health.ok, !mends, "{health:?}");
            assert_eq!(health.words.ends_with(": why"), !outcome.is_good(), "{health:?}");
        }
        live.is(Phase::Ending, at(0));
        assert!(!ready(&live.snapshot()).ok);
    }

    #[test]
    fn a_long_first_apply_is_ready_once_it_has_begun() {
        let live = Live::new(at(0));
        live.begins(at(5));
        assert_eq!(ready(&live.snapshot()).words, "ready: the first cycle goes on");
    }
}
