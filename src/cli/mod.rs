//! The command line: one file for each command.
//!
//! The environment, the clock and randomness are read here and passed on.

mod api;
mod apply;
mod args;
mod completions;
mod consent;
mod context;
mod explain;
mod failure;
mod faults;
mod git;
mod hidden;
mod import;
mod init;
mod logging;
mod man;
mod masking;
mod output;
mod place;
mod plan;
mod planning;
mod presence;
mod preview;
mod progress;
mod refresh;
mod sandbox;
mod schema;
mod secrets;
mod show;
mod signals;
mod state;
mod state_folder;
mod streams;
mod surroundings;
mod unrecorded;
mod usage;
mod validate;
mod variables;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use args::{Cli, Command};
use context::Context;
use failure::{Failure, status};
use output::Output;
use streams::Results;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    match completions::answer() {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(status::DONE),
        Err(error) => return ExitCode::from(usage::say(error)),
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage::say(error)),
    };
    let output = Output::new(&cli.global);
    logging::start(&cli.global);
    let only_prints =
        !matches!(cli.command, Command::Apply(_) | Command::Sandbox(_) | Command::Preview(_));
    ExitCode::from(match dispatch(cli, output.clone()) {
        // What stdout still held back.
        Ok(status @ (status::DONE | status::CHANGES)) if only_prints => {
            output.ended(Results::new(io::stdout()).flush(), status)
        }
        Ok(status) => status,
        Err(failure) => {
            output.failure(&failure);
            failure.status
        }
    })
}

fn dispatch(cli: Cli, output: Output) -> Result<u8, Failure> {
    variables::check(surroundings::raw_variable)?;
    variables::check_options(&cli.global)?;
    let context = Context::new(cli.global, output);
    context.check_state_keys()?;
    match cli.command {
        Command::Init(args) => init::run(&context, args),
        Command::Validate(args) => validate::run(&context, &args),
        Command::Show(args) => show::run(&context, &args),
        Command::Plan(args) => plan::run(&context, &args),
        Command::Apply(args) => apply::run(&context, args),
        Command::Refresh(args) => refresh::run(&context, &args),
        Command::Import(args) => import::run(&context, args),
        Command::State(args) => state::run(&context, args),
        Command::Presence(args) => presence::run(&context, &args),
        Command::Sandbox(args) => sandbox::run(&context, args),
        Command::Preview(args) => preview::run(&context, &args),
        Command::Completions(args) => completions::run(&context, &args),
        Command::Schema(args) => schema::run(&context, &args),
        Command::Explain(args) => explain::run(&context, &args),
        Command::Man(args) => man::run(&context, &args),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Cli;

    /// Those that print a script, a file or a page as it is, or no data at all.
    const WITHOUT: [&str; 15] = [
        "init",
        "import",
        "completions",
        "schema",
        "man",
        "state rm",
        "state mv",
        "state resolve",
        "state set-api",
        "state export",
        "state import",
        "state migrate",
        "state rekey",
        "state unlock",
        "state",
    ];

    fn walk(command: &Command, name: &str, lacking: &mut Vec<String>) {
        for below in command.get_subcommands() {
            let name = format!("{name} {}", below.get_name()).trim().to_owned();
            let json = below.get_arguments().any(|argument| {
                argument.get_id() == "format"
                    && argument
                        .get_possible_values()
                        .iter()
                        .any(|value| value.matches("json", false))
            });
            if !json && !WITHOUT.contains(&&*name) {
                lacking.push(name.clone());
            }
            walk(below, &name, lacking);
        }
    }

    #[test]
    fn every_command_that_prints_data_prints_it_as_json_too() {
        let mut lacking = Vec::new();
        walk(&Cli::command(), "", &mut lacking);
        assert!(lacking.is_empty(), "{lacking:?}");
    }
}
