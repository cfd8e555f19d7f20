//! Which folders have to be watched for the files of a project.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    path::{Path, PathBuf, absolute},
};

use crate::manifest::FilesNow;

/// As the system has it.
const MOST_LINKS: u32 = 40;

/// The entries of folders on whose way to a file another one could be put, and the folders in which new files count.
/// All paths are without links.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    /// Files, links and folders on the way to a file. Not all of them are there.
    entries: HashSet<PathBuf>,
    /// Folders of which each entry counts.
    whole: HashSet<PathBuf>,
    /// Where paths lead that were followed already.
    known: HashMap<PathBuf, Option<PathBuf>>,
}

impl Anchors {
    pub(super) fn of(files: &FilesNow) -> Self {
        let mut anchors = Self::default();
        for path in files.stamp.paths() {
            anchors.follow(path);
        }
        for folder in &files.folders {
            if let Some(real) = anchors.follow(folder) {
                anchors.whole.insert(real);
            }
        }
        anchors.known.clear();
        anchors
    }

    /// The folders to be watched, each by itself. Not all of them are there.
    pub(super) fn folders(&self) -> BTreeSet<&Path> {
        let above = self.entries.iter().filter_map(|entry| entry.parent());
        above.chain(self.whole.iter().map(PathBuf::as_path)).collect()
    }

    /// Whether a change of that path may be one of the project.
    pub(super) fn concern(&self, path: &Path) -> bool {
        self.entries.contains(path)
            || self.whole.contains(path)
            || path.parent().is_some_and(|folder| self.whole.contains(folder))
    }

    /// Follows a path through all links. `None` if it leads nowhere.
    fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        self.real(&absolute(path).ok()?, MOST_LINKS)
    }

    fn real(&mut self, path: &Path, links: u32) -> Option<PathBuf> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let real = match (path.parent(), path.file_name()) {
            (None, _) => Some(path.to_owned()),
            // It ends in `..`.
            (Some(parent), None) => {
                let real = self.real(parent, links)?;
                Some(real.parent().map_or_else(|| real.clone(), Path::to_owned))
            }
            (Some(parent), Some(name)) => {
                let folder = self.real(parent, links)?;
                let entry = folder.join(name);
                self.entries.insert(entry.clone());
                match fs::read_link(&entry) {
                    Ok(target) => self.real(&folder.join(target), links.checked_sub(1)?),
                    Err(_) => entry.symlink_metadata().is_ok().then_some(entry),
                }
            }
        };
        self.known.insert(path.to_owned(), real.clone());
        real
    }
}
