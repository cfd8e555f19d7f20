use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How far the number of a message's deliveries may differ from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeLimit {
    /// By this number.
    Count(u64),
    /// By this percentage of what it was.
    Percent(u32),
}

impl ChangeLimit {
    /// Parses `5` or `20%`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.strip_suffix('%').map(str::trim_end) {
            Some(share) => digits(share).then(|| share.parse().ok().map(Self::Percent))?,
            None => digits(text).then(|| text.parse().ok().map(Self::Count))?,
        }
    }

    /// Whether `after` is within it.
    pub fn admits(self, before: u64, after: u64) -> bool {
        let difference = before.abs_diff(after);
        match self {
            Self::Count(most) => difference <= most,
            Self::Percent(percent) => {
                u128::from(difference) * 100 <= u128::from(percent) * u128::from(before)
            }
        }
    }
}

impl fmt::Display for ChangeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for ChangeLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChangeLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a limit is a count or a percentage"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_counts_or_percentages() {
        for (text, limit) in [
            ("0", ChangeLimit::Count(0)),
            ("35", ChangeLimit::Count(35)),
            ("0%", ChangeLimit::Percent(0)),
            ("20 %", ChangeLimit::Percent(20)),
            ("250%", ChangeLimit::Percent(250)),
        ] {
            assert_eq!(ChangeLimit::parse(text), Some(limit), "{text}");
        }
        for bad in ["", "%", "-1", "+5", "1.5%", "many", "20%%", "1_000", "5 "] {
            assert_eq!(ChangeLimit::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_limit_holds_for_more_and_for_less_and_is_inclusive() {
        let percent = ChangeLimit::Percent(20);
        assert!(percent.admits(50, 40) && percent.admits(50, 60) && percent.admits(0, 0));
        assert!(!percent.admits(50, 39) && !percent.admits(50, 61));
        assert!(!percent.admits(1, 2), "a fifth of one is none");
        let count = ChangeLimit::Count(3);
        assert!(count.admits(7, 10) && count.admits(7, 4) && !count.admits(7, 11));
        assert!(ChangeLimit::Percent(u32::MAX).admits(u64::MAX / 2, u64::MAX));
    }
}
