//! The patterns of `include`: which files they take, and which they only nearly take.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use super::folder::ProjectFolder;
use crate::diagnostics::{Code, Diagnostic};

/// A path of the system has no more.
const MOST_PATTERN: usize = 4096;

/// A link to a folder counts as this number of files.
const LINK: u64 = 100;

/// What a pattern finds, each list sorted.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) files: Vec<PathBuf>,
    /// Files that it would take if their names were written a little otherwise: `a.yml`, `A.YAML`.
    pub(super) near: Vec<PathBuf>,
    /// Links that lead nowhere.
    pub(super) broken: Vec<PathBuf>,
    /// The folders in which it looks.
    pub(super) folders: BTreeSet<PathBuf>,
}

/// What each pattern finds. The list ends early where there is too much.
pub(super) type Expanded = Vec<Result<Matched, Diagnostic>>;

fn bad(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BadInclude, message)
}

fn wild(part: &str) -> bool {
    part.contains(['*', '?', '[', '{', '\\'])
}

impl ProjectFolder {
    /// The files that patterns stand for: together they may look at `most` files and folders.
    pub(super) fn expand<'p>(
        &self,
        patterns: impl Iterator<Item = &'p str>,
        most: u64,
    ) -> Expanded {
        let mut room = most;
        let mut all = Vec::new();
        for pattern in patterns {
            let matched = self.matching(pattern, most, &mut room);
            let enough = matched.as_ref().is_err_and(|problem| problem.code == Code::Limit);
            all.push(matched);
            if enough {
                break;
            }
        }
        all
    }

    /// The files that a pattern stands for. A pattern without wildcards must name one.
    ///
    /// `room` is how many files and folders may still be looked at; each one is subtracted.
    fn matching(&self, pattern: &str, most: u64, room: &mut u64) -> Result<Matched, Diagnostic> {
        if pattern.len() > MOST_PATTERN {
            return Err(bad(format!("a pattern has at most {MOST_PATTERN} bytes")));
        }
        if let Some(slashes) = with_slashes(pattern) {
            let message = format!("`{pattern}` has a backslash between folders");
            return Err(bad(message).help(format!("write `{slashes}`, on every system")));
        }
        if !wild(pattern) {
            return self.named(pattern);
        }
        let plain = pattern.trim_start_matches("./");
        let glob = glob(plain, false)
            .map_err(|error| bad(format!("this pattern is broken: {}", error.kind())))?;
        let near = nearly(plain);
        // Only what can match is walked: the folder before the first wildcard.
        let fixed: Vec<&str> = pattern.split('/').take_while(|part| !wild(part)).collect();
        let fixed = fixed.join("/");
        self.may_leave(&fixed).map_err(|mut problem| {
            problem.message =
                problem.message.replace(&format!("`{fixed}`"), &format!("`{pattern}`"));
            problem
        })?;
        let base = self.root().join(fixed);
        let mut found = Matched { folders: BTreeSet::from([base.clone()]), ..Matched::default() };
        if !self.is_there(&base)? {
            return Ok(found);
        }
        let walk = WalkDir::new(&base).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(is_visible) {
            // To see whether a link goes round, each folder above it is opened.
            let link = |entry: &DirEntry| entry.path_is_symlink() && entry.file_type().is_dir();
            let cost = if entry.as_ref().is_ok_and(link) { LINK } else { 1 };
            let Some(left) = room.checked_sub(cost) else {
                let found = "the patterns are compared with too many files and folders";
                let cure = "name folders in the patterns, and leave links out";
                return Err(Diagnostic::limit("entries", most, found, cure));
            };
            *room = left;
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    match error.path() {
                        // The lock of an editor is a link that leads nowhere.
                        Some(path) if is_broken_link(path) => {
                            if !is_passed_over(path) {
                                found.broken.push(path.to_owned());
                            }
                        }
                        _ => return Err(self.unwalkable(&error)),
                    }
                    continue;
                }
            };
            let path = entry.path();
            let relative = path.strip_prefix(self.root()).unwrap_or(path);
            let relative = relative.strip_prefix(".").unwrap_or(relative);
            let relative = relative.to_string_lossy().replace('\\', "/");
            // A pipe is not passed over: messages that are not read would be deleted.
            if entry.file_type().is_dir() {
                found.folders.insert(path.to_owned());
                continue;
            }
            if glob.is_match(&relative) {
                found.files.push(path.to_owned());
            } else if is_yaml(path) && near.as_ref().is_some_and(|near| near.is_match(&relative)) {
                found.near.push(path.to_owned());
            }
        }
        found.files.sort();
        found.near.sort();
        Ok(found)
    }

    /// Whether a folder is there. A link that leads nowhere, or a folder that cannot be looked at, is not one that is not
    /// there: messages that are not read would be deleted.
    fn is_there(&self, base: &Path) -> Result<bool, Diagnostic> {
        let mut folder = self.root().to_owned();
        let parts = base.strip_prefix(self.root()).unwrap_or(base);
        for part in parts.components() {
            folder.push(part);
            let name = || self.name(&folder);
            let failed = |error: io::Error| {
                Diagnostic::error(Code::Unreadable, format!("could not read `{}`: {error}", name()))
            };
            match fs::metadata(&folder) {
                Ok(_) => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                Err(_) if is_broken_link(&folder) => return Err(broken(&name())),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// A file by its name.
    fn named(&self, name: &str) -> Result<Matched, Diagnostic> {
        let path = self.root().join(name);
        self.may_leave(name)?;
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                let help = format!("for all its files: {}/**/*.yaml", name.trim_end_matches('/'));
                Err(bad(format!("`{name}` is a folder, and include names files")).help(help))
            }
            Ok(_) => Ok(Matched { files: vec![path], ..Matched::default() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if is_broken_link(&path) {
                    return Err(broken(name));
                }
                let problem = bad(format!("there is no file `{name}`"));
                Err(match self.near(&path) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem,
                })
            }
            Err(error) => Err(bad(format!("could not read `{name}`: {error}"))),
        }
    }

    fn unwalkable(&self, error: &walkdir::Error) -> Diagnostic {
        let path = error.path().map(|path| self.name(path)).unwrap_or_default();
        let cause = match error.io_error() {
            Some(error) => error.to_string(),
            None => "its links go round in a circle".to_owned(),
        };
        Diagnostic::error(Code::Unreadable, format!("could not read `{path}`: {cause}"))
    }

    /// What to say of a pattern that takes no file.
    pub(super) fn matches_nothing(&self, pattern: &str, near: &[PathBuf]) -> Diagnostic {
        let problem =
            Diagnostic::warning(Code::EmptyPattern, format!("no file matches `{pattern}`"));
        if let Some(near) = near.first() {
            let name = self.name(near);
            return problem
                .help(format!("there is `{name}`: write the pattern as that is written"));
        }
        let mut folder = self.root().to_owned();
        for part in pattern.split('/').take_while(|part| !wild(part)) {
            folder.push(part);
            if !folder.exists() {
                let name = self.name(&folder);
                let help = match self.near(&folder) {
                    Some(near) => format!("there is no folder `{name}`: did you mean `{near}`?"),
                    None => format!("there is no folder `{name}`"),
                };
                return problem.help(help);
            }
        }
        problem.help("correct the pattern, or remove it")
    }
}

/// A link that leads nowhere.
pub(super) fn broken(name: &str) -> Diagnostic {
    let message = format!("`{name}` is a link to a file that does not exist");
    Diagnostic::error(Code::BrokenLink, message).help("mend the link, or remove it")
}

fn glob(pattern: &str, loosely: bool) -> Result<GlobMatcher, globset::Error> {
    let glob =
        GlobBuilder::new(pattern).literal_separator(true).case_insensitive(loosely).build()?;
    Ok(glob.compile_matcher())
}

/// The pattern with any of the endings of YAML files, in any case.
fn nearly(pattern: &str) -> Option<GlobMatcher> {
    let stem = pattern.strip_suffix(".yaml").or_else(|| pattern.strip_suffix(".yml"));
    let pattern = stem.map_or_else(|| pattern.to_owned(), |stem| format!("{stem}.*"));
    glob(&pattern, true).ok()
}

fn is_yaml(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// The path with `/`, if its backslashes stand between folders: before `*` and other signs they have a meaning.
fn with_slashes(pattern: &str) -> Option<String> {
    let mut chars = pattern.chars().peekable();
    let mut between = false;
    while let Some(c) = chars.next() {
        if c == '\\' {
            between |= chars.peek().is_none_or(|next| !"*?[]{}!,\\".contains(*next));
            chars.next();
        }
    }
    // Before a wildcard too, if others stand before letters.
    between.then(|| pattern.replace('\\', "/"))
}

fn is_broken_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) && fs::metadata(path).is_err()
}

/// Like a shell, wildcards pass over hidden files and folders; and over what editors leave behind.
fn is_visible(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !is_passed_over(entry.path())
}

fn is_passed_over(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_between_folders_are_found_and_those_before_wildcards_are_not() {
        assert_eq!(with_slashes(r"messages\a.yaml").as_deref(), Some("messages/a.yaml"));
        assert_eq!(with_slashes(r"messages\*.yaml"), None);
        assert_eq!(with_slashes(r"a\b\*.yaml").as_deref(), Some("a/b/*.yaml"));
        assert_eq!(with_slashes("a/[b].yaml"), None);
    }
}
