//! Completions that know the project: the script that a shell loads asks the program.

use std::{collections::BTreeSet, ffi::OsStr, io::Write, path::PathBuf};

use clap::{Arg, ArgMatches, Command};
use clap_complete::{
    CompleteEnv, Shell,
    engine::{ArgValueCompleter, CompletionCandidate},
    env::{EnvCompleter, Shells},
};

use super::{
    args::{self, CompletionsArgs},
    context::Context,
    discovery, environment,
    failure::{Failure, status},
};
use crate::{
    desired::Deliveries,
    diagnostics::Code,
    manifest::{self, LoadOptions, Loaded, Project},
    model::Key,
};

/// The variable that the script sets. It is not the usual `COMPLETE`, which may be set for another program.
const VARIABLE: &str = "PUSHSYNC_COMPLETE";
/// A longer list of visitors helps nobody.
const MOST_VISITORS: usize = 100;

/// Lets bash complete addresses, which have an `@` in them.
const AT_IN_BASH: &str = include_str!("completions/at.bash");

/// Prints the script.
pub(super) fn run(context: &Context, args: &CompletionsArgs) -> Result<u8, Failure> {
    let shells = Shells::builtins();
    let name = args.shell.to_string();
    let shell: &dyn EnvCompleter = shells
        .completer(&name)
        .ok_or_else(|| Failure::new(format!("there are no completions for {name}")))?;
    let mut out = context.output.out();
    shell.write_registration(VARIABLE, "pushsync", "pushsync", "pushsync", &mut out)?;
    if args.shell == Shell::Bash {
        out.write_all(AT_IN_BASH.as_bytes())?;
    }
    Ok(status::DONE)
}

/// Answers the script, if the script started the process.
pub(super) fn complete() -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(|| with_completers(args::command()))
        .var(VARIABLE)
        .bin("pushsync")
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref())
}

/// Gives the arguments of a command, and of those below it, the completions that know the project.
fn with_completers(command: Command) -> Command {
    command.mut_args(with_completer).mut_subcommands(with_completers)
}

fn with_completer(arg: Arg) -> Arg {
    let completer: fn(&OsStr) -> Vec<CompletionCandidate> = match arg.get_id().as_str() {
        "env" => |typed| with_project(typed, |project| project.environments.clone()),
        "from" => |typed| with_project(typed, |project| project.senders.keys().cloned().collect()),
        "audience" => audiences,
        "key" | "allow_change" => keys,
        "target" | "targets" => targets,
        "address" | "addresses" | "old" | "new" => addresses,
        "code" => codes,
        "locale" => |typed| with_project(typed, all_languages),
        _ => return arg,
    };
    arg.add(ArgValueCompleter::new(completer))
}

fn keys(typed: &OsStr) -> Vec<CompletionCandidate> {
    with_project(typed, all_keys)
}

fn audiences(typed: &OsStr) -> Vec<CompletionCandidate> {
    let (directory, options) = of_line();
    let names = manifest::load_audience(&directory, &options, "").names;
    names.into_iter().filter(|name| begins(name, typed)).map(CompletionCandidate::new).collect()
}

/// Keys; after an `@`, addresses.
fn targets(typed: &OsStr) -> Vec<CompletionCandidate> {
    match key_of(typed) {
        Some(key) => with_project(typed, |project| addresses_of(project, &key)),
        None => keys(typed),
    }
}

/// Addresses: first up to the `@`.
fn addresses(typed: &OsStr) -> Vec<CompletionCandidate> {
    match key_of(typed) {
        Some(key) => with_project(typed, |project| addresses_of(project, &key)),
        None => with_project(typed, |project| {
            all_keys(project).into_iter().map(|key| format!("{key}@")).collect()
        }),
    }
}

fn codes(typed: &OsStr) -> Vec<CompletionCandidate> {
    let named = |code: &Code| {
        CompletionCandidate::new(code.as_str()).help(Some(code.description().to_owned().into()))
    };
    Code::ALL.iter().filter(|code| begins(code.as_str(), typed)).map(named).collect()
}

fn all_keys(project: &Project) -> Vec<String> {
    project.messages().map(|message| message.spec.key.to_string()).collect()
}

fn all_languages(project: &Project) -> Vec<String> {
    let all: BTreeSet<_> = project.messages().flat_map(|message| message.languages()).collect();
    all.into_iter().map(ToString::to_string).collect()
}

/// The key before an `@`.
fn key_of(typed: &OsStr) -> Option<Key> {
    Key::parse(typed.to_str()?.split_once('@')?.0).ok()
}

fn addresses_of(project: &Project, wanted: &Key) -> Vec<String> {
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

/// The names that the project of the typed line has; none without a project.
fn with_project(
    typed: &OsStr,
    names: impl Fn(&Project) -> Vec<String>,
) -> Vec<CompletionCandidate> {
    let names = load().at_least().map(names).unwrap_or_default();
    names.into_iter().filter(|name| begins(name, typed)).map(CompletionCandidate::new).collect()
}

/// Loads the project of the line that is being typed, without a report of its errors.
fn load() -> Loaded {
    let (directory, options) = of_line();
    manifest::load(&directory, &options)
}

/// The project of the line that is being typed: its folder, and how to load it.
fn of_line() -> (PathBuf, LoadOptions<'static>) {
    // The line comes after `--`.
    let line = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let typed = args::command().ignore_errors(true).try_get_matches_from(line).unwrap_or_default();
    let directory = last::<PathBuf>(&typed, "directory").unwrap_or_else(|| ".".into());
    let directory = discovery::above(&directory).ok().flatten().unwrap_or(directory);
    let options = LoadOptions {
        environment: last(&typed, "env"),
        allow_outside: false,
        env: &environment::variable,
        limits: Default::default(),
        now: environment::now(),
        queries: manifest::Queries::LeaveOut,
        secrets: manifest::VisitorSecrets::Optional,
        allow_change: &[],
    };
    (directory, options)
}

/// The value of a global option, before or after the command.
fn last<T: Clone + Send + Sync + 'static>(typed: &ArgMatches, name: &str) -> Option<T> {
    let below = typed.subcommand().and_then(|(_, typed)| last(typed, name));
    below.or_else(|| typed.try_get_one::<T>(name).ok().flatten().cloned())
}
