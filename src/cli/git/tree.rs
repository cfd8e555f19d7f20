//! The files of a commit, as they are in the repository: no filter, hook or attribute has a part in it.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Component, Path},
};

use super::{GitError, Repository, path_of};
use crate::model::CommitId;

/// The most files, and bytes in them, of a project that is taken out of a commit.
const MOST_FILES: usize = 2_000;
const MOST_BYTES: usize = 200 << 20;

impl Repository {
    /// A commit and those before it on its first line of parents, as far as the clone has them: the newest first.
    pub(in crate::cli) fn first_parents(
        &self,
        commit: &CommitId,
        most: usize,
    ) -> Result<Vec<CommitId>, GitError> {
        let most = format!("--max-count={most}");
        let listed = self.git(&[], ["rev-list", "--first-parent", &most, commit.as_str()])?;
        let listed = String::from_utf8_lossy(&listed);
        Ok(listed.lines().filter_map(|line| CommitId::parse(line.trim()).ok()).collect())
    }

    /// Whether a commit is another one or came before it; nothing if this clone cannot tell.
    pub(in crate::cli) fn is_ancestor(
        &self,
        commit: &CommitId,
        of: &CommitId,
    ) -> Result<Option<bool>, GitError> {
        let asked = ["merge-base", "--is-ancestor", commit.as_str(), of.as_str()];
        let output = self.command(&[]).args(asked).output()?;
        match output.status.code() {
            Some(0) => Ok(Some(true)),
            Some(1) => {
                // The history that would show it may be cut off.
                let shallow = self.git(&[], ["rev-parse", "--is-shallow-repository"])?;
                Ok((shallow.trim_ascii() == b"false").then_some(false))
            }
            _ => Ok(None),
        }
    }

    /// Writes the files that the project's folder has in a commit into an empty folder.
    pub(in crate::cli) fn take_out(&self, commit: &CommitId, into: &Path) -> Result<(), GitError> {
        let mut tree = OsString::from(format!("{commit}:"));
        tree.push(self.folder());
        let listed = self.git(
            &[],
            [OsString::from("ls-tree"), "-r".into(), "-z".into(), "--full-tree".into(), tree],
        )?;
        let mut room = MOST_BYTES;
        let entries = listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        for (at, entry) in entries.enumerate() {
            if at == MOST_FILES {
                return Err(refused("the project has too many files"));
            }
            let mut halves = entry.splitn(2, |byte| *byte == b'\t');
            let (head, name) =
                (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            let head = String::from_utf8_lossy(head);
            let words: Vec<&str> = head.split(' ').collect();
            let [mode, "blob", blob] = words[..] else {
                return Err(refused("the project has a submodule"));
            };
            // A link could lead out of the folder.
            if mode == "120000" {
                return Err(refused("the project has a symbolic link"));
            }
            let blob = CommitId::parse(blob).map_err(|_| refused("a file has no name in git"))?;
            let bytes = self.git(&[], ["cat-file", "blob", blob.as_str()])?;
            room =
                room.checked_sub(bytes.len()).ok_or_else(|| refused("the project is too large"))?;
            write(into, &path_of(name), &bytes)?;
        }
        Ok(())
    }
}

fn write(into: &Path, path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.as_os_str().is_empty() {
        return Err(refused("a file has a path that leads elsewhere"));
    }
    let path = into.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    Ok(file.write_all(bytes)?)
}

fn refused(why: &str) -> GitError {
    GitError::Start(io::Error::other(why.to_owned()))
}
