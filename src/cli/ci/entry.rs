//! From the environment of a job to its end.

use std::{
    io::{Read as _, Write as _, stdin},
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use uuid::Uuid;

use super::{arguments, check, job, plan, run_commands, session::Session, start};
use crate::{
    ci::{self, Host, Inputs, JobCommand, Kit, Refusal, Reporter, Setup, Variables},
    cli::{
        args::{CiArgs, GlobalOptions},
        context::Context,
        dispatch, environment,
        failure::{Failure, status},
        output::Output,
        variables,
    },
};

/// Longer than any token.
const LONGEST_TOKEN: u64 = 16 << 10;

/// Runs a job, or says why not.
pub(in crate::cli) fn run(
    global: GlobalOptions,
    output: Output,
    args: &CiArgs,
) -> Result<u8, Failure> {
    let read = environment::variable;
    let variables = Variables::new(&read);
    let Some(host) = Host::of(variables) else {
        return Err(Failure::new("this is no job of GitHub Actions or GitLab CI: neither GITHUB_ACTIONS nor GITLAB_CI is set")
            .help("elsewhere, use `pushsync plan --format markdown` and `pushsync apply --reviewed DIGEST`: docs/ci.md"));
    };
    let out = output.clone();
    let log = move |text: &str| {
        let mut out = match host {
            Host::GitHub => out.out(),
            // Its sections begin and end with control characters.
            Host::GitLab => out.raw_out(),
        };
        // A log that nobody reads any more changes nothing of what the job does.
        _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    let random = || Uuid::new_v4().simple().to_string();
    let reporter = host.reporter(variables, &log, &random);
    let ended = match args.clean {
        false => start::in_a_clean_environment(host, variables, args, &*reporter),
        true => {
            start::remove_download(variables);
            begin(global, output, host, variables, args, &*reporter)
        }
    };
    match ended {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(failure)) => Err(failure),
        Err(refusal) => {
            start::remove_download(variables);
            ci::refuse(&*reporter, &refusal);
            Ok(status::FAILED)
        }
    }
}

/// The process with the clean environment.
fn begin(
    global: GlobalOptions,
    output: Output,
    host: Host,
    variables: Variables<'_>,
    args: &CiArgs,
    reporter: &dyn Reporter,
) -> Result<Result<u8, Failure>, Refusal> {
    let (job, inputs) = job::read(host, variables, args, false)?;
    if let Some((title, text)) = host.warning(variables, &job) {
        reporter.warning(title, &text);
    }
    let global = with_inputs(global, &inputs);
    let forge = match token()? {
        Some(token) => {
            let setup = Setup { token, clock: Arc::new(environment::now) };
            Some(host.forge(variables, &job, setup)?)
        }
        None => None,
    };
    let run_options = arguments::run_options(variables, &inputs)?;
    let global =
        GlobalOptions { lock_timeout: run_options.lock_timeout.or(global.lock_timeout), ..global };
    let kit = Kit {
        job: &job,
        inputs: &inputs,
        reporter,
        forge: forge.as_deref(),
        pause: ci::pause(variables),
    };
    let context = Context::new(global, output);
    let session = Session { context: &context, kit: &kit };
    Ok(carry_out(&session, &run_options))
}

fn carry_out(session: &Session<'_>, options: &arguments::RunOptions) -> Result<u8, Failure> {
    let (context, job) = (session.context, session.kit.job);
    let checked = variables::check(environment::raw_variable)
        .and_then(|()| variables::check_options(&context.global))
        .and_then(|()| context.check_state_keys());
    let ended = match (checked, job.command) {
        (Err(failure), _) => session.failed(&failure),
        (Ok(()), JobCommand::Plan) if job.outsider.is_some() => check::run(session),
        (Ok(()), JobCommand::Plan) => plan::run(session),
        (Ok(()), JobCommand::Apply) => run_commands::apply(session, options),
        (Ok(()), JobCommand::Resume) => run_commands::resume(session, options),
    };
    dispatch::closed(context, ended)
}

/// The global options of a job: those of its command line, and else its inputs.
fn with_inputs(global: GlobalOptions, inputs: &Inputs) -> GlobalOptions {
    let here = global.directory == Path::new(".");
    let directory = if here { PathBuf::from(&inputs.directory) } else { global.directory };
    GlobalOptions { directory, refuse_state_url: !inputs.allow_state_url, ..global }
}

/// The token for comments, which comes on stdin: so it is in no environment, no file and no argument.
fn token() -> Result<Option<SecretString>, Refusal> {
    let mut token = String::new();
    let read = stdin().lock().take(LONGEST_TOKEN).read_to_string(&mut token);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(SecretString::from(token))),
        Err(_) => {
            Err(Refusal::new("the token is not UTF-8", "Put the token alone into its variable."))
        }
    }
}
