//! The files that a project was read from, and whether they are still what they were.
//!
//! Only what a project is made of counts: what `include` takes or would take, and what the manifest names. Logs, the
//! state and `.git` may lie in the same folder.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{self, Metadata},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    folder::ProjectFolder,
    limits::Limits,
    options::{LoadOptions, PROJECT_FILE},
    patterns::Expanded,
};
use crate::{files, model::FilesDigest};

/// The files that a project was read from, as they were before they were read.
#[derive(Debug, Clone)]
pub struct FilesRead {
    root: PathBuf,
    allow_outside: bool,
    limits: Limits,
    /// Those of `include`.
    patterns: Vec<String>,
    /// Those that the manifest names otherwise, `pushsync.yaml` first; some may not be there.
    named: BTreeSet<PathBuf>,
    /// Those that the patterns take.
    included: BTreeSet<PathBuf>,
    /// Files that do not count: device and inode.
    ignored: HashSet<FileId>,
    stamp: Stamp,
}

/// Which file of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// What the files of a project are at one moment: two that are equal have read the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    files: BTreeMap<PathBuf, Option<FileStamp>>,
    /// Patterns that could not be compared with the files.
    failed: BTreeSet<String>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    /// Its path, links resolved.
    real: PathBuf,
    id: FileId,
    /// None of a folder: what lies in it may be no part of the project.
    content: Option<ContentStamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ContentStamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Nobody can set it back.
    changed: Option<SystemTime>,
}

/// The files as they are now.
#[derive(Debug, Clone)]
pub struct FilesNow {
    /// To be compared.
    pub stamp: Stamp,
    /// The folders that the patterns look into.
    pub folders: BTreeSet<PathBuf>,
    /// When one of the files was last changed, or a file in one of the folders came or went.
    pub youngest: Option<SystemTime>,
}

impl FilesRead {
    pub(super) fn new(root: &Path, options: &LoadOptions<'_>) -> Self {
        let mut files = Self {
            root: root.to_owned(),
            allow_outside: options.allow_outside,
            limits: options.limits,
            patterns: Vec::new(),
            named: BTreeSet::new(),
            included: BTreeSet::new(),
            ignored: HashSet::new(),
            stamp: Stamp::default(),
        };
        files.stamp.add(root, &files.ignored);
        files.named(root.join(PROJECT_FILE));
        files
    }

    /// A file that the manifest names is about to be read.
    pub(super) fn named(&mut self, path: PathBuf) {
        // The same file may be read for several audiences: the first time counts.
        if self.named.insert(path.clone()) {
            self.stamp.add(&path, &self.ignored);
        }
    }

    /// The files that patterns take are about to be read.
    pub(super) fn included(&mut self, patterns: &[&str], expanded: &Expanded) {
        self.patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        self.stamp.add_expanded(&self.patterns, expanded, &self.ignored);
        self.included = expanded.iter().flatten().flat_map(|one| one.files.clone()).collect();
    }

    /// The same, where some files do not count: those that this process itself writes.
    #[must_use]
    pub fn ignoring(mut self, files: &[FileId]) -> Self {
        self.ignored.extend(files);
        let ignored = &self.ignored;
        self.stamp.files.retain(|_, file| file.as_ref().is_none_or(|f| !ignored.contains(&f.id)));
        self
    }

    /// The same, where this path counts, too: a folder by whose name another one may be meant some day.
    #[must_use]
    pub fn and(mut self, path: PathBuf) -> Self {
        self.named(path);
        self
    }

    /// The files as they were when they were read.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The folder of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks at the files anew, without reading them.
    pub fn look(&self) -> FilesNow {
        let mut stamp = Stamp::default();
        stamp.add(&self.root, &self.ignored);
        self.named.iter().for_each(|path| stamp.add(path, &self.ignored));
        let mut folders = BTreeSet::new();
        if let Ok(folder) = ProjectFolder::new(&self.root, self.allow_outside) {
            let patterns = self.patterns.iter().map(String::as_str);
            let expanded = folder.expand(patterns, self.limits.entries);
            stamp.add_expanded(&self.patterns, &expanded, &self.ignored);
            folders.extend(expanded.into_iter().flatten().flat_map(|matched| matched.folders));
        }
        let content = |file: &FileStamp| file.content.as_ref()?.changed;
        let files = stamp.files.values().flatten().filter_map(content);
        let within = folders.iter().filter_map(|path| changed_at(&fs::metadata(path).ok()?));
        let youngest = files.chain(within).max();
        FilesNow { stamp, folders, youngest }
    }

    /// What the files say. None if they do not say any more what was read, or cannot be read.
    pub fn digest(&self) -> Option<FilesDigest> {
        let mut files = Vec::new();
        for path in self.named.union(&self.included) {
            let counts =
                |file: &Metadata| file.is_file() && !self.ignored.contains(&FileId::of(file));
            if !fs::metadata(path).is_ok_and(|file| counts(&file)) {
                continue;
            }
            // What lies outside of the project may have another path elsewhere.
            let name = path.strip_prefix(&self.root).map(Path::to_string_lossy).unwrap_or_default();
            let mut content = blake3::Hasher::new();
            content.update_reader(files::open(path).ok()?).ok()?;
            files.push((name, content.finalize()));
        }
        let digest = FilesDigest::of(files.iter().map(|(name, content)| (&**name, content)));
        self.are_current().then_some(digest)
    }

    /// Whether the project would be read from the same files, with the same content.
    pub fn are_current(&self) -> bool {
        self.look().stamp == self.stamp
    }
}

impl Stamp {
    fn add(&mut self, path: &Path, ignored: &HashSet<FileId>) {
        let file = FileStamp::of(path);
        if file.as_ref().is_none_or(|file| !ignored.contains(&file.id)) {
            self.files.insert(path.to_owned(), file);
        }
    }

    fn add_expanded(
        &mut self,
        patterns: &[String],
        expanded: &Expanded,
        ignored: &HashSet<FileId>,
    ) {
        for (at, pattern) in patterns.iter().enumerate() {
            match expanded.get(at) {
                Some(Ok(matched)) => {
                    // A link that is mended, or a name that is corrected, makes the project another one.
                    for path in matched.files.iter().chain(&matched.near).chain(&matched.broken) {
                        self.add(path, ignored);
                    }
                }
                _ => _ = self.failed.insert(pattern.clone()),
            }
        }
    }

    /// The files, whether they are there or not.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// The files that are there, each with its path without links.
    pub fn real_paths(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.files.iter().filter_map(|(path, file)| Some((&**path, &*file.as_ref()?.real)))
    }
}

impl FileStamp {
    fn of(path: &Path) -> Option<Self> {
        let (real, meta) = (fs::canonicalize(path).ok()?, fs::metadata(path).ok()?);
        let content = || ContentStamp {
            size: meta.len(),
            modified: meta.modified().ok(),
            changed: changed_at(&meta),
        };
        Some(Self { real, id: FileId::of(&meta), content: (!meta.is_dir()).then(content) })
    }
}

impl FileId {
    /// Of a file that is there.
    #[cfg(unix)]
    pub fn of(file: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device: file.dev(), inode: file.ino() }
    }

    /// All are the same where the system has no numbers for files.
    #[cfg(not(unix))]
    pub fn of(_: &Metadata) -> Self {
        Self { device: 0, inode: 0 }
    }
}

#[cfg(unix)]
fn changed_at(file: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = Duration::from_secs(u64::try_from(file.ctime()).ok()?);
    let more = Duration::from_nanos(u64::try_from(file.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(seconds + more)
}

#[cfg(not(unix))]
fn changed_at(file: &Metadata) -> Option<SystemTime> {
    file.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{DEFAULT_ENVIRONMENT, Queries, VisitorSecrets, load};

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(tempfile::tempdir().expect("a folder"));
            folder.file("pushsync.yaml", "version: 1\naudiences: { a: { file: lists/a.csv } }\n");
            folder.file("lists/a.csv", "visitor_id\nadaMvWhf8npAu3H6qd57w2Hv6nh6rnxvg\n");
            folder.file("messages/a.yaml", "messages: {}\n");
            folder
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn file(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("written");
        }

        fn read(&self) -> FilesRead {
            let options = LoadOptions {
                environment: Some(DEFAULT_ENVIRONMENT.to_owned()),
                allow_outside: false,
                env: &|_| None,
                limits: Limits::default(),
                now: jiff::Timestamp::UNIX_EPOCH,
                queries: Queries::Run,
                secrets: VisitorSecrets::Needed,
                allow_change: &[],
            };
            load(self.0.path(), &options).files_read().clone()
        }

        /// Whether it counts if this happens after the files were read.
        fn counts(&self, what: impl FnOnce()) -> bool {
            let files = self.read();
            assert!(files.are_current(), "nothing has happened");
            what();
            !files.are_current()
        }
    }

    #[test]
    fn what_a_project_is_made_of_counts() {
        let folder = Folder::new();
        let of = |name: &str, text: &str| folder.counts(|| folder.file(name, text));
        assert!(of("pushsync.yaml", "version: 1\naudiences: { a: { file: lists/a.csv } } \n"));
        assert!(of("messages/deep/b.yaml", "messages: {}\n"), "a new file");
        assert!(of("messages/c.yml", ""), "one that a pattern nearly takes may be missed");
        assert!(of("messages/a.yaml", "senders: {}\n"), "the same length, another content");
        assert!(of("lists/a.csv", "visitor_id\n"));
        let gone = |name: &str| fs::remove_file(folder.path(name)).expect("removed");
        assert!(folder.counts(|| gone("messages/a.yaml")));
        assert!(folder.counts(|| gone("lists/a.csv")));
        assert!(of("lists/a.csv", "visitor_id\n"), "a file that was missing");
        assert!(folder.counts(|| gone("pushsync.yaml")));
        assert!(of("pushsync.yaml", "version: 1\n"));
        let away = || fs::rename(folder.path("messages"), folder.path("away"));
        assert!(folder.counts(|| away().expect("renamed")));
    }

    #[test]
    fn the_file_of_a_query_counts_also_one_that_is_not_there_yet() {
        let folder = Folder::new();
        let query = "{ query: q.sql, database: \"${PUSHSYNC_VAR_DATABASE}\" }";
        folder.file("pushsync.yaml", &format!("version: 1\naudiences: {{ a: {query} }}\n"));
        assert!(folder.counts(|| folder.file("q.sql", "SELECT 1")));
        assert!(folder.counts(|| folder.file("q.sql", "SELECT 2")));
    }

    #[test]
    fn what_lies_beside_it_does_not_count() {
        let folder = Folder::new();
        let of = |name: &str| folder.counts(|| folder.file(name, "text"));
        for name in [
            "run.log",
            "messages/run.log",
            "messages/.a.yaml.swp",
            "messages/a.yaml~",
            "messages/#a.yaml#",
            ".git/index",
            ".pushsync/log",
            "pushsync.lock",
            "lists/b.csv",
            "other/a.yaml",
        ] {
            assert!(!of(name), "{name}");
        }
    }

    #[test]
    fn a_file_that_is_replaced_by_an_equal_one_counts() {
        let folder = Folder::new();
        folder.file("new", "messages: {}\n");
        let replaced = || fs::rename(folder.path("new"), folder.path("messages/a.yaml"));
        assert!(folder.counts(|| replaced().expect("renamed")));
    }

    #[test]
    fn files_of_the_process_itself_do_not_count() {
        let folder = Folder::new();
        folder.file("messages/log.yaml", "");
        let log = fs::metadata(folder.path("messages/log.yaml")).expect("there");
        let files = folder.read().ignoring(&[FileId::of(&log)]);
        folder.file("messages/log.yaml", "a line\n");
        assert!(files.are_current());
        folder.file("messages/a.yaml", "messages: { }\n");
        assert!(!files.are_current());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_led_elsewhere_counts_although_the_content_is_the_same() {
        let folder = Folder::new();
        let (one, two) = (Folder::new(), Folder::new());
        let link = folder.path("current");
        let swap = |to: &Folder| {
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(to.0.path(), &link).expect("a link");
        };
        swap(&one);
        let files = FilesRead { root: link.clone(), ..one.read() };
        assert!(!files.are_current(), "it was read by another name");
        let now = files.look().stamp;
        let files = FilesRead { stamp: now, ..files };
        assert!(files.are_current());
        swap(&two);
        assert!(!files.are_current());
    }
}
