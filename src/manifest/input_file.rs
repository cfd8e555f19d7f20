//! Files that a manifest names beside YAML: rows, queries.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    context::Context, folder::ProjectFolder, source_path::SourcePath, variables::Interpolated,
};
use crate::diagnostics::{Code, Diagnostic};

/// The folder of the file that something is written in: relative paths start there.
pub(crate) type FolderOf<'a> = dyn Fn(&SourcePath) -> PathBuf + 'a;

/// A file that is there and inside the project.
pub(crate) struct InputFile {
    /// As the system knows it.
    pub(crate) path: PathBuf,
    /// As messages name it: without the values of variables.
    pub(crate) name: Arc<str>,
}

impl InputFile {
    /// The file that `text` names, of this kind; `None` if it was reported, with `code` if it is empty.
    pub(crate) fn named(
        cx: &mut Context<'_>,
        folder_of: &FolderOf<'_>,
        text: &str,
        at: &SourcePath,
        (code, kind): (Code, &str),
    ) -> Option<Self> {
        let text = cx.interpolated(text, at)?;
        if text.value().is_empty() {
            cx.error(code, "this names no file", at);
            return None;
        }
        let path = folder_of(at).join(text.value());
        cx.files_read.named(path.clone());
        let name = cx.folder.name(&folder_of(at).join(text.written()));
        if let Err(mut problem) = readable(cx.folder, &path, &name, &text, kind) {
            problem.place = Some(at.place());
            cx.problems.push(problem);
            return None;
        }
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        Some(Self { path, name })
    }
}

/// That the file is there and inside the project.
fn readable(
    folder: &ProjectFolder,
    path: &Path,
    name: &str,
    text: &Interpolated,
    kind: &str,
) -> Result<(), Diagnostic> {
    folder.check_named(path, name).map_err(|mut problem| {
        // Files near a path tell of the path.
        if problem.code == Code::Unreadable
            && !text.has_variables()
            && text.written().contains('\\')
        {
            let slashes = text.written().replace('\\', "/");
            problem.help = Some(format!("write `/` between folders: `{slashes}`"));
        } else if problem.code == Code::Unreadable
            && !text.has_variables()
            && let Some(near) = folder.near(path)
        {
            problem.help = Some(format!("did you mean `{near}`?"));
        }
        problem
    })?;
    if std::fs::metadata(path).is_ok_and(|file| !file.is_dir() && !file.is_file()) {
        let message = format!("`{}` is a device or a pipe, not {kind}", folder.name(path));
        return Err(Diagnostic::error(Code::Unreadable, message));
    }
    if path.is_dir() {
        let message = format!("`{name}` is a folder, not {kind}");
        return Err(Diagnostic::error(Code::Unreadable, message));
    }
    Ok(())
}
