//! Questions to git about a folder. Git is a program, and it runs nothing that lies in the repository: see
//! `docs/decisions/git-is-a-program.md`.

mod hardened;
mod program;
mod tree;

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::Command,
    thread::{self, JoinHandle},
};

use self::program::Program;
use super::lockfile::LOCKFILE;
use crate::{
    model::{CommitId, one_line},
    plan::Commit,
};

/// Git was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    /// There is no git in `PATH` outside of the checkout.
    #[error("there is no git in PATH outside of the repository")]
    Missing,
    /// The repository could make git run a program that lies in it.
    #[error("git is not asked about {}: {why}", root.display())]
    Unsafe {
        /// The repository's top folder.
        root: PathBuf,
        /// Why it is unsafe.
        why: String,
    },
    /// The program could not be started.
    #[error("git could not be started: {0}")]
    Start(#[from] io::Error),
    /// Git refused: the repository belongs to another user, or is damaged.
    #[error("git refuses: {0}")]
    Refused(String),
}

/// The repository around a folder.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    root: PathBuf,
    /// The folder, relative to the root.
    folder: PathBuf,
    /// Git does not look above this folder.
    ceiling: OsString,
    program: Program,
}

impl Repository {
    /// The repository of a folder that exists, if it is in one. `project` is the folder of the project: no
    /// program that lies in its checkout is run either.
    pub(super) fn of(folder: &Path, project: &Path) -> Result<Option<Self>, GitError> {
        let Ok(folder) = folder.canonicalize() else { return Ok(None) };
        let Some(root) = root_of(&folder) else { return Ok(None) };
        let refused = |why: &str| GitError::Unsafe { root: root.to_owned(), why: why.to_owned() };
        // A git that does not know safe.bareRepository would take it for a bare repository.
        if ["HEAD", "objects", "refs"].iter().all(|name| root.join(name).symlink_metadata().is_ok())
        {
            return Err(refused("its files look like those of a bare repository"));
        }
        let ceiling = root.parent().unwrap_or(root).as_os_str().to_owned();
        if ceiling.as_encoded_bytes().contains(&b':') {
            return Err(refused("the path to it has a colon, and git could look further up"));
        }
        let checkouts = [
            checkout_of(&folder),
            project.canonicalize().ok().map(|p| checkout_of(&p)).unwrap_or_default(),
        ];
        let checkouts: Vec<_> =
            checkouts.iter().map(PathBuf::as_path).filter(|path| path.is_absolute()).collect();
        let program = Program::find(&checkouts).ok_or(GitError::Missing)?;
        let inside = folder.strip_prefix(root).unwrap_or(Path::new("")).to_owned();
        Ok(Some(Self { root: root.to_owned(), folder: inside, ceiling, program }))
    }

    /// The top folder, links resolved.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder, relative to the top folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit that is checked out, and whether the folder has changes since; `None` before the first
    /// commit.
    pub(super) fn commit(&self) -> Result<Option<Commit>, GitError> {
        let names = self.git(&[], ["config", "--list", "-z", "--name-only"])?;
        let overrides = hardened::overrides(&names)
            .map_err(|why| GitError::Unsafe { root: self.root.clone(), why })?;
        let status = [
            "status",
            "--porcelain=v2",
            "--branch",
            "--untracked-files=normal",
            "--ignore-submodules=all",
            "--",
        ];
        let status = status.map(OsStr::new).into_iter().chain([pathspec(&self.folder)]);
        let status = self.git(&overrides, status)?;
        let status = String::from_utf8_lossy(&status);
        let id = status.lines().find_map(|line| line.strip_prefix("# branch.oid "));
        let id = id.unwrap_or_default().trim();
        // pushsync itself writes its lockfile: no message comes from it.
        let lockfile = self.folder.join(LOCKFILE);
        let is_lockfile = |line: &str| {
            let fields = if line.starts_with("? ") { 2 } else { 9 };
            line.splitn(fields, ' ').last().map(Path::new) == Some(&*lockfile)
        };
        let dirty = status.lines().any(|line| !line.starts_with('#') && !is_lockfile(line));
        if id == "(initial)" {
            return Ok(None);
        }
        let id = CommitId::parse(id)
            .map_err(|_| GitError::Refused("it names no commit that is checked out".to_owned()))?;
        Ok(Some(Commit { id, dirty }))
    }

    /// The files at a path (relative to the top folder) that git tracks, and those that it neither tracks nor
    /// ignores.
    pub(super) fn files(&self, path: &Path) -> Result<Vec<Listed>, GitError> {
        let list = ["ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--"];
        let listed = self.git(&[], list.map(OsStr::new).into_iter().chain([pathspec(path)]))?;
        let lines = listed.split(|byte| *byte == 0);
        Ok(lines
            .filter_map(|line| {
                let (tag, path) = line.split_at_checked(2)?;
                Some(Listed { tracked: tag != b"? ", path: path_of(path) })
            })
            .collect())
    }

    /// Whether git would ignore a file that does not exist yet, by its path relative to the top folder.
    pub(super) fn ignores(&self, file: &Path) -> Result<bool, GitError> {
        // This command does not know literal paths; a path after "./" is always literal.
        let mut command = self.command(&[]);
        command.env_remove("GIT_LITERAL_PATHSPECS");
        command.args(["check-ignore", "-q", "--"]).arg(Path::new(".").join(file));
        let output = command.output()?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(refusal(&output.stderr)),
        }
    }

    /// The output of git.
    fn git(
        &self,
        overrides: &[String],
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Vec<u8>, GitError> {
        let output = self.command(overrides).args(args).output()?;
        if output.status.success() { Ok(output.stdout) } else { Err(refusal(&output.stderr)) }
    }

    fn command(&self, overrides: &[String]) -> Command {
        let mut command = self.program.command();
        hardened::harden(&mut command, &self.root, &self.ceiling);
        for one in overrides {
            command.arg("-c").arg(one);
        }
        command
    }
}

/// A file that git was asked about.
#[derive(Debug)]
pub(super) struct Listed {
    /// Whether it is tracked. A file that is not tracked is not ignored either.
    pub(super) tracked: bool,
    /// Relative to the top folder.
    pub(super) path: PathBuf,
}

/// A thread that looks up the commit of a folder.
pub(super) struct CommitLookup(JoinHandle<Option<Commit>>);

impl CommitLookup {
    /// Starts the thread.
    pub(super) fn start(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self(thread::spawn(move || commit(&folder)))
    }

    /// The answer, where it is known.
    pub(super) fn known(commit: Commit) -> Self {
        Self(thread::spawn(move || Some(commit)))
    }

    /// Waits for the answer.
    pub(super) fn get(self) -> Option<Commit> {
        self.0.join().ok().flatten()
    }
}

/// The commit of a folder, if git knows one.
pub(super) fn commit(folder: &Path) -> Option<Commit> {
    let repository = Repository::of(folder, folder);
    let commit = repository.and_then(|repository| match repository {
        Some(repository) => repository.commit(),
        None => Ok(None),
    });
    commit.unwrap_or_else(|error| {
        tracing::info!("the commit of the project is not known: {error}");
        None
    })
}

/// A folder, relative to the top folder of its repository: empty, or ending in `/`.
pub(super) fn folder_in_repository(folder: &Path) -> String {
    let Ok(folder) = folder.canonicalize() else { return String::new() };
    let inside = root_of(&folder).and_then(|root| folder.strip_prefix(root).ok());
    match inside.map(|inside| inside.to_string_lossy()) {
        Some(inside) if !inside.is_empty() => format!("{inside}/"),
        _ => String::new(),
    }
}

/// The nearest folder with a `.git`, for a folder whose links are resolved.
fn root_of(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok())
}

/// The top folder of the checkout that a folder is in, links resolved. For a submodule or a linked work tree
/// inside another repository, that is the outer one. Outside of any repository, it is the folder itself.
pub(super) fn checkout_of(folder: &Path) -> PathBuf {
    let Some(mut root) = root_of(folder) else { return folder.to_owned() };
    while root.join(".git").is_file()
        && let Some(outer) = root.parent().and_then(root_of)
    {
        root = outer;
    }
    root.to_owned()
}

/// A folder as an argument of git.
fn pathspec(folder: &Path) -> &OsStr {
    if folder.as_os_str().is_empty() { OsStr::new(".") } else { folder.as_os_str() }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

fn refusal(stderr: &[u8]) -> GitError {
    let said = String::from_utf8_lossy(stderr);
    let line =
        said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
    let line = line.strip_prefix("fatal: ").unwrap_or(line);
    GitError::Refused(one_line(line))
}
