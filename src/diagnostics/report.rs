use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{Code, Diagnostic, Masks, Severity, Sources, sarif, show, workflow};
use crate::model::{IdSource, KnownIds, Place};

/// Nobody reads more excerpts.
const MOST_IN_TEXT: usize = 500;
/// GitHub shows ten of each level for a step.
const MOST_FOR_GITHUB: usize = 100;
/// GitHub shows this number of results of a run, and refuses a file with more than 25,000 (its
/// documentation of SARIF support for code scanning).
const MOST_IN_SARIF: usize = 5_000;

/// All problems of one run, in the order of their places, each once.
#[derive(Debug, Clone, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
    known: KnownIds,
}

/// Those without a place first: they are about the project as a whole. What concerns the run comes last.
fn order(problem: &Diagnostic) -> (bool, &Option<Place>, Severity, Code) {
    (problem.code == Code::NewState, &problem.place, problem.severity, problem.code)
}

impl Report {
    /// Sorts and deduplicates.
    pub fn new(diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        let mut report = Self { diagnostics, sources, known: KnownIds::default() };
        report.tidy();
        report
    }

    /// The problems of the same files in several environments, each once. Those that are not in all of them say
    /// where they are.
    pub fn of_environments(reports: Vec<(String, Self)>) -> Self {
        let all = reports.len();
        let mut merged = Self::default();
        let mut found: Vec<(Diagnostic, Vec<String>)> = Vec::new();
        let mut places = HashMap::new();
        for (environment, report) in reports {
            merged.sources.merge(&report.sources);
            merged.known.add(Arc::new(report.known));
            for one in report.diagnostics {
                let key = (one.place.clone(), one.code, one.message.clone());
                let at = *places.entry(key).or_insert(found.len());
                if at == found.len() {
                    found.push((one, Vec::new()));
                }
                found[at].1.push(environment.clone());
            }
        }
        let told = found.into_iter().map(|(mut one, environments)| {
            if environments.len() < all {
                let word = if environments.len() == 1 { "environment" } else { "environments" };
                one.message += &format!(" ({word} {})", environments.join(", "));
            }
            one
        });
        merged.diagnostics = told.collect();
        merged.tidy();
        merged
    }

    /// Adds more.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.diagnostics.extend(more);
        self.tidy();
    }

    /// Adds more, each in place of the others of its kind at its place.
    pub fn replace(&mut self, more: Vec<Diagnostic>) {
        let same = |a: &Diagnostic, b: &Diagnostic| (&a.place, a.code) == (&b.place, b.code);
        self.diagnostics.retain(|old| !more.iter().any(|new| same(old, new)));
        self.extend(more);
    }

    fn tidy(&mut self) {
        self.diagnostics.sort_by(|a, b| order(a).cmp(&order(b)));
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

    /// Remembers visitors that are not in these files: those of the state, or of a query.
    pub fn knows(&self, ids: Arc<dyn IdSource>) {
        self.known.add(ids);
    }

    /// The visitors that were added.
    pub fn known(&self) -> &KnownIds {
        &self.known
    }

    /// The masks of these problems.
    fn masks(&self) -> Masks {
        match self.diagnostics.is_empty() {
            true => Masks::default(),
            false => Masks::new(&self.sources, &self.known),
        }
    }

    /// The problems with visitors' ids masked, as all formats but the text show them.
    pub fn masked(&self) -> Vec<Diagnostic> {
        let masks = self.masks();
        self.diagnostics.iter().map(|one| masks.diagnostic(one)).collect()
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
        let (shown, left_out) = self.most(MOST_IN_TEXT);
        let masks = style.mask.then(|| self.masks());
        for diagnostic in shown {
            out.push_str(&show::text(diagnostic, &self.sources, masks.as_ref(), style.color));
            out.push('\n');
        }
        if left_out > 0 {
            out.push_str(&format!("… and {left_out} more: validate --format json has all\n\n"));
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

    /// One document: `{"format":"pushsync/diagnostics/1","diagnostics":[…]}`. Visitors' ids are masked.
    pub fn json(&self) -> Value {
        json!({ "format": "pushsync/diagnostics/1", "diagnostics": self.masked() })
    }

    /// Workflow commands, one line each, that GitHub shows beside the changed lines. `folder` is
    /// that of the project, from the root of its repository on: empty, or ending in `/`.
    pub fn github(&self, folder: &str) -> String {
        let (shown, left_out) = self.most(MOST_FOR_GITHUB);
        let masks = self.masks();
        let shown = shown.into_iter().map(|one| masks.diagnostic(one));
        let mut out: String = shown.map(|one| workflow::diagnostic(&one, folder) + "\n").collect();
        if left_out > 0 {
            let more = format!("{left_out} more problems: validate --format json has all");
            out.push_str(&workflow::command(workflow::Level::Notice, None, "pushsync", &more));
            out.push('\n');
        }
        out
    }

    /// SARIF 2.1.0, for code scanning. `folder` as in [`Report::github`].
    pub fn sarif(&self, folder: &str) -> Value {
        let (shown, left_out) = self.most(MOST_IN_SARIF);
        let masks = self.masks();
        let shown: Vec<_> = shown.into_iter().map(|one| masks.diagnostic(one)).collect();
        sarif::document(&shown, left_out, folder)
    }

    /// At most `most`, errors before warnings, in the order of their places; and how many are
    /// left out.
    fn most(&self, most: usize) -> (Vec<&Diagnostic>, usize) {
        let errors = self.errors().min(most);
        let (mut room, mut room_for_warnings) = (errors, most - errors);
        let mut fits = |diagnostic: &Diagnostic| {
            let room = match diagnostic.severity {
                Severity::Error => &mut room,
                Severity::Warning => &mut room_for_warnings,
            };
            let fits = *room > 0;
            *room -= usize::from(fits);
            fits
        };
        let shown: Vec<_> = self.diagnostics.iter().filter(|one| fits(one)).collect();
        let left_out = self.diagnostics.len() - shown.len();
        (shown, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diagnostics::Code, model::Place};

    /// A number of warnings, and after them a number of errors.
    fn report(warnings: u32, errors: u32) -> Report {
        let at = |line| Place { file: "a.yaml".into(), line, column: 1, length: 1 };
        let warning = |line| Diagnostic::warning(Code::ALL[0], "odd").at(at(line));
        let error = |line| Diagnostic::error(Code::ALL[0], "wrong").at(at(warnings + line));
        let all = (1..=warnings).map(warning).chain((1..=errors).map(error));
        Report::new(all.collect(), Sources::default())
    }

    #[test]
    fn problems_beyond_the_most_are_counted_and_errors_come_before_warnings() {
        let report = report(30_000, 50);
        let text = report.text(show::Style::default());
        assert_eq!(text.matches("error[").count(), 50);
        assert_eq!(text.matches("warning[").count(), 450);
        assert!(text.contains("… and 29550 more: validate --format json has all"));
        assert!(text.ends_with("50 errors, 30000 warnings\n"));
        let github = report.github("");
        assert_eq!(github.matches("::error ").count(), 50);
        assert_eq!(github.lines().count(), 101);
        assert!(github.lines().last().is_some_and(|line| line.contains("29950 more problems")));
        let sarif = report.sarif("");
        assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(5_000));
        assert_eq!(report.json()["diagnostics"].as_array().map(Vec::len), Some(30_050));
    }

    #[test]
    fn what_can_be_read_is_told_whole() {
        let report = report(400, 100);
        let text = report.text(show::Style::default());
        assert!(text.matches("[unreadable]").count() == 500 && !text.contains("more:"), "{text}");
        assert!(report.sarif("")["runs"][0].get("invocations").is_none());
    }
}
