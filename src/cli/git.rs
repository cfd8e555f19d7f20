//! What git knows of a folder. Git is a program, and nothing that lies in the repository is run by it: see
//! `docs/decisions/git-is-a-program.md`.

mod hardened;
mod program;

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::Command,
    thread::{self, JoinHandle},
};

use self::program::Program;
use crate::{model::CommitId, plan::Commit, render::words};

/// Why git is not asked, or does not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    /// No program of that name is in `PATH`, or only ones that lie in the checkout.
    #[error("there is no git in PATH outside of the repository")]
    Missing,
    /// Something about the repository could make git run what lies in it.
    #[error("git is not asked about {}: {why}", root.display())]
    Unsafe {
        /// The repository's top folder.
        root: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The program could not be started.
    #[error("git could not be started: {0}")]
    Start(#[from] io::Error),
    /// Git says no: a repository of somebody else, or a damaged one.
    #[error("git refuses: {0}")]
    Refused(String),
}

/// The repository around a folder.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    root: PathBuf,
    /// The folder from there on.
    folder: PathBuf,
    /// Above it, git does not look.
    ceiling: OsString,
    program: Program,
}

impl Repository {
    /// The repository of a folder that exists, if it is in one. Where there is none, nothing is started.
    /// `project` is the folder of the project: no program that lies in its checkout is run, either.
    pub(super) fn of(folder: &Path, project: &Path) -> Result<Option<Self>, GitError> {
        let Ok(folder) = folder.canonicalize() else { return Ok(None) };
        let Some(root) = root_of(&folder) else { return Ok(None) };
        let refused = |why: &str| GitError::Unsafe { root: root.to_owned(), why: why.to_owned() };
        // A version that does not know safe.bareRepository would take it for the repository.
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

    /// The folder, from the top folder on.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit that is checked out, and whether the folder has other changes; none before the first.
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
        let dirty = status.lines().any(|line| !line.starts_with('#'));
        if id == "(initial)" {
            return Ok(None);
        }
        let id = CommitId::parse(id)
            .map_err(|_| GitError::Refused("it names no commit that is checked out".to_owned()))?;
        Ok(Some(Commit { id, dirty }))
    }

    /// Whether the files of the folder are those of another commit. One that is not there, as in a clone
    /// without its history, has others.
    pub(super) fn is_as_of(&self, commit: &CommitId) -> bool {
        let tree = |commit: &str| {
            // The names of two trees: nothing is compared, so no driver for differences is asked for.
            let mut tree = OsString::from(format!("{commit}:"));
            tree.push(&self.folder);
            self.git(
                &[],
                [OsStr::new("rev-parse"), OsStr::new("--verify"), OsStr::new("--quiet"), &tree],
            )
        };
        match (tree(commit.as_str()), tree("HEAD")) {
            (Ok(then), Ok(now)) => then == now,
            _ => false,
        }
    }

    /// Of the files at a path from the top folder on: those that git tracks, and those that it neither tracks
    /// nor ignores.
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

    /// Whether git would ignore a file that is not there yet, by its path from the top folder on.
    pub(super) fn ignores(&self, file: &Path) -> Result<bool, GitError> {
        // This command does not know literal paths: with "./" before it, a path has no other meaning.
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

    /// What git says if it is content.
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
    /// It is tracked; else it is not, and not ignored.
    pub(super) tracked: bool,
    /// From the top folder on.
    pub(super) path: PathBuf,
}

/// The commit of a folder, found out while something else is done.
pub(super) struct Ahead(JoinHandle<Option<Commit>>);

impl Ahead {
    /// Starts to ask.
    pub(super) fn start(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self(thread::spawn(move || commit(&folder)))
    }

    /// The answer.
    pub(super) fn get(self) -> Option<Commit> {
        self.0.join().ok().flatten()
    }
}

/// The commit of a folder, if it has one that git tells.
pub(super) fn commit(folder: &Path) -> Option<Commit> {
    try_commit(folder).unwrap_or_else(|error| {
        tracing::info!("the commit of the project is not known: {error}");
        None
    })
}

/// The same, for those who must know why there is none.
pub(super) fn try_commit(folder: &Path) -> Result<Option<Commit>, GitError> {
    match Repository::of(folder, folder)? {
        Some(repository) => repository.commit(),
        None => Ok(None),
    }
}

/// A folder from the top folder of its repository on: empty, or ending in `/`.
pub(super) fn folder_in_repository(folder: &Path) -> String {
    let Ok(folder) = folder.canonicalize() else { return String::new() };
    let inside = root_of(&folder).and_then(|root| folder.strip_prefix(root).ok());
    match inside.map(|inside| inside.to_string_lossy()) {
        Some(inside) if !inside.is_empty() => format!("{inside}/"),
        _ => String::new(),
    }
}

/// The nearest folder with a `.git`, of one whose links are resolved.
fn root_of(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok())
}

/// All that came with the checkout that a folder is in, links resolved: the repository, and the one around
/// it where it is a submodule or a linked work tree. Outside of any, the folder itself.
pub(super) fn checkout_of(folder: &Path) -> PathBuf {
    let Some(mut root) = root_of(folder) else { return folder.to_owned() };
    while root.join(".git").is_file()
        && let Some(outer) = root.parent().and_then(root_of)
    {
        root = outer;
    }
    root.to_owned()
}

/// A folder as an argument: the top folder's own path is empty.
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
    GitError::Refused(words::one_line(line))
}
