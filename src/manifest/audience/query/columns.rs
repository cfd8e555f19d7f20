//! The columns of a query's answer: their names, and what the texts of their cells mean.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use tokio_postgres::{
    Column as Described,
    types::{Kind, Type},
};

use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        audience::{RowRules, columns::ColumnType},
        limits::Limits,
        suggest,
    },
    model::{Place, number},
};

/// How the server writes the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Integer,
    Numeric,
    Float,
    Boolean,
    Date,
    /// A time at no known place counts as one in UTC.
    Instant {
        zoned: bool,
    },
}

impl Form {
    fn of(kind: &Type) -> Self {
        match *kind {
            Type::INT2 | Type::INT4 | Type::INT8 => Self::Integer,
            Type::NUMERIC => Self::Numeric,
            Type::FLOAT4 | Type::FLOAT8 => Self::Float,
            Type::BOOL => Self::Boolean,
            Type::DATE => Self::Date,
            Type::TIMESTAMP => Self::Instant { zoned: false },
            Type::TIMESTAMPTZ => Self::Instant { zoned: true },
            _ => match kind.kind() {
                Kind::Domain(base) => Self::of(base),
                _ => Self::Text,
            },
        }
    }

    /// The type of the cells for templates.
    fn kind(self) -> Option<ColumnType> {
        match self {
            Self::Text => None,
            Self::Integer => Some(ColumnType::Integer),
            Self::Numeric | Self::Float => Some(ColumnType::Number),
            Self::Boolean => Some(ColumnType::Boolean),
            Self::Date | Self::Instant { .. } => Some(ColumnType::Date),
        }
    }
}

/// A column of the answer.
pub(super) struct Column {
    pub(super) name: Arc<str>,
    form: Form,
    /// What PostgreSQL calls the type.
    sql_type: Box<str>,
    /// Its type, unless the manifest says another one.
    pub(super) inferred: Option<ColumnType>,
}

impl Column {
    /// A cell as CSV would have it.
    pub(super) fn cell<'c>(&self, text: &'c str) -> Cow<'c, str> {
        match self.form {
            Form::Boolean => match text {
                "t" => "true".into(),
                "f" => "false".into(),
                other => other.into(),
            },
            Form::Float if text.contains(['e', 'E']) => match text.parse::<f64>() {
                Ok(float) if float.is_finite() => format!("{float}").into(),
                _ => text.into(),
            },
            Form::Instant { zoned } => match instant(text, zoned) {
                Some(instant) => instant.into(),
                None => text.into(),
            },
            Form::Text if text.contains('\r') => {
                text.replace("\r\n", "\n").replace('\r', "\n").into()
            }
            _ => text.into(),
        }
    }

    /// Why a cell does not fit the type that was inferred, without its value; and the cure.
    pub(super) fn unfit(&self, cell: &str) -> Option<(String, String)> {
        let kind = self.inferred?;
        if self.loses_digits(cell) || (kind.value(cell).is_none() && self.is_long(cell)) {
            let message = format!(
                "`{}` has more digits than a number keeps (its type is {})",
                self.name, self.sql_type
            );
            return Some((message, self.as_text()));
        }
        if kind.value(cell).is_some() {
            return None;
        }
        let what = match cell {
            "NaN" => "NaN, which is not a number".to_owned(),
            "Infinity" | "-Infinity" | "infinity" | "-infinity" if kind == ColumnType::Number => {
                format!("{cell}, which is not a number")
            }
            "infinity" | "-infinity" => format!("{cell}, which is not a date"),
            _ if kind == ColumnType::Date => "before the year 1 or after the year 9999".to_owned(),
            _ => format!("not {}", kind.expected()),
        };
        Some((
            format!("`{}` is {what}", self.name),
            format!("select NULL there, or {}", self.as_text()),
        ))
    }

    fn as_text(&self) -> String {
        format!("give the column the type `text` under `columns:`, or cast it: {}::text", self.name)
    }

    fn is_long(&self, cell: &str) -> bool {
        matches!(self.form, Form::Numeric | Form::Float)
            && cell.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
    }

    /// Whether a decimal number would not be the same after it was read.
    fn loses_digits(&self, cell: &str) -> bool {
        const KEPT: usize = 15;
        if self.form != Form::Numeric {
            return false;
        }
        let Some((whole, part)) = cell.split_once('.') else { return false };
        let whole = whole.trim_start_matches(['-', '0']);
        let part = part.trim_end_matches('0');
        let digits = match whole {
            "" => part.trim_start_matches('0').len(),
            _ => whole.len() + part.len(),
        };
        !part.is_empty() && digits > KEPT
    }
}

/// `2026-12-01 09:00:00+00` as RFC 3339 writes it.
fn instant(text: &str, zoned: bool) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    let time = match zoned {
        true => time.strip_suffix("+00")?,
        false => time,
    };
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
    time.chars().all(plain).then(|| format!("{date}T{time}Z"))
}

/// The columns, and which of them is the visitor's; or their problems.
pub(super) fn read(
    described: &[Described],
    rules: &RowRules,
    limits: &Limits,
    place: &Place,
) -> Result<(Vec<Column>, usize), Vec<Diagnostic>> {
    let problem = |message: String, help: &str| {
        Diagnostic::error(Code::BadQuery, message).at(place.clone()).help(help)
    };
    if described.len() as u64 > limits.columns {
        let found = format!("this query gives {} columns", number(described.len() as u64));
        let cure = "name the columns that messages use";
        return Err(vec![
            Diagnostic::limit("columns", limits.columns, found, cure).at(place.clone()),
        ]);
    }
    let mut problems = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (at, column) in (1..).zip(described) {
        let name = column.name();
        let first = *seen.entry(name).or_insert(at);
        if name == "?column?" || name.trim().is_empty() {
            let message = format!("column {at} of this query has no name");
            problems.push(problem(message, "give it one: EXPRESSION AS name"));
        } else if first < at {
            let message =
                format!("this query gives the column `{name}` twice, as columns {first} and {at}");
            problems.push(problem(message, "name one of them otherwise: EXPRESSION AS other_name"));
        } else if name.trim() != name || name.contains(char::is_control) {
            let message = format!(
                "the name of column {at} has white space around it, or a sign that no name has"
            );
            problems.push(problem(message, "name it otherwise: EXPRESSION AS name"));
        }
    }
    let wanted = &*rules.visitor.column;
    let visitor = described.iter().position(|column| column.name() == wanted);
    match visitor {
        None => {
            let names = described.iter().map(Described::name);
            let help = match suggest::nearest(wanted, names.clone()) {
                Some(near) => {
                    format!("write `{near} AS {wanted}`, or name the column under `visitor:`")
                }
                None => format!(
                    "name the column of the visitors' ids so (… AS {wanted}), or name it under `visitor:`{}",
                    suggest::list(names)
                        .map(|list| format!("; there is {list}"))
                        .unwrap_or_default()
                ),
            };
            problems.push(problem(format!("this query gives no column `{wanted}`"), &help));
        }
        Some(at) => {
            let kind = described[at].type_();
            let is_wrong =
                matches!(
                    *kind,
                    Type::BOOL
                        | Type::FLOAT4
                        | Type::FLOAT8
                        | Type::DATE
                        | Type::TIME
                        | Type::TIMETZ
                        | Type::TIMESTAMP
                        | Type::TIMESTAMPTZ
                        | Type::INTERVAL
                        | Type::JSON
                        | Type::JSONB
                        | Type::BYTEA
                        | Type::MONEY
                ) || matches!(kind.kind(), Kind::Array(_) | Kind::Composite(_) | Kind::Range(_));
            if is_wrong {
                let message =
                    format!("the column `{wanted}` is of the type {kind}, and ids are not");
                let help = "name the column of the ids, or cast it: to text, bigint or uuid";
                problems.push(problem(message, help));
            }
        }
    }
    match visitor {
        Some(visitor) if problems.is_empty() => {
            let columns = described.iter().enumerate().map(|(at, column)| {
                let form = Form::of(column.type_());
                let name: Arc<str> = column.name().into();
                let declared = rules.types.iter().any(|(one, _, _)| **one == *name);
                let is_id = at == visitor && rules.visitor.derivation.is_none();
                let inferred = form.kind().filter(|_| !declared && !is_id);
                Column { name, form, sql_type: column.type_().name().into(), inferred }
            });
            Ok((columns.collect(), visitor))
        }
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Type) -> Column {
        let form = Form::of(&kind);
        Column { name: "c".into(), form, sql_type: kind.name().into(), inferred: form.kind() }
    }

    #[test]
    fn cells_become_what_csv_would_have() {
        for (kind, text, cell) in [
            (Type::BOOL, "t", "true"),
            (Type::BOOL, "f", "false"),
            (Type::FLOAT8, "1e+20", "100000000000000000000"),
            (Type::FLOAT8, "1.5e-07", "0.00000015"),
            (Type::FLOAT4, "0.1", "0.1"),
            (Type::TIMESTAMPTZ, "2026-12-01 09:00:00+00", "2026-12-01T09:00:00Z"),
            (Type::TIMESTAMPTZ, "2026-12-01 09:00:00.5+00", "2026-12-01T09:00:00.5Z"),
            (Type::TIMESTAMP, "2026-12-01 09:00:00.123456", "2026-12-01T09:00:00.123456Z"),
            (Type::TIMESTAMP, "infinity", "infinity"),
            (Type::TIMESTAMP, "0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
            (Type::TEXT, "a\r\nb\rc", "a\nb\nc"),
            (Type::TEXT, "t", "t"),
            (Type::INT8, "-5", "-5"),
        ] {
            assert_eq!(column(kind.clone()).cell(text), cell, "{kind}");
        }
    }

    #[test]
    fn a_cell_that_is_no_value_of_its_type_is_told_without_its_value() {
        for (kind, cell, says) in [
            (Type::FLOAT8, "NaN", "NaN, which is not a number"),
            (Type::NUMERIC, "-Infinity", "-Infinity, which is not a number"),
            (Type::DATE, "infinity", "infinity, which is not a date"),
            (Type::DATE, "0044-03-15 BC", "before the year 1"),
            (Type::NUMERIC, "123456789012345678901234", "more digits"),
            (Type::NUMERIC, "1234567890123.456", "more digits"),
        ] {
            let (message, _) = column(kind).unfit(cell).expect(cell);
            assert!(message.contains(says), "{message}");
            assert!(!message.contains("123456789"), "{message}");
        }
        for (kind, cell) in [
            (Type::NUMERIC, "9.50"),
            (Type::NUMERIC, "0.0000000000000000000001"),
            (Type::NUMERIC, "9223372036854775807"),
            (Type::NUMERIC, "123456789012345.000000"),
            (Type::FLOAT8, "0.30000000000000004"),
            (Type::TIMESTAMPTZ, "2026-12-01T09:00:00.123456Z"),
            (Type::TEXT, "NaN"),
        ] {
            assert_eq!(column(kind).unfit(cell), None, "{cell}");
        }
    }
}
