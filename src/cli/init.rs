use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use serde_json::Value;

use super::{
    args::InitArgs,
    context::Context,
    failure::{Failure, status},
    shell_command::ShellCommand,
};
use crate::manifest::schema;

/// The files of the project. Editors find the schemas of this version beside it.
fn files() -> [(&'static str, String); 6] {
    let schema = |value: Value| format!("{value:#}\n");
    [
        ("pushsync.yaml", include_str!("init/pushsync.yaml").to_owned()),
        ("messages/welcome.yaml", include_str!("init/welcome.yaml").to_owned()),
        ("audiences/beta.csv", include_str!("init/beta.csv").to_owned()),
        (".gitignore", include_str!("init/gitignore").to_owned()),
        (".pushsync/project.json", schema(schema::project())),
        (".pushsync/messages.json", schema(schema::messages())),
    ]
}

pub(super) fn run(context: &Context, args: InitArgs) -> Result<u8, Failure> {
    let folder = args.dir.unwrap_or_else(|| context.global.directory.clone());
    let files = files();
    let there: Vec<_> =
        files.iter().map(|(name, _)| *name).filter(|name| folder.join(name).exists()).collect();
    if !there.is_empty() {
        return Err(Failure::new(format!(
            "{} has {} already, and nothing is overwritten",
            folder.display(),
            there.join(", ")
        ))
        .help("choose an empty folder: pushsync init DIR"));
    }
    for (name, text) in files {
        write_new(&folder.join(name), &text)?;
        context.output.note(&format!("  wrote {}", folder.join(name).display()));
    }
    let mut apply = ShellCommand::new("apply --sandbox");
    if folder != Path::new(".") {
        apply = apply.global_option("-C", &folder);
    }
    context
        .output
        .hint(&format!("try it with a server inside the program, without an account: {apply}"));
    Ok(status::DONE)
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("could not write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
