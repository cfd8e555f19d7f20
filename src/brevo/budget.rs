use std::time::Duration;

use reqwest::header::HeaderMap;

/// What an answer said of the API's rate limit: `x-sib-ratelimit-limit`, `-remaining` and
/// `-reset`. Most answers have them, not all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetReading {
    /// Requests in one period.
    pub limit: Option<u64>,
    /// Requests left in this period.
    pub remaining: u64,
    /// How long this period lasts from the answer on (the header holds seconds left, no epoch).
    pub reset: Duration,
}

impl BudgetReading {
    /// No documented period is longer than a day; a number beyond a month of seconds is no
    /// duration (an epoch, say), and sleeping that long would help nobody.
    const LONGEST: u64 = 31 * 24 * 60 * 60;

    /// Reads the headers; `None` unless both the rest and the reset can be made sense of.
    ///
    /// Fractions are rounded to the careful side, numbers below zero count as zero.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| -> Option<f64> {
            let text = headers.get(name)?.to_str().ok()?.trim();
            text.parse::<f64>().ok().filter(|n| n.is_finite())
        };
        // `as` saturates: below zero is 0, beyond u64 is its maximum.
        let limit = number("x-sib-ratelimit-limit").map(|n| n.floor() as u64).filter(|n| *n > 0);
        let remaining = number("x-sib-ratelimit-remaining")?.floor() as u64;
        let reset = number("x-sib-ratelimit-reset")?.ceil() as u64;
        (reset <= Self::LONGEST).then_some(Self {
            limit,
            remaining,
            reset: Duration::from_secs(reset),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: &str, remaining: &str, reset: &str) -> Option<BudgetReading> {
        let mut headers = HeaderMap::new();
        for (name, value) in [("limit", limit), ("remaining", remaining), ("reset", reset)] {
            if !value.is_empty() {
                let name = format!("X-Sib-Ratelimit-{name}");
                headers.insert(
                    reqwest::header::HeaderName::try_from(name).expect("a name"),
                    value.parse().expect("a value"),
                );
            }
        }
        BudgetReading::from_headers(&headers)
    }

    fn reading(limit: Option<u64>, remaining: u64, reset: u64) -> Option<BudgetReading> {
        Some(BudgetReading { limit, remaining, reset: Duration::from_secs(reset) })
    }

    #[test]
    fn the_three_headers_are_read() {
        assert_eq!(read("100", "88", "1200"), reading(Some(100), 88, 1200));
        assert_eq!(read(" 100 ", "0", "0"), reading(Some(100), 0, 0));
        assert_eq!(read("", "5", "60"), reading(None, 5, 60));
    }

    #[test]
    fn odd_numbers_are_read_on_the_careful_side() {
        assert_eq!(read("-1", "-3", "59.2"), reading(None, 0, 60));
        assert_eq!(read("1e30", "7.9", "-5"), reading(Some(u64::MAX), 7, 0));
        assert_eq!(read("x", "99999999999999999999999", "1"), reading(None, u64::MAX, 1));
    }

    #[test]
    fn headers_that_make_no_sense_are_not_a_reading() {
        assert_eq!(read("100", "", "60"), None);
        assert_eq!(read("100", "5", ""), None);
        assert_eq!(read("100", "five", "60"), None);
        assert_eq!(read("100", "NaN", "60"), None);
        // An epoch, not seconds left.
        assert_eq!(read("100", "5", "1767225600"), None);
    }
}
