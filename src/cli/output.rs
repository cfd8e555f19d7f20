//! Results go to stdout, everything else to stderr.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};
use serde_json::json;

use super::{
    args::{Color, GlobalOptions, LogFormat, Mask},
    failure::{Failure, status},
    hidden_values::HiddenValues,
    json_log::{Level, LogLine},
    masking::{Masking, Readers},
    said::Said,
    streams::{self, Stderr, Stdout, shows_color},
};
use crate::{
    diagnostics::{Report, Severity, show},
    manifest::MaskVisitors,
    model::{one_line, write_json},
};

const ERROR: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const HELP: Style = AnsiColor::Cyan.on_default().effects(Effects::BOLD);

/// The streams of a command: their colours, masks and format.
#[derive(Debug, Clone)]
pub(super) struct Output {
    color: ColorChoice,
    quiet: bool,
    /// Whether every line on stderr is a JSON object.
    json: bool,
    masking: Masking,
    hidden_values: HiddenValues,
    /// The last problems of the project that ended a command. Copies share it.
    reported: Arc<Mutex<Option<Report>>>,
    /// What need not be said again.
    said: Said,
}

impl Output {
    pub(super) fn new(global: &GlobalOptions) -> Self {
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
        Self {
            color,
            quiet: global.quiet,
            json: global.log_format == LogFormat::Json,
            masking: Masking::new(option),
            hidden_values: HiddenValues::default(),
            reported: Arc::default(),
            said: Said::default(),
        }
    }

    /// The same output, which says a note, a warning or an error once as long as it lasts.
    pub(super) fn saying_once(self) -> Self {
        Self { said: Said::once(), ..self }
    }

    /// What was said so far.
    pub(super) fn said(&self) -> &Said {
        &self.said
    }

    pub(super) fn masking(&self) -> &Masking {
        &self.masking
    }

    pub(super) fn hidden_values(&self) -> &HiddenValues {
        &self.hidden_values
    }

    /// Whether visitors' ids are masked on stdout.
    pub(super) fn masks_out(&self, readers: Readers) -> bool {
        self.masking.masks(readers, io::stdout().is_terminal())
    }

    /// Whether visitors' ids are masked on stderr.
    pub(super) fn masks_err(&self) -> bool {
        // A log in JSON ends up in a file, wherever it is written.
        self.json || self.masking.masks(Readers::Here, io::stderr().is_terminal())
    }

    /// A text for stderr, with known ids masked where they must be.
    pub(super) fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.masks_err() {
            true => Cow::Owned(self.masking.known().redactor().redact(text).into_owned()),
            false => Cow::Borrowed(text),
        }
    }

    /// Stdout, for results.
    pub(super) fn out(&self) -> Stdout {
        streams::stdout(self.color)
    }

    /// Stdout, with all control characters that are written to it: for a log that has some of ours.
    pub(super) fn raw_out(&self) -> Stdout {
        streams::stdout(ColorChoice::AlwaysAnsi)
    }

    /// Stderr, for diagnostics and progress.
    pub(super) fn err(&self) -> Stderr {
        streams::stderr(self.color)
    }

    /// Whether stdout shows colours.
    pub(super) fn out_has_color(&self) -> bool {
        shows_color(AutoStream::new(io::stdout(), self.color).current_choice())
    }

    /// Whether stderr shows colours.
    pub(super) fn err_has_color(&self) -> bool {
        shows_color(AutoStream::new(io::stderr(), self.color).current_choice())
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether every line on stderr is a JSON object.
    pub(super) fn writes_json(&self) -> bool {
        self.json
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

    /// For a command that has done its work: warns if its results could not be written, and goes on.
    pub(super) fn warn_if_lost(&self, written: Result<(), impl Into<Failure>>) {
        if let Err(error) = written {
            self.warning(&format!("{}: going on without it", error.into()));
        }
    }

    /// The exit status of a command that ended with `status` and then wrote its results.
    pub(super) fn exit_status(&self, written: Result<(), impl Into<Failure>>, status: u8) -> u8 {
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

    /// A note about progress; nothing with `--quiet`.
    pub(super) fn note(&self, text: &str) {
        if self.quiet || !self.said.is_news(text) {
        } else if self.json {
            self.log(LogLine::new(Level::Info, "note", json!({ "message": text.trim() })));
        } else {
            self.labelled("", text);
        }
    }

    /// One line on stderr, whether or not it was said before.
    pub(super) fn line(&self, text: &str) {
        self.labelled("", &self.masked(text));
    }

    /// One line on stderr. `label` is ours; the text may come from anywhere.
    fn labelled(&self, label: &str, text: &str) {
        let _ = writeln!(self.err(), "{label}{}", one_line(text));
    }

    pub(super) fn hint(&self, text: &str) {
        if self.quiet || !self.said.is_news(text) {
        } else if self.json {
            self.log(LogLine::new(Level::Info, "hint", json!({ "message": text })));
        } else {
            self.labelled(&format!("{HELP}next:{HELP:#} "), text);
        }
    }

    pub(super) fn warning(&self, text: &str) {
        let text = &*self.masked(text);
        if !self.said.is_news(text) {
        } else if self.json {
            self.log(LogLine::new(Level::Warn, "warning", json!({ "message": text })));
        } else {
            self.labelled(&format!("{WARNING}warning:{WARNING:#} "), text);
        }
    }

    /// The messages and the help of an error, as stderr shows them.
    pub(super) fn words_of(&self, failure: &Failure) -> (Vec<String>, Option<String>) {
        let Failure { messages, help, status: _, code: _, about_state } = failure;
        let safe = |text: &String| {
            let text = text.clone();
            let text = if *about_state { self.hidden_values.replace(text) } else { text };
            self.masked(&text).into_owned()
        };
        (messages.iter().map(safe).collect(), help.as_ref().map(safe))
    }

    pub(super) fn failure(&self, failure: &Failure) {
        let (messages, _) = self.words_of(failure);
        if self.said.is_news(&messages.join("\n")) {
            self.tell_failure(failure, (Level::Error, "error"), ERROR);
        }
    }

    /// A failure that is expected to pass by itself: its help says when, which may change.
    pub(super) fn passing_failure(&self, failure: &Failure) {
        let (messages, help) = self.words_of(failure);
        if self.said.is_news(&[messages, help.into_iter().collect()].concat().join("\n")) {
            self.tell_failure(failure, (Level::Warn, "warning"), WARNING);
        }
    }

    fn tell_failure(&self, failure: &Failure, (level, label): (Level, &'static str), style: Style) {
        let code = &failure.code;
        let (messages, help) = self.words_of(failure);
        if self.json {
            for message in &messages {
                let fields = json!({ "message": message, "help": help, "code": code });
                self.log(LogLine::new(level, label, fields));
            }
            return;
        }
        let code = code.map(|code| format!("[{}]", code.as_str())).unwrap_or_default();
        for message in &messages {
            self.labelled(&format!("{style}{label}{code}:{style:#} "), message);
        }
        if let Some(help) = help {
            self.labelled(&format!("  {HELP}help:{HELP:#} "), &help);
        }
    }

    /// Problems of the project; with `--quiet`, only if one of them is an error.
    pub(super) fn report(&self, report: &Report) {
        if report.errors() > 0 {
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            *reported = Some(report.clone());
        }
        if report.errors() == 0 && self.quiet {
            return;
        }
        let style = show::Style { color: self.err_has_color(), mask: self.masks_err() };
        let text = report.text(style);
        if !self.said.is_news(&text) {
            return;
        }
        if self.json {
            for diagnostic in report.masked() {
                let level = match diagnostic.severity {
                    Severity::Error => Level::Error,
                    Severity::Warning => Level::Warn,
                };
                let fields = json!({ "message": diagnostic.message, "diagnostic": diagnostic });
                self.log(LogLine::new(level, "diagnostic", fields));
            }
            return;
        }
        let _ = self.err().write_all(text.as_bytes());
    }

    /// The last problems of the project that ended a command.
    pub(super) fn reported(&self) -> Option<Report> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// One line of a log in JSON, with known ids masked.
    pub(super) fn log(&self, line: LogLine) {
        if let Some(line) = line.text(&self.masking.known().redactor()) {
            let _ = writeln!(self.err(), "{line}");
        }
    }
}
