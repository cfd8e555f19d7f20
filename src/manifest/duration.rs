//! Durations as people write them: `30s`, `5m`, `2h`, `1h30m`.

use std::time::Duration;

use jiff::SignedDuration;

/// A hundred years, in seconds. Clocks can still show a moment that far away.
const LONGEST: u64 = 100 * 365 * 24 * 3600;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// It is not written like one.
    #[error("{0:?} is not a duration: write 30s, 5m, 2h or 1h30m")]
    Unreadable(String),
    /// Nobody waits that long.
    #[error("{0:?} is longer than a hundred years")]
    TooLong(String),
}

/// Parses hours, minutes and seconds: a whole number of seconds, at most a hundred years.
///
/// # Errors
///
/// If it is written in another way, is negative, or is longer.
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let parsed = text.parse::<SignedDuration>().ok();
    let parsed = parsed.and_then(|parsed| Duration::try_from(parsed).ok());
    match parsed {
        Some(duration) if duration > Duration::from_secs(LONGEST) => {
            Err(ParseDurationError::TooLong(text.to_owned()))
        }
        Some(duration) if duration.subsec_nanos() == 0 => Ok(duration),
        _ => Err(ParseDurationError::Unreadable(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("30s", 30),
            ("5m", 300),
            ("2h", 7200),
            ("1h30m", 5400),
            ("0s", 0),
            ("1.5h", 5400),
            ("2 hours 5 min", 7500),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_duration_is_refused() {
        for text in ["", "5", "m", "1m1h", "1s1s", "-5s", "5s ago", "5d", "1.5s", "10ms", "é", "h5"]
        {
            assert_eq!(parse(text), Err(ParseDurationError::Unreadable(text.into())), "{text}");
        }
        let hours = LONGEST / 3600;
        assert_eq!(parse(&format!("{hours}h")), Ok(Duration::from_secs(LONGEST)));
        let long = format!("{hours}h1s");
        assert_eq!(parse(&long), Err(ParseDurationError::TooLong(long)));
        assert!(parse("99999999999999999999s").is_err());
    }
}
