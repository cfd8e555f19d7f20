//! Completions that know the project: the script that a shell loads asks the program.

use std::{ffi::OsStr, io::Write, path::PathBuf};

use clap::{ArgMatches, CommandFactory};
use clap_complete::{
    CompleteEnv, Shell,
    engine::CompletionCandidate,
    env::{EnvCompleter, Shells},
};

use super::{
    args::{Cli, Completions as Args},
    context::Context,
    failure::{Failure, status},
    surroundings,
};
use crate::{
    desired::Deliveries,
    diagnostics::Code,
    manifest::{self, LoadOptions, Loaded, Project},
    model::Key,
};

/// Set by the script when it asks. Not the usual `COMPLETE`, which may be set for something else.
const ASKED: &str = "PUSHSYNC_COMPLETE";
/// More visitors than that are of no help.
const MOST_VISITORS: usize = 100;

/// Addresses have an `@` in them.
const AT_IN_BASH: &str = include_str!("completions/at.bash");

/// Prints the script.
pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let shells = Shells::builtins();
    let name = args.shell.to_string();
    let shell: &dyn EnvCompleter = shells
        .completer(&name)
        .ok_or_else(|| Failure::new(format!("there are no completions for {name}")))?;
    let mut out = context.output.out();
    shell.write_registration(ASKED, "pushsync", "pushsync", "pushsync", &mut out)?;
    if args.shell == Shell::Bash {
        out.write_all(AT_IN_BASH.as_bytes())?;
    }
    Ok(status::DONE)
}

/// Answers the script, if it is that who asks.
pub(super) fn answer() -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(Cli::command)
        .var(ASKED)
        .bin("pushsync")
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref())
}

/// Environments.
pub(super) fn environments(typed: &OsStr) -> Vec<CompletionCandidate> {
    with_project(typed, |project| project.environments.clone())
}

/// Names of senders.
pub(super) fn senders(typed: &OsStr) -> Vec<CompletionCandidate> {
    with_project(typed, |project| project.senders.keys().cloned().collect())
}

/// Keys of messages.
pub(super) fn keys(typed: &OsStr) -> Vec<CompletionCandidate> {
    with_project(typed, all_keys)
}

/// Keys, and once there is an `@`, addresses.
pub(super) fn targets(typed: &OsStr) -> Vec<CompletionCandidate> {
    match key_of(typed) {
        Some(key) => with_project(typed, |project| addresses(project, &key)),
        None => keys(typed),
    }
}

/// Addresses: first up to the `@`.
pub(super) fn only_addresses(typed: &OsStr) -> Vec<CompletionCandidate> {
    match key_of(typed) {
        Some(key) => with_project(typed, |project| addresses(project, &key)),
        None => with_project(typed, |project| {
            all_keys(project).into_iter().map(|key| format!("{key}@")).collect()
        }),
    }
}

/// Names of problems.
pub(super) fn problems(typed: &OsStr) -> Vec<CompletionCandidate> {
    let named = |code: &Code| {
        CompletionCandidate::new(code.as_str()).help(Some(code.description().to_owned().into()))
    };
    Code::ALL.iter().filter(|code| begins(code.as_str(), typed)).map(named).collect()
}

fn all_keys(project: &Project) -> Vec<String> {
    project.messages().map(|message| message.spec.key.to_string()).collect()
}

/// What is typed before an `@`.
fn key_of(typed: &OsStr) -> Option<Key> {
    Key::parse(typed.to_str()?.split_once('@')?.0).ok()
}

fn addresses(project: &Project, wanted: &Key) -> Vec<String> {
    Deliveries::everything(project)
        .only(|key| key == wanted)
        .filter_map(Result::ok)
        .take(MOST_VISITORS)
        .map(|delivery| delivery.address.as_str().to_owned())
        .collect()
}

fn begins(name: &str, typed: &OsStr) -> bool {
    typed.to_str().is_some_and(|typed| name.starts_with(typed))
}

/// What the project that the line is about has to offer. A line without a project gets nothing.
fn with_project(
    typed: &OsStr,
    offer: impl Fn(&Project) -> Vec<String>,
) -> Vec<CompletionCandidate> {
    let loaded = load();
    let offered = loaded.at_least().map(offer).unwrap_or_default();
    offered.into_iter().filter(|name| begins(name, typed)).map(CompletionCandidate::new).collect()
}

/// Loads the project of the line that is being typed, without a word about its faults.
fn load() -> Loaded {
    // What is asked about comes after `--`.
    let line = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let typed = Cli::command().ignore_errors(true).try_get_matches_from(line).unwrap_or_default();
    let directory = last::<PathBuf>(&typed, "directory").unwrap_or_else(|| ".".into());
    manifest::load(
        &directory,
        &LoadOptions {
            environment: last(&typed, "env"),
            allow_outside: false,
            env: &surroundings::variable,
            limits: Default::default(),
            now: surroundings::now(),
        },
    )
}

/// The value of a global option, before or after the command.
fn last<T: Clone + Send + Sync + 'static>(typed: &ArgMatches, name: &str) -> Option<T> {
    let below = typed.subcommand().and_then(|(_, typed)| last(typed, name));
    below.or_else(|| typed.try_get_one::<T>(name).ok().flatten().cloned())
}
