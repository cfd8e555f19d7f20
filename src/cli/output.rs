//! Where words go: results to stdout, everything else to stderr.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};
use serde_json::{Value, json};

use super::{
    args::{Color, Global, LogFormat, Mask},
    failure::{Failure, status},
    masking::{Masking, Readers},
    streams::{Notices, Results},
};
use crate::{
    diagnostics::{Report, show},
    manifest::MaskVisitors,
    model::{Redactor, json_line, write_json},
    render::words,
};

const ERROR: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const HELP: Style = AnsiColor::Cyan.on_default().effects(Effects::BOLD);

/// What a command knows of its surroundings.
#[derive(Debug, Clone)]
pub(super) struct Output {
    color: ColorChoice,
    quiet: bool,
    /// Whether every line on stderr is a JSON object.
    json: bool,
    masking: Masking,
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let option = global.mask_visitors.map(|mask| match mask {
            Mask::Auto => MaskVisitors::Auto,
            Mask::Always => MaskVisitors::Always,
            Mask::Never => MaskVisitors::Never,
        });
        let masking = Masking::new(option);
        Self { color, quiet: global.quiet, json: global.log_format == LogFormat::Json, masking }
    }

    /// What decides about masks.
    pub(super) fn masking(&self) -> &Masking {
        &self.masking
    }

    /// Whether visitors' ids are masked on stdout.
    pub(super) fn masks_out(&self, readers: Readers) -> bool {
        self.masking.masks(readers, io::stdout().is_terminal())
    }

    /// Whether visitors' ids are masked on stderr.
    pub(super) fn masks_err(&self) -> bool {
        // A line of a log in JSON is for a file, wherever it is written.
        self.json || self.masking.masks(Readers::Here, io::stderr().is_terminal())
    }

    /// A text for stderr, with each id masked that is known.
    pub(super) fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.masks_err() {
            true => Cow::Owned(self.masking.known().redactor().redact(text).into_owned()),
            false => Cow::Borrowed(text),
        }
    }

    /// Results. ANSI colours are dropped where they do not belong.
    pub(super) fn out(&self) -> Results<AutoStream<io::StdoutLock<'static>>> {
        Results::new(AutoStream::new(io::stdout().lock(), self.color))
    }

    /// Diagnostics and progress.
    pub(super) fn err(&self) -> Notices<AutoStream<io::StderrLock<'static>>> {
        Notices(AutoStream::new(io::stderr().lock(), self.color))
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

    /// For a command that has done what it was for: its results could not be written. That is told, and
    /// changes nothing else.
    pub(super) fn go_on_without(&self, written: Result<(), impl Into<Failure>>) {
        if let Err(error) = written {
            self.warning(&format!("{}: going on without it", error.into()));
        }
    }

    /// The exit status of a command that has done what it was for, and then had this to say about it.
    pub(super) fn ended(&self, written: Result<(), impl Into<Failure>>, status: u8) -> u8 {
        match written {
            Ok(()) => status,
            Err(error) => {
                self.failure(&error.into());
                match status {
                    status::DONE | status::CHANGES => status::FAILED,
                    worse => worse,
                }
            }
        }
    }

    /// A word on the way; nothing with `--quiet`.
    pub(super) fn note(&self, text: &str) {
        if self.quiet {
        } else if self.json {
            self.json_line(&json!({ "event": "note", "message": text.trim() }));
        } else {
            self.line("", text);
        }
    }

    /// One line on stderr. `label` is ours, and the rest may come from anywhere.
    fn line(&self, label: &str, text: &str) {
        let _ = writeln!(self.err(), "{label}{}", words::one_line(text));
    }

    pub(super) fn hint(&self, text: &str) {
        if self.quiet {
        } else if self.json {
            self.json_line(&json!({ "event": "hint", "message": text }));
        } else {
            self.line(&format!("{HELP}next:{HELP:#} "), text);
        }
    }

    pub(super) fn warning(&self, text: &str) {
        let text = &*self.masked(text);
        if self.json {
            self.event(&json!({ "event": "warning", "message": text }));
        } else {
            self.line(&format!("{WARNING}warning:{WARNING:#} "), text);
        }
    }

    pub(super) fn failure(&self, failure: &Failure) {
        let Failure { messages, help, status: _ } = failure;
        let messages: Vec<_> = messages.iter().map(|message| self.masked(message)).collect();
        let help = help.as_ref().map(|help| self.masked(help));
        if self.json {
            for message in &messages {
                self.event(&json!({ "event": "error", "message": message, "help": help }));
            }
            return;
        }
        for message in &messages {
            self.line(&format!("{ERROR}error:{ERROR:#} "), message);
        }
        if let Some(help) = help {
            self.line(&format!("  {HELP}help:{HELP:#} "), &help);
        }
    }

    /// Problems of the project; with `--quiet`, only if there is an error among them.
    pub(super) fn report(&self, report: &Report) {
        if report.errors() == 0 && self.quiet {
            return;
        }
        if self.json {
            for diagnostic in report.masked() {
                self.json_line(&json!({ "event": "diagnostic", "diagnostic": diagnostic }));
            }
            return;
        }
        let style = show::Style { color: self.err_has_color(), mask: self.masks_err() };
        let _ = self.err().write_all(report.text(style).as_bytes());
    }

    /// One line of a log in JSON, with each id masked that is known.
    pub(super) fn event(&self, event: &Value) {
        fn redact(value: &mut Value, redactor: &Redactor) {
            match value {
                Value::String(text) => *text = redactor.redact(text).into_owned(),
                Value::Array(items) => items.iter_mut().for_each(|item| redact(item, redactor)),
                Value::Object(fields) => {
                    // The names of events are words of ours.
                    let texts = fields.iter_mut().filter(|(name, _)| *name != "event");
                    texts.for_each(|(_, field)| redact(field, redactor));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        let mut event = event.clone();
        redact(&mut event, &self.masking.known().redactor());
        self.json_line(&event);
    }

    fn json_line(&self, event: &Value) {
        if let Ok(line) = json_line(event) {
            let _ = writeln!(self.err(), "{line}");
        }
    }
}
