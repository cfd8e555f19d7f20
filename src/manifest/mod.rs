//! Files → typed documents → a validated project, each thing with its place in the source.
//!
//! [`load`] reads `pushsync.yaml` and what it includes, lays the environment over it, and checks
//! everything that can be checked without rendering texts. It reports all problems, not only the
//! first.
//!
//! What the contract leaves open, and what was chosen:
//!
//! - An environment may override `state`, `api`, `limits`, `safety`, `privacy`, `vars`, `senders`,
//!   `audiences`, `messages` (also add some), and replace the lists `moved`, `import`, `removed`.
//!   Mappings merge. A sender, an audience or a `to` that chooses another form (a list instead of
//!   a file) replaces the one below.
//! - In `vars`, plain `true`, `false` and whole numbers are what they look like, all else is the
//!   text as written; an empty value or `~` is as good as no variable.
//! - In texts, an empty cell of a CSV file is as good as no cell: a variable of that name shows
//!   through, and without one `{{ name }}` is an error and `default(…)` applies. In `where`, an
//!   empty cell is an empty text. All cells are texts: `age | int > 18`.
//! - `visitor_id` is no template variable.
//! - Wildcards pass over files and folders whose names begin with a dot.
//! - `version` may be left out.

mod audience;
mod comments;
mod configure;
pub mod duration;
mod files;
mod layers;
pub mod limits;
mod lists;
mod load;
mod messages;
mod project;
mod raw;
mod resolve;
pub mod schema;
pub mod settings;
mod source;
pub mod suggest;
mod suspects;
pub(crate) mod template;
#[cfg(test)]
mod tests;
mod threads;
mod unions;
mod variables;
mod yaml;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;
use minijinja::Value;

pub(crate) use audience::AHEAD;
pub use audience::Table;
pub use limits::Limits;
pub use project::{Adoption, Message, Move, Project, Removed};
pub(crate) use project::{Body, Vars};
pub use settings::{MOST_CONCURRENT, MaskVisitors, Settings, StateSetting, Threshold};
pub use source::{SourceFile, SourcePath};
pub use template::engine as template_engine;
pub use variables::{Interpolated, VARIABLE_PREFIX};

use crate::{
    diagnostics::{Code, Diagnostic, Report},
    model::Key,
};
use files::Folder;
use load::Files;
use messages::World;
use resolve::{Audience, Audiences, Context, Declared};
use threads::Threads;
use unions::Var;

/// The file that makes a folder a project.
pub const PROJECT_FILE: &str = "pushsync.yaml";

/// The environment if none is chosen.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// What a project is loaded for.
pub struct LoadOptions<'a> {
    /// The environment whose values are laid over the rest; `None`, or [`DEFAULT_ENVIRONMENT`],
    /// for none.
    pub environment: Option<String>,
    /// Whether files outside the project's folder may be read.
    pub allow_outside: bool,
    /// Environment variables, for `${PUSHSYNC_VAR_NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// What the project may cost.
    pub limits: Limits,
    /// For warnings of windows that have passed.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Debug)]
pub struct Loaded {
    /// The project; `None` if there is any error.
    pub project: Option<Project>,
    /// All errors and warnings.
    pub report: Report,
    /// What could be made of the rest if there are errors: only to find more of them.
    draft: Option<Project>,
}

impl Loaded {
    /// Adds to the report what only rendering finds, also if there are errors already: see
    /// [`crate::desired::check`]. The project is gone if there is an error among that.
    pub fn check(&mut self) {
        let Some(project) = self.project.as_ref().or(self.draft.as_ref()) else { return };
        // What is refused because of what it costs is not paid for all the same.
        if self.report.diagnostics().iter().any(|problem| problem.code == Code::Limit) {
            return;
        }
        let room = project.limits.problems.saturating_sub(self.report.diagnostics().len() as u64);
        // After thousands of problems, nobody needs more of them.
        if room > 0 {
            self.report.extend(crate::desired::check(project, room));
        }
        if self.report.errors() > 0
            && let Some(project) = self.project.take()
        {
            self.draft = Some(project);
        }
    }
}

impl Loaded {
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
}

impl Loaded {
    /// The project, or what could be made of it if there are errors: for what need not be right,
    /// as the names that a shell offers.
    pub fn at_least(&self) -> Option<&Project> {
        self.project.as_ref().or(self.draft.as_ref())
    }
}

/// Reads and checks the project in `dir`.
pub fn load(dir: &Path, options: &LoadOptions<'_>) -> Loaded {
    load_on(Threads::AsNeeded, dir, options)
}

fn load_on(threads: Threads, dir: &Path, options: &LoadOptions<'_>) -> Loaded {
    let folder = match Folder::new(dir, options.allow_outside) {
        Ok(folder) => folder,
        Err(error) => {
            let problem = Diagnostic::error(
                Code::NoProject,
                format!("could not open the folder `{}`: {error}", dir.display()),
            );
            return Loaded {
                project: None,
                draft: None,
                report: Report::new(vec![problem], Default::default()),
            };
        }
    };
    suggest::start();
    let (sources, problems) = Default::default();
    let mut cx = Context { options, folder: &folder, threads, sources, problems };
    let project = Files::read(&mut cx).map(|files| resolve(&mut cx, &files));
    limits::shorten(&mut cx.problems, options.limits.problems);
    let good = cx.problems.iter().all(|problem| !problem.is_error());
    let (project, draft) = if good { (project, None) } else { (None, project) };
    let report = Report::new(cx.problems, cx.sources);
    if let Some(project) = project.as_ref().or(draft.as_ref()) {
        report.knows(project.visitors());
    }
    Loaded { project, draft, report }
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
        match resolve::sender(cx, layers) {
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
    let world = World { senders: &senders, engine: &engine, vars: &vars };
    let mut messages = Vec::new();
    let mut keys = lists::Keys::new();
    let written = files.messages(cx);
    audiences.read_ahead(
        cx.threads,
        &cx.options.limits,
        written.values().filter_map(messages::audience_of),
    );
    for (name, layers) in &written {
        if let Some(source) = layers.source() {
            keys.insert(name, source.key());
        }
        if !cx.is_full() {
            messages.extend(messages::message(cx, &world, &mut audiences, name, layers));
        }
    }
    messages::few_enough(cx, &messages);
    // In the order of addresses, and not of keys: `a-b@` comes before `a@`.
    messages.sort_by(|a, b| address_order(&a.spec.key, &b.spec.key));

    let moved = lists::moved(cx, &files.moved(), &keys);
    let imports = lists::imports(cx, &files.imports());
    let removed = lists::removed(cx, &files.removed(), &keys, &moved);
    Project {
        root: cx.folder.root().to_owned(),
        environment: cx.chosen().unwrap_or(DEFAULT_ENVIRONMENT).to_owned(),
        environments: files.environment_names(),
        settings,
        senders: senders.known,
        moved,
        imports,
        removed,
        messages,
        vars,
        engine,
        unused: audiences.unused(cx.options.limits),
        limits: cx.options.limits,
    }
}

/// The order of `KEY@…`, whatever follows.
pub(crate) fn address_order(a: &Key, b: &Key) -> std::cmp::Ordering {
    let bytes = |key: &Key| key.as_str().as_bytes().to_owned().into_iter().chain([b'@']);
    bytes(a).cmp(bytes(b))
}

fn vars(layers: &[&[(String, Var)]]) -> Vars {
    let mut merged = Vec::new();
    for layer in layers {
        merge(&mut merged, layer);
    }
    let known = merged.into_iter().filter(|(_, var)| *var != Var::Null);
    known.map(|(name, var)| (name, value(var))).collect()
}

/// Mappings merge, everything else replaces.
fn merge(base: &mut Vec<(String, Var)>, over: &[(String, Var)]) {
    let places = base.iter().enumerate().map(|(at, (name, _))| (name.clone(), at));
    let places: HashMap<String, usize> = places.collect();
    for (name, var) in over {
        match (places.get(name).and_then(|at| base.get_mut(*at)), var) {
            (Some((_, Var::Map(base))), Var::Map(over)) => merge(base, over),
            (Some((_, base)), var) => *base = var.clone(),
            // No name comes twice in one mapping.
            (None, var) => base.push((name.clone(), var.clone())),
        }
    }
}

fn value(var: Var) -> Value {
    match var {
        Var::Null => Value::UNDEFINED,
        Var::Bool(value) => Value::from(value),
        Var::Int(value) => Value::from(value),
        Var::Text(text) => Value::from(text),
        Var::List(items) => items.into_iter().map(value).collect(),
        Var::Map(entries) => {
            let known = entries.into_iter().filter(|(_, var)| *var != Var::Null);
            let map: BTreeMap<String, Value> =
                known.map(|(name, var)| (name, value(var))).collect();
            Value::from_pairs(map)
        }
    }
}
