//! The project of a command that is run in a folder below it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{environment, failure::Failure};
use crate::manifest::{NEARLY_PROJECT_FILE, PROJECT_FILE};

/// The folder above the working directory that has a project, as a relative path; `None` if the working directory
/// has one itself, or if there is none. A folder that the command line names is never left.
///
/// As git does, this stops at the border of a repository, of the home folder and of a file system, and takes nothing
/// that belongs to another user: a person who may write above a checkout must not decide what is sent.
pub(super) fn above(directory: &Path) -> Result<Option<PathBuf>, Failure> {
    if directory != Path::new(".") {
        return Ok(None);
    }
    let Ok(mut folder) = env::current_dir() else { return Ok(None) };
    if has_project(&folder) {
        return Ok(None);
    }
    let home = environment::variable("HOME").and_then(|home| fs::canonicalize(home).ok());
    let device = owner::device(&folder);
    let mut relative = PathBuf::new();
    loop {
        if folder.join(".git").exists() || Some(&folder) == home.as_ref() || !folder.pop() {
            return Ok(None);
        }
        if owner::device(&folder) != device {
            return Ok(None);
        }
        relative.push("..");
        if !has_project(&folder) {
            continue;
        }
        let file = folder.join(PROJECT_FILE);
        let foreign = [&folder, &file].into_iter().find(|path| !owner::is_own(path));
        return match foreign {
            None => Ok(Some(relative)),
            Some(_) => Err(Failure::new(format!(
                "the project in {} belongs to another user, and is not taken without being named",
                relative.display()
            ))
            .help(format!("if you trust it, name its folder: -C {}", relative.display()))),
        };
    }
}

/// Also one with a wrong name: the error says so.
fn has_project(folder: &Path) -> bool {
    let mut names = NEARLY_PROJECT_FILE.into_iter().chain([PROJECT_FILE]);
    names.any(|name| fs::symlink_metadata(folder.join(name)).is_ok())
}

#[cfg(unix)]
mod owner {
    use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

    /// The file system that a folder is on.
    pub(super) fn device(path: &Path) -> Option<u64> {
        fs::metadata(path).ok().map(|meta| meta.dev())
    }

    /// Whether a file belongs to this user. One that does not exist belongs to nobody else.
    pub(super) fn is_own(path: &Path) -> bool {
        let own = rustix::process::geteuid().as_raw();
        let of = |meta: std::io::Result<fs::Metadata>| meta.is_ok_and(|meta| meta.uid() == own);
        fs::symlink_metadata(path).is_err()
            || (of(fs::symlink_metadata(path)) && of(fs::metadata(path)))
    }
}

#[cfg(not(unix))]
mod owner {
    use std::path::Path;

    pub(super) fn device(_: &Path) -> Option<u64> {
        None
    }

    /// Windows keeps others out of the folders of a user.
    pub(super) fn is_own(_: &Path) -> bool {
        true
    }
}
