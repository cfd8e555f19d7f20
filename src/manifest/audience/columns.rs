//! The types that `columns:` gives to cells.

use minijinja::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::manifest::{
    source_path::SourcePath,
    template::values::{Day, Kind, truth_in_words},
};

/// The types of columns, each with its place.
pub(crate) type Types = Vec<(String, ColumnType, SourcePath)>;

/// The type of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ColumnType {
    /// A text, whatever it looks like.
    Text,
    /// A whole number: `12`, `-3`.
    Integer,
    /// A number: `12`, `9.50`.
    Number,
    /// A truth value: `true`/`false`, `yes`/`no`, `on`/`off`, `1`/`0`.
    Boolean,
    /// A date: `2026-12-01`. A time behind it is not compared.
    Date,
}

impl ColumnType {
    /// The kind of its values.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Integer | Self::Number => Kind::Number,
            Self::Boolean => Kind::Truth,
            Self::Date => Kind::Day,
        }
    }

    /// The value of a cell that has one; `None` if the cell does not fit.
    pub(crate) fn value(self, cell: &str) -> Option<Value> {
        let plain = cell.trim();
        match self {
            Self::Text => Some(Value::from(cell)),
            Self::Integer => {
                is_whole(plain).then(|| plain.parse::<i64>().ok()).flatten().map(Value::from)
            }
            Self::Number => {
                if is_whole(plain) {
                    return plain.parse::<i64>().ok().map(Value::from);
                }
                let (whole, part) = plain.split_once('.')?;
                let digits =
                    |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                let fits = is_whole(whole) && digits(part);
                let number = fits.then(|| plain.parse::<f64>().ok()).flatten();
                number.filter(|number| number.is_finite()).map(Value::from)
            }
            Self::Boolean => truth_in_words(plain).map(Value::from),
            Self::Date => Day::parse(cell).map(Day::value),
        }
    }

    /// What fits.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "a whole number such as 12 (no separators, no leading zeros)",
            Self::Number => {
                "a number such as 9.50 (a point before the fraction, no other separators)"
            }
            Self::Boolean => "a truth value: true/false, yes/no, on/off or 1/0",
            Self::Date => "a date such as 2026-12-01",
        }
    }

    /// Why a cell does not fit.
    pub(super) fn why_unfit(self, cell: &str) -> String {
        match self.is_beyond(cell) {
            true => format!(
                "which is too {} for a number: the largest has 19 digits, {}",
                if cell.trim().starts_with('-') { "small" } else { "large" },
                i64::MAX
            ),
            false => format!("which is not {}", self.expected()),
        }
    }

    /// Whether a cell is a number, and one that is larger or smaller than can be kept.
    fn is_beyond(self, cell: &str) -> bool {
        let cell = cell.trim();
        let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let is_number = match (self, cell.split_once('.')) {
            (Self::Integer | Self::Number, None) => is_whole(cell),
            (Self::Number, Some((whole, fraction))) => is_whole(whole) && part(fraction),
            _ => false,
        };
        is_number && self.value(cell).is_none()
    }

    /// What to do about a cell that does not fit.
    pub(super) fn cure(self, cell: &str) -> &'static str {
        if self.is_beyond(cell) {
            return "give the column the type `text`, if the digits are an id or a code; or mend the cells";
        }
        let cell = cell.trim();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let comma = cell.rsplit_once(',').is_some_and(|(whole, part)| {
            let whole = whole.trim_start_matches('-');
            digits(part) && whole.split(['.', '\u{a0}', ' ', '\'']).all(digits)
        });
        let dotted = cell.split('.').count() == 3 && cell.split('.').all(digits);
        match self {
            Self::Integer | Self::Number if comma => {
                "write a point before the fraction, and no other separators (9.50 instead of 9,50): export the file with \
                 English numbers, or give the column the type `text`"
            }
            Self::Date if dotted => {
                "write the year first (2026-12-01 instead of 01.12.2026): format the column so before the export, or \
                 give it the type `text`"
            }
            _ => "mend the cells, or give the column the type `text`",
        }
    }

    /// Its name under `columns:`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
        }
    }
}

/// Digits with a sign or without: `007` is the number of a room, and no number.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain && !digits.is_empty() && (digits == "0" || !digits.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_fit_their_types_or_are_refused() {
        let fits = |kind: ColumnType, cell: &str| kind.value(cell).map(|value| value.to_string());
        for (kind, cell, value) in [
            (ColumnType::Integer, " 12 ", "12"),
            (ColumnType::Integer, "-3", "-3"),
            (ColumnType::Integer, "0", "0"),
            (ColumnType::Number, "0.5", "0.5"),
            (ColumnType::Number, "-9.50", "-9.5"),
            (ColumnType::Boolean, "Yes", "True"),
            (ColumnType::Boolean, "0", "False"),
            (ColumnType::Date, "2026-12-01", "2026-12-01"),
            (ColumnType::Text, "007", "007"),
        ] {
            assert_eq!(fits(kind, cell).as_deref(), Some(value), "{kind:?} {cell}");
        }
        for (kind, cells) in [
            (
                ColumnType::Integer,
                &["007", "1,000", "1.0", "1e3", "12 seats", "+5", "-", "NaN"][..],
            ),
            (ColumnType::Number, &["9,50", "1.", ".5", "1.234,5", "inf", "1E5", "00.5"]),
            (ColumnType::Boolean, &["y", "2", "wahr", "maybe"]),
            (ColumnType::Date, &["01.12.2026", "12/01/2026", "2026-02-30", "soon"]),
        ] {
            for cell in cells {
                assert_eq!(fits(kind, cell), None, "{kind:?} {cell}");
            }
        }
    }

    #[test]
    fn a_number_that_is_too_large_is_told_so() {
        let many = format!("{}.5", "9".repeat(400));
        for (kind, cell, says) in [
            (ColumnType::Integer, "9223372036854775808", "too large"),
            (ColumnType::Integer, "-9223372036854775809", "too small"),
            (ColumnType::Number, "12345678901234567890", "too large"),
            (ColumnType::Number, &many, "too large"),
        ] {
            assert_eq!(kind.value(cell), None, "{cell}");
            assert!(kind.why_unfit(cell).contains(says), "{}", kind.why_unfit(cell));
            assert!(kind.cure(cell).contains("`text`"), "{}", kind.cure(cell));
        }
        assert!(ColumnType::Integer.why_unfit("1.5").contains("not a whole number"));
        assert!(ColumnType::Integer.value("9223372036854775807").is_some());
    }
}
