use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::BudgetNote;

/// The API counts requests by the hour (its rate-limit table; `docs/api.md`).
const PERIOD: Duration = Duration::from_secs(3600);

/// How many requests the API lets through, and whether a plan fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Requests in an hour.
    pub limit: u64,
    /// Requests left in this hour, as far as is known.
    pub remaining: u64,
    /// Seconds until the next hour begins.
    pub resets_in_s: u64,
    /// Whether all requests of the plan can be made in this hour.
    pub fits: bool,
    /// Whether the API of the plan has no limit that matters, as the sandbox. Then the numbers are those that
    /// the project assumes of Brevo's API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlimited: bool,
}

/// A limit from which on nothing is limited: no account has as many requests in an hour.
const NO_LIMIT: u64 = 10_000_000;

/// When the requests of a plan can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// Now.
    Fits {
        /// Requests left in this hour.
        left: u64,
    },
    /// Over more than one hour.
    Takes {
        /// Requests in an hour.
        per_hour: u64,
        /// About how long it is until the last request leaves.
        about: Duration,
    },
}

impl Budget {
    /// The budget at `now`: what the API last said, or `assumed` requests an hour if it said
    /// nothing or its hour is over.
    pub fn at(now: Timestamp, known: Option<&BudgetNote>, assumed: u64) -> Self {
        let unlimited = known.is_some_and(|note| note.limit >= NO_LIMIT);
        let known = known.filter(|_| !unlimited);
        let note = BudgetNote::at(known, now, assumed);
        // While the API wants to be left alone, nothing is left.
        let remaining = if note.retry_at.is_some() { 0 } else { note.remaining };
        let resets_at = note.next_request_at().unwrap_or(note.resets_at);
        let resets_in_s = u64::try_from(resets_at.duration_since(now).as_secs()).unwrap_or(0);
        let limit = note.limit;
        Self { limit, remaining, resets_in_s, fits: true, unlimited }
    }

    /// The budget of a plan for the sandbox: that of Brevo's API as the project assumes it.
    pub fn of_rehearsal(now: Timestamp, assumed: u64) -> Self {
        Self { unlimited: true, ..Self::at(now, None, assumed) }
    }

    /// The same budget, for a plan with this number of requests.
    #[must_use]
    pub fn with(self, requests: u64) -> Self {
        Self { fits: requests <= self.remaining, ..self }
    }

    /// How long this number of requests takes at the limit, whatever is left of this hour.
    pub fn takes(&self, requests: u64) -> Duration {
        let per_hour = u128::from(self.limit.max(1));
        let seconds = u128::from(requests) * u128::from(PERIOD.as_secs()) / per_hour;
        Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))
    }

    /// When this number of requests can be made.
    pub fn forecast(&self, requests: u64) -> Forecast {
        if requests <= self.remaining {
            return Forecast::Fits { left: self.remaining };
        }
        let per_hour = self.limit.max(1);
        // What is not sent in this hour takes whole hours after its end, but the last of them.
        let hours = (requests - self.remaining).div_ceil(per_hour);
        let more = (hours - 1).saturating_mul(PERIOD.as_secs());
        let last = Duration::from_secs(self.resets_in_s.saturating_add(more));
        // Of an hour that has not begun, nobody knows the end: that is told at the rate.
        let untouched = self.remaining >= self.limit;
        let about = if untouched { last.max(self.takes(requests)) } else { last };
        Forecast::Takes { per_hour, about }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn without_a_word_from_the_api_the_assumed_budget_is_whole() {
        let budget = Budget::at(at(0), None, 100);
        assert_eq!((budget.limit, budget.remaining), (100, 100));
        assert_eq!(budget.forecast(100), Forecast::Fits { left: 100 });
    }

    #[test]
    fn a_budget_is_believed_until_its_reset() {
        let note = BudgetNote {
            limit: 200,
            remaining: 3,
            resets_at: at(60),
            retry_at: None,
            seen_at: at(0),
            assumed: false,
        };
        let before = Budget::at(at(40), Some(&note), 100);
        assert_eq!((before.limit, before.remaining, before.resets_in_s), (200, 3, 20));
        assert!(!before.with(4).fits);
        let after = Budget::at(at(60), Some(&note), 100);
        assert_eq!((after.limit, after.remaining), (200, 200));
    }

    #[test]
    fn an_assumed_budget_is_counted_down_and_follows_the_settings() {
        let assumed = BudgetNote {
            limit: 100,
            remaining: 30,
            resets_at: at(60),
            retry_at: None,
            seen_at: at(0),
            assumed: true,
        };
        let same = Budget::at(at(40), Some(&assumed), 100);
        assert_eq!((same.limit, same.remaining, same.resets_in_s), (100, 30, 20));
        let raised = Budget::at(at(40), Some(&assumed), 600);
        assert_eq!((raised.limit, raised.remaining), (600, 530));
        let lowered = Budget::at(at(40), Some(&assumed), 50);
        assert_eq!((lowered.limit, lowered.remaining), (50, 0));
        let after = Budget::at(at(60), Some(&assumed), 600);
        assert_eq!((after.limit, after.remaining), (600, 600));
    }

    #[test]
    fn an_api_without_a_limit_is_planned_with_the_assumed_one() {
        let note = BudgetNote {
            limit: 999_999_999,
            remaining: 999_999_000,
            resets_at: at(1800),
            retry_at: None,
            seen_at: at(0),
            assumed: false,
        };
        let budget = Budget::at(at(0), Some(&note), 200);
        assert_eq!((budget.limit, budget.remaining, budget.unlimited), (200, 200, true));
        assert_eq!(budget, Budget::of_rehearsal(at(0), 200));
        assert!(!budget.with(201).fits);
    }

    #[test]
    fn nothing_is_left_while_the_api_wants_to_be_left_alone() {
        let note = BudgetNote {
            limit: 200,
            remaining: 30,
            resets_at: at(3600),
            retry_at: Some(at(600)),
            seen_at: at(0),
            assumed: false,
        };
        let waiting = Budget::at(at(60), Some(&note), 100);
        assert_eq!((waiting.remaining, waiting.resets_in_s), (0, 540));
        let after = Budget::at(at(600), Some(&note), 100);
        assert_eq!((after.remaining, after.resets_in_s), (30, 3000));
    }

    #[test]
    fn a_long_plan_is_forecast_at_the_hourly_rate() {
        let budget = Budget::at(at(0), None, 100);
        let about = Duration::from_secs(3 * 3600 + 24 * 60);
        assert_eq!(budget.forecast(340), Forecast::Takes { per_hour: 100, about });
    }

    #[test]
    fn a_spent_budget_waits_for_its_reset() {
        let note = BudgetNote {
            limit: 100,
            remaining: 0,
            resets_at: at(1800),
            retry_at: None,
            seen_at: at(0),
            assumed: false,
        };
        let budget = Budget::at(at(0), Some(&note), 100);
        let about =
            |seconds| Forecast::Takes { per_hour: 100, about: Duration::from_secs(seconds) };
        assert_eq!(budget.forecast(2), about(1800));
        assert_eq!(budget.forecast(100), about(1800));
        assert_eq!(budget.forecast(101), about(1800 + 3600));
        assert_eq!(budget.forecast(340), about(1800 + 3 * 3600));
    }

    #[test]
    fn a_forecast_is_when_the_last_request_leaves() {
        let note = BudgetNote {
            limit: 20,
            remaining: 15,
            resets_at: at(3000),
            retry_at: None,
            seen_at: at(0),
            assumed: false,
        };
        let budget = Budget::at(at(0), Some(&note), 100);
        let about = |seconds| Forecast::Takes { per_hour: 20, about: Duration::from_secs(seconds) };
        assert_eq!(budget.forecast(15), Forecast::Fits { left: 15 });
        assert_eq!(budget.forecast(16), about(3000));
        assert_eq!(budget.forecast(35), about(3000));
        assert_eq!(budget.forecast(36), about(3000 + 3600));
        assert_eq!(budget.forecast(56), about(3000 + 2 * 3600));
    }
}
