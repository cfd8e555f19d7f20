use std::io::Write;

use clap::CommandFactory;

use super::{
    args::{Cli, Completions as Args},
    context::Context,
    failure::{Failure, status},
};

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pushsync", &mut script);
    context.output.out().write_all(&script)?;
    Ok(status::DONE)
}
