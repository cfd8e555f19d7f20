use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::header_time::{date, number, time_left};

/// What an answer said of the API's rate limit: `x-sib-ratelimit-limit`, `-remaining` and `-reset`, and
/// `Retry-After`. Most answers have the first three, not all. What cannot be read is missing, and the rest
/// holds all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetReading {
    /// Requests in one period.
    pub limit: Option<u64>,
    /// Requests left in this period.
    pub remaining: Option<u64>,
    /// How long this period lasts from the answer on. The API tells seconds left; an epoch or a date is
    /// turned into them. A reset that is further away than two hours counts as one hour.
    pub reset: Option<Duration>,
    /// How long to wait from the answer on before the next request (`Retry-After`), read in the same way.
    pub retry_after: Option<Duration>,
}

impl BudgetReading {
    /// Reads the headers; `None` if there is nothing in them. A date is compared with that of the answer
    /// itself, or else with `now`.
    ///
    /// Fractions are rounded to the careful side, numbers below zero count as zero.
    pub(super) fn from_headers(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let now = text(DATE.as_str()).and_then(|text| date(text.trim())).or(now);
        // `as` saturates: below zero is 0, beyond u64 is its maximum.
        let count = |name| text(name).and_then(number).map(|number| number.floor() as u64);
        let left = |name| text(name).and_then(|text| time_left(text, now));
        let reading = Self {
            limit: count("x-sib-ratelimit-limit").filter(|limit| *limit > 0),
            remaining: count("x-sib-ratelimit-remaining"),
            reset: left("x-sib-ratelimit-reset"),
            retry_after: left(RETRY_AFTER.as_str()),
        };
        (reading != Self::default()).then_some(reading)
    }

    /// How long to wait after an answer that refused a request for the budget, if it says so.
    pub fn wait(&self) -> Option<Duration> {
        self.reset.max(self.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Option<BudgetReading> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        let now = "2026-11-27T14:00:00Z".parse().expect("an instant");
        BudgetReading::from_headers(&map, Some(now))
    }

    fn told(limit: &str, remaining: &str, reset: &str) -> Option<BudgetReading> {
        let told = [
            ("x-sib-ratelimit-limit", limit),
            ("x-sib-ratelimit-remaining", remaining),
            ("x-sib-ratelimit-reset", reset),
        ];
        read(&told.map(|(name, value)| (name, value)))
    }

    fn reading(limit: Option<u64>, remaining: u64, reset: Option<u64>) -> Option<BudgetReading> {
        let reset = reset.map(Duration::from_secs);
        Some(BudgetReading { limit, remaining: Some(remaining), reset, retry_after: None })
    }

    #[test]
    fn the_three_headers_are_read() {
        assert_eq!(told("100", "88", "1200"), reading(Some(100), 88, Some(1200)));
        assert_eq!(told(" 100 ", "0", "0"), reading(Some(100), 0, Some(0)));
        assert_eq!(told("", "5", "60"), reading(None, 5, Some(60)));
    }

    #[test]
    fn odd_numbers_are_read_on_the_careful_side() {
        assert_eq!(told("-1", "-3", "59.2"), reading(None, 0, Some(60)));
        assert_eq!(told("1e30", "7.9", "-5"), reading(Some(u64::MAX), 7, Some(0)));
        assert_eq!(told("x", "99999999999999999999999", "1"), reading(None, u64::MAX, Some(1)));
    }

    #[test]
    fn what_is_left_is_believed_although_the_reset_cannot_be_read() {
        for reset in ["", "soon", "NaN", "12:00"] {
            assert_eq!(told("100", "0", reset), reading(Some(100), 0, None), "{reset}");
            assert_eq!(told("100", "5", reset), reading(Some(100), 5, None), "{reset}");
        }
    }

    #[test]
    fn a_gateway_that_joins_headers_or_quotes_them_hides_nothing() {
        for left in ["0, 0", "\"0\"", "0;w=3600", "0.0"] {
            assert_eq!(told("100", left, "60"), reading(Some(100), 0, Some(60)), "{left}");
        }
    }

    #[test]
    fn a_date_is_compared_with_that_of_the_answer() {
        let told = |date| {
            read(&[
                ("x-sib-ratelimit-remaining", "0"),
                ("x-sib-ratelimit-reset", "1795788600"),
                ("date", date),
            ])
        };
        // 14:10 by the server's clock, 400 days from ours.
        assert_eq!(told("Fri, 27 Nov 2026 14:00:00 GMT"), reading(None, 0, Some(600)));
        assert_eq!(told("Fri, 27 Nov 2026 14:09:00 GMT"), reading(None, 0, Some(60)));
        assert_eq!(told("not a date"), reading(None, 0, Some(600)), "our own clock");
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_a_date() {
        for text in ["120", "Fri, 27 Nov 2026 14:02:00 GMT"] {
            let told = read(&[("retry-after", text)]).expect("a reading");
            assert_eq!(told.retry_after, Some(Duration::from_secs(120)), "{text}");
            assert_eq!(told.wait(), told.retry_after);
        }
        let both = [("retry-after", "30"), ("x-sib-ratelimit-reset", "50")];
        let later = |told: Option<BudgetReading>| told.and_then(|told| told.wait());
        assert_eq!(later(read(&both)), Some(Duration::from_secs(50)));
    }

    #[test]
    fn headers_that_make_no_sense_are_not_a_reading() {
        assert_eq!(told("0", "five", "soon"), None);
        assert_eq!(read(&[]), None);
    }
}
