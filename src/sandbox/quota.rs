use std::time::Duration;

use jiff::Timestamp;

use super::Budget;
use crate::brevo::BudgetReading;

/// The budget of requests: a period starts with its first request.
#[derive(Debug)]
pub(super) struct Quota {
    budget: Budget,
    /// Without a limit nothing is ever refused.
    limited: bool,
    window: Option<Window>,
}

/// A period that has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Window {
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub(super) started: Timestamp,
    pub(super) used: u64,
}

impl Quota {
    /// Too large to matter, and still a 32-bit number for those who read it as one.
    const ENDLESS: Budget = Budget { limit: 1_000_000_000, period: Duration::from_secs(3600) };

    pub(super) fn new(budget: Option<Budget>, window: Option<Window>) -> Self {
        Self { budget: budget.unwrap_or(Self::ENDLESS), limited: budget.is_some(), window }
    }

    /// The period to be remembered; none if nothing is limited.
    pub(super) fn window(&self) -> Option<Window> {
        self.window.filter(|_| self.limited)
    }

    /// Takes one request out of the budget; `Err` if there is none left.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<BudgetReading, BudgetReading> {
        let current = self.window.and_then(|window| Some((window, self.left(window, now)?)));
        let (mut window, left) =
            current.unwrap_or((Window { started: now, used: 0 }, self.budget.period));
        let allowed = !self.limited || window.used < self.budget.limit;
        if allowed {
            window.used += 1;
        }
        self.window = Some(window);
        let reading = BudgetReading {
            limit: Some(self.budget.limit),
            remaining: Some(self.budget.limit.saturating_sub(window.used)),
            // Whole seconds, rounded up.
            reset: Some(Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0))),
            retry_after: None,
        };
        if allowed { Ok(reading) } else { Err(reading) }
    }

    /// The time left in a period; `None` if it is over (or lies in the future: a clock was set).
    fn left(&self, window: Window, now: Timestamp) -> Option<Duration> {
        let elapsed = Duration::try_from(now.duration_since(window.started)).ok()?;
        self.budget.period.checked_sub(elapsed).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_budget_counts_down_and_is_renewed_when_its_period_is_over() {
        let budget = Budget { limit: 2, period: Duration::from_secs(10) };
        let mut quota = Quota::new(Some(budget), None);
        let reading = |remaining, reset| {
            let (remaining, reset) = (Some(remaining), Some(Duration::from_secs(reset)));
            BudgetReading { limit: Some(2), remaining, reset, retry_after: None }
        };
        assert_eq!(quota.take(at(0)), Ok(reading(1, 10)));
        assert_eq!(quota.take(at(4)), Ok(reading(0, 6)));
        assert_eq!(quota.take(at(9)), Err(reading(0, 1)));
        assert_eq!(quota.take(at(10)), Ok(reading(1, 10)));
        // The clock was set back.
        assert_eq!(quota.take(at(-50)), Ok(reading(1, 10)));
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let used = u64::MAX - 1;
        let mut quota = Quota::new(None, Some(Window { started: at(0), used }));
        assert!(quota.take(at(1)).is_ok());
        assert_eq!(quota.window(), None);
    }
}
