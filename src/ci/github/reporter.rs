//! How a job of GitHub Actions says things: workflow commands in its log, files for its summary and its outputs.

use std::{
    cell::RefCell,
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
};

use crate::{
    ci::{Log, Reporter, Variables},
    diagnostics::workflow::{self, Level},
};

/// GitHub shows no summary of more than 1 MiB.
const LONGEST_SUMMARY: u64 = 1_000_000;

/// The log, the summary and the outputs of a step.
pub struct GitHubReporter<'a> {
    log: Log<'a>,
    /// Words that nobody can guess.
    random: &'a dyn Fn() -> String,
    summary: Option<PathBuf>,
    outputs: Option<PathBuf>,
    /// The word that makes commands count again, while they do not.
    ignoring: RefCell<Option<String>>,
}

impl<'a> GitHubReporter<'a> {
    /// That of this step. `random` makes words that nobody can guess.
    pub fn new(variables: Variables<'_>, log: Log<'a>, random: &'a dyn Fn() -> String) -> Self {
        let file = |name: &str| variables.get(name).map(PathBuf::from);
        let (summary, outputs) = (file("GITHUB_STEP_SUMMARY"), file("GITHUB_OUTPUT"));
        Self { log, random, summary, outputs, ignoring: RefCell::default() }
    }

    fn command(&self, level: Level, title: &str, text: &str) {
        (self.log)(&format!("{}\n", workflow::command(level, None, title, text)));
    }
}

impl Reporter for GitHubReporter<'_> {
    fn notice(&self, title: &str, text: &str) {
        self.command(Level::Notice, title, text);
    }

    fn warning(&self, title: &str, text: &str) {
        self.command(Level::Warning, title, text);
    }

    fn error(&self, title: &str, text: &str) {
        self.command(Level::Error, title, text);
    }

    fn ignore(&self) {
        let word = (self.random)();
        (self.log)(&format!("::stop-commands::{word}\n"));
        self.ignoring.replace(Some(word));
    }

    fn hear(&self) {
        if let Some(word) = self.ignoring.take() {
            (self.log)(&format!("\n::{word}::\n"));
        }
    }

    fn annotate(&self, commands: &str) {
        // For the runner, a carriage return ends a line too.
        for line in commands.split(['\n', '\r']) {
            if Level::ALL.iter().any(|level| line.starts_with(&format!("::{} ", level.as_str()))) {
                (self.log)(&format!("{line}\n"));
            }
        }
    }

    fn summarise(&self, markdown: &str) {
        let Some(path) = &self.summary else { return };
        let there = fs::metadata(path).map_or(0, |there| there.len());
        if there + markdown.len() as u64 > LONGEST_SUMMARY {
            return self.warning("pushsync: no summary", "It would be larger than GitHub allows.");
        }
        let written = append(path, &format!("{markdown}\n"));
        if let Err(error) = written {
            self.warning("pushsync: no summary", &error.to_string());
        }
    }

    fn output(&self, name: &str, value: &str) {
        let Some(path) = &self.outputs else { return };
        // Nothing in the value ends it: nobody can guess this word.
        let end = format!("end-{}", (self.random)());
        if let Err(error) = append(path, &format!("{name}<<{end}\n{value}\n{end}\n")) {
            self.warning("pushsync: no output", &error.to_string());
        }
    }

    fn input(&self, name: &str, value: &str) -> String {
        format!("{name}: {value}")
    }

    fn elsewhere(&self) -> &'static str {
        "in the job's summary"
    }
}

fn append(path: &PathBuf, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}
