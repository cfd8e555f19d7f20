//! The log on stderr: one line of printable characters for each event.
//!
//! The text of an event may come from the API or from a file. It stays on one line, because a runner of CI
//! could take the next line for a command, and it cannot steer a terminal. An event that cannot be written
//! is dropped: a run does not depend on the reader of its log.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use super::{
    args::{GlobalOptions, LogFormat},
    json_log::{Level, LogLine},
    output::Output,
};
use crate::model::one_line;

/// Starts the log: warnings; with `-v` also steps; with `-vv` also each request.
pub(super) fn start(global: &GlobalOptions, output: Output) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let format = global.log_format;
    let writer = SafeWriter {
        format,
        to: move |line: Line| match line {
            Line::Text(text) => {
                let _ = writeln!(output.err(), "{}", output.masked(&text));
            }
            Line::Json(line) => output.log(line),
        },
    };
    // The library would print its own errors to stderr, and panic if it cannot.
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .log_internal_errors(false)
        .with_writer(writer);
    // A process can set one log. Tests that call `main` twice keep the first.
    let _ = match format {
        LogFormat::Text => log.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// One event, as it is written.
enum Line {
    Text(String),
    Json(LogLine),
}

/// Makes an [`EventWriter`] for each event. `to` writes it.
struct SafeWriter<F> {
    format: LogFormat,
    to: F,
}

impl<'a, F: Fn(Line) + 'a> MakeWriter<'a> for SafeWriter<F> {
    type Writer = EventWriter<'a, F>;

    fn make_writer(&'a self) -> EventWriter<'a, F> {
        EventWriter { format: self.format, to: &self.to }
    }
}

/// Writes one event, which it is given whole, as one line.
struct EventWriter<'a, F> {
    format: LogFormat,
    to: &'a F,
}

impl<F: Fn(Line)> Write for EventWriter<'_, F> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        (self.to)(match self.format {
            LogFormat::Text => Line::Text(one_line(text)),
            LogFormat::Json => Line::Json(line_of(text)),
        });
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same event as a line like all others.
fn line_of(event: &str) -> LogLine {
    let mut fields: Map<String, Value> = serde_json::from_str(event).unwrap_or_default();
    let level = match fields.remove("level").as_ref().and_then(Value::as_str) {
        Some("ERROR") => Level::Error,
        Some("WARN") => Level::Warn,
        Some("INFO") => Level::Info,
        _ => Level::Debug,
    };
    // Those of the line itself.
    for name in ["timestamp", "event"] {
        fields.remove(name);
    }
    LogLine::new(level, "log", Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;

    use super::*;
    use crate::model::{Redactor, is_hostile};

    const HOSTILE: &str = "a\n::error::b\r\n##[group]c\u{1b}[31m\u{9b}2J\u{85}::d\u{2028}::e\u{202e}\u{200b}\u{fffa}\tend";

    fn logged(format: LogFormat) -> String {
        let kept = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&kept);
        let to = move |line: Line| {
            let text = match line {
                Line::Text(text) => text,
                Line::Json(line) => line.text(&Redactor::of([])).expect("JSON"),
            };
            shared.lock().expect("not poisoned").push_str(&text);
        };
        let log = fmt().with_writer(SafeWriter { format, to });
        let event = || {
            tracing::info!(id = HOSTILE, other = ?HOSTILE, "{HOSTILE}");
        };
        match format {
            LogFormat::Text => {
                tracing::subscriber::with_default(log.with_ansi(false).finish(), event)
            }
            LogFormat::Json => {
                tracing::subscriber::with_default(log.json().flatten_event(true).finish(), event)
            }
        }
        std::mem::take(&mut kept.lock().expect("not poisoned"))
    }

    #[test]
    fn an_event_is_one_printable_line_whatever_it_says() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = logged(format);
            assert!(!line.contains(is_hostile), "{line}");
            assert!(!line.contains("##[") && !line.trim_start().starts_with("::"), "{line}");
            assert!(line.contains("end"), "{line}");
        }
    }

    #[test]
    fn an_event_in_json_means_what_was_said() {
        let line: Value = serde_json::from_str(&logged(LogFormat::Json)).expect("an object");
        assert_eq!((&line["id"], &line["message"]), (&HOSTILE.into(), &HOSTILE.into()));
        assert_eq!((&line["level"], &line["event"]), (&"info".into(), &"log".into()));
        assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
    }
}
