//! Whether git is about to change the files of a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{files, manifest::FileId};

/// A line with a path.
const MOST_BYTES: u64 = 8192;

/// A lock of git: `index.lock`, as long as git works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitLock {
    path: PathBuf,
    id: FileId,
    since: Option<SystemTime>,
}

impl GitLock {
    /// The lock of the repository around a folder, if git has it now.
    pub(super) fn held(folder: &Path) -> Option<Self> {
        let folder = fs::canonicalize(folder).ok()?;
        let path = folder.ancestors().find_map(git_folder)?.join("index.lock");
        let meta = fs::symlink_metadata(&path).ok()?;
        Some(Self { path, id: FileId::of(&meta), since: meta.modified().ok() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder of git, of a repository or of a worktree of it.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let path = folder.join(".git");
    if path.is_dir() {
        return Some(path);
    }
    let text = String::from_utf8(files::read(&path, MOST_BYTES).ok()?).ok()?;
    Some(folder.join(text.strip_prefix("gitdir:")?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn the_lock_of_the_repository_around_a_folder_and_of_a_worktree_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        written(&at("one/project/pushsync.yaml"), "");
        written(&at("one/.git/HEAD"), "");
        assert_eq!(GitLock::held(&at("one/project")), None);
        written(&at("one/.git/index.lock"), "");
        let held = GitLock::held(&at("one/project")).expect("held");
        assert!(held.path().ends_with("one/.git/index.lock"));
        written(&at("two/.git"), "gitdir: ../one/.git/worktrees/two\n");
        assert_eq!(GitLock::held(&at("two")), None);
        written(&at("one/.git/worktrees/two/index.lock"), "");
        assert!(GitLock::held(&at("two")).is_some());
    }

    #[test]
    fn a_file_that_is_not_of_git_is_no_repository() {
        let folder = tempfile::tempdir().expect("a folder");
        written(&folder.path().join(".git"), "something else");
        assert_eq!(GitLock::held(folder.path()), None);
    }
}
