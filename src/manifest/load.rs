//! Loading: from a folder to a project, and the problems on the way.

use std::{path::Path, sync::Arc};

use super::{
    audience::Table,
    audiences::{self, Audience, Audiences},
    context::{Context, World},
    declared::Declared,
    files::Files,
    files_read::FilesRead,
    folder::ProjectFolder,
    imports, limits, lists, messages,
    options::{DEFAULT_ENVIRONMENT, LoadOptions, PROJECT_FILE},
    project::{Project, address_order},
    senders::sender,
    settings::{MaskVisitors, Settings},
    source_path::SourcePath,
    suggest, template,
    vars::{Vars, vars},
    yaml,
};
use crate::diagnostics::{Code, Diagnostic, Report};

/// What came of it.
#[derive(Debug)]
pub struct Loaded {
    /// The project; `None` if there is any error.
    pub project: Option<Project>,
    /// All errors and warnings.
    pub report: Report,
    /// What could be made of the rest if there are errors: only to find more of them.
    draft: Option<Project>,
    files_read: FilesRead,
}

impl Loaded {
    fn new(mut cx: Context<'_>, project: Option<Project>) -> Self {
        limits::shorten(&mut cx.problems, cx.options.limits.problems);
        let good = cx.problems.iter().all(|problem| !problem.is_error());
        let (project, draft) = if good { (project, None) } else { (None, project) };
        let report = Report::new(cx.problems, cx.sources);
        if let Some(project) = project.as_ref().or(draft.as_ref()) {
            report.knows(project.visitors());
        }
        Self { project, report, draft, files_read: cx.files_read }
    }

    /// Of a folder that cannot be opened.
    fn nothing(dir: &Path, options: &LoadOptions<'_>, error: &std::io::Error) -> Self {
        let message = format!("could not open the folder `{}`: {error}", dir.display());
        let problem = Diagnostic::error(Code::NoProject, message);
        let report = Report::new(vec![problem], Default::default());
        let files_read = FilesRead::new(dir, options);
        Self { project: None, draft: None, report, files_read }
    }

    /// The files that it was read from, with errors or without.
    pub fn files_read(&self) -> &FilesRead {
        &self.files_read
    }

    /// Adds problems. The project is gone if there is an error among them.
    pub fn add(&mut self, problems: Vec<Diagnostic>) {
        self.report.extend(problems);
        if self.report.errors() > 0
            && let Some(project) = self.project.take()
        {
            self.draft = Some(project);
        }
    }

    /// The settings, also if other files have errors: enough to look into the state. `None` if
    /// there is an error in `pushsync.yaml`, or one without a place: then they may be wrong.
    pub fn settings(&self) -> Option<&Settings> {
        let doubtful = |problem: &Diagnostic| {
            problem.is_error()
                && problem.place.as_ref().is_none_or(|place| &*place.file == PROJECT_FILE)
        };
        let project = self.at_least()?;
        let sure = !self.report.diagnostics().iter().any(doubtful);
        sure.then_some(&project.settings)
    }

    /// The project, or what could be made of it if there are errors: for what need not be right,
    /// as the names that a shell offers.
    pub fn at_least(&self) -> Option<&Project> {
        self.project.as_ref().or(self.draft.as_ref())
    }
}

/// Reads and checks the project in `dir`.
pub fn load(dir: &Path, options: &LoadOptions<'_>) -> Loaded {
    let folder = match ProjectFolder::new(dir, options.allow_outside) {
        Ok(folder) => folder,
        Err(error) => return Loaded::nothing(dir, options, &error),
    };
    suggest::start();
    yaml::start();
    let mut cx = Context::new(options, &folder);
    let project = Files::read(&mut cx).map(|files| resolve(&mut cx, &files));
    Loaded::new(cx, project)
}

/// At most this number of environments is looked at in one run.
const MOST_ENVIRONMENTS: u64 = 100;

/// The same for all environments, the one that needs no declaration first: each is given to `each`, with its name. The
/// YAML files are read once. All environments together cost no more than the limits allow for one; it is told if some
/// are left out because of that.
pub fn load_all(dir: &Path, options: &LoadOptions<'_>, each: &mut dyn FnMut(String, Loaded)) {
    let default = || DEFAULT_ENVIRONMENT.to_owned();
    let folder = match ProjectFolder::new(dir, options.allow_outside) {
        Ok(folder) => folder,
        Err(error) => return each(default(), Loaded::nothing(dir, options, &error)),
    };
    let of = |name| LoadOptions { environment: Some(name), ..*options };
    suggest::start();
    yaml::start();
    let first = of(default());
    let mut read = Context::new(&first, &folder);
    let Some(mut files) = Files::read(&mut read) else {
        return each(default(), Loaded::new(read, None));
    };
    let names: Vec<String> = std::iter::once(default()).chain(files.environment_names()).collect();
    let left_out = |looked_at: u64| {
        let message = format!("only {looked_at} of {} environments were looked at", names.len());
        let help = "together they would take too long: look at the others with --env NAME";
        Diagnostic::warning(Code::Limit, message).help(help)
    };
    let most = (options.limits.yaml_parts / files.parts.max(1)).clamp(1, MOST_ENVIRONMENTS);
    if names.len() as u64 > most {
        read.problems.push(left_out(most));
    }
    let mut deliveries = 0_u64;
    for (looked_at, name) in (1..=most).zip(&names) {
        suggest::start();
        let options = of(name.clone());
        let mut cx = Context {
            options: &options,
            folder: &folder,
            sources: read.sources.clone(),
            problems: read.problems.clone(),
            files_read: read.files_read.clone(),
        };
        files.environment = cx.chosen().map(str::to_owned);
        let project = resolve(&mut cx, &files);
        deliveries += project.messages.iter().map(|one| one.table.len() as u64).sum::<u64>();
        let enough = deliveries > options.limits.deliveries && looked_at < names.len() as u64;
        if enough {
            cx.problems.push(left_out(looked_at));
        }
        each(name.clone(), Loaded::new(cx, Some(project)));
        if enough {
            break;
        }
    }
}

/// One audience, and what was found on the way.
#[derive(Debug)]
pub struct LoadedAudience {
    /// Its rows; `None` if there is no audience of that name, or any error.
    pub table: Option<Arc<Table>>,
    /// Whether there is one of that name.
    pub is_declared: bool,
    /// The names of all audiences.
    pub names: Vec<String>,
    /// Whether output masks visitors.
    pub mask_visitors: MaskVisitors,
    /// All errors and warnings.
    pub report: Report,
}

/// Reads one audience of the project in `dir`: no other one is read, and no other query runs.
pub fn load_audience(dir: &Path, options: &LoadOptions<'_>, name: &str) -> LoadedAudience {
    let nothing = |report| LoadedAudience {
        table: None,
        is_declared: false,
        names: Vec::new(),
        mask_visitors: MaskVisitors::default(),
        report,
    };
    let folder = match ProjectFolder::new(dir, options.allow_outside) {
        Ok(folder) => folder,
        Err(error) => return nothing(Loaded::nothing(dir, options, &error).report),
    };
    suggest::start();
    yaml::start();
    let mut cx = Context::new(options, &folder);
    let Some(files) = Files::read(&mut cx) else {
        return nothing(Report::new(cx.problems, cx.sources));
    };
    let mask_visitors = files.settings(&mut cx).mask_visitors;
    let mut declared = files.audiences(&mut cx);
    let names = declared.keys().map(|name| (*name).to_owned()).collect();
    let layers = declared.remove(name);
    let is_declared = layers.is_some();
    let folder_of = |source: &SourcePath| files.folder_of(source);
    let audience = layers.and_then(|layers| Audience::declared(&mut cx, layers, &folder_of));
    let table = audience.and_then(|audience| audiences::read(&mut cx, &audience));
    let good = cx.problems.iter().all(|problem| !problem.is_error());
    let report = Report::new(cx.problems, cx.sources);
    LoadedAudience { table: table.filter(|_| good), is_declared, names, mask_visitors, report }
}

fn resolve(cx: &mut Context<'_>, files: &Files) -> Project {
    let settings = files.settings(cx);
    let vars: Arc<Vars> = Arc::new(vars(&files.vars()));
    let folder_of = |source: &SourcePath| files.folder_of(source);

    let mut senders = Declared::new(files.incomplete);
    for (name, layers) in files.senders(cx) {
        if cx.is_full() {
            break;
        }
        match sender(cx, layers) {
            Some(sender) => _ = senders.known.insert(name.to_owned(), sender),
            None => _ = senders.broken.insert(name.to_owned()),
        }
    }
    senders.broken.extend(files.faulty_names("senders"));

    let mut declared = Declared::new(files.incomplete);
    for (name, layers) in files.audiences(cx) {
        if cx.is_full() {
            break;
        }
        match Audience::declared(cx, layers, &folder_of) {
            Some(audience) => _ = declared.known.insert(name.to_owned(), audience),
            None => _ = declared.broken.insert(name.to_owned()),
        }
    }
    declared.broken.extend(files.faulty_names("audiences"));
    let mut audiences = Audiences::new(declared);

    let engine = template::engine();
    let (lints, locale) = (files.lints(), files.locale(cx));
    let world = World { senders: &senders, engine: &engine, vars: &vars, lints, locale };
    let mut messages = Vec::new();
    let mut keys = lists::Keys::new();
    let written = files.messages(cx);
    for (name, layers) in &written {
        if let Some(source) = layers.source() {
            keys.insert(name, source.key());
        }
        if !cx.is_full() {
            messages.extend(messages::message(cx, &world, &mut audiences, name, layers));
        }
    }
    audiences.report_unexpected(cx);
    messages::few_enough(cx, &messages);
    // In the order of addresses, and not of keys: `a-b@` comes before `a@`.
    messages.sort_by(|a, b| address_order(&a.spec.key, &b.spec.key));

    let removals = files.removed();
    let moves = files.moved();
    let moves = lists::steps(cx, &moves, &keys);
    let moved = lists::follow(cx, &moves);
    let first_keys = lists::first_keys(&moved, &moves);
    for message in &mut messages {
        if let Some(share) = &mut message.share
            && let Some(first) = first_keys.get(&message.spec.key)
        {
            cx.problems.extend(share.keep_salt(first));
        }
    }
    let imports = imports::imports(cx, &files.imports(), &folder_of);
    let removed = lists::removed(cx, &removals, &keys, &moved);
    if !files.incomplete {
        lists::moved_to_nothing(cx, &moved, &keys, &removals);
    }
    Project {
        root: cx.folder.root().to_owned(),
        environment: cx.chosen().unwrap_or(DEFAULT_ENVIRONMENT).to_owned(),
        environments: files.environment_names(),
        settings,
        senders: senders.known,
        moved,
        imports,
        removed,
        doubts: files.doubts.clone(),
        messages,
        vars,
        engine,
        left_out: audiences.left_out(),
        unused: audiences.unused(cx.options.limits),
        limits: cx.options.limits,
        files: cx.files_read.clone(),
    }
}
