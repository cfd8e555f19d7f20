//! Where words go: results to stdout, everything else to stderr.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};
use serde_json::{Value, json};

use super::{
    args::{Color, Global, LogFormat},
    failure::Failure,
};
use crate::{
    diagnostics::{Report, show},
    model::{json_line, write_json},
    render::words,
};

const ERROR: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const HELP: Style = AnsiColor::Cyan.on_default().effects(Effects::BOLD);

/// What a command knows of its surroundings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    color: ColorChoice,
    quiet: bool,
    /// Whether every line on stderr is a JSON object.
    json: bool,
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { color, quiet: global.quiet, json: global.log_format == LogFormat::Json }
    }

    /// Results. ANSI colours are dropped where they do not belong.
    pub(super) fn out(&self) -> AutoStream<io::StdoutLock<'static>> {
        AutoStream::new(io::stdout().lock(), self.color)
    }

    /// Diagnostics and progress.
    pub(super) fn err(&self) -> AutoStream<io::StderrLock<'static>> {
        AutoStream::new(io::stderr().lock(), self.color)
    }

    /// Whether stdout shows colours.
    pub(super) fn out_has_color(&self) -> bool {
        AutoStream::new(io::stdout(), self.color).current_choice() != ColorChoice::Never
    }

    /// Whether stderr shows colours.
    pub(super) fn err_has_color(&self) -> bool {
        AutoStream::new(io::stderr(), self.color).current_choice() != ColorChoice::Never
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The width of stdout, or a usual one.
    pub(super) fn width(&self) -> usize {
        terminal_size::terminal_size()
            .filter(|_| io::stdout().is_terminal())
            .map_or(100, |(terminal_size::Width(width), _)| usize::from(width).clamp(40, 120))
    }

    /// One document, pretty-printed.
    pub(super) fn json(&self, document: &impl serde::Serialize) -> Result<(), Failure> {
        let mut out = self.out();
        write_json(&mut out, document)?;
        Ok(())
    }

    /// A word on the way; nothing with `--quiet`.
    pub(super) fn note(&self, text: &str) {
        if self.quiet {
        } else if self.json {
            self.event(&json!({ "event": "note", "message": text.trim() }));
        } else {
            // Nobody to tell if stderr is gone.
            let _ = writeln!(self.err(), "{text}");
        }
    }

    pub(super) fn hint(&self, text: &str) {
        if self.json {
            if !self.quiet {
                self.event(&json!({ "event": "hint", "message": text }));
            }
        } else {
            self.note(&format!("{HELP}next:{HELP:#} {text}"));
        }
    }

    pub(super) fn warning(&self, text: &str) {
        if self.json {
            self.event(&json!({ "event": "warning", "message": text }));
        } else {
            let _ = writeln!(self.err(), "{WARNING}warning:{WARNING:#} {}", words::printable(text));
        }
    }

    pub(super) fn failure(&self, failure: &Failure) {
        let Failure { messages, help, closed_pipe: _, status: _ } = failure;
        if self.json {
            for message in messages {
                self.event(&json!({ "event": "error", "message": message, "help": help }));
            }
            return;
        }
        let mut err = self.err();
        for message in messages {
            let _ = writeln!(err, "{ERROR}error:{ERROR:#} {}", words::printable(message));
        }
        if let Some(help) = help {
            let _ = writeln!(err, "  {HELP}help:{HELP:#} {}", words::printable(help));
        }
    }

    /// Problems of the project; with `--quiet`, only if there is an error among them.
    pub(super) fn report(&self, report: &Report) -> io::Result<()> {
        if report.errors() == 0 && self.quiet {
            return Ok(());
        }
        if self.json {
            for diagnostic in report.diagnostics() {
                self.event(&json!({ "event": "diagnostic", "diagnostic": diagnostic }));
            }
            return Ok(());
        }
        let mask = !io::stderr().is_terminal();
        let style = show::Style { color: self.err_has_color(), mask };
        self.err().write_all(report.text(style).as_bytes())
    }

    /// One line of a log in JSON.
    pub(super) fn event(&self, event: &Value) {
        if let Ok(line) = json_line(event) {
            let _ = writeln!(self.err(), "{line}");
        }
    }
}
