//! Addresses, counts and durations for people.

use crate::model::{Address, VisitorId, one_line};
pub use crate::model::{duration, number};

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

/// `2 more texts for 5 visitors`; nothing if there are none.
pub(super) fn more_texts(texts: usize, visitors: usize) -> Option<String> {
    (visitors > 0).then(|| {
        format!(
            "{} for {}",
            count(texts as u64, "more text", "more texts"),
            count(visitors as u64, "visitor", "visitors")
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
