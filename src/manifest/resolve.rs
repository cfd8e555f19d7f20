//! Names → things: senders and audiences, each checked once and shared.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

use super::{
    LoadOptions,
    audience::{FileLines, Table},
    files::{Folder, unreadable},
    layers::Layers,
    limits::Limits,
    raw,
    source::SourcePath,
    suggest,
    variables::Interpolated,
};
use crate::{
    diagnostics::{Code, Diagnostic, Sources},
    model::{Place, Sender},
};

/// What all steps of loading share.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a LoadOptions<'a>,
    pub(crate) folder: &'a Folder,
    pub(crate) sources: Sources,
    pub(crate) problems: Vec<Diagnostic>,
}

impl Context<'_> {
    /// The environment, unless it is the one that is there without being declared.
    pub(crate) fn chosen(&self) -> Option<&str> {
        let name = self.options.environment.as_deref();
        name.filter(|name| *name != super::DEFAULT_ENVIRONMENT)
    }

    /// Whether enough problems were found to stop looking for more.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() as u64 >= self.options.limits.problems
    }

    pub(crate) fn error(&mut self, code: Code, message: impl Into<String>, at: &SourcePath) {
        self.problems.push(Diagnostic::error(code, message).at(at.place()));
    }

    pub(crate) fn error_with(
        &mut self,
        code: Code,
        message: impl Into<String>,
        at: &SourcePath,
        help: Option<String>,
    ) {
        let mut problem = Diagnostic::error(code, message).at(at.place());
        problem.help = help;
        self.problems.push(problem);
    }

    /// `${NAME}` replaced, or a report.
    pub(crate) fn interpolated(&mut self, text: &str, at: &SourcePath) -> Option<Interpolated> {
        match Interpolated::new(text, self.options.env) {
            Ok(text) => Some(text),
            Err(error) => {
                self.error_with(Code::EnvironmentVariable, error.to_string(), at, error.help());
                None
            }
        }
    }
}

/// The folder of the file that something is written in: relative paths start there.
pub(crate) type FolderOf<'a> = dyn Fn(&SourcePath) -> PathBuf + 'a;

/// A sender as written; `None` if it was reported.
pub(crate) fn sender(cx: &mut Context<'_>, mut layers: Layers<'_, raw::Sender>) -> Option<Sender> {
    layers.one_form(|raw| {
        u8::from(raw.group.is_some())
            | u8::from(raw.agent.is_some()) << 1
            | u8::from(raw.email.is_some()) << 2
    });
    let field = |name, get: fn(&raw::Sender) -> Option<&String>| layers.get(name, get);
    let group = field("group", |raw| raw.group.as_ref());
    let agent = field("agent", |raw| raw.agent.as_ref());
    let email = field("email", |raw| raw.email.as_ref());
    let name = field("name", |raw| raw.name.as_ref());
    let mark = field("received_from", |raw| raw.received_from.as_ref());
    let before = cx.problems.len();
    for (text, at) in [&group, &agent, &email, &name, &mark].into_iter().flatten() {
        if text.trim().is_empty() {
            cx.error(Code::BadSender, "this is empty", at);
        } else if text.chars().any(char::is_control) {
            cx.error(Code::BadSender, "this has a control character", at);
        }
    }
    for (id, at) in [&group, &agent].into_iter().flatten() {
        if !id.trim().is_empty() && id.contains(char::is_whitespace) {
            cx.error(Code::BadSender, "an id has no white space", at);
        }
    }
    let at = layers.source()?.clone();
    let one = "a sender is { group: ID }, { agent: ID }, or { email, name, received_from }";
    if layers.faulty() {
        return None;
    }
    let chosen: Vec<_> = [&group, &agent, &email].into_iter().flatten().collect();
    if let [_, (_, second), ..] = chosen[..] {
        let message = if group.is_some() && agent.is_some() {
            "a sender has a group or an agent, not both"
        } else {
            "a sender has a group, an agent, or an e-mail address: only one of them"
        };
        cx.error_with(Code::BadSender, message, &second.key(), Some(one.into()));
        return None;
    }
    let stray = |cx: &mut Context<'_>, field: &Option<(&String, SourcePath)>, what: &str| {
        if let Some((_, at)) = field {
            cx.error_with(Code::BadSender, what, &at.key(), Some(one.into()));
        }
    };
    let sender = if let Some((id, _)) = group {
        stray(cx, &name, "a group has no `name` here");
        stray(cx, &mark, "a group has no `received_from`: that is for an agent's own messages");
        Sender::Group(id.clone())
    } else if let Some((id, _)) = agent {
        stray(cx, &name, "`name` goes with `email`, not with `agent`");
        let received_from = mark.map(|(mark, _)| mark.clone());
        Sender::Agent { id: id.clone(), received_from }
    } else if let Some((email, email_at)) = email {
        if !email.contains('@') && !email.trim().is_empty() {
            cx.error(Code::BadSender, "this is no e-mail address", &email_at);
        }
        let (Some((name, _)), Some((mark, _))) = (&name, &mark) else {
            let missing = if name.is_none() { "name" } else { "received_from" };
            let message = format!("with `email`, a sender also needs `{missing}`");
            cx.error(Code::MissingField, message, &email_at.key());
            return None;
        };
        Sender::Helpdesk {
            email: email.clone(),
            name: (*name).clone(),
            received_from: (*mark).clone(),
        }
    } else {
        cx.error_with(Code::BadSender, "this names no sender", &at.key(), Some(one.into()));
        return None;
    };
    (cx.problems.len() == before).then_some(sender)
}

/// Declared things by name: those that are wrong are there too, so that they are not reported
/// as missing.
pub(crate) struct Declared<T> {
    pub(crate) known: BTreeMap<String, T>,
    pub(crate) broken: HashSet<String>,
    /// There may be more than is known.
    pub(crate) incomplete: bool,
}

impl<T> Declared<T> {
    pub(crate) fn new(incomplete: bool) -> Self {
        Self { known: BTreeMap::new(), broken: HashSet::new(), incomplete }
    }

    /// Whether a name that is not known is certainly wrong.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        !self.incomplete && !self.broken.contains(name)
    }

    /// `did you mean …?`
    pub(crate) fn help(&self, name: &str, what: &str) -> Option<String> {
        if !suggest::has_room_for(self.known.len() + self.broken.len()) {
            return None;
        }
        let names = self.known.keys().map(String::as_str);
        let names = names.chain(self.broken.iter().map(String::as_str));
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        if let Some(near) = suggest::nearest(name, names.iter().copied()) {
            return Some(format!("did you mean `{near}`?"));
        }
        Some(match suggest::list(names) {
            Some(list) => format!("declared {what}: {list}"),
            None => format!("there are no {what} yet"),
        })
    }
}

/// An audience, not yet read.
pub(crate) enum Audience {
    /// The path is as the system knows it: audiences with the same one share its rows.
    File {
        path: PathBuf,
        name: Arc<str>,
        at: SourcePath,
    },
    List {
        ids: Vec<String>,
        at: SourcePath,
    },
}

/// An audience that no message uses: read only when everything is checked.
pub(crate) struct Unused(Audience, Limits);

impl Unused {
    /// Reads it, and says what is wrong with it. `seen` has the files that were looked at, and
    /// whether they are empty.
    pub(crate) fn check(&self, seen: &mut HashMap<PathBuf, bool>) -> Vec<Diagnostic> {
        let known = self.0.file().and_then(|path| seen.get(path).copied());
        let read = match known {
            Some(empty) => Ok(empty),
            None => self.0.read(&self.1).map(|table| table.is_empty()),
        };
        if let (Some(path), None) = (self.0.file(), known) {
            seen.insert(path.to_owned(), read.as_ref().is_ok_and(|empty| *empty));
        }
        match read {
            Ok(true) => vec![self.0.empty()],
            Ok(false) => Vec::new(),
            Err(problems) => problems,
        }
    }
}

impl Audience {
    /// From its declaration; `None` if it was reported.
    pub(crate) fn declared(
        cx: &mut Context<'_>,
        mut layers: Layers<'_, raw::Audience>,
        folder_of: &FolderOf<'_>,
    ) -> Option<Self> {
        layers.one_form(|raw| u8::from(raw.file.is_some()) | u8::from(raw.visitors.is_some()) << 1);
        let file = layers.get("file", |raw| raw.file.as_ref());
        let visitors = layers.get("visitors", |raw| raw.visitors.as_ref());
        let at = layers.source()?.clone();
        match (file, visitors) {
            (Some((text, at)), None) => {
                let text = cx.interpolated(text, &at)?;
                if text.value().is_empty() {
                    cx.error(Code::BadRecipients, "this names no file", &at);
                    return None;
                }
                let path = folder_of(&at).join(text.value());
                // It is called by what is written, and not by what a variable holds.
                let name = cx.folder.name(&folder_of(&at).join(text.written()));
                if let Err(mut problem) = readable(cx.folder, &path, &name, &text) {
                    problem.place = Some(at.place());
                    cx.problems.push(problem);
                    return None;
                }
                let path = std::fs::canonicalize(&path).unwrap_or(path);
                cx.sources.add(name.clone(), Arc::new(FileLines::new(path.clone(), true)));
                Some(Self::File { path, name, at })
            }
            (None, Some((ids, at))) => Some(Self::List { ids: ids.clone(), at }),
            (Some(_), Some((_, second))) => {
                let message = "an audience has a file or a list of visitors, not both";
                cx.error(Code::BadRecipients, message, &second.key());
                None
            }
            (None, None) => {
                if !layers.faulty() {
                    let message = "an audience is { file: FILE } or { visitors: [ID, …] }";
                    cx.error(Code::BadRecipients, message, &at.key());
                }
                None
            }
        }
    }

    fn read(&self, limits: &Limits) -> Result<Table, Vec<Diagnostic>> {
        match self {
            Self::File { path, name, at } => {
                let bytes = std::fs::read(path)
                    .map_err(|error| vec![unreadable(name, &error).at(at.place())])?;
                Table::from_csv(name, bytes, limits)
            }
            Self::List { ids, at } => Table::from_list(ids, at.clone()),
        }
    }

    /// Its file, if it has one.
    fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::List { .. } => None,
        }
    }

    fn empty(&self) -> Diagnostic {
        let place: Place = match self {
            Self::File { at, .. } | Self::List { at, .. } => at.place(),
        };
        Diagnostic::warning(Code::EmptyAudience, "this audience has no visitors").at(place)
    }
}

/// That the file is there and inside the project.
fn readable(
    folder: &Folder,
    path: &std::path::Path,
    name: &str,
    text: &Interpolated,
) -> Result<(), Diagnostic> {
    folder.check_named(path, name).map_err(|mut problem| {
        // Files near a path tell of the path.
        if problem.code == Code::Unreadable
            && !text.has_variables()
            && let Some(near) = folder.near(path)
        {
            problem.help = Some(format!("did you mean `{near}`?"));
        }
        problem
    })?;
    if std::fs::metadata(path).is_ok_and(|file| !file.is_dir() && !file.is_file()) {
        let message = format!("`{}` is a device or a pipe, not a CSV file", folder.name(path));
        return Err(Diagnostic::error(Code::Unreadable, message));
    }
    if path.is_dir() {
        let message = format!("`{name}` is a folder, not a CSV file");
        return Err(Diagnostic::error(Code::Unreadable, message));
    }
    Ok(())
}

/// The audiences, each read when the first message asks for it.
pub(crate) struct Audiences {
    declared: Declared<Audience>,
    tables: HashMap<String, Option<Arc<Table>>>,
    /// By file, where it has been read.
    files: HashMap<PathBuf, Option<Arc<Table>>>,
}

impl Audiences {
    pub(crate) fn new(declared: Declared<Audience>) -> Self {
        Self { declared, tables: HashMap::new(), files: HashMap::new() }
    }

    /// The table of an audience; `None` if it was reported.
    pub(crate) fn table(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        at: &SourcePath,
    ) -> Option<Arc<Table>> {
        if let Some(table) = self.tables.get(name) {
            return table.clone();
        }
        let Some(audience) = self.declared.known.get(name) else {
            if self.declared.lacks(name) {
                let help = self.declared.help(name, "audiences");
                let message = format!("there is no audience `{name}`");
                cx.error_with(Code::UnknownAudience, message, at, help);
            }
            return None;
        };
        let file = audience.file();
        let table = match file.and_then(|path| self.files.get(path)) {
            Some(table) => {
                if table.as_ref().is_some_and(|table| table.is_empty()) {
                    cx.problems.push(audience.empty());
                }
                table.clone()
            }
            None => read(cx, audience),
        };
        if let Some(path) = file {
            self.files.insert(path.clone(), table.clone());
        }
        self.tables.insert(name.to_owned(), table.clone());
        table
    }

    /// Those that nobody asked for.
    pub(crate) fn unused(self, limits: Limits) -> Vec<Unused> {
        let used = self.tables;
        let all = self.declared.known.into_iter();
        all.filter(|(name, _)| !used.contains_key(name)).map(|(_, a)| Unused(a, limits)).collect()
    }
}

/// Reads an audience, and reports what is wrong with it.
pub(crate) fn read(cx: &mut Context<'_>, audience: &Audience) -> Option<Arc<Table>> {
    match audience.read(&cx.options.limits) {
        Ok(table) => {
            if table.is_empty() {
                cx.problems.push(audience.empty());
            }
            Some(Arc::new(table))
        }
        Err(problems) => {
            cx.problems.extend(problems);
            None
        }
    }
}
