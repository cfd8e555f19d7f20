use std::{fs, io, path::Path};

use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{
    args::{self, EXIT_STATUSES, FILES, ManArgs, VARIABLES},
    context::Context,
    failure::{Failure, status},
};

pub(super) fn run(context: &Context, args: &ManArgs) -> Result<u8, Failure> {
    let mut command = args::command();
    command.build();
    match &args.dir {
        None => page(&command, "", &mut context.output.out())?,
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|error| {
                Failure::new(format!("could not create {}: {error}", folder.display()))
            })?;
            write(&command, "", folder)?;
        }
    }
    Ok(status::DONE)
}

/// Writes a page for the command, and one for each command below it.
fn write(command: &clap::Command, name: &str, folder: &Path) -> Result<(), Failure> {
    let file = format!("pushsync {name}").trim().replace(' ', "-");
    let path = folder.join(format!("{file}.1"));
    let failed = |error| Failure::new(format!("could not write {}: {error}", path.display()));
    let mut text = Vec::new();
    page(command, name, &mut text).map_err(failed)?;
    fs::write(&path, text).map_err(failed)?;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        write(below, format!("{name} {}", below.get_name()).trim(), folder)?;
    }
    Ok(())
}

/// The page of one command; `name` is what follows `pushsync`.
fn page(command: &clap::Command, name: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let man = Man::new(command.clone());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    let mut rest = Roff::new();
    if name.is_empty() {
        section(&mut rest, "ENVIRONMENT", &VARIABLES);
        section(&mut rest, "FILES", &FILES);
    }
    if let Some(lines) = args::examples(name) {
        rest.control("SH", ["EXAMPLES"]);
        for line in lines.lines() {
            rest.control("TP", []);
            rest.text([bold(line.trim())]);
        }
    }
    section(&mut rest, "EXIT STATUS", &EXIT_STATUSES);
    rest.to_writer(out)?;
    man.render_version_section(out)
}

/// A section of terms and what they mean.
fn section(page: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (term, meaning) in entries {
        page.control("TP", []);
        page.text([bold(*term)]);
        page.text([roman(*meaning)]);
    }
}
