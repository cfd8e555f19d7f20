//! The lines of `--log-format json`: each is an object with `timestamp`, `level`, `event` and more fields.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::environment;
use crate::model::{Redactor, json_line};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Something went wrong, and somebody has to do something.
    Error,
    /// Something may go wrong.
    Warn,
    /// Something happens.
    Info,
    /// A step inside of the program.
    Debug,
}

/// One line.
#[derive(Debug)]
pub(super) struct LogLine {
    timestamp: Timestamp,
    level: Level,
    event: &'static str,
    fields: Value,
}

impl LogLine {
    /// A line of now. `fields` is an object.
    pub(super) fn new(level: Level, event: &'static str, fields: Value) -> Self {
        Self { timestamp: environment::now(), level, event, fields }
    }

    /// Its text, without the end of the line. The known ids in its fields are masked.
    pub(super) fn text(self, redactor: &Redactor) -> Option<String> {
        let Self { timestamp, level, event, mut fields } = self;
        redact(&mut fields, redactor);
        let timestamp = format!("{timestamp:.3}");
        json_line(&Document { timestamp, level, event, fields }).ok()
    }
}

/// The line as it is written.
#[derive(Serialize)]
struct Document {
    timestamp: String,
    level: Level,
    event: &'static str,
    #[serde(flatten)]
    fields: Value,
}

fn redact(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => *text = redactor.redact(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, redactor)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, redactor)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
