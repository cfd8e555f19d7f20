//! Limits of what a project may cost. A pull request can bring any file, so memory and time are
//! bounded; the bounds have names, and can be raised where the program is started, never in YAML.

use std::fmt;

use crate::{diagnostics::Diagnostic, model::number};

/// A bound: its name, and its value unless another one is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The name, as `--raise-limit` takes it.
    pub name: &'static str,
    /// What it allows.
    pub default: u64,
    /// What is counted.
    pub counts: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident = $name:literal, $default:expr;)+) => {
        /// The bounds that hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $field: u64,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Limits {
            /// All of them.
            pub const ALL: &[Limit] = &[
                $(Limit {
                    name: $name,
                    default: $default,
                    counts: concat!($($doc),+).trim_ascii(),
                },)+
            ];

            fn of(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $($name => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }
    };
}

limits! {
    /// Bytes of all YAML files together.
    yaml_bytes = "yaml-bytes", 64 << 20;
    /// Lines, commas, colons, dashes, question marks and brackets of all YAML files together: each can begin a value.
    yaml_parts = "yaml-parts", 1_500_000;
    /// Values that the aliases (`*name`) of one file add.
    yaml_aliased = "yaml-aliased", 10_000;
    /// Bytes of texts that the aliases (`*name`) of one file add.
    yaml_aliased_bytes = "yaml-aliased-bytes", 1 << 20;
    /// Patterns and names under `include`.
    patterns = "patterns", 1_000;
    /// Files and folders that patterns under `include` are compared with, for each pattern; a link to a folder counts as 100.
    entries = "entries", 250_000;
    /// Columns of one CSV file, or of the answer of one query.
    columns = "columns", 1_000;
    /// Errors and warnings that are looked for.
    problems = "problems", 10_000;
    /// Visitors of the audiences of all messages, before `where`.
    deliveries = "deliveries", 2_000_000;
    /// What templates and `where` take for all visitors: about the steps of the engine, more where values or texts are large.
    template_steps = "template-steps", 100_000_000;
    /// Bytes of all changes of one plan, with their texts.
    plan_bytes = "plan-bytes", 400 << 20;
}

/// Why a bound could not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseLimitError {
    /// It lacks a `=`, or a number behind it.
    #[error("a limit is NAME=NUMBER, for example deliveries=5000000")]
    Shape,
    /// No bound has this name.
    #[error("there is no limit {name:?}{near}")]
    Unknown {
        /// What stands there.
        name: String,
        /// What may be meant.
        near: String,
    },
}

fn near(name: &str) -> String {
    let names = Limits::ALL.iter().map(|limit| limit.name);
    match super::suggest::nearest(name, names.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => {
            super::suggest::list(names).map(|all| format!("; there is {all}")).unwrap_or_default()
        }
    }
}

impl std::str::FromStr for NamedLimit {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, ParseLimitError> {
        let (name, value) = text.split_once('=').ok_or(ParseLimitError::Shape)?;
        let name = name.trim();
        let value =
            value.trim().replace(['_', ','], "").parse().map_err(|_| ParseLimitError::Shape)?;
        let limit = Limits::ALL.iter().find(|limit| limit.name == name);
        let unknown = || ParseLimitError::Unknown { name: name.into(), near: near(name) };
        let limit = limit.ok_or_else(unknown)?;
        Ok(Self { name: limit.name, value })
    }
}

/// One bound with another value: `NAME=NUMBER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedLimit {
    name: &'static str,
    value: u64,
}

impl fmt::Display for NamedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl Limits {
    /// The usual bounds with some of them changed.
    pub fn with(changed: &[NamedLimit]) -> Self {
        let mut limits = Self::default();
        for NamedLimit { name, value } in changed {
            if let Some(limit) = limits.of(name) {
                *limit = *value;
            }
        }
        limits
    }
}

/// Leaves out problems beyond the limit, and says so.
pub(crate) fn shorten(problems: &mut Vec<Diagnostic>, most: u64) {
    if problems.len() as u64 >= most {
        problems.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        let found = format!("there are {} problems or more", number(most));
        problems.push(Diagnostic::limit("problems", most, found, "mend these first"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_by_name_and_unknown_names_are_told() {
        let one = |text: &str| text.parse::<NamedLimit>();
        let limits = Limits::with(&[one("deliveries=5_000_000").expect("a limit")]);
        assert_eq!(limits, Limits { deliveries: 5_000_000, ..Limits::default() });
        assert_eq!(one("deliveries"), Err(ParseLimitError::Shape));
        assert_eq!(one("deliveries=many"), Err(ParseLimitError::Shape));
        let unknown = one("delivreies=5").expect_err("no such limit").to_string();
        assert!(unknown.contains("did you mean `deliveries`?"), "{unknown}");
        for limit in Limits::ALL {
            assert!(Limits::default().of(limit.name).is_some_and(|value| *value == limit.default));
            assert!(one(&format!("{}=1", limit.name)).is_ok());
        }
    }
}
