//! A state in a folder must not be in a repository: anyone could have written a file that git tracks.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    failure::Failure,
    git::{GitError, Repository},
};
use crate::{
    model::{one_line, shell_word},
    render::humanize,
};

/// How git treats a folder that holds a state.
#[derive(Debug, PartialEq, Eq)]
enum Tracking {
    /// There is no repository, or it ignores the files of the folder.
    None,
    /// Git would commit it with the other files.
    NotIgnored,
    /// The first tracked file, relative to the repository's top folder, and the number of tracked files.
    Tracked(PathBuf, usize),
}

/// Refuses a folder if git tracks files in it, other than a README or .gitignore. Returns a warning if git
/// does not ignore it. `project` is the folder of the project, which need not have a `pushsync.yaml`.
pub(super) fn check(folder: &Path, project: &Path) -> Result<Option<String>, Failure> {
    if folder.exists() && !folder.is_dir() {
        // It is not a folder; opening the state reports that.
        return Ok(None);
    }
    let nearest = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
    let asked = tracked_link(folder, project).and_then(|link| {
        let repository = Repository::of(nearest, project)?;
        let tracking = repository.as_ref().map(|git| tracking(git, folder, nearest)).transpose()?;
        Ok((link, repository.zip(tracking)))
    });
    let (repository, tracking) = match asked {
        Ok((Some(link), _)) => {
            return Err(Failure::new(format!(
                "the state is looked for behind {}, a symbolic link that git tracks. Anyone whose changes are merged could say with it what was sent",
                one_line(&link.display().to_string())
            ))
            .help("nothing was done. Take the link out of git, or name the folder that it leads to under `state:` or with --state"));
        }
        Ok((None, Some(found))) => found,
        Ok((None, None)) => return Ok(None),
        Err(error) => {
            tracing::info!("whether git tracks {} is not known: {error}", folder.display());
            return Ok(None);
        }
    };
    let root = repository.root();
    // Joined by components, because joining an empty path would add a slash.
    let inside: PathBuf = repository
        .folder()
        .components()
        .chain(folder.strip_prefix(nearest).unwrap_or(Path::new("")).components())
        .collect();
    let own = !project.canonicalize().is_ok_and(|project| project.starts_with(root.join(&inside)));
    let line = gitignore_line(&inside);
    let top = one_line(&root.join(".gitignore").display().to_string());
    match tracking {
        Tracking::None => Ok(None),
        Tracking::NotIgnored if own => Ok(Some(format!(
            "git does not ignore the state in {}: it holds texts and visitor ids, and a state that is committed is refused. Add this line to {top}: {line}",
            folder.display()
        ))),
        Tracking::NotIgnored => Ok(Some(format!(
            "the state in {} lies among the project's files, and git does not ignore it: name a folder of its own under `state:`",
            folder.display()
        ))),
        Tracking::Tracked(first, count) => {
            let others = match count {
                1 => String::new(),
                n => format!(" and {}", humanize::count(n as u64 - 1, "other file", "other files")),
            };
            let failure = Failure::new(format!(
                "git tracks the state in {}: {}{others} in {}. Anyone whose changes are merged could say there what was sent",
                folder.display(),
                one_line(&first.display().to_string()),
                root.display()
            ));
            Err(if own {
                failure.help(format!(
                    "nothing was done. Take it out of git, which leaves the files where they are: git -C {} rm -r --cached -- {} ; then add this line to {top}: {line}",
                    shell_word(root.as_os_str()),
                    shell_word(if inside.as_os_str().is_empty() { OsStr::new(".") } else { inside.as_os_str() }),
                ))
            } else {
                failure.help(
                    "nothing was done. The folder has other files than those of the state: name one of its own under `state:`",
                )
            })
        }
    }
}

fn tracking(repository: &Repository, folder: &Path, nearest: &Path) -> Result<Tracking, GitError> {
    if nearest != folder {
        // The folder is about to be created.
        let rest = folder.strip_prefix(nearest).unwrap_or(Path::new(""));
        let file = repository.folder().join(rest).join("pushsync.json");
        return Ok(if repository.ignores(&file)? { Tracking::None } else { Tracking::NotIgnored });
    }
    let mut listed = repository.files(repository.folder())?;
    listed.retain(|one| !explains(&one.path));
    let tracked = listed.iter().filter(|one| one.tracked).count();
    Ok(match listed.iter().find(|one| one.tracked) {
        Some(first) => Tracking::Tracked(first.path.clone(), tracked),
        None if listed.is_empty() => Tracking::None,
        None => Tracking::NotIgnored,
    })
}

/// The first symbolic link on the path that git tracks: anyone who commits one decides where the state is.
fn tracked_link(folder: &Path, project: &Path) -> Result<Option<PathBuf>, GitError> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    for link in absolute.ancestors().filter(|path| path.is_symlink()) {
        if let (Some(above), Some(name)) = (link.parent(), link.file_name())
            && let Some(repository) = Repository::of(above, project)?
            && repository.files(&repository.folder().join(name))?.iter().any(|one| one.tracked)
        {
            return Ok(Some(link.to_owned()));
        }
    }
    Ok(None)
}

/// Whether a file explains the folder, or makes git ignore the other files.
fn explains(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    matches!(&*name, ".gitignore" | ".gitkeep") || name.starts_with("README")
}

/// The line that makes git ignore a folder.
fn gitignore_line(inside: &Path) -> String {
    if inside.as_os_str().is_empty() {
        return "*".to_owned();
    }
    let mut line = String::from("/");
    for c in inside.to_string_lossy().chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push('/');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_gitignore_means_this_folder_only() {
        assert_eq!(gitignore_line(Path::new("state")), "/state/");
        assert_eq!(gitignore_line(Path::new("")), "*");
        assert_eq!(gitignore_line(Path::new("a b/[x]*")), r"/a b/\[x]\*/");
    }
}
