use serde::Serialize;

use super::Code;
use crate::model::{Place, number};

/// How bad it is. A project with an error is not planned; one with warnings is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, but may not be what was meant.
    Warning,
}

/// Another place that matters to a diagnostic, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Why, a few words: "first defined here".
    pub message: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The kind of problem, stable over releases: `unknown-field`.
    pub code: Code,
    /// The problem: a lower-case fragment without a full stop.
    pub message: String,
    /// Where, if it is in a file.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// Other places that matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// What to do: "did you mean `audience`?".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error of this kind, not yet anywhere.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: None,
            related: Vec::new(),
            help: None,
        }
    }

    /// A warning of this kind, not yet anywhere.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// That a limit is passed: what there is, which limit it is, and how it is raised.
    pub(crate) fn limit(name: &str, most: u64, found: impl std::fmt::Display, cure: &str) -> Self {
        let most = number(most);
        Self::error(Code::Limit, format!("{found}; the limit `{name}` is {most}")).help(format!(
            "{cure}; or, if the machine has room for it, raise the limit: --raise-limit {name}=NUMBER"
        ))
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names another place that matters.
    #[must_use]
    pub fn related(mut self, place: Place, message: impl Into<String>) -> Self {
        self.related.push(Related { place, message: message.into() });
        self
    }

    /// Whether it keeps the project from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
