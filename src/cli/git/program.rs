//! The git program that is run, and the environment variables that it gets.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A git program, and the only variables of the environment that it gets.
#[derive(Debug, Clone)]
pub(super) struct Program {
    file: PathBuf,
    /// `PATH`, without the folders that a checkout could have put programs in.
    path: OsString,
    /// `HOME`, unless a checkout could have put a configuration there.
    home: Option<OsString>,
}

impl Program {
    /// The first git in `PATH`, of the absolute folders outside of `checkouts`.
    pub(super) fn find(checkouts: &[&Path]) -> Option<Self> {
        let path = env::var_os("PATH")?;
        let folders: Vec<_> =
            env::split_paths(&path).filter(|folder| is_outside(folder, checkouts)).collect();
        let name = format!("git{}", env::consts::EXE_SUFFIX);
        let file = folders
            .iter()
            .map(|folder| folder.join(&name))
            .find(|file| is_program(file) && is_outside(file, checkouts))?;
        let home = env::var_os("HOME").filter(|home| is_outside(Path::new(home), checkouts));
        Some(Self { file, path: env::join_paths(folders).ok()?, home })
    }

    /// A command without arguments, in a clean environment.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.env_clear().env("PATH", &self.path).stdin(Stdio::null());
        match &self.home {
            Some(home) => command.env("HOME", home),
            // Without HOME, git reads no configuration of the user anyway.
            None => command.env("GIT_CONFIG_GLOBAL", "/dev/null"),
        };
        command
    }
}

/// Whether a path is absolute, exists, and is outside of these folders, links resolved.
fn is_outside(path: &Path, checkouts: &[&Path]) -> bool {
    path.is_absolute()
        && path
            .canonicalize()
            .is_ok_and(|path| !checkouts.iter().any(|checkout| path.starts_with(checkout)))
}

fn is_program(file: &Path) -> bool {
    let Ok(metadata) = fs::metadata(file) else { return false };
    #[cfg(unix)]
    let executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let executable = true;
    metadata.is_file() && executable
}
