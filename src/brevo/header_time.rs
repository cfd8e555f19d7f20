//! Times in headers. The API tells seconds left; gateways tell whatever they like.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp, civil, fmt::rfc2822, tz::TimeZone};

/// No period of the API is longer than an hour. A time further away than this is a mistake, and counts as
/// an [`HOUR`]: to wait for it would block every run until then.
const FURTHEST: f64 = 2.0 * 3600.0;

/// How long a wait is that nobody can tell.
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// A time that is over for longer than this was told by another clock, and says nothing.
const OVER: f64 = 60.0;

/// A number from here on is no count of seconds: it is the time since 1970.
const EPOCH: f64 = 1e9;

/// How long it is until the time that `text` tells: seconds (`1200`, `1000s`, `16 min 40 s`), an epoch (in
/// seconds or finer), an HTTP date, RFC 3339. Dates need the time at which they were written. Rounded up.
pub(super) fn time_left(text: &str, now: Option<Timestamp>) -> Option<Duration> {
    let text = text.trim().trim_matches('"').trim();
    let until = |at: Timestamp| now.map(|now| at.duration_since(now).as_secs_f64());
    let left = match number(text) {
        Some(seconds) if seconds < EPOCH => seconds,
        Some(epoch) => until(since_1970(epoch)?)?,
        None => match text.parse::<Span>() {
            Ok(span) => span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.as_secs_f64(),
            Err(_) => until(date(text)?)?,
        },
    };
    if left < -OVER {
        return None;
    }
    if left > FURTHEST {
        return Some(HOUR);
    }
    // `as` saturates: below zero is 0.
    Some(Duration::from_secs(left.ceil() as u64))
}

/// A finite number. Of several (a gateway has joined two headers) the first one counts.
pub(super) fn number(text: &str) -> Option<f64> {
    let first = text.split(';').next().unwrap_or_default();
    let first = first.split(", ").next().unwrap_or_default();
    let first = first.trim().trim_matches('"');
    first.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// In seconds, milliseconds, microseconds or nanoseconds: only one of them is near our time.
fn since_1970(epoch: f64) -> Option<Timestamp> {
    // `as` saturates, and what is out of range is no time.
    match epoch {
        ..1e11 => Timestamp::from_millisecond((epoch * 1e3) as i64),
        ..1e14 => Timestamp::from_millisecond(epoch as i64),
        ..1e17 => Timestamp::from_microsecond(epoch as i64),
        _ => Timestamp::from_nanosecond(epoch as i128),
    }
    .ok()
}

/// An HTTP date in its three forms (RFC 9110, 5.6.7), or RFC 3339, with or without a zone.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    const WITHOUT_ZONE: [&str; 2] = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    if let Ok(at) = rfc2822::parse(text) {
        return Some(at.timestamp());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local = text.parse::<civil::DateTime>().ok().or_else(|| {
        WITHOUT_ZONE.iter().find_map(|format| civil::DateTime::strptime(format, text).ok())
    })?;
    local.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-27T14:00:00Z".parse().expect("an instant")
    }

    fn seconds(text: &str) -> Option<u64> {
        time_left(text, Some(now())).map(|left| left.as_secs())
    }

    #[test]
    fn seconds_are_read_in_any_way_that_people_write_them() {
        for text in [
            "1000",
            " 1000 ",
            "1e3",
            "999.2",
            "+1000",
            "1000s",
            "1000 s",
            "1000 sec",
            "\"1000\"",
            "1000 seconds",
            "16m40s",
            "16 min 40 s",
            "PT1000S",
            "PT16M40S",
            "1000000ms",
        ] {
            assert_eq!(seconds(text), Some(1000), "{text}");
        }
    }

    #[test]
    fn epochs_and_dates_are_turned_into_seconds_left() {
        let epoch = now().as_second() + 1000;
        for text in [
            epoch.to_string(),
            format!("{epoch}.0"),
            format!("{}", epoch * 1_000),
            format!("{}", epoch * 1_000_000),
            format!("{}", epoch * 1_000_000_000),
            "Fri, 27 Nov 2026 14:16:40 GMT".to_owned(),
            "Fri, 27 Nov 2026 14:16:40 +0000".to_owned(),
            "27 Nov 2026 15:16:40 +0100".to_owned(),
            "Friday, 27-Nov-26 14:16:40 GMT".to_owned(),
            "Fri Nov 27 14:16:40 2026".to_owned(),
            "2026-11-27T14:16:40Z".to_owned(),
            "2026-11-27T15:16:40.000+01:00".to_owned(),
            "2026-11-27 14:16:40".to_owned(),
        ] {
            assert_eq!(seconds(&text), Some(1000), "{text}");
            assert!(time_left(&text, None).is_none(), "{text} without a clock");
        }
    }

    #[test]
    fn what_is_further_away_than_two_hours_counts_as_one_hour() {
        for (text, left) in [
            ("7200", 7200),
            ("7201", 3600),
            ("2592000", 3600),
            ("31d", 3600),
            ("999999999", 3600),
            ("2026-12-27T14:00:00Z", 3600),
            ("2000000000", 3600),
        ] {
            assert_eq!(seconds(text), Some(left), "{text}");
        }
    }

    #[test]
    fn what_is_over_is_no_time_unless_it_has_just_ended() {
        for text in ["0", "-5", "-0.5", "2026-11-27T13:59:30Z"] {
            assert_eq!(seconds(text), Some(0), "{text}");
        }
        for text in ["-3600", "2026-11-27T13:00:00Z", "Thu, 01 Jan 2026 00:00:00 GMT", "1767225600"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn what_tells_no_time_is_none() {
        for text in
            ["", "soon", "NaN", "inf", "1e300", "--5", "1000 parsecs", "27/11/2026", "1,000"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
