//! The inputs that are options of `apply`, read as the command line reads them.

use std::time::Duration;

use clap::{FromArgMatches as _, error::ErrorKind};

use crate::{
    ci::{Inputs, Refusal, Variables},
    cli::args::{self, ApplyArgs, Cli, Command, PlanArgs},
};

/// Options of `apply`, and the variables that they come from.
const OPTIONS: [(&str, &str); 7] = [
    ("--max-requests", "PUSHSYNC_CI_MAX_REQUESTS"),
    ("--max-duration", "PUSHSYNC_CI_MAX_DURATION"),
    ("--max-wait", "PUSHSYNC_CI_MAX_WAIT"),
    ("--allow-creates", "PUSHSYNC_CI_ALLOW_CREATES"),
    ("--allow-deletes", "PUSHSYNC_CI_ALLOW_DELETES"),
    ("--allow-resends", "PUSHSYNC_CI_ALLOW_RESENDS"),
    ("--lock-timeout", "PUSHSYNC_CI_LOCK_TIMEOUT"),
];

/// What a run of this job is bounded by.
pub(super) struct RunOptions {
    given: Vec<String>,
    pub(super) lock_timeout: Option<Duration>,
}

/// Reads the inputs. With `=`, a value cannot become another option.
pub(super) fn run_options(
    variables: Variables<'_>,
    inputs: &Inputs,
) -> Result<RunOptions, Refusal> {
    let given = OPTIONS
        .iter()
        .filter_map(|(option, name)| variables.get(name).map(|value| format!("{option}={value}")));
    let given: Vec<String> = given.chain(audience_options(inputs)).collect();
    let cli = parsed(["apply"].into_iter().chain(given.iter().map(String::as_str)))?;
    Ok(RunOptions { lock_timeout: cli.global.lock_timeout, given })
}

/// What may happen although an audience speaks against it.
fn audience_options(inputs: &Inputs) -> impl Iterator<Item = String> {
    let keys = inputs.allow_change.iter().map(|key| format!("--allow-change={key}"));
    keys.chain(inputs.new_visitor_secret.then(|| "--new-visitor-secret".to_owned()))
}

impl RunOptions {
    /// The arguments of `apply` with these options, and more of ours.
    pub(super) fn apply(&self, more: &[&str]) -> Result<ApplyArgs, Refusal> {
        let given = self.given.iter().map(String::as_str);
        let all = ["apply", "--yes", "--format=json"].into_iter().chain(given);
        match parsed(all.chain(more.iter().copied()))?.command {
            Command::Apply(args) => Ok(args),
            _ => Err(Refusal::new("this is no apply", "It is a mistake of pushsync.")),
        }
    }

    /// The same for a run that begins no request: it only agrees to what was reviewed.
    pub(super) fn only_approving(&self, reviewed: &str) -> Result<ApplyArgs, Refusal> {
        let mut args = self.apply(&[reviewed])?;
        args.bounds.max_requests = Some(0);
        Ok(args)
    }
}

/// The arguments of `plan --format FORMAT`, with what may happen although an audience speaks against it.
pub(super) fn plan(format: &str, inputs: &Inputs) -> Result<PlanArgs, Refusal> {
    let options: Vec<String> =
        [format!("--format={format}")].into_iter().chain(audience_options(inputs)).collect();
    match parsed(["plan"].into_iter().chain(options.iter().map(String::as_str)))?.command {
        Command::Plan(args) => Ok(args),
        _ => Err(Refusal::new("this is no plan", "It is a mistake of pushsync.")),
    }
}

fn parsed<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Cli, Refusal> {
    let all = ["pushsync"].into_iter().chain(arguments);
    let matches = args::command().try_get_matches_from(all);
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        let said = error.to_string();
        // What follows is for people at a command line. A value may have several lines.
        let what = ["\n\nUsage:", "\n\nFor more information"]
            .iter()
            .fold(said.as_str(), |said, end| said.rsplit_once(end).map_or(said, |(what, _)| what))
            .trim_start_matches("error: ");
        let cure = match error.kind() {
            ErrorKind::ValueValidation => "Correct the input of that name.",
            _ => "Correct the inputs of this step.",
        };
        Refusal::new(what, cure)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &'static str, value: &'static str) -> Result<RunOptions, Refusal> {
        let read = move |asked: &str| (asked == name).then(|| value.to_owned());
        let variables = Variables::new(&read);
        run_options(variables, &Inputs::read(variables)?)
    }

    #[test]
    fn an_input_is_one_value_and_nothing_else() {
        let options = options("PUSHSYNC_CI_MAX_REQUESTS", "7").expect("a number");
        let args = options.apply(&[]).expect("arguments");
        assert_eq!((args.bounds.max_requests, args.yes, args.resume), (Some(7), true, false));
        for bad in ["1 --sandbox", "--sandbox", "x\n::error::y", "-1"] {
            let refused = self::options("PUSHSYNC_CI_MAX_REQUESTS", bad).err().expect("refused");
            assert!(refused.what.contains("--max-requests"), "{}", refused.what);
        }
    }

    #[test]
    fn messages_that_may_change_are_keys_and_nothing_else() {
        let options = options("PUSHSYNC_CI_ALLOW_CHANGE", "news, dark-mode\ntips").expect("keys");
        let args = options.apply(&["--resume"]).expect("arguments").audiences;
        let keys: Vec<_> = args.allow_change.iter().map(|key| key.as_str()).collect();
        assert_eq!((keys, args.new_visitor_secret), (vec!["news", "dark-mode", "tips"], false));
        for bad in ["--new-visitor-secret", "news --sandbox", "NEWS"] {
            let refused = self::options("PUSHSYNC_CI_ALLOW_CHANGE", bad).err().expect("refused");
            assert!(refused.what.contains("--allow-change"), "{}", refused.what);
        }
        let options = self::options("PUSHSYNC_CI_NEW_VISITOR_SECRET", "true").expect("a flag");
        assert!(options.apply(&[]).expect("arguments").audiences.new_visitor_secret);
    }

    #[test]
    fn the_longest_wait_for_the_lock_is_an_input_too() {
        let options = options("PUSHSYNC_CI_LOCK_TIMEOUT", "5m").expect("a time");
        assert_eq!(options.lock_timeout, Some(Duration::from_secs(300)));
    }
}
