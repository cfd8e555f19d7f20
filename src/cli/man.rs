use std::{fs, path::Path};

use clap::CommandFactory;

use super::{
    args::{Cli, ManArgs},
    context::Context,
    failure::{Failure, status},
};

pub(super) fn run(context: &Context, args: &ManArgs) -> Result<u8, Failure> {
    let mut command = Cli::command();
    command.build();
    match &args.dir {
        None => clap_mangen::Man::new(command).render(&mut context.output.out())?,
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|error| {
                Failure::new(format!("could not create {}: {error}", folder.display()))
            })?;
            write(&command, "pushsync", folder)?;
        }
    }
    Ok(status::DONE)
}

/// Writes a page for the command, and one for each command below it.
fn write(command: &clap::Command, name: &str, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(format!("{name}.1"));
    let failed = |error| Failure::new(format!("could not write {}: {error}", path.display()));
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(failed)?;
    fs::write(&path, page).map_err(failed)?;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        write(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}
