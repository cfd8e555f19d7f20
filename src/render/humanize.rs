//! Addresses, counts and durations for people.

use std::time::Duration;

pub use crate::model::number;
use crate::model::{Address, VisitorId, one_line};

/// A visitor's id, masked or whole.
pub fn visitor(id: &VisitorId, mask: bool) -> String {
    if mask { one_line(&id.masked()) } else { one_line(id.as_str()) }
}

/// An address, its visitor masked or whole.
pub fn address(address: &Address, mask: bool) -> String {
    if mask { one_line(&address.masked()) } else { one_line(address.as_str()) }
}

/// `1 request`, `2 requests`; with commas between thousands: `5,000 requests`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A duration in its two largest units: `3 h 24 min`, `45 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let Some(first) = parts.iter().position(|(n, _)| *n > 0) else {
        return if duration.is_zero() {
            "0 s".to_owned()
        } else {
            format!("{} ms", duration.subsec_millis())
        };
    };
    let shown: Vec<_> = parts[first..]
        .iter()
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!(count(1, "request", "requests"), "1 request");
        assert_eq!(count(5000, "request", "requests"), "5,000 requests");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(100), "100");
        assert_eq!(duration(Duration::from_secs(3 * 3600 + 24 * 60)), "3 h 24 min");
        assert_eq!(duration(Duration::from_secs(45)), "45 s");
        assert_eq!(duration(Duration::from_secs(3600)), "1 h");
        assert_eq!(duration(Duration::from_secs(90_000)), "1 d 1 h");
        assert_eq!(duration(Duration::ZERO), "0 s");
    }
}
