use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Diagnostic, Severity, Sources, sarif, show, workflow};

/// All problems of one run, in the order of their places, each once.
#[derive(Debug, Clone, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Report {
    /// Sorts and deduplicates.
    pub fn new(diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        let mut report = Self { diagnostics, sources };
        report.tidy();
        report
    }

    /// Adds more.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.diagnostics.extend(more);
        self.tidy();
    }

    fn tidy(&mut self) {
        // Those without a place first: they are about the project as a whole.
        self.diagnostics
            .sort_by(|a, b| (&a.place, a.severity, a.code).cmp(&(&b.place, b.severity, b.code)));
        let mut seen = HashSet::new();
        self.diagnostics.retain(|d| seen.insert((d.place.clone(), d.code, d.message.clone())));
    }

    /// The problems, sorted by file, line and column.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The files they point into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == severity).count()
    }

    /// For people: an excerpt for each, and a last line that counts. Empty if all is well.
    pub fn text(&self, style: show::Style) -> String {
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            out.push_str(&show::text(diagnostic, &self.sources, style));
            out.push('\n');
        }
        if !self.diagnostics.is_empty() {
            out.push_str(&self.summary());
            out.push('\n');
        }
        out
    }

    /// `2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let some = |count: usize, word: &str| match count {
            1 => format!("1 {word}"),
            _ => format!("{count} {word}s"),
        };
        format!("{}, {}", some(self.errors(), "error"), some(self.warnings(), "warning"))
    }

    /// One document: `{"format":"pushsync/diagnostics/1","diagnostics":[…]}`.
    pub fn json(&self) -> Value {
        json!({ "format": "pushsync/diagnostics/1", "diagnostics": self.diagnostics })
    }

    /// Workflow commands, one line each, that GitHub shows beside the changed lines. `folder` is
    /// that of the project, from the root of its repository on: empty, or ending in `/`.
    pub fn github(&self, folder: &str) -> String {
        self.diagnostics.iter().map(|one| workflow::diagnostic(one, folder) + "\n").collect()
    }

    /// SARIF 2.1.0, for code scanning. `folder` as in [`Report::github`].
    pub fn sarif(&self, folder: &str) -> Value {
        sarif::document(&self.diagnostics, folder)
    }
}
