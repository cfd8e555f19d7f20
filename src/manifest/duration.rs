//! Durations as people write them: `30s`, `5m`, `2h`, `1h30m`.

use std::time::Duration;

/// A hundred years, in seconds. A moment that is so far away is still one that clocks can tell.
const LONGEST: u64 = 100 * 365 * 24 * 3600;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// It is not written like one.
    #[error("{0:?} is no duration: write 30s, 5m, 2h or 1h30m")]
    Unreadable(String),
    /// Nobody waits that long.
    #[error("{0:?} is longer than a hundred years")]
    TooLong(String),
}

/// Parses whole hours (`h`), minutes (`m`) and seconds (`s`), in that order, each at most once:
/// a hundred years in all, at most.
///
/// # Errors
///
/// If it is written in another way, or is longer.
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let error = || ParseDurationError::Unreadable(text.to_owned());
    let too_long = || ParseDurationError::TooLong(text.to_owned());
    let mut rest = text;
    let mut seconds: u64 = 0;
    let mut units = [("h", 3600), ("m", 60), ("s", 1)].into_iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (count, after) = rest.split_at(digits);
        if count.is_empty() {
            return Err(error());
        }
        rest = after;
        let (unit, factor) = units.find(|(unit, _)| rest.starts_with(unit)).ok_or_else(error)?;
        rest = &rest[unit.len()..];
        // They are digits: if they are no number, it is a large one.
        let count = count.parse().unwrap_or(u64::MAX);
        seconds = seconds.saturating_add(count.saturating_mul(factor));
    }
    if text.is_empty() {
        Err(error())
    } else if seconds > LONGEST {
        Err(too_long())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("2h", 7200), ("1h30m", 5400), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "m", "5 m", "1m1h", "1s1s", "-5s", "1.5h", "5d", "é", "h5"] {
            assert_eq!(parse(text), Err(ParseDurationError::Unreadable(text.into())));
        }
        let hours = LONGEST / 3600;
        assert_eq!(parse(&format!("{hours}h")), Ok(Duration::from_secs(LONGEST)));
        for text in [
            format!("{hours}h1s"),
            format!("{}h{0}m{0}s", u64::MAX),
            "99999999999999999999s".to_owned(),
        ] {
            assert_eq!(parse(&text), Err(ParseDurationError::TooLong(text)));
        }
    }
}
