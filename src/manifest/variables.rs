//! `${NAME}` in the few fields that take an environment variable.

use std::fmt;

/// What the names of all variables begin with that a manifest may take: those who write it cannot
/// reach any other, such as a key or a password, nor find out whether it is set.
pub const VARIABLE_PREFIX: &str = "PUSHSYNC_VAR_";

/// A text with its variables replaced. Only the text as it is written is ever shown: the value of a
/// variable may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Interpolated {
    written: Box<str>,
    value: Box<str>,
    /// What the variables hold, each as long as it is not empty.
    held: Box<[(Box<str>, Box<str>)]>,
}

impl Interpolated {
    /// Replaces `${NAME}` in `text`. Nothing else is special.
    pub(crate) fn new(
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, VariableError> {
        let mut value = String::with_capacity(text.len());
        let mut held = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            value.push_str(&rest[..at]);
            let after = &rest[at + 2..];
            let end = after.find('}').ok_or(VariableError::Open)?;
            let name = &after[..end];
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let own = name.strip_prefix(VARIABLE_PREFIX).filter(|own| !own.is_empty());
            if own.is_none() || !name.chars().all(is_name) {
                return Err(VariableError::Name(name.into()));
            }
            match env(name) {
                None => return Err(VariableError::NotSet(name.into())),
                Some(held) if held.is_empty() => return Err(VariableError::Empty(name.into())),
                Some(one) => {
                    value.push_str(&one);
                    held.push((one.into(), format!("${{{name}}}").into()));
                }
            }
            rest = &after[end + 1..];
        }
        value.push_str(rest);
        Ok(Self { written: text.into(), value: value.into(), held: held.into() })
    }

    /// The text as it is written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The text with what its variables hold: to be used, and never to be shown.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether there is a variable in it.
    pub fn has_variables(&self) -> bool {
        !self.held.is_empty()
    }

    /// What each variable holds, and how the variable is written: for replacing the one by the other
    /// in the words of others.
    pub fn held(&self) -> impl Iterator<Item = (&str, &str)> {
        self.held.iter().map(|(held, written)| (&**held, &**written))
    }
}

impl fmt::Display for Interpolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Interpolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interpolated({:?})", self.written)
    }
}

/// Why a text with variables cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VariableError {
    #[error("this `${{` has no `}}`")]
    Open,
    #[error(
        "`${{{0}}}` does not name a variable that a manifest may take: only those whose names begin with {VARIABLE_PREFIX}, of letters, digits and `_`"
    )]
    Name(String),
    #[error("the environment variable {0} is not set, or is not UTF-8")]
    NotSet(String),
    #[error("the environment variable {0} is empty")]
    Empty(String),
}

impl VariableError {
    /// What to do now.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Open => None,
            Self::Name(name) => {
                let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
                let kept: String = name.chars().filter(plain).collect::<String>().to_uppercase();
                let kept = match kept.trim_start_matches(VARIABLE_PREFIX) {
                    "" => "NAME",
                    kept => kept,
                };
                Some(format!("write ${{{VARIABLE_PREFIX}{kept}}}, and set that variable"))
            }
            Self::NotSet(name) | Self::Empty(name) => {
                Some(format!("set {name} where pushsync runs"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "PUSHSYNC_VAR_A_1" => Some("x${PUSHSYNC_VAR_A_1}".to_owned()),
            "PUSHSYNC_VAR_EMPTY" => Some(String::new()),
            "PUSHSYNC_VAR_" | "SECRET" | "pushsync_var_a" => Some("hush".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn only_variables_of_the_manifest_are_taken() {
        let text = Interpolated::new("a $A ${PUSHSYNC_VAR_A_1}/$", &env).expect("is set");
        assert_eq!(text.value(), "a $A x${PUSHSYNC_VAR_A_1}/$");
        for (bad, error) in [
            ("${PUSHSYNC_VAR_B}", VariableError::NotSet("PUSHSYNC_VAR_B".into())),
            ("${PUSHSYNC_VAR_EMPTY}", VariableError::Empty("PUSHSYNC_VAR_EMPTY".into())),
            ("${SECRET}", VariableError::Name("SECRET".into())),
            ("${UNSET}", VariableError::Name("UNSET".into())),
            ("${PUSHSYNC_VAR_}", VariableError::Name("PUSHSYNC_VAR_".into())),
            ("${pushsync_var_a}", VariableError::Name("pushsync_var_a".into())),
            ("${ PUSHSYNC_VAR_A_1}", VariableError::Name(" PUSHSYNC_VAR_A_1".into())),
            ("${PUSHSYNC_VAR_A-1}", VariableError::Name("PUSHSYNC_VAR_A-1".into())),
            ("${}", VariableError::Name(String::new())),
            ("${", VariableError::Open),
        ] {
            assert_eq!(Interpolated::new(bad, &env), Err(error), "{bad}");
        }
    }

    #[test]
    fn what_a_variable_holds_is_never_shown() {
        let hush = |_: &str| Some("hush".to_owned());
        let text = Interpolated::new("${PUSHSYNC_VAR_A}.csv", &hush).expect("is set");
        assert_eq!(text.value(), "hush.csv");
        assert_eq!(format!("{text}"), "${PUSHSYNC_VAR_A}.csv");
        assert!(!format!("{text:?}").contains("hush"));
    }
}
