//! Starts the program again, in the same process, with a clean environment: see [`crate::ci::clean_environment`].

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::job;
use crate::{
    ci::{Host, JobCommand, Refusal, Reporter, Variables, clean_environment},
    cli::{args::CiArgs, environment, failure::Failure},
};

/// More than any token has, and less than any pipe takes at once.
const LONGEST_TOKEN: usize = 4096;

/// Ends in the program that is started; returns only if it could not be.
pub(super) fn in_a_clean_environment(
    host: Host,
    variables: Variables<'_>,
    args: &CiArgs,
    reporter: &dyn Reporter,
) -> Result<Result<u8, Failure>, Refusal> {
    let all = environment::all();
    let all: Vec<(&OsStr, &OsStr)> =
        all.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).collect();
    let has_key = clean_environment::has_key(all.iter().copied());
    let (job, _) = job::job(host, variables, args, has_key)?;
    let checkout = variables.get(host.checkout_variable()).map(PathBuf::from);
    let checkout = checkout.or_else(|| env::current_dir().ok());
    let program = program(checkout.as_deref())?;
    if has_key && job.command == JobCommand::Plan {
        reporter.warning(
            "pushsync: an API key in a plan",
            "A plan needs none: take it out of this job.",
        );
    }
    let outsider = job.outsider.is_some();
    let mut clean = clean_environment::clean(all.iter().copied(), job.command, outsider);
    // A home in the checkout does not count: a pull request could put a configuration there.
    clean.retain(|(name, value)| name != "HOME" || !is_inside(value, checkout.as_deref()));
    // Nothing is said of people who may not push here but in the summary.
    let token = variables.get(host.token_variable()).filter(|_| !outsider).unwrap_or_default();
    if token.len() > LONGEST_TOKEN || token.chars().any(char::is_control) {
        return Err(Refusal::new(
            "the token has a line break, or is longer than any token",
            format!("Put the token alone into the variable {}.", host.token_variable()),
        ));
    }
    let could_not = |error: &io::Error| {
        Refusal::new("pushsync could not start itself again", format!("{error}."))
    };
    let token = piped(&token).map_err(|error| could_not(&error))?;
    let mut command = Command::new(program);
    command.args(arguments(env::args_os().skip(1))).env_clear().envs(clean).stdin(token);
    Err(could_not(&exec(&mut command)))
}

/// The same arguments, and the one that says that the environment is clean.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = given.collect();
    let end = all.iter().position(|one| one == "--").unwrap_or(all.len());
    all.insert(end, "--clean".into());
    all
}

/// A pipe that has this text, and then ends.
fn piped(text: &str) -> io::Result<Stdio> {
    use io::Write as _;
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(text.as_bytes())?;
    Ok(Stdio::from(reader))
}

#[cfg(unix)]
fn exec(command: &mut Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

#[cfg(not(unix))]
fn exec(_: &mut Command) -> io::Error {
    io::Error::other("the kit runs on Linux and macOS")
}

/// This program, which must not lie in the checkout.
fn program(checkout: Option<&Path>) -> Result<PathBuf, Refusal> {
    let program = env::current_exe().map_err(|error| {
        Refusal::new("pushsync does not know where it is installed", format!("{error}."))
    })?;
    if is_inside(program.as_os_str(), checkout) {
        return Err(Refusal::new(
            "this pushsync lies in the checkout",
            "A pull request could change it: install it elsewhere.",
        ));
    }
    Ok(program)
}

/// Whether a path is in a folder, links resolved.
fn is_inside(path: &OsStr, folder: Option<&Path>) -> bool {
    let Some(folder) = folder.and_then(|folder| folder.canonicalize().ok()) else { return false };
    let is_root = folder.parent().is_none();
    !is_root && Path::new(path).canonicalize().is_ok_and(|path| path.starts_with(folder))
}

/// Removes the folder that the installer has put this program into: FOLDER/NAME/pushsync. The program goes on.
pub(super) fn remove_download(variables: Variables<'_>) {
    let Some(folder) = variables.get("PUSHSYNC_CI_DOWNLOAD").map(PathBuf::from) else { return };
    let Ok(folder) = folder.canonicalize() else { return };
    let ours = env::current_exe().ok().and_then(|program| program.canonicalize().ok());
    if ours.is_some_and(|program| program.ancestors().nth(2) == Some(&folder)) {
        // What is left is a file of a machine that is thrown away.
        _ = fs::remove_dir_all(&folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_process_has_the_arguments_of_the_first() {
        let with = |given: &[&str]| {
            let all = arguments(given.iter().map(OsString::from));
            all.iter().map(|one| one.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(with(&["ci", "plan"]), "ci plan --clean");
        assert_eq!(with(&["--color", "never", "ci", "--", "-x"]), "--color never ci --clean -- -x");
    }
}
