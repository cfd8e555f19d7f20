//! Durations as people write them: `30s`, `5m`, `2h`, `1h30m`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: write 30s, 5m, 2h or 1h30m")]
pub struct ParseDurationError(String);

/// Parses whole hours (`h`), minutes (`m`) and seconds (`s`), in that order, each at most once.
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let error = || ParseDurationError(text.to_owned());
    let mut rest = text;
    let mut seconds: u64 = 0;
    let mut units = [("h", 3600), ("m", 60), ("s", 1)].into_iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let count: u64 = rest[..digits].parse().map_err(|_| error())?;
        rest = &rest[digits..];
        let (unit, factor) = units.find(|(unit, _)| rest.starts_with(unit)).ok_or_else(error)?;
        rest = &rest[unit.len()..];
        let more = count.checked_mul(factor).ok_or_else(error)?;
        seconds = seconds.checked_add(more).ok_or_else(error)?;
    }
    if text.is_empty() { Err(error()) } else { Ok(Duration::from_secs(seconds)) }
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
        let huge = format!("{}h", u64::MAX);
        for text in ["", "5", "m", "5 m", "1m1h", "1s1s", "-5s", "1.5h", "5d", "é", &huge] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
