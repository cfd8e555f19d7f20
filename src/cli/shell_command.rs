//! A command line that people copy into a shell: each word is quoted where it must be.

use std::{ffi::OsStr, fmt};

use jiff::Timestamp;

use super::args::{Amount, AudienceArgs, SelectionArgs, Target};
use crate::{model::shell_word, render::humanize};

/// A command of pushsync, to be copied. The global options come last.
#[derive(Debug, Clone)]
pub(super) struct ShellCommand {
    words: Vec<String>,
    global: Vec<String>,
    /// What has to be set for it first, in words.
    needs: Option<&'static str>,
}

impl ShellCommand {
    /// `pushsync` and these words, which need no quotes.
    pub(super) fn new(command: &str) -> Self {
        Self { words: vec![format!("pushsync {command}")], global: Vec::new(), needs: None }
    }

    /// Adds an argument.
    pub(super) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        let word = word.as_ref();
        let dashed = word.as_encoded_bytes().starts_with(b"-");
        // Otherwise it would be an option.
        let path = if dashed { [OsStr::new("./"), word].join(OsStr::new("")) } else { word.into() };
        self.words.push(shell_word(&path));
        self
    }

    /// Adds an option without a value.
    pub(super) fn flag(mut self, name: &str) -> Self {
        self.words.push(name.to_owned());
        self
    }

    /// Adds an option with its value.
    pub(super) fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.words.push(with_value(name, value.as_ref()));
        self
    }

    /// Adds a global option.
    pub(super) fn global(mut self, name: &str) -> Self {
        self.global.push(name.to_owned());
        self
    }

    /// Adds a global option with its value.
    pub(super) fn global_option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.global.push(with_value(name, value.as_ref()));
        self
    }

    /// The same for a state elsewhere.
    pub(super) fn with_state(mut self, state: &str) -> Self {
        self.global.retain(|option| !option.starts_with("--state"));
        Self { needs: None, ..self.global_option("--state", state) }
    }

    /// The options that come last, for arguments that are added later.
    pub(super) fn options_first(self) -> Self {
        Self {
            words: self.words.into_iter().chain(self.global).collect(),
            global: Vec::new(),
            ..self
        }
    }

    /// Says what has to be set for it first.
    pub(super) fn needs(self, words: &'static str) -> Self {
        Self { needs: Some(words), ..self }
    }

    /// Adds the options that limit a plan. Masked addresses name the same deliveries.
    pub(super) fn selecting(mut self, selection: &SelectionArgs, mask: bool) -> Self {
        let SelectionArgs { target, destroy, at, refresh: _ } = selection;
        self = self.targets(target, mask);
        if *destroy {
            self = self.flag("--destroy");
        }
        if let Some(at) = at {
            self = self.option("--at", Timestamp::to_string(at));
        }
        self
    }

    /// Adds what may happen although an audience speaks against it.
    pub(super) fn allowing(self, audiences: &AudienceArgs) -> Self {
        let AudienceArgs { allow_change, new_visitor_secret } = audiences;
        let command =
            allow_change.iter().fold(self, |one, key| one.option("--allow-change", key.as_str()));
        if *new_visitor_secret { command.flag("--new-visitor-secret") } else { command }
    }

    /// Adds `--refresh`, as it was given.
    pub(super) fn refreshing(self, refresh: Option<Amount>) -> Self {
        match refresh {
            None => self,
            Some(Amount::All) => self.flag("--refresh"),
            Some(Amount::Count(most)) => self.flag(&format!("--refresh={most}")),
        }
    }

    /// Adds the targets of a plan. Masked addresses name the same deliveries.
    pub(super) fn targets(self, targets: &[Target], mask: bool) -> Self {
        targets.iter().fold(self, |command, target| match target {
            Target::Key(key) => command.option("--target", key.as_str()),
            Target::Address(address) => {
                command.option("--target", humanize::address(address, mask))
            }
        })
    }
}

impl fmt::Display for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(needs) = self.needs {
            write!(f, "({needs}) ")?;
        }
        let words: Vec<_> = self.words.iter().chain(&self.global).map(String::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

fn with_value(name: &str, value: &OsStr) -> String {
    if value.as_encoded_bytes().starts_with(b"-") {
        let name = if name == "-C" { "--directory" } else { name };
        format!("{name}={}", shell_word(value))
    } else {
        format!("{name} {}", shell_word(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_begins_with_a_dash_is_not_taken_for_an_option() {
        let command = ShellCommand::new("apply").arg("-plan").global_option("-C", "-x y");
        assert_eq!(command.to_string(), "pushsync apply ./-plan --directory='-x y'");
    }
}
