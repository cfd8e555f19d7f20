//! The files of a project, and the layers that they and the environment make.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    PROJECT_FILE,
    audience::FileLines,
    layers::{Layer, Layers},
    limits::Limits,
    raw,
    resolve::Context,
    source::{SourceFile, SourcePath},
    suggest,
    unions::{Entries, Var},
    yaml::{self, Document},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Key, Place, number},
};

const DEFAULT_INCLUDE: &str = "messages/**/*.yaml";

pub(crate) struct FileOf {
    pub(super) source: SourcePath,
    folder: PathBuf,
    pub(super) document: Document,
}

/// All files of a project, `pushsync.yaml` first.
pub(crate) struct Files {
    files: Vec<FileOf>,
    folders: HashMap<Arc<str>, PathBuf>,
    environment: Option<String>,
    /// Some files, or parts of them, could not be read: what seems to be missing may be there.
    pub(super) incomplete: bool,
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

/// Things by name, each with its layers.
type Named<'a, T> = BTreeMap<&'a str, Layers<'a, T>>;

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
        let mut entries = limits.entries;
        for (pattern, at) in &patterns {
            match cx.folder.matching(pattern, limits.entries, &mut entries) {
                Ok(paths) => {
                    for path in paths {
                        let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                        if seen.insert(real) {
                            parts.push(Ok((path, at)));
                        }
                    }
                }
                Err(problem) => {
                    let enough = problem.code == Code::Limit;
                    parts.push(Err(problem.at(at.place())));
                    if enough {
                        break;
                    }
                }
            }
        }
        let paths = parts.iter().flatten().map(|(path, _)| &**path);
        let mut read = read_all(cx, paths, &mut room).into_iter();
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
        if main_has_no_include && !cx.problems.iter().any(|problem| problem.code == Code::Limit) {
            left_out(cx);
        }
        Some(files)
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
                    let lines = FileLines::new(path.to_owned(), false);
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

    /// What only concerns `pushsync.yaml`: its version, and the environments.
    fn check_main(&self, cx: &mut Context<'_>) {
        let Some(main) = self.main() else { return };
        if let Some(version) = main.document.raw.version
            && version != 1
        {
            let message = format!("this is version {version}, and only version 1 is known");
            let help = Some("write `version: 1`, or use a newer pushsync".to_owned());
            cx.error_with(Code::UnsupportedVersion, message, &main.source.child("version"), help);
        }
        let at = main.source.child("environments");
        let names: Vec<&str> = self.environments().map(|(name, _)| name).collect();
        for name in &names {
            if cx.is_full() {
                break;
            }
            if let Err(error) = Key::parse(name) {
                let message = error.to_string().replace("a key", "an environment's name");
                cx.error(Code::BadKey, message, &at.child(*name).key());
            } else if *name == super::DEFAULT_ENVIRONMENT {
                let message = "`default` is the name of what holds without an environment";
                cx.error(Code::BadKey, message, &at.child(*name).key());
            }
        }
        // The keys of the others too: nobody looks at them until they are chosen.
        for (name, raw) in self.environments() {
            let Some(Entries(messages)) = &raw.messages else { continue };
            let at = at.child(name).child("messages");
            if cx.is_full() {
                break;
            }
            for (key, _) in messages.iter().filter(|_| self.environment.as_deref() != Some(name)) {
                if let Err(error) = Key::parse(key) {
                    cx.error(Code::BadKey, error.to_string(), &at.child(key.as_str()).key());
                }
            }
        }
        if let Some(wanted) = &self.environment
            && !names.contains(&wanted.as_str())
        {
            let mut problem = Diagnostic::error(
                Code::UnknownEnvironment,
                format!("there is no environment `{wanted}`"),
            );
            problem.help = Some(match suggest::nearest(wanted, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => match suggest::list(names.iter().copied()) {
                    Some(list) => format!("declared environments: {list}"),
                    None => format!("declare it under `environments:` in {PROJECT_FILE}"),
                },
            });
            if main.document.raw.environments.is_some() {
                problem = problem.at(at.key().place());
            }
            cx.problems.push(problem);
        }
    }

    pub(super) fn main(&self) -> Option<&FileOf> {
        self.files.first()
    }

    /// Those that are declared.
    pub(crate) fn environment_names(&self) -> Vec<String> {
        self.environments().map(|(name, _)| name.to_owned()).collect()
    }

    fn environments(&self) -> impl Iterator<Item = (&str, &raw::Environment)> {
        let all = self.main().and_then(|main| main.document.raw.environments.as_ref());
        all.into_iter().flat_map(|Entries(all)| all.iter().map(|(name, raw)| (name.as_str(), raw)))
    }

    /// The chosen environment.
    pub(super) fn overlay(&self) -> Option<(&raw::Environment, SourcePath)> {
        let wanted = self.environment.as_deref()?;
        let (_, raw) = self.environments().find(|(name, _)| *name == wanted)?;
        Some((raw, self.main()?.source.child("environments").child(wanted)))
    }

    /// Where relative paths of a file start.
    pub(crate) fn folder_of(&self, source: &SourcePath) -> PathBuf {
        let folder = self.folders.get(source.file());
        folder.or(self.main().map(|main| &main.folder)).cloned().unwrap_or_default()
    }

    /// The names in a section whose entries could not be decoded whole.
    pub(crate) fn faulty_names(&self, section: &str) -> Vec<String> {
        let paths = self.files.iter().flat_map(|file| &file.document.faulty);
        paths
            .filter_map(|path| match &path[..] {
                [.., at, name] if **at == *section => Some(name.to_string()),
                _ => None,
            })
            .collect()
    }

    fn named<'a, T>(
        &'a self,
        cx: &mut Context<'_>,
        section: &str,
        base: impl Fn(&'a raw::File) -> Option<&'a Entries<T>>,
        over: impl Fn(&'a raw::Environment) -> Option<&'a Entries<T>>,
    ) -> Named<'a, T> {
        let mut named: Named<'a, T> = BTreeMap::new();
        for file in &self.files {
            let Some(Entries(entries)) = base(&file.document.raw) else { continue };
            let at = file.source.child(section);
            for (name, raw) in entries {
                let at = at.child(name.as_str());
                let faulty = !file.document.faulty.is_empty()
                    && file.document.faulty.contains(&vec![section.into(), name.as_str().into()]);
                let layer = Layer { raw, at, faulty };
                match named.get(name.as_str()).and_then(Layers::source) {
                    Some(_) if cx.is_full() => break,
                    Some(first) => {
                        let message = format!("`{name}` is here a second time");
                        let problem = Diagnostic::error(Code::DuplicateKey, message)
                            .at(layer.at.key().place())
                            .related(first.key().place(), "the first time is here");
                        cx.problems.push(problem);
                    }
                    None => _ = named.insert(name, Layers(vec![layer])),
                }
            }
        }
        if let (Some((raw, at)), Some(main)) = (self.overlay(), self.main())
            && let Some(Entries(entries)) = over(raw)
        {
            let environment: Arc<str> = self.environment.as_deref().unwrap_or_default().into();
            for (name, raw) in entries {
                let path = vec![
                    "environments".into(),
                    environment.clone(),
                    section.into(),
                    name.as_str().into(),
                ];
                let faulty = main.document.faulty.contains(&path);
                let at = at.child(section).child(name.as_str());
                let layers = named.entry(name).or_insert_with(|| Layers(Vec::new()));
                layers.0.push(Layer { raw, at, faulty });
            }
        }
        named
    }

    pub(crate) fn senders(&self, cx: &mut Context<'_>) -> Named<'_, raw::Sender> {
        self.named(cx, "senders", |raw| raw.senders.as_ref(), |raw| raw.senders.as_ref())
    }

    pub(crate) fn audiences(&self, cx: &mut Context<'_>) -> Named<'_, raw::Audience> {
        self.named(cx, "audiences", |raw| raw.audiences.as_ref(), |raw| raw.audiences.as_ref())
    }

    pub(crate) fn messages(&self, cx: &mut Context<'_>) -> Named<'_, raw::Message> {
        self.named(cx, "messages", |raw| raw.messages.as_ref(), |raw| raw.messages.as_ref())
    }

    /// The entries of a list: those of the environment, if it has some, or else those of all
    /// files.
    fn listed<'a, T>(
        &'a self,
        field: &str,
        base: impl Fn(&'a raw::File) -> Option<&'a Vec<T>>,
        over: impl Fn(&'a raw::Environment) -> Option<&'a Vec<T>>,
    ) -> Vec<Layer<'a, T>> {
        let layers = |list: &'a Vec<T>, at: SourcePath| {
            let at = at.child(field);
            let items = list.iter().enumerate();
            items
                .map(|(index, raw)| Layer { raw, at: at.child(index), faulty: false })
                .collect::<Vec<_>>()
        };
        if let Some((raw, at)) = self.overlay()
            && let Some(list) = over(raw)
        {
            return layers(list, at);
        }
        let lists = self
            .files
            .iter()
            .filter_map(|file| Some(layers(base(&file.document.raw)?, file.source.clone())));
        lists.flatten().collect()
    }

    pub(crate) fn moved(&self) -> Vec<Layer<'_, raw::Move>> {
        self.listed("moved", |raw| raw.moved.as_ref(), |raw| raw.moved.as_ref())
    }

    pub(crate) fn imports(&self) -> Vec<Layer<'_, raw::Import>> {
        self.listed("import", |raw| raw.import.as_ref(), |raw| raw.import.as_ref())
    }

    pub(crate) fn removed(&self) -> Vec<Layer<'_, raw::Removed>> {
        self.listed("removed", |raw| raw.removed.as_ref(), |raw| raw.removed.as_ref())
    }

    /// Variables, the base first.
    pub(crate) fn vars(&self) -> Vec<&[(String, Var)]> {
        let base = self.main().and_then(|main| main.document.raw.vars.as_ref());
        let over = self.overlay().and_then(|(raw, _)| raw.vars.as_ref());
        base.into_iter().chain(over).map(|Entries(vars)| &vars[..]).collect()
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
        vars,
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
        ("vars", vars.is_some()),
        ("environments", environments.is_some()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, there)| *there) {
        let message = format!("`{field}` belongs in {PROJECT_FILE} only");
        let help = Some(format!("move it to {PROJECT_FILE}"));
        cx.error_with(Code::MisplacedField, message, &source.child(field).key(), help);
    }
}

/// `.yml` is so common an ending that a file left out because of it is worth a warning.
fn left_out(cx: &mut Context<'_>) {
    let most = cx.options.limits.entries;
    let paths = cx.folder.matching("messages/**/*.yml", most, &mut most.clone());
    let paths = paths.unwrap_or_default();
    let Some(first) = paths.first() else { return };
    let name = cx.folder.name(first);
    let message = match paths.len() - 1 {
        0 => format!("`{name}` is not included: it does not end in .yaml"),
        more => format!("`{name}` and {more} more are not included: they do not end in .yaml"),
    };
    let place = Place { file: name, line: 1, column: 1, length: 1 };
    cx.sources.add(place.file.clone(), Arc::new(FileLines::new(first.clone(), false)));
    cx.problems.push(
        Diagnostic::warning(Code::NotIncluded, message).at(place).help(format!(
            "rename it, or say `include: [\"messages/**/*.yml\"]` in {PROJECT_FILE}"
        )),
    );
}

fn no_project(root: &Path) -> Diagnostic {
    let near = ["pushsync.yml", "Pushsync.yaml", "pushsync.yaml.txt", ".pushsync.yaml"];
    let near = near.into_iter().find(|name| root.join(name).exists());
    let message = format!("there is no {PROJECT_FILE} in `{}`", root.display());
    Diagnostic::error(Code::NoProject, message).help(match near {
        Some(near) => format!("rename `{near}` to {PROJECT_FILE}"),
        None => "start one with `pushsync init`, or name its folder with -C DIR".to_owned(),
    })
}
