//! The log on stderr: one line of printable characters for each event.
//!
//! The text of an event may come from the API or from a file. It stays on one line, because a runner of CI
//! could take the next line for a command, and it cannot steer a terminal. An event that cannot be written
//! is dropped: a run does not depend on the reader of its log.

use std::io::{self, Write};

use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use super::args::{GlobalOptions, LogFormat};
use crate::model::{harmless_json, one_line};

/// Starts the log: warnings; with `-v` also steps; with `-vv` also each request.
pub(super) fn start(global: &GlobalOptions) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let writer = SafeWriter { format: global.log_format, to: io::stderr };
    // The library would print its own errors to stderr, and panic if it cannot.
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .log_internal_errors(false)
        .with_writer(writer);
    // A process can set one log. Tests that call `main` twice keep the first.
    let _ = match global.log_format {
        LogFormat::Text => log.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

/// Makes an [`EventWriter`] for each event. `to` opens the output.
struct SafeWriter<F> {
    format: LogFormat,
    to: F,
}

impl<'a, W: Write, F: Fn() -> W + 'a> MakeWriter<'a> for SafeWriter<F> {
    type Writer = EventWriter<W>;

    fn make_writer(&'a self) -> EventWriter<W> {
        EventWriter { format: self.format, to: (self.to)() }
    }
}

/// Writes one event, which it is given whole, as one line.
struct EventWriter<W> {
    format: LogFormat,
    to: W,
}

impl<W: Write> Write for EventWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = match self.format {
            LogFormat::Text => one_line(text),
            LogFormat::Json => harmless_json(text),
        };
        line.push('\n');
        let _dropped = self.to.write_all(line.as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _dropped = self.to.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;

    use super::*;
    use crate::model::is_hostile;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    const HOSTILE: &str = "a\n::error::b\r\n##[group]c\u{1b}[31m\u{9b}2J\u{85}::d\u{2028}::e\u{202e}\u{200b}\u{fffa}\tend";

    fn logged(format: LogFormat) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let log = fmt().with_writer(SafeWriter { format, to: move || to.clone() });
        let event = || {
            tracing::info!(id = HOSTILE, other = ?HOSTILE, "{HOSTILE}");
        };
        match format {
            LogFormat::Text => {
                tracing::subscriber::with_default(log.with_ansi(false).finish(), event)
            }
            LogFormat::Json => tracing::subscriber::with_default(log.json().finish(), event),
        }
        let bytes = kept.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn an_event_is_one_printable_line_whatever_it_says() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = logged(format);
            let line = line.strip_suffix('\n').expect("a line");
            assert!(!line.contains(is_hostile), "{line}");
            assert!(!line.contains("##[") && !line.trim_start().starts_with("::"), "{line}");
            assert!(line.contains("end"), "{line}");
        }
    }

    #[test]
    fn an_event_in_json_means_what_was_said() {
        let event: serde_json::Value =
            serde_json::from_str(&logged(LogFormat::Json)).expect("an object");
        assert_eq!(event["fields"]["id"], HOSTILE);
        assert_eq!(event["level"], "INFO");
    }

    #[test]
    fn an_event_that_cannot_be_written_is_dropped() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let mut line = EventWriter { format, to: Full };
            assert!(line.write_all(b"an event\n").is_ok() && line.flush().is_ok());
        }
    }
}
