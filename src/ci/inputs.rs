//! The inputs of a job, which come as environment variables. None of them is code.

use super::{Refusal, Variables};

/// The inputs that each forge has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The name of the environment in comments.
    pub environment: String,
    /// The project's folder, relative to the root of the repository.
    pub directory: String,
    /// Whether to write comments.
    pub comment: bool,
    /// Whether to apply what nobody has reviewed.
    pub fresh: bool,
    /// Whether a run that stopped early fails the job.
    pub fail_on_stop: bool,
    /// Whether a project may name the URL of a state.
    pub allow_state_url: bool,
    /// The messages that may change although their audiences speak against it, by their keys.
    pub allow_change: Vec<String>,
    /// Whether another visitor secret is meant.
    pub new_visitor_secret: bool,
    /// The branch that is applied, instead of the default branch.
    pub branch: Option<String>,
}

impl Inputs {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// An input that is neither true nor false.
    pub fn read(variables: Variables<'_>) -> Result<Self, Refusal> {
        let environment = ["PUSHSYNC_CI_ENVIRONMENT", "PUSHSYNC_ENV"];
        let environment = environment.into_iter().find_map(|name| variables.get(name));
        let flag = |name: &str, otherwise: bool| match variables.get(name).as_deref() {
            None => Ok(otherwise),
            Some("true" | "True" | "TRUE" | "yes" | "1") => Ok(true),
            Some("false" | "False" | "FALSE" | "no" | "0") => Ok(false),
            Some(_) => Err(Refusal::new(
                format!("the input {} is neither true nor false", input(name)),
                "Write one of them.",
            )),
        };
        Ok(Self {
            environment: environment.unwrap_or_else(|| "default".to_owned()),
            directory: variables.get("PUSHSYNC_CI_DIRECTORY").unwrap_or_else(|| ".".to_owned()),
            comment: flag("PUSHSYNC_CI_COMMENT", true)?,
            fresh: flag("PUSHSYNC_CI_FRESH", false)?,
            fail_on_stop: flag("PUSHSYNC_CI_FAIL_ON_STOP", false)?,
            allow_state_url: flag("PUSHSYNC_CI_ALLOW_STATE_URL", false)?,
            // A key has neither blanks nor commas.
            allow_change: variables
                .text("PUSHSYNC_CI_ALLOW_CHANGE")
                .split(|sign: char| sign == ',' || sign.is_whitespace())
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect(),
            new_visitor_secret: flag("PUSHSYNC_CI_NEW_VISITOR_SECRET", false)?,
            branch: variables.get("PUSHSYNC_CI_BRANCH"),
        })
    }
}

/// The input of a variable: `PUSHSYNC_CI_MAX_WAIT` is `max-wait`.
pub(super) fn input(name: &str) -> String {
    name.trim_start_matches("PUSHSYNC_CI_").to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_is_neither_true_nor_false_is_refused_by_its_name() {
        let inputs = |name: &'static str, value: &'static str| {
            let read = move |asked: &str| (asked == name).then(|| value.to_owned());
            Inputs::read(Variables::new(&read))
        };
        assert!(inputs("PUSHSYNC_CI_FRESH", "yes").expect("true").fresh);
        assert!(!inputs("PUSHSYNC_CI_COMMENT", "false").expect("false").comment);
        assert!(inputs("PUSHSYNC_CI_COMMENT", "").expect("the default").comment);
        let refused = inputs("PUSHSYNC_CI_ALLOW_STATE_URL", "perhaps").expect_err("it is neither");
        assert!(refused.what.contains("allow-state-url is neither true nor false"));
        assert_eq!(inputs("PUSHSYNC_ENV", "staging").expect("inputs").environment, "staging");
    }
}
