//! The files of a project.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    audience::FileLines,
    context::Context,
    limits::Limits,
    options::{NEARLY_PROJECT_FILE, PROJECT_FILE},
    patterns::broken,
    project::Doubt,
    raw,
    source_file::SourceFile,
    source_path::SourcePath,
    yaml::{self, Document},
};
use crate::{
    diagnostics::{Code, Diagnostic, Severity},
    model::{Place, number},
};

const DEFAULT_INCLUDE: &str = "messages/**/*.yaml";

pub(super) struct FileOf {
    pub(super) source: SourcePath,
    pub(super) folder: PathBuf,
    pub(super) document: Document,
}

/// All files of a project, `pushsync.yaml` first.
pub(crate) struct Files {
    pub(super) files: Vec<FileOf>,
    pub(super) folders: HashMap<Arc<str>, PathBuf>,
    pub(super) environment: Option<String>,
    /// Some files, or parts of them, could not be read: what seems to be missing may be there.
    pub(super) incomplete: bool,
    /// Why messages may be missing that are in the state.
    pub(super) doubts: Vec<Doubt>,
    /// How much there is in them, as the limit `yaml-parts` counts it.
    pub(super) parts: u64,
}

/// A file that was read, or why it could not be read.
type Read = Result<Arc<SourceFile>, Diagnostic>;

type Decoded = Result<(Arc<SourceFile>, Document), Diagnostic>;

/// Reads and decodes files. There is `None` for those that were not decoded because there is too much.
fn read_all<'p>(
    cx: &Context<'_>,
    paths: impl Iterator<Item = &'p Path>,
    room: &mut Room,
) -> Vec<Option<Decoded>> {
    let paths: Vec<&Path> = paths.collect();
    let size = |path: &&Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let bytes = paths.iter().map(size).sum();
    if let Err(problem) = room.take_bytes(bytes) {
        return vec![Some(Err(problem))];
    }
    let (folder, limits) = (cx.folder, &cx.options.limits);
    let read = |path| -> Read {
        let file = folder.check(path).and_then(|()| folder.read(path, limits)).map(Arc::new)?;
        room.take_parts(&file)?;
        Ok(file)
    };
    let files: Vec<Read> = paths.into_iter().map(read).collect();
    // Nothing is decoded that would be too much.
    let too_much = room.parts_passed;
    let decode = |file: Read| match file {
        Ok(_) if too_much => None,
        Ok(file) => {
            let document = yaml::read(&file);
            Some(Ok((file, document)))
        }
        Err(problem) => Some(Err(problem)),
    };
    files.into_iter().map(decode).collect()
}

/// What all YAML files together may still have.
struct Room {
    limits: Limits,
    bytes: u64,
    parts: u64,
    parts_passed: bool,
}

impl Room {
    fn take_bytes(&mut self, bytes: u64) -> Result<(), Diagnostic> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.limits.yaml_bytes {
            return Ok(());
        }
        let found = format!("the YAML files have {} bytes", number(self.bytes));
        let cure = "put visitors and their texts into CSV files";
        Err(Diagnostic::limit("yaml-bytes", self.limits.yaml_bytes, found, cure))
    }

    /// The first file that is too much is told.
    fn take_parts(&mut self, file: &SourceFile) -> Result<(), Diagnostic> {
        self.parts = self.parts.saturating_add(yaml::parts(file.text()));
        if self.parts <= self.limits.yaml_parts || self.parts_passed {
            return Ok(());
        }
        self.parts_passed = true;
        let found = format!(
            "up to this file, the YAML files have {} lines, commas, colons, dashes and brackets",
            number(self.parts)
        );
        let cure = "put visitors and their texts into CSV files";
        let problem = Diagnostic::limit("yaml-parts", self.limits.yaml_parts, found, cure);
        Err(problem.at(Place { file: file.name().clone(), line: 1, column: 1, length: 1 }))
    }
}

impl Files {
    /// Reads them all. `None` if there is no project.
    pub(crate) fn read(cx: &mut Context<'_>) -> Option<Self> {
        let path = cx.folder.root().join(PROJECT_FILE);
        if !path.exists() {
            cx.problems.push(no_project(cx.folder.root()));
            return None;
        }
        let mut files = Self {
            files: Vec::new(),
            folders: HashMap::new(),
            environment: cx.chosen().map(str::to_owned),
            incomplete: false,
            doubts: Vec::new(),
            parts: 0,
        };
        let limits = cx.options.limits;
        let mut room = Room { limits, bytes: 0, parts: 0, parts_passed: false };
        for read in read_all(cx, [&*path].into_iter(), &mut room).into_iter().flatten() {
            files.add(cx, &path, None, read);
        }
        let main = files.files.first()?;
        files.check_main(cx);
        let main_file = &main.source;
        let main_has_no_include = main.document.raw.include.is_none();
        let patterns: Vec<(String, SourcePath)> = match &main.document.raw.include {
            Some(patterns) => {
                let at = main_file.child("include");
                let patterns = patterns.iter().enumerate();
                patterns.map(|(index, pattern)| (pattern.clone(), at.child(index))).collect()
            }
            None => vec![(DEFAULT_INCLUDE.to_owned(), main_file.clone())],
        };
        if patterns.len() as u64 > limits.patterns {
            let found =
                format!("`include` has {} patterns and names", number(patterns.len() as u64));
            let cure = "write one pattern for many files";
            let problem = Diagnostic::limit("patterns", limits.patterns, found, cure);
            cx.problems.push(problem.at(main_file.child("include").key().place()));
            files.incomplete = true;
            return Some(files);
        }
        let own = std::fs::canonicalize(&path).ok();
        let mut seen: HashSet<PathBuf> = own.into_iter().collect();
        let mut parts = Vec::new();
        let mut near = Vec::new();
        let written: Vec<&str> = patterns.iter().map(|(pattern, _)| pattern.as_str()).collect();
        let expanded = cx.folder.expand(written.iter().copied(), limits.entries);
        cx.files_read.included(&written, &expanded);
        for ((pattern, at), matched) in patterns.iter().zip(expanded) {
            match matched {
                Ok(matched) => {
                    if matched.files.is_empty() && !main_has_no_include {
                        let problem = cx.folder.matches_nothing(pattern, &matched.near);
                        files.doubt(cx, problem.at(at.place()));
                    } else {
                        near.extend(matched.near);
                    }
                    for path in matched.broken {
                        let mut problem = broken(&cx.folder.name(&path));
                        problem.severity = Severity::Warning;
                        files.doubt(cx, problem.at(at.place()));
                    }
                    for path in matched.files {
                        let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                        if seen.insert(real) {
                            parts.push(Ok((path, at)));
                        }
                    }
                }
                Err(problem) => parts.push(Err(problem.at(at.place()))),
            }
        }
        let paths = parts.iter().flatten().map(|(path, _)| &**path);
        let mut read = read_all(cx, paths, &mut room).into_iter();
        files.parts = room.parts;
        for part in parts {
            match part {
                Ok((path, at)) => {
                    if let Some(Some(read)) = read.next()
                        && !cx.is_full()
                    {
                        files.add(cx, &path, Some(at), read);
                    }
                }
                Err(problem) => {
                    files.incomplete = true;
                    cx.problems.push(problem);
                }
            }
        }
        near.retain(|path| {
            let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            seen.insert(real)
        });
        if !cx.problems.iter().any(|problem| problem.code == Code::Limit) {
            left_out(&mut files, cx, &near, main_has_no_include);
        }
        Some(files)
    }

    fn doubt(&mut self, cx: &mut Context<'_>, warning: Diagnostic) {
        self.doubts.push(Doubt { warning: warning.clone() });
        cx.problems.push(warning);
    }

    /// Adds a file that was read. `at` names it; `pushsync.yaml` names itself.
    fn add(&mut self, cx: &mut Context<'_>, path: &Path, at: Option<&SourcePath>, read: Decoded) {
        let (file, mut document) = match read {
            Ok(read) => read,
            Err(mut problem) => {
                if let (None, Some(at)) = (&problem.place, at)
                    && problem.code != Code::Limit
                {
                    problem.place = Some(at.place());
                }
                if problem.code == Code::NotUtf8 {
                    let lines = FileLines::new(path.to_owned());
                    cx.sources.add(cx.folder.name(path), Arc::new(lines));
                }
                cx.problems.push(problem);
                self.incomplete = true;
                return;
            }
        };
        cx.sources.add(file.name().clone(), file.clone());
        self.incomplete |= document.incomplete;
        cx.problems.append(&mut document.diagnostics);
        let source = SourcePath::root(&file);
        if at.is_some() {
            misplaced(cx, &document.raw, &source);
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.folders.insert(file.name().clone(), folder.clone());
        self.files.push(FileOf { source, folder, document });
    }

    pub(super) fn main(&self) -> Option<&FileOf> {
        self.files.first()
    }
}

/// Fields that only `pushsync.yaml` may have, found elsewhere.
fn misplaced(cx: &mut Context<'_>, raw: &raw::File, source: &SourcePath) {
    let raw::File {
        version,
        include,
        state,
        api,
        limits,
        safety,
        privacy,
        lints,
        vars,
        locale,
        environments,
        senders: _,
        audiences: _,
        messages: _,
        moved: _,
        import: _,
        removed: _,
    } = raw;
    let fields = [
        // A version does no harm, if it is the right one.
        ("version", version.is_some_and(|version| version != 1)),
        ("include", include.is_some()),
        ("state", state.is_some()),
        ("api", api.is_some()),
        ("limits", limits.is_some()),
        ("safety", safety.is_some()),
        ("privacy", privacy.is_some()),
        ("lints", lints.is_some()),
        ("vars", vars.is_some()),
        ("locale", locale.is_some()),
        ("environments", environments.is_some()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, there)| *there) {
        let message = format!("`{field}` belongs in {PROJECT_FILE} only");
        let help = Some(format!("move it to {PROJECT_FILE}"));
        cx.error_with(Code::MisplacedField, message, &source.child(field).key(), help);
    }
}

/// At most this number of files that are left out is named.
const MOST_NAMED: usize = 5;

/// `.yml` and `.YAML` are so common endings that files left out because of them are worth a warning.
fn left_out(files: &mut Files, cx: &mut Context<'_>, paths: &[PathBuf], by_default: bool) {
    let Some(first) = paths.first() else { return };
    let named = paths.iter().take(MOST_NAMED).map(|path| format!("`{}`", cx.folder.name(path)));
    let mut names: Vec<String> = named.collect();
    if paths.len() > MOST_NAMED {
        names.push(format!("{} more", paths.len() - MOST_NAMED));
    }
    let last = names.pop().unwrap_or_default();
    let message = match names.is_empty() {
        true => format!("{last} is not included: the pattern asks for another ending or case"),
        false => format!(
            "{} and {last} are not included: the pattern asks for another ending or case",
            names.join(", ")
        ),
    };
    let place = Place { file: cx.folder.name(first), line: 1, column: 1, length: 1 };
    cx.sources.add(place.file.clone(), Arc::new(FileLines::new(first.clone())));
    let ending = first.extension().unwrap_or_default().to_string_lossy();
    let folder = cx.folder.name(first.parent().unwrap_or(first));
    let help = match by_default {
        true => format!(
            "end the name in .yaml, or say `include: [\"{DEFAULT_INCLUDE}\", \"{folder}/*.{ending}\"]` in {PROJECT_FILE}"
        ),
        false => {
            format!("rename it, or add \"{folder}/*.{ending}\" to `include:` in {PROJECT_FILE}")
        }
    };
    files.doubt(cx, Diagnostic::warning(Code::NotIncluded, message).at(place).help(help));
}

fn no_project(root: &Path) -> Diagnostic {
    let near = NEARLY_PROJECT_FILE.into_iter().find(|name| root.join(name).exists());
    let message = format!("there is no {PROJECT_FILE} in `{}`", root.display());
    Diagnostic::error(Code::NoProject, message).help(match near {
        Some(near) => format!("rename `{near}` to {PROJECT_FILE}"),
        None => "start one with `pushsync init`, or name its folder with -C DIR".to_owned(),
    })
}
