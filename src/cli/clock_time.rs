//! Times of day, as a person at this machine reads them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// The time of day at `at`: `14:05`, or `2026-12-04 00:05` on another day than `now`. Rounded up to a minute,
/// so that it is not too early.
pub(super) fn time_of_day(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let rounded = at.checked_add(SignedDuration::from_millis(59_999)).unwrap_or(at);
    let (there, here) = (rounded.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let (hour, minute) = (there.hour(), there.minute());
    if there.date() == here.date() {
        format!("{hour:02}:{minute:02}")
    } else {
        format!("{} {hour:02}:{minute:02}", there.date())
    }
}

/// How long it is from `now` until `at`.
pub(super) fn from_now(at: Timestamp, now: Timestamp) -> Duration {
    whole_seconds(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// Rounded up to a second: who comes back then is not too early.
pub(super) fn whole_seconds(duration: Duration) -> Duration {
    let more = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(duration.as_secs().saturating_add(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_never_too_early_and_names_another_day() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now: Timestamp = "2026-12-03T21:10:00Z".parse().expect("an instant");
        for (at, shown) in [
            ("2026-12-03T21:40:00Z", "23:40"),
            ("2026-12-03T21:40:01Z", "23:41"),
            ("2026-12-03T22:03:20Z", "2026-12-04 00:04"),
        ] {
            assert_eq!(time_of_day(at.parse().expect("an instant"), now, &zone), shown);
        }
    }
}
