//! What a run is doing, in words: its rate, the time that is left, or what it waits for.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::clock_time::{from_now, time_of_day};
use crate::{model::BudgetNote, render::humanize};

/// An answer that takes longer than this is waited for in words.
const SLOW: Duration = Duration::from_secs(3);

/// What a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The API's budget.
    Budget,
    /// The time that the API asked for.
    RetryAfter,
    /// The pause before a request is repeated.
    Repeat,
}

/// How far a run is.
#[derive(Debug, Clone, Default)]
pub(super) struct RunStatus {
    pub(super) changes: u64,
    pub(super) done: u64,
    /// Requests that the changes take if all goes well.
    pub(super) requests: u64,
    pub(super) answered: u64,
    pub(super) under_way: u64,
    pub(super) budget: Option<BudgetNote>,
    pub(super) wait: Option<(Wait, Timestamp)>,
}

impl RunStatus {
    /// What it is doing. `worked` is the time since its start without waits, `silent` the time since the last
    /// request left or was answered.
    pub(super) fn words(
        &self,
        now: Timestamp,
        zone: &TimeZone,
        worked: Duration,
        silent: Duration,
    ) -> String {
        match self.wait.filter(|(_, until)| *until > now) {
            Some((Wait::Budget, until)) => {
                return format!(
                    "waiting for the budget until {} ({})",
                    time_of_day(until, now, zone),
                    humanize::duration(from_now(until, now))
                );
            }
            Some((Wait::RetryAfter, until)) => {
                return format!(
                    "waiting until {} ({}), as the API asked",
                    time_of_day(until, now, zone),
                    humanize::duration(from_now(until, now))
                );
            }
            Some((Wait::Repeat, until)) if self.under_way == 0 => {
                return format!("trying again in {}", humanize::duration(from_now(until, now)));
            }
            _ => {}
        }
        if self.is_slow(silent) {
            return format!(
                "waiting for an answer of the API for {}",
                humanize::duration(Duration::from_secs(silent.as_secs()))
            );
        }
        match (rate(self.done, worked), self.left(now, worked)) {
            (Some(rate), Some(left)) => format!("{rate}, about {} left", humanize::duration(left)),
            (Some(rate), None) => rate,
            (None, _) => String::new(),
        }
    }

    /// Whether the API takes long to answer.
    pub(super) fn is_slow(&self, silent: Duration) -> bool {
        self.under_way > 0 && silent >= SLOW
    }

    /// How long the rest takes: at the present rate, and as the budget allows.
    pub(super) fn left(&self, now: Timestamp, worked: Duration) -> Option<Duration> {
        let changes = self.changes.saturating_sub(self.done);
        if changes == 0 || self.done == 0 {
            return None;
        }
        let at_rate = worked.as_secs_f64() / self.done as f64 * changes as f64;
        let at_rate = Duration::try_from_secs_f64(at_rate).ok()?;
        let requests = self.requests.saturating_sub(self.answered);
        let by_budget = self.budget.map_or(Duration::ZERO, |budget| {
            let later = requests.saturating_sub(budget.remaining);
            if later == 0 {
                return Duration::ZERO;
            }
            let more_hours = (later - 1) / budget.limit.max(1);
            from_now(budget.resets_at, now)
                .saturating_add(Duration::from_secs(more_hours.saturating_mul(3600)))
        });
        Some(at_rate.max(by_budget))
    }
}

/// The rate at which changes are done, in a unit in which it is not near zero.
fn rate(done: u64, worked: Duration) -> Option<String> {
    let seconds = worked.as_secs_f64();
    if done == 0 || seconds <= 0.0 {
        return None;
    }
    let a_second = done as f64 / seconds;
    Some(if a_second >= 1.0 {
        format!("{a_second:.0} a second")
    } else if a_second * 60.0 >= 1.0 {
        format!("{:.0} a minute", a_second * 60.0)
    } else {
        format!("{:.0} an hour", a_second * 3600.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-12-03T14:02:00Z".parse().expect("an instant")
    }

    fn words(status: &RunStatus, worked: u64, silent: u64) -> String {
        let [worked, silent] = [worked, silent].map(Duration::from_secs);
        status.words(now(), &TimeZone::UTC, worked, silent)
    }

    fn status(done: u64) -> RunStatus {
        RunStatus { changes: 340, requests: 340, done, answered: done, ..RunStatus::default() }
    }

    fn budget(remaining: u64) -> Option<BudgetNote> {
        let resets_at = now() + Duration::from_secs(1200);
        Some(BudgetNote {
            limit: 100,
            remaining,
            resets_at,
            retry_at: None,
            seen_at: now(),
            assumed: false,
        })
    }

    #[test]
    fn a_wait_for_the_budget_says_until_when_and_no_rate() {
        let until = now() + Duration::from_secs(180);
        let status = RunStatus { wait: Some((Wait::Budget, until)), ..status(100) };
        assert_eq!(words(&status, 1, 1), "waiting for the budget until 14:05 (3 min)");
        let over = RunStatus { wait: Some((Wait::Budget, now())), ..status };
        assert!(!words(&over, 1, 1).contains("waiting"));
    }

    #[test]
    fn the_time_that_is_left_follows_the_budget() {
        let status = RunStatus { budget: budget(90), ..status(10) };
        // 240 requests more than are left in this hour: 100 after its reset, 100, and 40.
        assert_eq!(words(&status, 2, 0), "5 a second, about 2 h 20 min left");
        let fits = RunStatus { changes: 60, requests: 60, ..status };
        assert_eq!(words(&fits, 2, 0), "5 a second, about 10 s left");
    }

    #[test]
    fn slow_runs_have_a_rate_that_is_not_zero() {
        for (worked, shown) in [(600, "17 a minute"), (36_000, "17 an hour")] {
            let said = words(&status(170), worked, 0);
            assert!(said.starts_with(shown), "{said}");
        }
    }

    #[test]
    fn a_slow_answer_and_a_pause_before_a_repetition_are_said() {
        let slow = RunStatus { under_way: 2, ..status(3) };
        assert_eq!(words(&slow, 60, 12), "waiting for an answer of the API for 12 s");
        let until = now() + Duration::from_secs(7);
        let again = RunStatus { wait: Some((Wait::Repeat, until)), ..status(3) };
        assert_eq!(words(&again, 60, 12), "trying again in 7 s");
    }

    #[test]
    fn nothing_is_said_of_a_rate_before_the_first_change() {
        assert_eq!(words(&status(0), 5, 0), "");
    }
}
