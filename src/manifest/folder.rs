//! The folder of a project: which files it has, and that they lie inside it.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{foreign, limits::Limits, source_file::SourceFile};
use crate::{
    diagnostics::{Code, Diagnostic},
    files::{self, Ending},
    model::Place,
};

/// The folder of a project.
#[derive(Debug)]
pub(crate) struct ProjectFolder {
    root: PathBuf,
    real: PathBuf,
    allow_outside: bool,
}

impl ProjectFolder {
    pub(crate) fn new(root: &Path, allow_outside: bool) -> io::Result<Self> {
        Ok(Self { root: root.to_owned(), real: fs::canonicalize(root)?, allow_outside })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What diagnostics call a file: relative to the project's folder, with `/`.
    pub(crate) fn name(&self, path: &Path) -> Arc<str> {
        plain(path.strip_prefix(&self.root).unwrap_or(path))
            .to_string_lossy()
            .replace('\\', "/")
            .into()
    }

    /// That a file that exists lies inside the folder, links resolved.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Diagnostic> {
        self.check_named(path, &self.name(path))
    }

    /// The same, for a file that is not called by its path.
    pub(crate) fn check_named(&self, path: &Path, name: &str) -> Result<(), Diagnostic> {
        let real = fs::canonicalize(path).map_err(|error| unreadable(name, &error))?;
        if self.allow_outside || real.starts_with(&self.real) {
            return Ok(());
        }
        let message = format!("`{name}` lies outside the project's folder");
        Err(Diagnostic::error(Code::OutsideProject, message)
            .help("move it inside, or allow it with --allow-outside"))
    }

    /// Reads a YAML file. The diagnostic has a place only if the file could be opened.
    pub(crate) fn read(&self, path: &Path, limits: &Limits) -> Result<SourceFile, Diagnostic> {
        let name = self.name(path);
        let bytes = files::read_unchanged(path, limits.yaml_bytes, Ending::Any)
            .map_err(|error| unreadable(&name, &error))?;
        if let Some(problem) = foreign::not_text(&name, &bytes, false) {
            return Err(problem);
        }
        let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => rest.to_vec(),
            None => bytes,
        };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(SourceFile::new(name, text).within(limits)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(not_utf8(&name, error.as_bytes(), at, ""))
            }
        }
    }

    /// That a path does not climb out by its very words, before anything there is touched.
    pub(super) fn may_leave(&self, path: &str) -> Result<(), Diagnostic> {
        let mut depth = 0_i32;
        let mut leaves = false;
        if Path::new(path).is_absolute()
            && (Path::new(path).starts_with(&self.real) || Path::new(path).starts_with(&self.root))
        {
            return Ok(());
        }
        for part in Path::new(path).components() {
            match part {
                Component::ParentDir => depth -= 1,
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
                Component::RootDir | Component::Prefix(_) => leaves = true,
            }
            leaves |= depth < 0;
        }
        if !leaves || self.allow_outside {
            return Ok(());
        }
        let message = format!("`{path}` lies outside the project's folder");
        Err(Diagnostic::error(Code::OutsideProject, message)
            .help("move it inside, or allow it with --allow-outside"))
    }

    /// A file beside `path` with nearly its name.
    pub(crate) fn near(&self, path: &Path) -> Option<Arc<str>> {
        const MOST: usize = 1000;
        if !super::suggest::has_room_for(MOST) {
            return None;
        }
        let wanted = path.file_name()?.to_string_lossy().into_owned();
        let entries = fs::read_dir(path.parent()?).ok()?;
        let mut names: Vec<String> = entries
            .take(MOST)
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        let near = super::suggest::nearest(&wanted, names.iter().map(String::as_str))?;
        Some(self.name(&path.with_file_name(near)))
    }
}

pub(crate) fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    let cause = match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    Diagnostic::error(Code::Unreadable, format!("could not read `{name}`: {cause}"))
}

/// How a spreadsheet calls UTF-8, as a part of advice.
pub(crate) const IN_A_SPREADSHEET: &str = " (in a spreadsheet as \"CSV UTF-8\")";

/// A file that is not UTF-8: which byte, and where. `how` it is saved otherwise may need words.
pub(crate) fn not_utf8(file: &Arc<str>, bytes: &[u8], at: usize, how: &str) -> Diagnostic {
    let before = &bytes[..at.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    let value = bytes.get(at).copied().unwrap_or_default();
    let cut = std::str::from_utf8(&bytes[at.min(bytes.len())..]);
    let help = match foreign::in_windows_1252(value) {
        _ if cut.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none()) => {
            "the file ends in the middle of a character, so it was cut off: fetch it again"
                .to_owned()
        }
        Some(c) => format!("in windows-1252 this byte is `{c}`: save the file as UTF-8{how}"),
        None => format!("save the file as UTF-8{how}"),
    };
    Diagnostic::error(Code::NotUtf8, format!("byte {at} (0x{value:02x}) is not UTF-8"))
        .at(Place {
            file: file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            length: 1,
        })
        .help(help)
}

/// The path without `.`, and without `..` where that is possible by words alone.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_from_the_project_on() {
        assert_eq!(plain(Path::new("./a/./b/../c.csv")), Path::new("a/c.csv"));
        assert_eq!(plain(Path::new("../a")), Path::new("../a"));
    }
}
