//! Commands of GitHub's workflows: lines on stdout that become annotations.

use std::fmt::Write as _;

use super::{Diagnostic, Severity};
use crate::model::{Place, visible};

/// What an annotation looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Red.
    Error,
    /// Yellow.
    Warning,
    /// Neither.
    Notice,
}

impl Level {
    /// All of them, the gravest first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Notice];

    /// The command.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Where GitHub shows it.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    /// The project's folder from the root of its repository on: empty, or ending in `/`.
    pub folder: &'a str,
    /// The place in a file of the project.
    pub place: &'a Place,
}

/// A command, without a line break: `::error file=…,line=…,col=…,title=…::message`.
pub fn command(level: Level, spot: Option<Spot<'_>>, title: &str, message: &str) -> String {
    let mut out = format!("::{} ", level.as_str());
    if let Some(Spot { folder, place }) = spot {
        let Place { file, line, column, length } = place;
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "file={},line={line},col={column},endColumn={},",
            property(&in_repository(folder, file)),
            column + (*length).max(1),
        );
    }
    let _ = write!(out, "title={}::{}", property(title), data(message));
    out
}

/// A file of the project, from the root of its repository on.
pub fn in_repository(folder: &str, file: &str) -> String {
    if file.starts_with('/') { file.to_owned() } else { format!("{folder}{file}") }
}

/// One diagnostic as a command.
pub fn diagnostic(diagnostic: &Diagnostic, folder: &str) -> String {
    let Diagnostic { severity, code, message, place, related, help } = diagnostic;
    let level = match severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    };
    let mut text = visible(message).into_owned();
    for related in related {
        let Place { file, line, column, .. } = &related.place;
        let _ = write!(text, "\n{}: {file}:{line}:{column}", visible(&related.message));
    }
    if let Some(help) = help {
        let _ = write!(text, "\nhelp: {}", visible(help));
    }
    let spot = place.as_ref().map(|place| Spot { folder, place });
    command(level, spot, code.as_str(), &text)
}

/// The escapes of a command's message. What steers a terminal is made visible; line breaks stay.
fn data(text: &str) -> String {
    let lines = text.split('\n').map(|line| visible(line).replace('%', "%25"));
    lines.collect::<Vec<_>>().join("%0A")
}

/// The escapes of a command's property.
fn property(text: &str) -> String {
    visible(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Code;

    fn place(file: &str) -> Place {
        Place { file: file.into(), line: 1, column: 2, length: 3 }
    }

    #[test]
    fn github_commands_cannot_be_broken_out_of() {
        let warning =
            Diagnostic::warning(Code::SameText, "50% off::\r\n::error::x").at(place("a,b:c.yaml"));
        assert_eq!(
            diagnostic(&warning, ""),
            "::warning file=a%2Cb%3Ac.yaml,line=1,col=2,endColumn=5,title=same-text::50%25 off::␍␊::error::x"
        );
        assert_eq!(
            command(Level::Notice, None, "a,b::c\n", "one\r\n::error::\u{202e}two"),
            "::notice title=a%2Cb%3A%3Ac␊::one␍%0A::error::\u{fffd}two"
        );
    }

    #[test]
    fn files_are_named_from_the_root_of_the_repository_on() {
        let warning = Diagnostic::warning(Code::SameText, "x").at(place("a.yaml"));
        assert!(diagnostic(&warning, "chat/eu/").contains("file=chat/eu/a.yaml,"));
        let outside = Diagnostic::warning(Code::SameText, "x").at(place("/a.yaml"));
        assert!(diagnostic(&outside, "chat/eu/").contains("file=/a.yaml,"));
    }
}
