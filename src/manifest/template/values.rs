//! What a value of a template is: kinds, truth values in words, and days.

use std::{cmp::Ordering, fmt, sync::Arc};

use jiff::{Timestamp, civil::DateTime};
use minijinja::{
    Value,
    value::{DynObject, Object, ObjectRepr, ValueKind},
};

/// What a value is, as far as that is known before it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Truth,
    Day,
    List,
    Mapping,
    Nothing,
    /// It may be anything.
    Any,
}

impl Kind {
    /// Of a value that exists.
    pub(crate) fn of(value: &Value) -> Self {
        match value.kind() {
            ValueKind::String => Self::Text,
            ValueKind::Number => Self::Number,
            ValueKind::Bool => Self::Truth,
            ValueKind::Seq | ValueKind::Iterable => Self::List,
            ValueKind::Map => Self::Mapping,
            ValueKind::None | ValueKind::Undefined => Self::Nothing,
            ValueKind::Plain if value.downcast_object_ref::<Day>().is_some() => Self::Day,
            _ => Self::Any,
        }
    }

    /// With its article.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Truth => "a truth value",
            Self::Day => "a date",
            Self::List => "a list",
            Self::Mapping => "a mapping",
            Self::Nothing => "nothing",
            Self::Any => "another value",
        }
    }

    /// What to do about two kinds that cannot be compared.
    pub(crate) fn cure(self, other: Self, name: &str) -> String {
        let has = |kind| self == kind || other == kind;
        let column =
            |of: &str| format!("give the column its type under `columns:` of the audience: {of}");
        if has(Self::Nothing) {
            format!("to ask whether there is a value, write `{name} is defined`")
        } else if has(Self::Text) && has(Self::Number) {
            format!("write `{name}|int`, or {}", column("`integer` or `number`"))
        } else if has(Self::Text) && has(Self::Truth) {
            column("`boolean`")
        } else if has(Self::Day) {
            "dates are compared by their day: write a text like '2026-12-01', without a time"
                .to_owned()
        } else if has(Self::List) {
            "`in` asks whether a list has a value: `'vip' in tags`".to_owned()
        } else {
            "compare values of one kind".to_owned()
        }
    }
}

/// What a word says of truth, in any case, with blanks around it.
pub(crate) fn truth_in_words(text: &str) -> Option<bool> {
    let text = text.trim();
    // The longest is `false`.
    if text.len() > 5 {
        return None;
    }
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "yes", "on", "1"]) {
        Some(true)
    } else if is(["false", "no", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// A date, compared by its day and shown as it is written.
#[derive(Debug)]
pub(crate) struct Day {
    written: Arc<str>,
    pub(crate) at: DateTime,
}

impl Day {
    /// Reads `2026-12-01`, or a date with a time as RFC 3339 writes it: of that, the date and the time are
    /// taken as they are written, whatever the offset.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = text.trim();
        let bytes = plain.as_bytes();
        // Nothing else that a parser would take: no week dates, no years of six digits.
        let shape = bytes.len() >= 10
            && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape || plain.contains('[') {
            return None;
        }
        let at = match plain.parse::<Timestamp>() {
            Ok(_) => plain[..plain.len().min(19)].parse().ok()?,
            Err(_) => plain.parse::<DateTime>().ok()?,
        };
        Some(Self { written: text.into(), at })
    }

    /// Reads a date that a text is compared as. With a time it is refused: only days are compared, and anyone who writes
    /// a time means more.
    pub(crate) fn without_time(text: &str) -> Option<Self> {
        Self::parse(text).filter(|_| text.trim().len() == "2026-12-01".len())
    }

    pub(crate) fn value(self) -> Value {
        Value::from_object(self)
    }

    /// By day.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.at.date().cmp(&other.at.date())
    }
}

impl Object for Day {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.compare(other.downcast_ref::<Self>()?))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_as_they_are_written() {
        for good in [
            "2026-12-01",
            " 2026-12-01 ",
            "2026-12-01T09:00:00Z",
            "2026-12-01T23:30:00-08:00",
            "2026-12-01 09:00",
            "2026-12-01T09:00:00.123456+02:00",
        ] {
            let day = Day::parse(good).unwrap_or_else(|| panic!("{good}"));
            assert_eq!(day.at.date().to_string(), "2026-12-01", "{good}");
        }
        for bad in ["", "01.12.2026", "2026-12", "2026-13-01", "2026-02-30", "20261201", "today"] {
            assert!(Day::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn truth_has_eight_words_in_any_case() {
        for (word, truth) in [("TRUE", true), (" yes ", true), ("Off", false), ("0", false)] {
            assert_eq!(truth_in_words(word), Some(truth), "{word}");
        }
        for other in ["", "2", "y", "truth", "none", "01", "yes!"] {
            assert_eq!(truth_in_words(other), None, "{other}");
        }
    }
}
