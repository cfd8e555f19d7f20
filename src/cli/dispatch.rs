//! From the arguments of the process to its exit status.

use std::{io::Write, process::ExitCode};

use super::{
    apply,
    args::{self, Cli, Command},
    audience, ci, completions,
    context::Context,
    discovery, environment, explain,
    failure::{Failure, status},
    import, init, logging, man,
    output::Output,
    plan, presence, preview, refresh, run, sandbox, schema, show, state, usage, validate,
    variables,
};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    match completions::complete() {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(status::DONE),
        Err(error) => return ExitCode::from(usage::print(error)),
    }
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage::print(error)),
    };
    let output = Output::new(&cli.global);
    logging::start(&cli.global, output.clone());
    let only_prints = !matches!(
        cli.command,
        Command::Apply(_) | Command::Sandbox(_) | Command::Preview(_) | Command::Run(_)
    );
    let ended = dispatch(cli, output.clone());
    // It may still have a buffer, which would be dropped if the pipe has no room.
    let flushed = output.out().flush();
    ExitCode::from(match ended {
        Ok(status @ (status::DONE | status::CHANGES)) if only_prints => {
            output.exit_status(flushed, status)
        }
        Ok(status) => status,
        Err(failure) => {
            output.failure(&failure);
            failure.status
        }
    })
}

fn dispatch(mut cli: Cli, output: Output) -> Result<u8, Failure> {
    // What a job lacks is an empty variable, and the process of the kit has chosen its environment by then.
    if let Command::Ci(args) = &cli.command {
        return ci::run(cli.global, output, args);
    }
    variables::check(environment::raw_variable)?;
    variables::check_options(&cli.global)?;
    if uses_project(&cli.command)
        && let Some(folder) = discovery::above(&cli.global.directory)?
    {
        output.note(&format!("using the project in {}", folder.display()));
        cli.global.directory = folder;
    }
    let context = Context::new(cli.global, output);
    context.check_state_keys()?;
    let ended = carry_out(&context, cli.command);
    closed(&context, ended)
}

/// The end of a command, once it has closed its states.
pub(super) fn closed(context: &Context, ended: Result<u8, Failure>) -> Result<u8, Failure> {
    let ended = ended.map_err(|failure| context.with_whole_commands(failure));
    let mut close_errors = context.close_errors.take().into_iter().map(Failure::of_closing);
    match (ended, close_errors.next()) {
        (ended, None) => ended,
        // What is unknown needs a person, whatever the disk does.
        (Ok(status::UNKNOWN), Some(error)) => Err(error.status(status::UNKNOWN)),
        (Ok(_), Some(error)) => Err(error),
        (Err(failure), Some(error)) => {
            context.output.failure(&error);
            Err(failure)
        }
    }
}

/// Whether a command is about a project that exists.
fn uses_project(command: &Command) -> bool {
    !matches!(
        command,
        Command::Init(_)
            | Command::Sandbox(_)
            | Command::Completions(_)
            | Command::Schema(_)
            | Command::Explain(_)
            | Command::Man(_)
    )
}

fn carry_out(context: &Context, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Init(args) => init::run(context, args),
        Command::Validate(args) => validate::run(context, &args),
        Command::Show(args) => show::run(context, &args),
        Command::Audience(args) => audience::run(context, &args),
        Command::Plan(args) => plan::run(context, &args),
        Command::Apply(args) => apply::run(context, &args),
        Command::Refresh(args) => refresh::run(context, &args),
        Command::Import(args) => import::run(context, args),
        // It has been dispatched already: it makes its own context.
        Command::Ci(_) => Ok(status::FAILED),
        Command::Run(args) => run::run(context, &args),
        Command::Status(args) => super::status::run(context, &args),
        Command::State(args) => state::run(context, args),
        Command::Presence(args) => presence::run(context, &args),
        Command::Sandbox(args) => sandbox::run(context, args),
        Command::Preview(args) => preview::run(context, &args),
        Command::Completions(args) => completions::run(context, &args),
        Command::Schema(args) => schema::run(context, &args),
        Command::Explain(args) => explain::run(context, &args),
        Command::Man(args) => man::run(context, &args),
    }
}
